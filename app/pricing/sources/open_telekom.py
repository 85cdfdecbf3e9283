"""Open Telekom Cloud: the public interface of its price calculator, asked without a key, in euro.

Shape read in T-Systems' documentation of the price calculator's interface and in public clients of it (OpenCost's
provider for this cloud, xlpricer, a price server that tried its filters): ``response.result`` holds a list of rows, or
lists by service, with ``opiFlavour`` ("p2s.2xlarge.8"), ``osUnit``, ``region``, ``currency``, ``vCpu``, ``ram`` and
``priceAmount`` as text with its currency ("2.610000 EUR") for an hour. GPUs of the flavours after the cloud's page of
GPU-accelerated machines (``docs/ecs/umn``).
"""

import re
from collections.abc import Iterator
from typing import Any

from app.core.http_client import Fault, FetchError
from app.pricing.offers.offer import RawOffer
from app.pricing.sources.base import NO_GPU, LeftOut, Source, mapped, text

_FLAVOURS = {
    "p2s.2xlarge.8": ("V100 PCIe 32GB", 1), "p2s.4xlarge.8": ("V100 PCIe 32GB", 2),
    "p2s.8xlarge.8": ("V100 PCIe 32GB", 4), "p2s.16xlarge.8": ("V100 PCIe 32GB", 8),
    "pi2.2xlarge.4": ("T4", 1), "pi2.4xlarge.4": ("T4", 2), "pi2.8xlarge.4": ("T4", 4),
}  # fmt: skip
"""Flavour → its GPU and their number, from the cloud's page."""
_ACCELERATED = re.compile(r"(?:g|p|pi)\d\w*\.")
_LICENSED = re.compile(r"windows|red ?hat|rhel|suse|sles|oracle", re.IGNORECASE)
_AMOUNT = re.compile(r"(\d+(?:\.\d+)?) ([A-Z]{3})")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")


class OpenTelekom(Source):
    name = "open_telekom"
    title = "Open Telekom Cloud, price calculator"
    origin = "https://calculator.otc-service.com"
    privacy = "https://www.open-telekom-cloud.com/en/data-protection"
    every_minutes = 360
    currencies = ("EUR",)

    async def fetch(self) -> list[RawOffer]:
        async with self.asking() as fetcher:
            answer = await fetcher.json("/en/open-telekom-price-api/?productType=OTC&serviceName=ecs&limitMax=5000")
        found = mapped(answer, "response").get("result")
        rows = found.get("ecs") if isinstance(found, dict) else found
        if not isinstance(rows, list):
            raise FetchError(Fault.SCHEMA, "no list of machines at response.result")
        return self.each(rows, self._read, "open-telekom-cloud")

    def _read(self, row: Any) -> Iterator[RawOffer | LeftOut]:
        flavour = text(row["opiFlavour"]).strip()
        if not _ACCELERATED.match(flavour):
            yield LeftOut(NO_GPU)
            return
        if flavour not in _FLAVOURS:
            yield LeftOut("its number of GPUs is not stated")
            return
        if _LICENSED.search(text(row.get("osUnit") or "")):
            yield LeftOut("with a licence of its operating system")
            return
        amount = _AMOUNT.fullmatch(text(row["priceAmount"]).strip())
        if amount is None or amount[2] != row["currency"]:
            raise ValueError(f"{str(row['priceAmount'])[:40]!r} is no price in {str(row['currency'])[:10]}")
        gpu, count = _FLAVOURS[flavour]
        yield self.offer(
            provider="open-telekom-cloud", gpu=gpu, gpu_count=count, tier="on-demand", currency=amount[2],
            amount_per_instance_hour=amount[1], region=text(row["region"]), product=flavour, vcpus=_first(row, "vCpu"),
            ram_gb=_first(row, "ram"), price_includes="gpu+host", price_excludes="disk+traffic",
        )  # fmt: skip


def _first(row: Any, name: str) -> str:
    """The first number in a field such as "64 GB"; empty where there is none."""
    found = _NUMBER.search(str(row.get(name) or ""))
    return found[0].replace(",", ".") if found else ""
