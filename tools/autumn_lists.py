"""The public price lists of summer and autumn 2026 as raw offers. The known gaps and wrong labels of each list are
handled here; the general rules are the normaliser's.
"""

import csv
import gzip
import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from app.core import clock
from app.pricing.offers.offer import RawOffer
from app.pricing.sources.machines import Machine, aws_types, azure_sizes, gcp_machines, not_on_demand

FEED, INDEX = "price-feed", "price-index"
AWS, AZURE, GCP = "karpenter-aws", "karpenter-azure", "karpenter-gcp"
SOURCES = {
    FEED: {"name": "gpu-price-feed, the cheapest of each provider and GPU (MIT)", "day": "2026-10-03"},
    INDEX: {"name": "gpu-price-index, a collection of providers' public prices", "day": "2026-10-10"},
    AWS: {"name": "AWS prices as karpenter-provider-aws publishes them (Apache-2.0)", "day": "2026-07-20"},
    AZURE: {"name": "Azure prices as karpenter-provider-azure publishes them (Apache-2.0)", "day": "2026-06-18"},
    GCP: {"name": "Google Cloud prices as karpenter-provider-gcp publishes them (Apache-2.0)", "day": "2026-08-03"},
}
"""Source → its name and the day on which its prices were seen."""

_FEED_PROVIDERS = {"datacrunch": "Verda", "lambdalabs": "Lambda", "vastai": "Vast.ai", "runpod": "RunPod"}
FAR_BELOW = 4
"""If a provider's other market charges more than this many times a price for the same GPU, the price is not of that
GPU."""


def text_of(path: Path) -> str:
    """The text of a file, or of the same file packed with gzip."""
    packed = path.with_name(path.name + ".gz")
    return gzip.decompress(packed.read_bytes()).decode() if packed.exists() else path.read_text(encoding="utf-8")


def rows_of(folder: Path, name: str) -> list[dict[str, str]]:
    """The rows of a CSV file of the folder."""
    return list(csv.DictReader(io.StringIO(text_of(folder / name))))


def raw_offers(folder: Path) -> list[RawOffer]:
    """Every row of the five lists of prices."""
    return [*_feed(folder), *_without_far_below(list(_index(folder))), *_aws(folder), *_azure(folder), *_gcp(folder)]


def _feed(folder: Path) -> Iterator[RawOffer]:
    name = "gpu-price-feed_2026-10-03.json"
    answer = json.loads(text_of(folder / name), parse_float=str)
    seen = _second(answer["collected_at"])
    for provider, prices in answer["cheapest"].items():
        for gpu, price in prices.items():
            yield RawOffer(
                source=FEED, provider=_FEED_PROVIDERS.get(provider, provider), gpu=gpu, tier="on-demand",
                amount_per_gpu_hour=str(price), fetched_at=seen, price_since=answer["collected_at"][:10],
                remark="cheapest offer at the time", reference=f"{name}:{provider}:{gpu}"[:80],
            )  # fmt: skip


def _index(folder: Path) -> Iterator[RawOffer]:
    name = "gpu-price-index_2026-10-10.csv"
    for number, row in enumerate(rows_of(folder, name), 2):
        market = re.fullmatch(r"RunPod (Secure|Community) Cloud", row["provider"])
        statistic = row["sku"] == "median-offer"
        count = row["gpu_count"]
        whole = row["usd_per_hour"] if count != "1" else None
        yield RawOffer(
            source=INDEX, provider="RunPod" if market else row["provider"], gpu=row["gpu"],
            tier=market[1].casefold() if market else row["tier"].replace("_", "-"), gpu_count=count,
            amount_per_gpu_hour=row["usd_per_gpu_hour"] if whole is None else None, amount_per_instance_hour=whole,
            region=row["region"], product=row["sku"], fetched_at=_second(row["collected_at"]), price_since=row["day"],
            reference=f"{name}:{number}",
            not_an_offer=f"a median of {row['sample_size']} or more offers, not a price that anyone charges"
            if statistic else "",
        )  # fmt: skip


def _without_far_below(raws: list[RawOffer]) -> list[RawOffer]:
    """Refuse a price that is far below the price of the same GPU in the provider's other market."""
    dearest: dict[tuple[str, str], Decimal] = {}
    for raw in raws:
        kind, price = (raw.provider, raw.product), Decimal(str(raw.amount_per_gpu_hour or 0))
        dearest[kind] = max(price, dearest.get(kind, price))
    return [
        replace(raw, not_an_offer=f"{raw.amount_per_gpu_hour}, while the provider's other tier charges {highest}")
        if raw.provider == "RunPod"
        and Decimal(str(raw.amount_per_gpu_hour or 0)) * FAR_BELOW < (highest := dearest[raw.provider, raw.product])
        else raw
        for raw in raws
    ]


def _aws(folder: Path) -> Iterator[RawOffer]:
    name = "aws_ondemand_2026-07-20_karpenter.csv"
    for number, row in enumerate(rows_of(folder, name), 2):
        yield machine_offer(AWS, "AWS", row["instance"], aws_types(), row, _second(row["generated_at"]),
                            f"{name}:{number}")  # fmt: skip


def _azure(folder: Path) -> Iterator[RawOffer]:
    name = "azure_ondemand_2026-06-18_karpenter.csv"
    for number, row in enumerate(rows_of(folder, name), 2):
        yield machine_offer(AZURE, "Azure", row["size"], azure_sizes(), row, _second(row["generated_at"]),
                            f"{name}:{number}")  # fmt: skip


def _gcp(folder: Path) -> Iterator[RawOffer]:
    name = "gcp_2026-08-03_karpenter.csv"
    for number, row in enumerate(rows_of(folder, name), 2):
        yield machine_offer(GCP, "GCP", row["machine"], gcp_machines(), row, _second(row["commit_day"]),
                            f"{name}:{number}")  # fmt: skip


def machine_offer(
    source: str, provider: str, product: str, known: dict[str, Machine], row: dict[str, str], seen: int, reference: str
) -> RawOffer:
    """The raw offer of a whole machine; the list names the machine only, so its GPUs come from our own table."""
    machine = known.get(product)
    raw = RawOffer(
        source=source, provider=provider, gpu=machine.gpu if machine else product,
        tier=row.get("tier", "on-demand").replace("_", "-"), gpu_count=machine.gpu_count if machine else None,
        amount_per_instance_hour=str(round(Decimal(row["usd_per_hour"]), 6)), region=row["region"], product=product,
        vcpus=machine.vcpus if machine else None, ram_gb=machine.ram_gb if machine else None,
        price_includes="gpu+host", price_excludes="disk+traffic", fetched_at=seen,
        price_since=clock.from_timestamp(seen).date().isoformat(), reference=reference,
    )  # fmt: skip
    if machine is None:
        return replace(raw, not_an_offer=f"the provider does not publish how many GPUs {product} has")
    return replace(raw, not_an_offer=not_on_demand(provider.casefold(), product, raw.tier))


def _second(instant: str) -> int:
    return int(clock.parse_instant(instant).timestamp())
