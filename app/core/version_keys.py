"""The names of data versions. Code that changes data raises the versions of its keys; a page declares the keys it
shows.

The same names are the surrogate keys by which a CDN in front of the site purges its copies. Pure.
"""

OFFERS_KEY, TALLY_KEY, HISTORY_KEY, SOURCES_KEY = "offers", "tally", "history", "sources"
MODELS_KEY = "models"
QUEUE_KEY = "submissions"
LASTING_KEY = "lasting"
RETENTION_KEY = "retention"
TELEMETRY_KEY = "telemetry"


def gpu_key(gpu: str) -> str:
    """The key of everything that shows offers of the GPU with the slug ``gpu``."""
    return f"gpu:{gpu}"


def provider_key(provider: str) -> str:
    """The key of everything that shows offers of the provider with the slug ``provider``."""
    return f"provider:{provider}"


def model_key(model: str) -> str:
    """The key of everything that shows the model with the slug ``model``."""
    return f"model:{model}"


def source_key(source: str) -> str:
    """The key of everything that shows the state of the source called ``source``."""
    return f"source:{source}"
