"""Lambda: its cloud's instance types.

Shape read in Lambda's documentation of the Cloud API (``/api/v1/instance-types``) and in gpuhunt's Lambda client. The
price is of the instance, in cents; GPU, count and memory are stated in the description only.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from app.pricing.offers.offer import RawOffer
from app.pricing.sources.base import NO_GPU, LeftOut, Source, mapped, text

_DESCRIPTION = re.compile(r"(?:(\d+)x )?(?:Tesla )?(.+?) \((\d+) GB ?([A-Za-z0-9]*)\)")


class Lambda(Source):
    name = "lambda"
    title = "Lambda Cloud API"
    origin = "https://cloud.lambda.ai"
    hosts = ("cloud.lambdalabs.com",)
    needs_key = True
    privacy = "https://lambda.ai/legal/privacy-policy"

    async def fetch(self) -> list[RawOffer]:
        async with self.asking(authorization=f"Bearer {self.key}") as fetcher:
            answer = await fetcher.json("/api/v1/instance-types")
        return self.each(mapped(answer, "data").values(), self._read, "lambda")

    def _read(self, entry: Any) -> Iterator[RawOffer | LeftOut]:
        kind, specs = entry["instance_type"], entry["instance_type"].get("specs") or {}
        if specs.get("gpus") == 0 or text(kind["name"]).startswith("cpu"):
            yield LeftOut(NO_GPU)
            return
        match = _DESCRIPTION.search(text(kind.get("description") or "")) or _DESCRIPTION.search(
            text(kind.get("gpu_description") or "")
        )
        if match is None:
            raise ValueError(f"no GPU in the description {kind.get('description')!r}")
        count, gpu, memory, form = match.groups()
        if count and specs.get("gpus") and int(count) != specs["gpus"]:
            raise ValueError(f"{count} GPUs in the description, {specs['gpus']} in specs")
        open_regions = [text(region["name"]) for region in entry.get("regions_with_capacity_available") or []]
        for region in open_regions or [""]:
            yield self.offer(
                provider="lambda", gpu=f"{gpu} {form}".strip(), gpu_memory_gb=memory, gpu_count=specs.get("gpus")
                or count, tier="on-demand", amount_per_instance_hour=Decimal(str(kind["price_cents_per_hour"])) / 100,
                region=region, product=text(kind["name"]), vcpus=specs.get("vcpus"), ram_gb=specs.get("memory_gib"),
                disk_gb=specs.get("storage_gib"), stock="in" if open_regions else "out", interconnect=form,
                price_includes="gpu+host+disk",
            )  # fmt: skip
