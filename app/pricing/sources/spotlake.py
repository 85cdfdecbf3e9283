"""Azure's eviction bands, as SpotLake publishes them once a day.

Azure itself publishes them through Resource Graph, to subscribers only. Shape read in the repository
``ddps-lab/spotlake``, its collector of Azure (``collect_if.py``) and its page (``latest_azure.json``): a list of flat
rows with InstanceTier, InstanceType, Region and IF, a code for the eviction rate (3.0 is "0-5", 2.5 "5-10", 2.0
"10-15", 1.5 "15-20",
1.0 "20+", below 0 not known). Azure quotes an eviction rate for an hour, from the evictions of the last 28 days
(Microsoft's page "Use Azure Spot Virtual Machines"). The list holds every size in every zone, so it is read row by row
and only those of the N-series are kept.
"""

import asyncio
import json
import re
from collections.abc import Iterator

from app.core import clock
from app.core.http_client import Fault, FetchError, Limits
from app.core.units import DAY_MIN, MIB
from app.pricing.offers.reclaim import Reclaim
from app.pricing.sources.machines import azure_sizes
from app.pricing.sources.spot_bands import SpotBands

BANDS: dict[float, tuple[int, int | None]] = {3.0: (0, 5), 2.5: (5, 10), 2.0: (10, 15), 1.5: (15, 20), 1.0: (20, None)}
_ROW = re.compile(rb'\{[^{}]{0,1000}"InstanceType"\s*:\s*"[Nn][^{}]{0,1000}\}')
MOST_ROWS = 50_000


class SpotLake(SpotBands):
    name = "spotlake"
    title = "SpotLake, Azure's eviction rates"
    origin = "https://d2krkjqajp4l0e.cloudfront.net"
    privacy = "https://aws.amazon.com/privacy/"
    every_minutes = DAY_MIN
    limits = Limits(total_s=120, max_bytes=96 * MIB)

    async def fetch(self) -> list[Reclaim]:
        async with self.asking() as fetcher:
            body, _ = await fetcher.read("/latest_azure.json")
        return await asyncio.to_thread(read, body, clock.timestamp())


def read(body: bytes, now: int) -> list[Reclaim]:
    """The highest stated band of each size with a GPU in each region."""
    sizes = {size.casefold(): size for size in azure_sizes()}
    best: dict[tuple[str, str], tuple[int, int | None]] = {}
    for tier, kind, region, score in _rows(body):
        size = sizes.get(f"{tier}_{kind}".casefold())
        if size is not None and score in BANDS:
            key = (size, region[:80])
            best[key] = max(best.get(key, (0, 0)), BANDS[score], key=lambda band: band[0])
    if not best:
        raise FetchError(Fault.SCHEMA, "no eviction rate of a size with a GPU is in the list")
    return [Reclaim("azure", size, region, low, high, 1, now) for (size, region), (low, high) in best.items()]


def _rows(body: bytes) -> Iterator[tuple[str, str, str, float]]:
    """(tier, type, region, score) of each row of the N-series that can be read."""
    for number, found in enumerate(_ROW.finditer(body)):
        if number >= MOST_ROWS:
            raise FetchError(Fault.TOO_LARGE, f"more than {MOST_ROWS:,} rows of sizes with a GPU")
        try:
            row = json.loads(found[0])
            tier, kind, region, score = (row[name] for name in ("InstanceTier", "InstanceType", "Region", "IF"))
        except (ValueError, KeyError, RecursionError):
            continue
        if (
            isinstance(tier, str)
            and isinstance(kind, str)
            and isinstance(region, str)
            and isinstance(score, int | float)
        ):
            yield tier, kind, region, float(score)
