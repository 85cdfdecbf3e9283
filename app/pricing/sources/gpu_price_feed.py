"""gpu-price-feed: the daily file of an open collection (MIT) that asks eight clouds' public interfaces.

Shape read in the repository ``toolshedlabs-hash/gpu-price-feed`` (``data/prices.json``, its METHODOLOGY.md and the
collectors beside it): ``collected_at`` and a list of offers, each with the machine's price in the cloud's own currency,
the number of GPUs and a key that joins family, memory and form. A slice of a card has MIG in its key. RunPod's two
markets are named in the notes. A cloud that can be asked directly is asked directly: this is the fallback.
"""

import re
from collections.abc import Iterator
from typing import Any

from app.core import clock
from app.core.http_client import Fault, FetchError
from app.pricing.offers.offer import RawOffer
from app.pricing.sources.base import LeftOut, Source, listed, text

PROVIDERS = {"akamai": "akamai", "datacrunch": "verda", "digitalocean": "digitalocean", "lambdalabs": "lambda",
             "runpod": "runpod", "scaleway": "scaleway", "vastai": "vast-ai", "vultr": "vultr"}  # fmt: skip
"""The feed's name → our provider."""
PATH = "/toolshedlabs-hash/gpu-price-feed/main/data/prices.json"


class GpuPriceFeed(Source):
    name = "gpu_price_feed"
    title = "gpu-price-feed, a daily collection"
    origin = "https://raw.githubusercontent.com"
    every_minutes = 360
    currencies = ("EUR",)
    privacy = "https://docs.github.com/en/site-policy/privacy-policies/github-general-privacy-statement"

    async def fetch(self) -> list[RawOffer]:
        async with self.asking() as fetcher:
            answer = await fetcher.json(PATH)
        offers = listed(answer, "offers")
        try:
            seen = int(clock.parse_instant(text(answer["collected_at"])).timestamp())
        except (KeyError, TypeError, ValueError):
            raise FetchError(Fault.SCHEMA, "it is not said when the prices were collected") from None
        return self.each(offers, lambda row: self._read(row, seen), "nobody")

    def _read(self, row: Any, seen: int) -> Iterator[RawOffer | LeftOut]:
        feed_name = text(row["provider"])
        kind = text(row["pricing_type"])
        market = re.match(r"(community|secure) cloud", row.get("notes") or "")
        tier = f"{market[1]}-spot" if market and kind == "spot" else market[1] if market else kind
        available = row.get("available")
        yield self.offer(
            provider=PROVIDERS.get(feed_name, feed_name), gpu=text(row.get("gpu_key") or row["gpu_model_raw"]),
            gpu_count=row["gpu_count"], tier=tier, amount_per_instance_hour=row["price_total_hr"],
            currency=text(row["currency"]), region=text(row.get("region") or ""), vcpus=row.get("vcpu"),
            ram_gb=row.get("ram_gb"), fetched_at=seen, stock="in" if available is True else "",
            product=text(row["gpu_model_raw"]) if feed_name == "runpod" else _machine(row.get("notes")),
            disk_gb=row.get("disk_gb"),
        )  # fmt: skip


def _machine(notes: Any) -> str:
    """The name of the machine in the feed's notes, where there is one."""
    found = re.search(r"(?:instance type|plan|size) ([\w.-]+)", notes) if isinstance(notes, str) else None
    return found[1] if found else ""
