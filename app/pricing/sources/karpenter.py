"""The price lists that the makers of Karpenter's providers publish with their code: AWS, Azure and Google Cloud.

Shape read in the repositories ``aws/karpenter-provider-aws`` and ``Azure/karpenter-provider-azure`` (their
``zz_generated.pricing….go``: a line "generated at", and by region the name of each machine with its dollars an hour)
and ``cloudpilot-ai/karpenter-provider-gcp`` (``initial-prices.json``: ``prices``, region, ``on_demand`` and ``spot``,
machine → dollars an hour; it names no day, so GitHub's last change of the file is its day). All are Apache-2.0. They
list every machine; those with a GPU are found by our own tables. The lists are renewed every few weeks, so they are
used only if no newer source has the cloud; one that was made over two months ago is refused.
"""

import asyncio
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from app.core import clock
from app.core.http_client import Fault, Fetcher, FetchError, Limits
from app.core.units import DAY_S, MIB
from app.pricing.offers.offer import RawOffer
from app.pricing.sources import github
from app.pricing.sources.base import NO_GPU, LeftOut, Source, mapped
from app.pricing.sources.machines import Machine, aws_types, azure_sizes, gcp_machines, not_on_demand

BELIEVED_DAYS = 60
_MADE = re.compile(r"generated at (\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z)")
_REGION = re.compile(r"""["'\[]([a-z][a-z0-9-]{2,40})["\]]+\s*(?::|= map\[)""")
_PRICE = re.compile(r'"((?:Standard_|[a-z])[\w.-]{2,60})": *([0-9][0-9.]{0,20})')
Row = tuple[str, str, str, str]
"""(region, machine, tier, dollars an hour as text)."""


@dataclass(frozen=True, slots=True)
class _List:
    """Where a cloud's list is published, and which of its machines have a GPU."""

    repository: str
    path: str
    machines: Callable[[], Mapping[str, Machine]]


LISTS = {
    "aws": _List("aws/karpenter-provider-aws", "pkg/providers/pricing/zz_generated.pricing_aws.go", aws_types),
    "azure": _List("Azure/karpenter-provider-azure", "pkg/providers/pricing/zz_generated.pricing.go", azure_sizes),
    "gcp": _List("cloudpilot-ai/karpenter-provider-gcp", "pkg/providers/pricing/initial-prices.json", gcp_machines),
}


class Karpenter(Source):
    name = "karpenter"
    title = "Karpenter's price lists of AWS, Azure and Google Cloud"
    origin = github.API
    every_minutes = 720
    privacy = github.PRIVACY
    limits = Limits(total_s=120, max_bytes=16 * MIB)

    async def fetch(self) -> list[RawOffer]:
        async with self.asking() as fetcher:
            got = await asyncio.gather(*(self._cloud(fetcher, name) for name in LISTS), return_exceptions=True)
        good: list[RawOffer] = []
        failed: list[FetchError] = []
        for name, outcome in zip(LISTS, got, strict=True):
            if isinstance(outcome, FetchError):
                self.faults[name] = str(outcome)
                failed.append(outcome)
            elif isinstance(outcome, BaseException):
                raise outcome
            else:
                good += outcome
        if len(failed) == len(LISTS):
            raise failed[0]
        return good

    async def _cloud(self, fetcher: Fetcher, cloud: str) -> list[RawOffer]:
        listed = LISTS[cloud]
        address = f"/repos/{listed.repository}/contents/{listed.path}"
        body, _ = await fetcher.read(address, headers=github.RAW)
        if listed.path.endswith(".json"):
            changes = await fetcher.json(f"/repos/{listed.repository}/commits?path={listed.path}&per_page=1")
            made = github.last_change(changes, cloud)
            rows = await asyncio.to_thread(_of_json, body)
        else:
            source = body.decode("utf-8", "replace")
            made = _made(source, cloud)
            rows = await asyncio.to_thread(lambda: list(_of_go(source)))
        if not rows:
            raise FetchError(Fault.SCHEMA, f"{cloud}: no price was found in the list")
        if made < clock.timestamp() - BELIEVED_DAYS * DAY_S:
            raise FetchError(Fault.SCHEMA, f"{cloud}: the list was made on {clock.from_timestamp(made):%Y-%m-%d}")
        return self.of_rows(rows, cloud, made)

    def of_rows(self, rows: Iterable[Row], cloud: str, made: int) -> list[RawOffer]:
        """An offer of each row whose machine holds a GPU; the others are counted."""
        return self.each(rows, lambda row: self._read(row, cloud, made), cloud)

    def _read(self, row: Row, cloud: str, made: int) -> Iterator[RawOffer | LeftOut]:
        region, product, tier, price = row
        machine = LISTS[cloud].machines().get(product)
        if machine is None:
            yield LeftOut(NO_GPU)
            return
        yield self.offer(
            provider=cloud, gpu=machine.gpu, gpu_count=machine.gpu_count, tier=tier, amount_per_instance_hour=price,
            region=region, product=product, vcpus=machine.vcpus, ram_gb=machine.ram_gb, fetched_at=made,
            price_includes="gpu+host", price_excludes="disk+traffic",
            not_an_offer=not_on_demand(cloud, product, tier),
        )  # fmt: skip


def _made(source: str, cloud: str) -> int:
    found = _MADE.search(source)
    if found is None:
        raise FetchError(Fault.SCHEMA, f"{cloud}: it is not said when the list was made")
    return int(clock.parse_instant(found[1]).timestamp())


def _of_go(source: str) -> Iterator[Row]:
    """The prices of a generated file, read line by line: a line either names a region or holds machines."""
    region = ""
    for line in source.splitlines():
        if "map[" in line or line.rstrip().endswith('": {'):
            named = _REGION.search(line)
            region = named[1] if named else region
        else:
            for machine, price in _PRICE.findall(line):
                yield region, machine, "on-demand", price


def _of_json(body: bytes) -> list[Row]:
    """The prices of Google's list, as the text that it holds."""
    try:
        prices = mapped(json.loads(body, parse_float=str, parse_int=str), "prices")
    except (ValueError, RecursionError):
        raise FetchError(Fault.NOT_JSON, "gcp: the list is not JSON") from None
    return [
        (str(region), str(machine), tier.replace("_", "-"), str(price))
        for region, tiers in prices.items() if isinstance(tiers, dict)
        for tier, machines in tiers.items() if tier in ("on_demand", "spot") and isinstance(machines, dict)
        for machine, price in machines.items()
    ]  # fmt: skip
