"""Where prices come from: every source, and which of them is the authority for a provider.

To add one: write its file beside this, add its class to ``SOURCES`` and, if it is the best that can be asked about a
provider, its name to ``AUTHORITIES``. ``docs/adding-a-source.md`` shows it.
"""

from app.pricing.sources.akamai import Akamai
from app.pricing.sources.akash import Akash
from app.pricing.sources.azure import Azure
from app.pricing.sources.base import Service, Source
from app.pricing.sources.cudo import Cudo
from app.pricing.sources.digitalocean import DigitalOcean
from app.pricing.sources.ecb import EcbRates
from app.pricing.sources.exoscale import Exoscale
from app.pricing.sources.gpu_price_feed import GpuPriceFeed
from app.pricing.sources.gpuhunt_catalogue import GpuhuntCatalogue
from app.pricing.sources.gpuhunt_live import GpuhuntLive
from app.pricing.sources.hf_gpu_prices import HfGpuPrices
from app.pricing.sources.hot_aisle import HotAisle
from app.pricing.sources.hyperbolic import Hyperbolic
from app.pricing.sources.hyperstack import Hyperstack
from app.pricing.sources.karpenter import Karpenter
from app.pricing.sources.lambda_cloud import Lambda
from app.pricing.sources.novita import Novita
from app.pricing.sources.open_telekom import OpenTelekom
from app.pricing.sources.ovhcloud import OvhCloud
from app.pricing.sources.primeintellect import PrimeIntellect
from app.pricing.sources.runpod import RunPod
from app.pricing.sources.scaleway import Scaleway
from app.pricing.sources.shadeform import Shadeform
from app.pricing.sources.skypilot import SkyPilot
from app.pricing.sources.spot_advisor import SpotAdvisor
from app.pricing.sources.spot_bands import SpotBands
from app.pricing.sources.spotlake import SpotLake
from app.pricing.sources.tensordock import TensorDock
from app.pricing.sources.vast import Vast
from app.pricing.sources.verda import Verda
from app.pricing.sources.vultr import Vultr

SOURCES: dict[str, type[Source]] = {
    source.name: source
    for source in (
        Akamai, Akash, Azure, Cudo, DigitalOcean, Exoscale, GpuPriceFeed, GpuhuntCatalogue, GpuhuntLive, HfGpuPrices,
        HotAisle, Hyperbolic, Hyperstack, Karpenter, Lambda, Novita, OpenTelekom, OvhCloud, PrimeIntellect, RunPod,
        Scaleway, Shadeform, SkyPilot, TensorDock, Vast, Verda, Vultr,
    )
}  # fmt: skip
"""Every source of prices, by name."""

RATES = EcbRates

RECLAIMS: dict[str, type[SpotBands]] = {source.name: source for source in (SpotAdvisor, SpotLake)}
"""Every source of spot reclaim bands, by name: they state no prices."""

EVERY: dict[str, type[Service]] = {RATES.name: RATES, **RECLAIMS, **SOURCES}
"""Every source of prices, reclaim bands and exchange rates, by name."""

AUTHORITIES: dict[str, tuple[str, ...]] = {
    "akamai": ("akamai", "gpu_price_feed"),
    "akash": ("akash",),
    "aws": ("gpuhunt", "skypilot", "hf_gpu_prices", "karpenter"),
    "azure": ("azure", "gpuhunt", "hf_gpu_prices", "karpenter"),
    "cloudrift": ("gpuhunt", "hf_gpu_prices"),
    "cudo": ("cudo", "skypilot", "hf_gpu_prices"),
    "daytona": ("gpuhunt_live",),
    "digitalocean": ("digitalocean", "gpu_price_feed"),
    "exoscale": ("exoscale",),
    "gcp": ("gpuhunt", "hf_gpu_prices", "karpenter"),
    "hot-aisle": ("hot_aisle",),
    "hyperbolic": ("hyperbolic", "skypilot"),
    "hyperstack": ("hyperstack", "skypilot"),
    "jarvis-labs": ("gpuhunt_live", "skypilot"),
    "lambda": ("lambda", "gpuhunt", "skypilot", "gpu_price_feed", "hf_gpu_prices"),
    "lium": ("gpuhunt_live", "skypilot"),
    "mithril": ("skypilot",),
    "nebius": ("gpuhunt", "skypilot", "hf_gpu_prices"),
    "novita": ("novita",),
    "oci": ("gpuhunt", "skypilot", "hf_gpu_prices"),
    "open-telekom-cloud": ("open_telekom",),
    "ovhcloud": ("ovhcloud",),
    "prime-intellect": ("primeintellect", "skypilot"),
    "runpod": ("runpod", "gpuhunt", "skypilot", "gpu_price_feed", "hf_gpu_prices"),
    "scaleway": ("scaleway", "gpu_price_feed"),
    "seeweb": ("gpuhunt_live", "skypilot"),
    "shadeform": ("shadeform", "skypilot"),
    "spheron": ("skypilot",),
    "tensordock": ("tensordock", "hf_gpu_prices"),
    "vast-ai": ("vast", "skypilot", "gpu_price_feed", "hf_gpu_prices"),
    "verda": ("verda", "gpuhunt", "skypilot", "gpu_price_feed", "hf_gpu_prices"),
    "vultr": ("vultr", "gpu_price_feed", "hf_gpu_prices"),
}
"""Provider → the sources whose prices may be shown for it, the best first, for every tier. Only the first of those that
have answered is shown; its first good answer retires the offers of the others, and of the shipped lists."""


def rank(provider: str, source: str) -> int | None:
    """The rank of ``source`` for ``provider``: 0 is the best, ``None`` means that its prices may not be shown."""
    order = AUTHORITIES.get(provider, ())
    return order.index(source) if source in order else None
