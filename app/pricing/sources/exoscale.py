"""Exoscale: its public list of prices, asked without a key.

Shape read in public clients of ``portal.exoscale.com/api/pricing/opencompute`` (Exoscale's calculator reads it; a cost
estimator in Go and SlipStream's connector do too): for each currency a map of key to price an hour as text, where
``running_gpu3_small`` is the machine ``gpu3.small`` without its disk. The list does not say how many GPUs a machine
has: a small one has one, the larger ones are left out. Families as on Exoscale's page of GPU instances.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from app.pricing.offers.offer import RawOffer
from app.pricing.sources.base import NO_GPU, LeftOut, Source, mapped, text

FAMILIES = {"gpu": "P100", "gpu2": "V100", "gpu3": "A40", "gpua5000": "RTX A5000", "gpu_a5000": "RTX A5000",
            "gpua30": "A30", "gpu3080ti": "RTX 3080 Ti", "gpurtx6000pro": "RTX PRO 6000"}  # fmt: skip
"""Family of machines → its card."""
_KEY = re.compile(r"running_(gpu\w*?)_(small|medium|large|huge)")
HOURS_A_MONTH = 730


class Exoscale(Source):
    name = "exoscale"
    title = "Exoscale, price list"
    origin = "https://portal.exoscale.com"
    privacy = "https://www.exoscale.com/privacy/"
    every_minutes = 360

    async def fetch(self) -> list[RawOffer]:
        async with self.asking() as fetcher:
            prices = mapped(await fetcher.json("/api/pricing/opencompute"), "usd")
        disk = prices.get("volume")
        return self.each(((key, price, disk) for key, price in prices.items()), self._read, "exoscale")

    def _read(self, item: tuple[str, Any, Any]) -> Iterator[RawOffer | LeftOut]:
        key, price, disk = item
        found = _KEY.fullmatch(key)
        if found is None:
            yield LeftOut(NO_GPU)
        elif found[2] != "small":
            yield LeftOut("its number of GPUs is not stated")
        else:
            yield self.offer(
                provider="exoscale", gpu=FAMILIES.get(found[1], found[1]), gpu_count=1, tier="on-demand",
                amount_per_instance_hour=text(price), product=f"{found[1]}.{found[2]}", price_includes="gpu+host",
                price_excludes="disk",
                disk_usd_per_gb_month=Decimal(text(disk)) * HOURS_A_MONTH if disk is not None else None,
            )  # fmt: skip
