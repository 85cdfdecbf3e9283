"""Vultr: plans with GPUs or parts of one.

Shape read in Vultr's documentation of ``/v2/plans`` and in gpuhunt's client. ``gpu_vram_gb`` is the memory of the
plan: less than a card's is that share of a card. Bare metal plans do not name their GPUs and are not read.
"""

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any
from urllib.parse import quote

from app.catalog.aliases import Resolved, resolve
from app.catalog.facts import gpus
from app.core.money import parse_decimal
from app.pricing.offers.offer import RawOffer
from app.pricing.sources.base import Source, listed, text


class Vultr(Source):
    name = "vultr"
    title = "Vultr, plans"
    origin = "https://api.vultr.com"
    privacy = "https://www.vultr.com/legal/privacy/"

    async def fetch(self) -> list[RawOffer]:
        plans: list[Any] = []
        cursor = ""
        async with self.asking() as fetcher:
            for _ in range(20):
                answer = await fetcher.json(
                    f"/v2/plans?type=all&per_page=500{f'&cursor={quote(cursor)}' if cursor else ''}"
                )
                plans += listed(answer, "plans")
                cursor = ((answer.get("meta") or {}).get("links") or {}).get("next") or ""
                if not cursor:
                    break
        return self.each(plans, self._read, "vultr")

    def _read(self, plan: Any) -> Iterator[RawOffer]:
        if not plan.get("gpu_type"):
            return
        spelling = text(plan["gpu_type"]).removeprefix("NVIDIA_").removeprefix("AMD_").replace("_", " ")
        count = _count(spelling, parse_decimal(plan.get("gpu_vram_gb")))
        for region in plan.get("locations") or [""]:
            yield self.offer(
                provider="vultr", gpu=spelling, gpu_count=count, tier="on-demand", product=text(plan["id"]),
                amount_per_instance_hour=plan.get("hourly_cost"), region=text(region), vcpus=plan.get("vcpu_count"),
                ram_gb=round(Decimal(str(plan["ram"])) / 1024) if plan.get("ram") else None, disk_gb=plan.get("disk"),
                price_includes="gpu+host+disk", stock="in" if plan.get("locations") else "out",
            )  # fmt: skip


def _count(spelling: str, vram_gb: Decimal | None) -> Fraction | None:
    """How many cards the plan's memory is: 2 GB of a card of 16 GB is an eighth."""
    found = resolve("vultr", spelling)
    size = gpus()[found.gpu].memory_gb if isinstance(found, Resolved) else None
    if not size or not vram_gb:
        return None
    share = Fraction(vram_gb) / size
    return Fraction(max(1, round(share))) if share > Fraction(85, 100) else share.limit_denominator(64)
