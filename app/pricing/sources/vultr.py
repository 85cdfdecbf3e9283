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
from app.pricing.sources.base import NO_GPU, LeftOut, Source, listed, text


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

    def _read(self, plan: Any) -> Iterator[RawOffer | LeftOut]:
        if not plan.get("gpu_type"):
            yield LeftOut(NO_GPU)
            return
        spelling = text(plan["gpu_type"]).removeprefix("NVIDIA_").removeprefix("AMD_").replace("_", " ")
        count, memory = _cards(spelling, parse_decimal(plan.get("gpu_vram_gb")))
        for region in plan.get("locations") or [""]:
            yield self.offer(
                provider="vultr", gpu=spelling, gpu_count=count, gpu_memory_gb=memory, tier="on-demand",
                product=text(plan["id"]),
                amount_per_instance_hour=plan.get("hourly_cost"), region=text(region), vcpus=plan.get("vcpu_count"),
                ram_gb=round(Decimal(str(plan["ram"])) / 1024) if plan.get("ram") else None, disk_gb=plan.get("disk"),
                price_includes="gpu+host+disk", stock="in" if plan.get("locations") else "out",
            )  # fmt: skip


MOST_CARDS = 16
TOLERANCE = Fraction(2, 100)


def _cards(spelling: str, vram_gb: Decimal | None) -> tuple[Fraction | None, Decimal | None]:
    """(how many cards the plan's memory is, memory of each in GB): 2 GB of a card of 16 GB is an eighth.

    None for a count where the memory is no whole number of the card's, nor a plain share of one: it is not guessed.
    """
    if not vram_gb or vram_gb <= 0:
        return None, None
    for count in range(1, MOST_CARDS + 1):
        each = vram_gb / count
        card = resolve("vultr", spelling, each)
        known = gpus()[card.gpu].memory_gb if isinstance(card, Resolved) else None
        if known and abs(Fraction(each) - known) <= TOLERANCE * known:
            return Fraction(count), each
    found = resolve("vultr", spelling)
    size = gpus()[found.gpu].memory_gb if isinstance(found, Resolved) else None
    if not size:
        return None, None
    share = Fraction(vram_gb) / size
    part = share.limit_denominator(64)
    plain = part < 1 and part.numerator * 4 >= 1 and abs(share - part) <= TOLERANCE * share
    return (part, None) if plain and part.numerator in (1, 2, 3) else (None, None)
