"""Prime Intellect: what it rents out from many clouds.

Shape read in Prime Intellect's OpenAPI description (``/api/v1/availability/gpus``) and its public command-line tool.
Price and memory are of the whole machine; pages of 100; an empty 200 comes now and then and is no answer.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from app.core.http_client import Fault, FetchError
from app.core.money import parse_decimal
from app.pricing.offers.offer import RawOffer
from app.pricing.sources.base import Source, listed, text, whole

_PAGE = 100
_OUT = ("unavailable", "out of stock", "none")


class PrimeIntellect(Source):
    name = "primeintellect"
    title = "Prime Intellect, GPU availability"
    origin = "https://api.primeintellect.ai"
    needs_key = True
    every_minutes = 10
    privacy = "https://www.primeintellect.ai/privacy"

    async def fetch(self) -> list[RawOffer]:
        items: list[Any] = []
        async with self.asking(authorization=f"Bearer {self.key}") as fetcher:
            for page in range(1, 200):
                answer = await fetcher.json(f"/api/v1/availability/gpus?page={page}&page_size={_PAGE}")
                rows = listed(answer, "items")
                items += rows
                total = answer.get("totalCount")
                if len(rows) < _PAGE or (isinstance(total, int) and len(items) >= total):
                    break
        if not items:
            raise FetchError(Fault.FEW, "an empty answer")
        return self.each(items, self._read, "prime-intellect")

    def _read(self, item: Any) -> Iterator[RawOffer]:
        prices, count = item["prices"], int(item["gpuCount"])
        total = parse_decimal(item.get("gpuMemory"))
        community = prices.get("onDemand") is None
        disk = item.get("disk") or {}
        form = text(item.get("socket") or "")
        yield self.offer(
            provider="prime-intellect", gpu=f"{text(item['gpuType']).replace('_', ' ')} {form}".strip(),
            gpu_count=count,
            gpu_memory_gb=total / count if total else None, tier="spot" if item.get("isSpot") else "community"
            if community else "on-demand",
            amount_per_instance_hour=prices.get("communityPrice") if community else prices.get("onDemand"),
            currency=text(prices.get("currency") or "USD"),
            region=text(item.get("country") or item.get("region") or ""),
            product=f"{text(item.get('provider') or 'not stated')}: {text(item.get('cloudId') or '')} "
                    f"{text(item.get('dataCenter') or '')}".strip(),
            interconnect=form, vcpus=_default(item.get("vcpu")), ram_gb=_default(item.get("memory")),
            disk_gb=_default(disk), disk_usd_per_gb_month=_monthly(disk.get("pricePerUnit")),
            stock=_stock(item.get("stockStatus")), price_includes="gpu+host"
            + ("+disk" if disk.get("defaultIncludedInPrice") else ""),
        )  # fmt: skip


def _default(part: Any) -> int | None:
    return whole(part.get("defaultCount")) if isinstance(part, dict) else None


def _monthly(per_hour: Any) -> Decimal | None:
    """USD per GB and month of a price per GB and hour."""
    price = parse_decimal(per_hour)
    return price * 730 if price else None


def _stock(status: Any) -> str:
    if not isinstance(status, str) or not status:
        return ""
    return "out" if status.casefold() in _OUT else "in"
