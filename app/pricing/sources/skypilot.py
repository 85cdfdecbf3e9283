"""SkyPilot's published catalogue: a CSV file a cloud, renewed every few hours by its makers.

Shape read in the repository ``skypilot-org/skypilot-catalog`` (``catalogs/v8/CLOUD/vms.csv`` and its workflows) and in
SkyPilot's reader (``sky/catalog/common.py``): InstanceType, AcceleratorName, AcceleratorCount, vCPUs, MemoryGiB, Price,
SpotPrice, Region, GpuInfo and, for some clouds, AvailabilityZone. Prices are dollars an hour of the machine. GpuInfo is
a Python dictionary as text, of which the memory is read. A file does not say when it was made: GitHub says when it last
changed, and that day is the offers'. One that has not changed for a month is not believed.

Google's file is left out: it prices cards and hosts in rows of their own.
"""

import asyncio
import csv
import io
import re
from collections.abc import Iterable, Iterator
from typing import Any

from app.core import clock
from app.core.http_client import Fault, Fetcher, FetchError, Limits
from app.core.money import parse_decimal
from app.core.units import DAY_S
from app.pricing.offers.offer import RawOffer
from app.pricing.sources import github
from app.pricing.sources.base import NO_GPU, LeftOut, Source, text

CLOUDS = {"aws": "aws", "cudo": "cudo", "hyperbolic": "hyperbolic", "hyperstack": "hyperstack",
          "jarvislabs": "jarvis-labs", "lambda": "lambda", "lium": "lium", "mithril": "mithril", "nebius": "nebius",
          "oci": "oci", "primeintellect": "prime-intellect", "runpod": "runpod", "seeweb": "seeweb",
          "shadeform": "shadeform", "spheron": "spheron", "vast": "vast-ai", "verda": "verda"}  # fmt: skip
"""The catalogue's folder → our provider."""
REPOSITORY = "/repos/skypilot-org/skypilot-catalog"
BELIEVED_DAYS = 30
MAX_ROWS = 400_000
_COLUMNS = {"AcceleratorName", "AcceleratorCount", "Price", "Region"}
_MEMORY = re.compile(r"'SizeInMiB': (\d{3,7})\b")
Kind = tuple[str, str, str, str]


class SkyPilot(Source):
    name = "skypilot"
    title = "SkyPilot, published catalogue"
    origin = github.API
    every_minutes = 240  # two requests a cloud; GitHub answers sixty an hour without a key
    privacy = github.PRIVACY
    limits = Limits(total_s=120)

    async def fetch(self) -> list[RawOffer]:
        async with self.asking() as fetcher:
            got = await asyncio.gather(*(self._cloud(fetcher, name) for name in CLOUDS), return_exceptions=True)
        good: list[RawOffer] = []
        failed: list[FetchError] = []
        for name, outcome in zip(CLOUDS, got, strict=True):
            if isinstance(outcome, FetchError):
                self.faults[CLOUDS[name]] = str(outcome)
                failed.append(outcome)
            elif isinstance(outcome, BaseException):
                raise outcome
            else:
                good += outcome
        if len(failed) == len(CLOUDS):
            raise failed[0]
        return good

    async def _cloud(self, fetcher: Fetcher, name: str) -> list[RawOffer]:
        path = f"catalogs/v8/{name}/vms.csv"
        changed = github.last_change(await fetcher.json(f"{REPOSITORY}/commits?path={path}&per_page=1"), name)
        if changed < clock.timestamp() - BELIEVED_DAYS * DAY_S:
            raise FetchError(Fault.SCHEMA, f"{name}: the list last changed on {clock.from_timestamp(changed):%Y-%m-%d}")
        body, _ = await fetcher.read(f"{REPOSITORY}/contents/{path}", headers=github.RAW)
        return await asyncio.to_thread(self._rows, body.decode("utf-8-sig", "replace"), name, changed)

    def _rows(self, body: str, name: str, changed: int) -> list[RawOffer]:
        rows = csv.DictReader(io.StringIO(body))
        try:
            if missing := _COLUMNS - set(rows.fieldnames or []):
                raise FetchError(Fault.SCHEMA, f"{name}: no column called {min(missing)}")
            best, others = _of_regions(rows)
        except csv.Error as error:
            raise FetchError(Fault.SCHEMA, f"{name}: {error}") from None
        self.leave(NO_GPU, others[0])
        self.leave("another zone of the same region", others[1])
        return self.each(best, lambda row: self._read(row, name, changed), CLOUDS[name])

    def _read(self, row: dict[str, str], name: str, changed: int) -> Iterator[RawOffer | LeftOut]:
        memory = _MEMORY.search(row.get("GpuInfo") or "")
        facts: dict[str, Any] = {
            "provider": CLOUDS[name], "gpu": text(row["AcceleratorName"]).replace("RTXPRO", "RTX PRO "),
            "gpu_memory_gb": round(int(memory[1]) / 1024) if memory else None, "gpu_count": row["AcceleratorCount"],
            "region": "" if row["Region"] in ("default", "") else text(row["Region"]),
            "product": row.get("InstanceType") or "", "vcpus": row.get("vCPUs"), "ram_gb": row.get("MemoryGiB"),
            "fetched_at": changed, "price_includes": "gpu+host", "reference": f"{name}/vms.csv",
        }  # fmt: skip
        tiers = [(tier, row.get(column)) for tier, column in (("on-demand", "Price"), ("spot", "SpotPrice"))]
        stated = [(tier, price) for tier, price in tiers if price not in (None, "", "nan")]
        if not stated:
            yield LeftOut("no price is stated")
        for tier, price in stated:
            remark = "the cheapest zone of the region" if tier == "spot" and row.get("AvailabilityZone") else ""
            yield self.offer(tier=tier, amount_per_instance_hour=price, remark=remark, **facts)


def _of_regions(rows: Iterable[dict[str, str]]) -> tuple[list[dict[str, str]], tuple[int, int]]:
    """One row for each machine and region, with the lowest spot price of its zones; how many rows hold no GPU, and how
    many were another zone's."""
    best: dict[Kind, dict[str, str]] = {}
    without = zones = 0
    for number, row in enumerate(rows):
        if number >= MAX_ROWS:
            raise FetchError(Fault.TOO_LARGE, f"more than {MAX_ROWS:,} rows")
        if not row["AcceleratorName"]:
            without += 1
            continue
        kind = (row.get("InstanceType") or "", row["AcceleratorName"], row["AcceleratorCount"], row["Region"])
        held = best.setdefault(kind, row)
        if held is row:
            continue
        zones += 1
        was, now = (parse_decimal(one.get("SpotPrice") or "") for one in (held, row))
        if now is not None and now > 0 and (was is None or now < was):
            held["SpotPrice"] = row["SpotPrice"]
    return list(best.values()), (without, zones)
