"""The catalogues that gpuhunt's makers publish: clouds whose own interfaces want keys or gigabytes.

Shape read in gpuhunt 0.1.34 (``Catalog._load_provider`` and ``storage``): for each provider ``version`` holds the name
of the newest catalogue, ``{version}/catalog.zip`` one CSV. Our own client fetches them, so that its limits hold; the
library reads the rows. A version is named after the day on which it was made (``20261123-1``): its prices count as seen
on that day, so that a catalogue that is no longer renewed becomes stale and gives way.
"""

import asyncio
import io
import re
import zipfile
from collections.abc import Iterator
from typing import Any

from app.core import clock
from app.core.http_client import Fault, Fetcher, FetchError, Limits
from app.core.units import DAY_S, MIB
from app.pricing.offers.offer import RawOffer
from app.pricing.sources.base import NO_GPU, LeftOut, Source

PROVIDERS = {"aws": "aws", "gcp": "gcp", "oci": "oci", "nebius": "nebius", "cloudrift": "cloudrift",
             "lambdalabs": "lambda", "runpod": "runpod", "verda": "verda", "azure": "azure"}  # fmt: skip
"""gpuhunt's name → our provider."""
MAX_CSV_BYTES = 48 * MIB


class GpuhuntCatalogue(Source):
    name = "gpuhunt"
    title = "gpuhunt, published catalogues"
    origin = "https://dstack-gpu-pricing.s3.eu-west-1.amazonaws.com"
    privacy = "https://aws.amazon.com/privacy/"
    limits = Limits(total_s=120, max_bytes=32 * MIB)

    async def fetch(self) -> list[RawOffer]:
        async with self.asking() as fetcher:
            got = await asyncio.gather(*(self._provider(fetcher, name) for name in PROVIDERS), return_exceptions=True)
        good: list[RawOffer] = []
        failed: list[FetchError] = []
        for name, outcome in zip(PROVIDERS, got, strict=True):
            if isinstance(outcome, FetchError):
                self.faults[PROVIDERS[name]] = str(outcome)
                failed.append(outcome)
            elif isinstance(outcome, BaseException):
                raise outcome
            else:
                good += outcome
        if len(failed) == len(PROVIDERS):
            raise failed[0]
        return good

    async def _provider(self, fetcher: Fetcher, name: str) -> list[RawOffer]:
        version = (await fetcher.text(f"/v3/{name}/version")).strip()
        if (
            not version.isascii()
            or not version.replace("-", "").replace(".", "").replace("_", "").isalnum()
            or len(version) > 60
        ):
            raise FetchError(Fault.SCHEMA, f"{name}: {version[:40]!r} is not the name of a version")
        packed, _ = await fetcher.read(f"/v3/{name}/{version}/catalog.zip")
        text = await asyncio.to_thread(_unpack, packed, name)
        return await asyncio.to_thread(self._rows, text, name, made_at(version, clock.timestamp()))

    def _rows(self, text: str, name: str, made: int) -> list[RawOffer]:
        import csv

        from gpuhunt._internal.storage import item_from_row

        rows = csv.DictReader(io.StringIO(text))
        if "price" not in (rows.fieldnames or []):
            raise FetchError(Fault.SCHEMA, f"{name}: the catalogue has no column called price")

        def read(row: dict[str, str]) -> Iterator[RawOffer | LeftOut]:
            item = item_from_row(row, provider=name)
            if item.gpu_count or item.gpu_name:  # a share of a card is listed as none: it is set aside, not lost
                yield self.of_item(item, PROVIDERS[name], row["price"], made)
            else:
                yield LeftOut(NO_GPU)

        return self.each(rows, read, PROVIDERS[name])

    def of_item(self, item: Any, provider: str, price: str, made: int) -> RawOffer:
        """A raw offer of one of the library's items. ``price`` is the text the catalogue holds, not its float, ``made``
        when the catalogue was made."""
        vendor = item.gpu_vendor.value if item.gpu_vendor else ""
        spelling = (
            f"tpu-{item.gpu_name}" if vendor == "google" and not str(item.gpu_name).startswith("tpu") else item.gpu_name
        )
        calendar = any("calendar" in flag or "dws" in flag for flag in item.flags)
        pods = item.provider_data.get("pod_counts") if isinstance(item.provider_data, dict) else None
        return self.offer(
            provider=provider, gpu=str(spelling), gpu_count=item.gpu_count, gpu_memory_gb=item.gpu_memory,
            tier="spot" if item.spot else "reserved" if calendar else "on-demand", commitment_months=0 if calendar
            else None, amount_per_instance_hour=price, region=item.location, product=item.instance_name, vcpus=item.cpu,
            ram_gb=round(item.memory) if item.memory else None, disk_gb=item.disk_size,
            min_nodes=min(pods) if isinstance(pods, list) and pods else None, price_includes="gpu+host",
            fetched_at=made,
        )  # fmt: skip


def made_at(version: str, now: int) -> int:
    """The last second of the day after which a version is named, and not after ``now``; ``now`` where it names none."""
    found = re.match(r"(20\d{2})(\d{2})(\d{2})(?!\d)", version)
    try:
        day = clock.parse_instant("-".join(found.groups())) if found else None
    except ValueError:
        day = None
    return now if day is None else min(now, int(day.timestamp()) + DAY_S - 1)


def _unpack(packed: bytes, name: str) -> str:
    """The CSV inside the archive, never more than its limit."""
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive, archive.open(f"{name}.csv") as file:
            data = file.read(MAX_CSV_BYTES + 1)
    except (zipfile.BadZipFile, KeyError, NotImplementedError, EOFError, OSError, RuntimeError) as error:
        raise FetchError(Fault.TRUNCATED, f"{name}: the archive can't be read ({error})") from None
    if len(data) > MAX_CSV_BYTES:
        raise FetchError(Fault.TOO_LARGE, f"{name}: the catalogue unpacks to over {MAX_CSV_BYTES:,} bytes")
    return data.decode("utf-8", "replace")
