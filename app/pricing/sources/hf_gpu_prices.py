"""The dataset ``afhubbard/gpu-prices`` on the Hugging Face Hub (CC BY 4.0): thirteen clouds' listings, twice a day.

Shape read in the dataset's card and its repository (columns timestamp, provider, instance_type, gpu_type, gpu_count,
gpu_memory_gb, vcpus, ram_gb, region, price_per_hour of the machine in dollars, is_spot, available, quality), and in the
Hub's documentation of its dataset viewer (``/filter`` with ``where``, ``orderby``, ``offset`` and ``length`` up to 100;
``rows`` of ``row_idx`` and ``row``). The viewer hands rows out as JSON, so that no reader of Parquet is needed. Rows
whose quality is not "ok" are left out, and so are a provider's earlier snapshots.
"""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from app.core import clock
from app.core.http_client import Fault, Fetcher, FetchError, Limits
from app.core.units import HOUR_S
from app.pricing.offers.offer import RawOffer
from app.pricing.sources.base import LeftOut, Source, listed, mapped, text

PROVIDERS = {"aws": "aws", "azure": "azure", "cloudrift": "cloudrift", "cudo": "cudo", "datacrunch": "verda",
             "gcp": "gcp", "lambda": "lambda", "lambdalabs": "lambda", "nebius": "nebius", "oci": "oci",
             "oracle": "oci", "runpod": "runpod", "tensordock": "tensordock", "vastai": "vast-ai", "verda": "verda",
             "vultr": "vultr"}  # fmt: skip
"""The dataset's name → our provider."""
DATASET = "afhubbard/gpu-prices"
PAGE = 100
MAX_PAGES = 300
AT_A_TIME = 4
LOOK_BACK = timedelta(hours=36)
ONE_SNAPSHOT_S = 2 * HOUR_S
"""Rows of one collection are stamped within this time of each other."""


class HfGpuPrices(Source):
    name = "hf_gpu_prices"
    title = "gpu-prices, a dataset on the Hugging Face Hub"
    origin = "https://datasets-server.huggingface.co"
    every_minutes = 720
    privacy = "https://huggingface.co/privacy"
    limits = Limits(total_s=60)

    async def fetch(self) -> list[RawOffer]:
        since = (clock.now() - LOOK_BACK).strftime("%Y-%m-%dT%H:%M:%SZ")
        async with self.asking() as fetcher:
            first = await self._page(fetcher, since, 0)
            total = mapped(first).get("num_rows_total")
            if isinstance(total, bool) or not isinstance(total, int) or total < 0:
                raise FetchError(Fault.SCHEMA, "it is not said how many rows there are")
            if total > PAGE * MAX_PAGES:
                raise FetchError(Fault.TOO_LARGE, f"{total:,} rows since {since}")
            turns = asyncio.Semaphore(AT_A_TIME)

            async def page(offset: int) -> Any:
                async with turns:
                    return await self._page(fetcher, since, offset)

            pages = [first, *await asyncio.gather(*(page(offset) for offset in range(PAGE, total, PAGE)))]
        rows = [entry for one in pages for entry in listed(one, "rows")]
        if len(rows) < total:
            raise FetchError(Fault.TRUNCATED, f"{len(rows):,} of {total:,} rows came")
        newest = _newest(rows)
        return self.each(rows, lambda entry: self._read(entry, newest), "nobody")

    async def _page(self, fetcher: Fetcher, since: str, offset: int) -> Any:
        asked = {"dataset": DATASET, "config": "default", "split": "train", "where": f"\"timestamp\">='{since}'",
                 "orderby": '"timestamp" DESC', "offset": offset, "length": PAGE}  # fmt: skip
        return await fetcher.json(f"/filter?{urlencode(asked)}")

    def _read(self, entry: Any, newest: dict[str, int]) -> Iterator[RawOffer | LeftOut]:
        row = entry["row"]
        quality = text(row.get("quality") or "ok")
        if quality != "ok":
            yield LeftOut(f"marked as {quality[:30]}")
            return
        named = text(row["provider"])
        seen = _second(row)
        if seen < newest[named] - ONE_SNAPSHOT_S:
            yield LeftOut("of an earlier snapshot")
            return
        available = row.get("available")
        yield self.offer(
            provider=PROVIDERS.get(named, named), gpu=text(row["gpu_type"]), gpu_count=row["gpu_count"],
            gpu_memory_gb=row.get("gpu_memory_gb"), tier="spot" if row["is_spot"] is True else "on-demand",
            amount_per_instance_hour=row["price_per_hour"], region=text(row.get("region") or ""),
            product=text(row.get("instance_type") or ""), vcpus=row.get("vcpus"), ram_gb=row.get("ram_gb"),
            fetched_at=seen, stock="out" if available is False else "", price_includes="gpu+host",
        )  # fmt: skip


def _second(row: Any) -> int:
    return int(clock.parse_instant(text(row["timestamp"])).timestamp())


def _newest(rows: list[Any]) -> dict[str, int]:
    """Provider, as the dataset names it → the second of its newest readable row."""
    found: dict[str, int] = {}
    for entry in rows:
        try:
            provider, seen = text(entry["row"]["provider"]), _second(entry["row"])
        except (KeyError, TypeError, ValueError, IndexError, OverflowError):
            continue  # reported when the row itself is read
        found[provider] = max(seen, found.get(provider, seen))
    return found
