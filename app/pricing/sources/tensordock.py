"""TensorDock: locations of its marketplace with the GPUs each has free.

Shape read in TensorDock's documentation of ``/api/v2/locations``. Public clients disagree whether the older interface
still answers; this one wants a key. Price is of one GPU; processors, memory and disk are billed beside it.
"""

from collections.abc import Iterator
from typing import Any

from app.core.money import parse_decimal
from app.pricing.offers.offer import RawOffer
from app.pricing.sources.base import Source, listed, text


class TensorDock(Source):
    name = "tensordock"
    title = "TensorDock, locations"
    origin = "https://dashboard.tensordock.com"
    needs_key = True
    every_minutes = 10
    privacy = "https://www.tensordock.com/privacy"

    async def fetch(self) -> list[RawOffer]:
        async with self.asking(authorization=f"Bearer {self.key}") as fetcher:
            answer = await fetcher.json("/api/v2/locations")
        return self.each(listed(answer, "data", "locations"), self._read, "tensordock")

    def _read(self, location: Any) -> Iterator[RawOffer]:
        parts = (location.get("city"), location.get("stateprovince"), location.get("country"))
        region = ", ".join(text(part) for part in parts if part)
        for gpu in location["gpus"]:
            extra = gpu.get("pricing") or {}
            disk = parse_decimal(extra.get("per_gb_storage_hr"))
            yield self.offer(
                provider="tensordock", gpu=text(gpu["displayName"]), gpu_count=1, tier="marketplace",
                amount_per_gpu_hour=gpu["price_per_hr"], region=region, product=text(gpu.get("v0Name") or ""),
                stock="in" if int(gpu.get("max_count") or 0) > 0 else "out", price_includes="gpu",
                price_excludes="host+disk", disk_usd_per_gb_month=disk * 730 if disk else None, remark=_extras(extra),
            )  # fmt: skip


def _extras(extra: Any) -> str:
    cpu, ram = extra.get("per_vcpu_hr"), extra.get("per_gb_ram_hr")
    return f"vCPU ${cpu}/h and memory ${ram}/GB-h extra" if cpu and ram else ""
