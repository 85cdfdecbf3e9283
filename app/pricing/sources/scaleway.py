"""Scaleway: the public list of server types, zone by zone.

Shape read in Scaleway's documentation of the Instance interface (``products/servers`` and its ``availability``) and
in its public SDK. Prices are in euro, which the answer does not say; ``gpu_memory`` is of one GPU, in bytes.
"""

from collections.abc import Iterator
from typing import Any

from app.core.http_client import Fault, Fetcher, FetchError
from app.core.units import GIB
from app.pricing.offers.offer import RawOffer
from app.pricing.sources.base import GB, NO_GPU, LeftOut, Source, mapped, text, together

ZONES = (
    "fr-par-1",
    "fr-par-2",
    "fr-par-3",
    "nl-ams-1",
    "nl-ams-2",
    "nl-ams-3",
    "pl-waw-1",
    "pl-waw-2",
    "pl-waw-3",
    "it-mil-1",
)
_STOCK = {"available": "in", "scarce": "in", "shortage": "out"}
_PER_PAGE = 100


class Scaleway(Source):
    name = "scaleway"
    title = "Scaleway, Instance product list"
    origin = "https://api.scaleway.com"
    currencies = ("EUR",)
    privacy = "https://www.scaleway.com/en/privacy-policy/"

    async def fetch(self) -> list[RawOffer]:
        async with self.asking() as fetcher:
            zones = await together(self._zone(fetcher, zone) for zone in ZONES)
        if all(zone is None for zone in zones):
            raise FetchError(Fault.REFUSED, "no zone answered")
        return [offer for zone in zones for offer in zone or []]

    async def _zone(self, fetcher: Fetcher, zone: str) -> list[RawOffer] | None:
        """The GPU servers of a zone; ``None`` where the zone is gone."""
        servers: dict[str, Any] = {}
        for page in range(1, 20):
            try:
                answer = await fetcher.json(
                    f"/instance/v1/zones/{zone}/products/servers?page={page}&per_page={_PER_PAGE}"
                )
            except FetchError as error:
                if page == 1 and "answered 404" in str(error):
                    return None
                raise
            fresh = {name: value for name, value in mapped(answer, "servers").items() if name not in servers}
            servers.update(fresh)
            if len(fresh) < _PER_PAGE:
                break
        stock = await self._stock(fetcher, zone)
        return self.each(servers.items(), lambda pair: self._read(zone, pair, stock), "scaleway")

    async def _stock(self, fetcher: Fetcher, zone: str) -> dict[str, str]:
        """Server type → stock, as the zone names it. Empty if it can't be had: the prices are good without it."""
        try:
            answer = await fetcher.json(f"/instance/v1/zones/{zone}/products/servers/availability?per_page={_PER_PAGE}")
            return {name: _STOCK.get(value["availability"], "") for name, value in mapped(answer, "servers").items()}
        except (FetchError, KeyError, TypeError):
            return {}

    def _read(self, zone: str, pair: tuple[str, Any], stock: dict[str, str]) -> Iterator[RawOffer | LeftOut]:
        name, server = pair
        if not server.get("gpu") or server.get("end_of_service"):
            yield LeftOut("no longer offered" if server.get("gpu") else NO_GPU)
            return
        facts = server.get("gpu_info") or {}
        memory = facts.get("gpu_memory")
        yield self.offer(
            provider="scaleway", gpu=text(facts.get("gpu_name") or name.split("-")[0]), tier="on-demand", product=name,
            gpu_memory_gb=round(int(memory) / GIB) if memory else None, gpu_count=server["gpu"], region=zone,
            amount_per_instance_hour=server["hourly_price"], currency="EUR", vcpus=server.get("ncpus"),
            ram_gb=round(int(server["ram"]) / GB) if server.get("ram") else None, stock=stock.get(name, ""),
            price_includes="gpu+host", price_excludes="disk",
        )  # fmt: skip
