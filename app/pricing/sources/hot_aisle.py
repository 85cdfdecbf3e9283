"""Hot Aisle: virtual machines and bare metal with AMD GPUs, asked with a key.

Shape read in Hot Aisle's documentation (``admin.hotaisle.app/api/docs``) and in gpuhunt's client: for a team,
``/virtual_machines/available/`` and ``/bare_metal/available/`` list what can be had, or ``null`` where nothing can.
``OnDemandPrice`` is cents an hour of the machine, ``Specs`` its parts, sizes in bytes. The key is written
``TEAM:KEY``, since the address names the team.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any
from urllib.parse import quote

from app.core.http_client import Fault, FetchError
from app.core.money import parse_decimal
from app.core.units import GIB
from app.pricing.offers.offer import RawOffer
from app.pricing.sources.base import Source, listed, text

KINDS = {"virtual_machines": "virtual machine", "bare_metal": "bare metal"}
"""The address's word → what it is."""


class HotAisle(Source):
    name = "hot_aisle"
    title = "Hot Aisle, available machines"
    origin = "https://admin.hotaisle.app"
    needs_key = True
    privacy = "https://hotaisle.xyz/privacy-policy/"

    async def fetch(self) -> list[RawOffer]:
        team, colon, key = self.key.partition(":")
        if not (team and colon and key):
            raise FetchError(Fault.REFUSED, "the key is written TEAM:KEY, for example acme:0123abcd")
        found: list[RawOffer] = []
        async with self.asking(authorization=f"Token {key}") as fetcher:
            for address, kind in KINDS.items():
                answer = await fetcher.json(f"/api/teams/{quote(team, safe='')}/{address}/available/")
                found += self.each(listed(answer or []), partial(self._read, kind), "hot-aisle")
        return found

    def _read(self, kind: str, row: Any) -> Iterator[RawOffer]:
        specs = row["Specs"]
        cents = parse_decimal(row["OnDemandPrice"])
        ram, disk = (parse_decimal(specs.get(name)) for name in ("ram_capacity", "disk_capacity"))
        if len(specs["gpus"]) != 1:
            raise ValueError(f"{len(specs['gpus'])} kinds of GPU in one machine")
        gpu = specs["gpus"][0]
        yield self.offer(
            provider="hot-aisle", gpu=text(gpu["model"]), gpu_count=gpu["count"], tier="on-demand",
            amount_per_instance_hour=cents / 100 if cents is not None else row["OnDemandPrice"], product=kind,
            vcpus=specs.get("cpu_cores"), ram_gb=round(ram / GIB) if ram else None,
            disk_gb=round(disk / GIB) if disk else None, price_includes="gpu+host+disk", stock="in",
        )  # fmt: skip
