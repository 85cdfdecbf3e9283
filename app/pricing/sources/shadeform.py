"""Shadeform: instance types of many clouds, rented through Shadeform.

Shape read in Shadeform's documentation of ``/v1/instances/types`` and in SkyPilot's catalogue fetcher. Prices are of
the instance, in cents. The offer is Shadeform's; the product's name says whose machine it is.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from app.pricing.offers.offer import RawOffer
from app.pricing.sources.base import NO_GPU, LeftOut, Source, listed, text


class Shadeform(Source):
    name = "shadeform"
    title = "Shadeform, instance types"
    origin = "https://api.shadeform.ai"
    needs_key = True
    privacy = "https://www.shadeform.ai/privacy"

    async def fetch(self) -> list[RawOffer]:
        async with self.asking(**{"x-api-key": self.key}) as fetcher:
            answer = await fetcher.json("/v1/instances/types")
        return self.each(listed(answer, "instance_types"), self._read, "shadeform")

    def _read(self, kind: Any) -> Iterator[RawOffer | LeftOut]:
        facts = kind["configuration"]
        if not facts.get("num_gpus"):
            yield LeftOut(NO_GPU)
            return
        form = text(facts.get("interconnect") or "")
        spelling = text(facts.get("gpu_type") or kind["shade_instance_type"]).replace("_", " ")
        for place in kind.get("availability") or [{"region": ""}]:
            available = place.get("available")
            yield self.offer(
                provider="shadeform", gpu=f"{spelling} {form}".strip(), gpu_memory_gb=facts.get("vram_per_gpu_in_gb"),
                gpu_count=facts["num_gpus"], tier="on-demand", interconnect="NVLink" if facts.get("nvlink") else form,
                amount_per_instance_hour=Decimal(str(kind["hourly_price"])) / 100,
                region=text(place.get("region") or ""),
                product=f"{text(kind['cloud'])}: "
                        f"{text(kind.get('cloud_instance_type') or kind['shade_instance_type'])}",
                vcpus=facts.get("vcpus"), ram_gb=facts.get("memory_in_gb"), disk_gb=facts.get("storage_in_gb"),
                stock="" if available is None else "in" if available else "out", price_includes="gpu+host+disk",
            )  # fmt: skip
