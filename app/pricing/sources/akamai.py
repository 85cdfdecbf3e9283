"""Akamai (Linode): plans with GPUs, asked without a key.

Shape read in Akamai's documentation of ``GET /v4/linode/types``, in linode_api4 and in the collector of
gpu-price-feed. Only the plan's label names the GPU's model ("RTX4000 Ada x2 Small", "Dedicated 32GB + RTX6000 GPU x1");
``gpus`` is the number of GPUs, ``memory`` and ``disk`` are in MiB, and ``region_prices`` lists prices that differ from
``price``. Plans of the class "accelerated" have video encoders. A price of 0 means a plan that is not sold yet.
"""

import re
from collections.abc import Iterator
from typing import Any

from app.core.http_client import Fault, FetchError
from app.core.money import parse_decimal
from app.pricing.offers.offer import RawOffer
from app.pricing.sources.base import NO_GPU, LeftOut, Source, listed, mapped, text, whole

MAX_PAGES = 20
_MODEL = re.compile(r"(?:.*\+ *)?(.+?)(?: +GPU)? +x\d+\b.*")


class Akamai(Source):
    name = "akamai"
    title = "Akamai (Linode), plans"
    origin = "https://api.linode.com"
    privacy = "https://www.akamai.com/legal/privacy-statement"

    async def fetch(self) -> list[RawOffer]:
        plans: list[Any] = []
        async with self.asking() as fetcher:
            for page in range(1, MAX_PAGES + 1):
                answer = mapped(await fetcher.json(f"/v4/linode/types?page_size=500&page={page}"))
                plans += listed(answer, "data")
                pages = answer.get("pages", 1)
                if not isinstance(pages, int) or page >= pages:
                    break
            else:
                raise FetchError(Fault.TOO_LARGE, f"more than {MAX_PAGES} pages")
        return self.each(plans, self._read, "akamai")

    def _read(self, plan: Any) -> Iterator[RawOffer | LeftOut]:
        count = whole(plan.get("gpus")) or 0
        if count <= 0:
            yield LeftOut(NO_GPU)
            return
        label = text(plan["label"])
        model = _MODEL.fullmatch(label)
        memory, disk, transfer = (parse_decimal(plan.get(name)) for name in ("memory", "disk", "transfer"))
        facts = {
            "provider": "akamai", "gpu": _spelling(model[1] if model else label), "gpu_count": count,
            "tier": "on-demand", "product": text(plan["id"]), "vcpus": plan.get("vcpus"),
            "ram_gb": round(memory / 1024) if memory else None, "disk_gb": round(disk / 1024) if disk else None,
            "price_includes": "gpu+host+disk",
            "remark": f"{transfer:,.0f} egress per month, GB included" if transfer else "",
        }  # fmt: skip
        yield self.offer(**facts, amount_per_instance_hour=plan["price"]["hourly"])
        for other in plan.get("region_prices") or []:
            yield self.offer(**facts, amount_per_instance_hour=other["hourly"], region=text(other["id"]))


def _spelling(model: str) -> str:
    """The model as the catalogue knows it: "RTX4000 Ada" is the RTX 4000 Ada."""
    return re.sub(r"^RTX(?=\d)", "RTX ", model.strip())
