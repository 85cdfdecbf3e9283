"""InferenceBench: what it costs to run an AI model, on which hardware, from whom."""

__version__ = "0.1.0"
