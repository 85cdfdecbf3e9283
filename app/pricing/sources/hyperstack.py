"""Hyperstack: flavours with their stock, priced by its price book.

Shape read in Hyperstack's documentation: ``/v1/pricebook`` (a bare list of ``name`` and ``value``, dollars per hour)
and ``/v1/core/flavors`` (groups by region and GPU, each with its flavours). The price of a GPU flavour is that of its
GPUs: processors and memory come with them.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from app.core.http_client import Fault, FetchError
from app.core.money import parse_decimal
from app.pricing.offers.offer import RawOffer
from app.pricing.sources.base import NO_GPU, LeftOut, Source, listed, text


class Hyperstack(Source):
    name = "hyperstack"
    title = "Hyperstack, price book and flavours"
    origin = "https://infrahub-api.nexgencloud.com"
    needs_key = True
    privacy = "https://www.hyperstack.cloud/privacy-policy"

    async def fetch(self) -> list[RawOffer]:
        async with self.asking(api_key=self.key) as fetcher:
            book = await fetcher.json("/v1/pricebook")
            flavours = await fetcher.json("/v1/core/flavors")
        prices = {str(row.get("name")): row.get("value") for row in listed(book) if isinstance(row, dict)}
        if not any(parse_decimal(value) for value in prices.values()):
            raise FetchError(Fault.SCHEMA, "the price book states no price")
        groups = listed(flavours, "data")
        return self.each(groups, lambda group: self._read(group, prices), "hyperstack")

    def _read(self, group: Any, prices: dict[str, Any]) -> Iterator[RawOffer | LeftOut]:
        for flavour in group["flavors"]:
            gpu = text(flavour.get("gpu") or "")
            if not gpu or not flavour.get("gpu_count"):
                yield LeftOut(NO_GPU)
                continue
            spot = "-spot" in gpu.lower() or "spot" in text(flavour.get("name") or "").lower()
            stock = flavour.get("stock_available")
            yield self.offer(
                provider="hyperstack", gpu=gpu.replace("-spot", ""), gpu_count=flavour["gpu_count"],
                tier="spot" if spot else "on-demand", amount_per_gpu_hour=_price(gpu, prices),
                region=text(flavour.get("region_name") or group.get("region_name") or ""),
                product=text(flavour["name"]), vcpus=flavour.get("cpu"), ram_gb=flavour.get("ram"),
                disk_gb=(flavour.get("disk") or 0) + (flavour.get("ephemeral") or 0) or None,
                stock="" if stock is None else "in" if stock else "out", price_includes="gpu+host+disk",
            )  # fmt: skip


def _price(gpu: str, prices: dict[str, Any]) -> Decimal | None:
    return parse_decimal(prices.get(gpu))
