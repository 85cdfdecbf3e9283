"""Vast.ai: machines of many hosts, asked in pages of 64.

Shape read in Vast.ai's documentation of the search interface and in gpuhunt's client. ``dph_base`` is what GPU and
host cost; ``dph_total`` holds a default disk; ``min_bid`` is a floor and never a price; ``inet_up_cost`` is what a GB
out of the machine costs, ``reliability2`` the share of time (0 to 1) for which the host was reachable. Of the machines
of one GPU, count and country the cheapest is the offer: single machines come and go by the minute.
"""

from collections.abc import Iterator
from typing import Any

from app.core.http_client import Fault, FetchError
from app.core.money import parse_decimal
from app.pricing.offers.offer import RawOffer
from app.pricing.sources.base import Source, listed, text
from app.pricing.sources.cheapest import cheapest_of

_PAGE = 64


class Vast(Source):
    name = "vast"
    title = "Vast.ai, machines on offer"
    origin = "https://console.vast.ai"
    hosts = ("cloud.vast.ai",)
    every_minutes = 10
    privacy = "https://vast.ai/privacy"

    async def fetch(self) -> list[RawOffer]:
        machines: dict[Any, Any] = {}
        async with self.asking() as fetcher:
            last = 0
            for _ in range(400):
                asked = {"verified": {"eq": True}, "rentable": {"eq": True}, "rented": {"eq": False},
                         "type": "on-demand", "id": {"gt": last}, "order": [["id", "asc"]], "limit": _PAGE}  # fmt: skip
                rows = listed(await fetcher.json("/api/v0/bundles/", method="POST", body=asked), "offers")
                fresh = {row.get("id"): row for row in rows if isinstance(row, dict) and row.get("id") not in machines}
                machines.update(fresh)
                if not fresh or len(rows) < _PAGE:
                    break
                last = max(int(key) for key in fresh if key is not None)
            else:
                raise FetchError(Fault.TOO_LARGE, "more than 400 pages")
        each = self.each(machines.values(), self._read, "vast-ai")
        cheapest = cheapest_of(each)
        self.leave("a dearer machine of the same GPU, number and country", len(each) - len(cheapest))
        return cheapest

    def _read(self, machine: Any) -> Iterator[RawOffer]:
        memory = parse_decimal(machine.get("gpu_ram"))
        place = text(machine.get("geolocation") or "")
        disk = parse_decimal(machine.get("storage_cost"))
        yield self.offer(
            provider="vast-ai", gpu=text(machine["gpu_name"]), gpu_memory_gb=round(memory / 1024) if memory else None,
            gpu_count=machine["num_gpus"], tier="marketplace", amount_per_instance_hour=machine["dph_base"],
            region=place.rsplit(",", 1)[-1].strip(), stock="in", price_includes="gpu+host",
            price_excludes="disk+traffic",
            disk_usd_per_gb_month=disk, traffic_usd_per_gb=parse_decimal(machine.get("inet_up_cost")),
            reference=str(machine.get("id")), reliability=machine.get("reliability2", machine.get("reliability")),
        )  # fmt: skip
