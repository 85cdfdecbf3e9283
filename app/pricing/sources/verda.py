"""Verda (formerly DataCrunch): instance types with on-demand and spot prices.

Shape read in the provider's documentation of ``/v1/instance-types`` and in gpuhunt's client. Prices are text;
``gpu_memory`` is of the whole machine. Being listed says nothing of stock.
"""

import re
from collections.abc import Iterator
from typing import Any

from app.core.money import parse_decimal
from app.pricing.offers.offer import RawOffer
from app.pricing.sources.base import NO_GPU, LeftOut, Source, listed, text


class Verda(Source):
    name = "verda"
    title = "Verda, instance types"
    origin = "https://api.datacrunch.io"
    hosts = ("api.verda.com",)
    privacy = "https://verda.com/privacy-policy"

    async def fetch(self) -> list[RawOffer]:
        async with self.asking() as fetcher:
            answer = await fetcher.json("/v1/instance-types")
        return self.each(listed(answer), self._read, "verda")

    def _read(self, kind: Any) -> Iterator[RawOffer | LeftOut]:
        count = int((kind.get("gpu") or {}).get("number_of_gpus") or 0)
        if not count:
            yield LeftOut(NO_GPU)
            return
        total = parse_decimal((kind.get("gpu_memory") or {}).get("size_in_gigabytes"))
        common = {
            "provider": "verda", "gpu": _name(kind), "gpu_count": count,
            "gpu_memory_gb": total / count if total else None, "product": text(kind["instance_type"]),
            "vcpus": (kind.get("cpu") or {}).get("number_of_cores"),
            "currency": text(kind.get("currency") or "usd").upper(),
            "ram_gb": (kind.get("memory") or {}).get("size_in_gigabytes"), "price_includes": "gpu+host",
            "price_excludes": "disk",
        }  # fmt: skip
        yield self.offer(**common, tier="on-demand", amount_per_instance_hour=kind["price_per_hour"])
        if parse_decimal(kind.get("spot_price")):
            yield self.offer(**common, tier="spot", amount_per_instance_hour=kind["spot_price"])


def _name(kind: Any) -> str:
    """The GPU's name: the description where it says more than the model, such as the form and the memory."""
    model = text(kind.get("model") or "")
    described = re.sub(r"^\d+\s*x\s*", "", text(kind["gpu"].get("description") or "")).strip()
    return described if not model or described.casefold().startswith(f"{model.casefold()} ") else model
