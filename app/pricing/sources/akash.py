"""Akash: what providers of the network bid for each GPU, from its console's public interface.

Shape read in public clients of ``/v1/gpu-prices`` (``models`` with vendor, model, ram, interface, availability and a
price object of min, max, avg, weightedAverage and med per GPU-hour) and in Akash's console repository. The lowest bid
is a price at which somebody rents it out now; the average is nobody's offer.
"""

from collections.abc import Iterator
from typing import Any

from app.core.http_client import Fault, FetchError
from app.pricing.offers.offer import RawOffer
from app.pricing.sources.base import LeftOut, Source, listed, text


class Akash(Source):
    name = "akash"
    title = "Akash console, GPU prices"
    origin = "https://console-api.akash.network"
    every_minutes = 10
    privacy = "https://akash.network/privacy/"

    async def fetch(self) -> list[RawOffer]:
        async with self.asking() as fetcher:
            answer = await fetcher.json("/v1/gpu-prices")
        return self.each(listed(answer, "models"), self._read, "akash")

    def _read(self, model: Any) -> Iterator[RawOffer | LeftOut]:
        price = model.get("price")
        if not price:
            yield LeftOut("nobody bids at the moment")
            return
        if price.get("currency", "USD") != "USD":
            raise FetchError(Fault.SCHEMA, f"a price came in {str(price['currency'])[:10]!r}")
        free = (model.get("availability") or {}).get("available")
        form = text(model.get("interface") or "")
        memory = text(model.get("ram") or "").removesuffix("Gi")
        yield self.offer(
            provider="akash", gpu=f"{text(model['model'])} {form}".strip(), gpu_memory_gb=memory or None, gpu_count=1,
            tier="marketplace", amount_per_gpu_hour=price["min"], interconnect=form,
            stock="" if free is None else "in" if int(free) > 0 else "out",
            remark=f"lowest bid of the network; the median is {price['med']}" if price.get("med")
            else "lowest bid of the network",
        )  # fmt: skip
