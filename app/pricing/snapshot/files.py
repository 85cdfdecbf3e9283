"""The snapshot that ships with the software: files with our own columns, made by our own normaliser.

``tools/make_snapshot.py`` writes these files; this module reads them.
"""

import csv
import gzip
import json
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

from app.core.money import parse_decimal, plain, to_micro
from app.pricing.offers.offer import Offer, Tier

FOLDER = Path(__file__).parent / "shipped"

_TEXT = ("id", "source", "provider", "gpu", "provider_tier", "region", "country", "continent", "derived", "currency",
         "quoted_amount", "quoted_per", "exchange_rate_date", "price_includes", "price_excludes", "product",
         "interconnect", "remark", "source_url", "price_since")  # fmt: skip
OFFER_COLUMNS = (*_TEXT, "gpu_count", "tier", "commitment_months", "usd_per_gpu_hour", "usd_per_instance_hour",
                 "vcpus", "ram_gb", "fetched_at", "stale_at")  # fmt: skip
SET_ASIDE_COLUMNS = ("reference", "source", "provider", "gpu", "tier", "price", "reason", "detail")
HISTORY_COLUMNS = ("from", "until", "provider", "gpu", "tier", "commitment_months", "region", "usd_per_gpu_hour")


@dataclass(frozen=True, slots=True)
class PriceSpan:
    """One price and the days (ISO dates) on which it is known to have been valid, ``until`` not among them.

    ``commitment_months`` 0 is a term of unknown length.
    """

    begin: str
    until: str
    provider: str
    gpu: str
    tier: str
    commitment_months: int | None
    region: str
    usd_per_gpu_hour_micro: int


def offer_to_row(offer: Offer) -> list[object]:
    """An offer as a row of ``offers.csv.gz``."""

    def text(value: object) -> object:
        return "" if value is None else value

    instance = offer.usd_per_instance_hour_micro
    return [
        *(getattr(offer, name) for name in _TEXT),
        text(offer.gpu_count),
        offer.tier.value,
        text(offer.commitment_months),
        plain(offer.usd_per_gpu_hour_micro),
        "" if instance is None else plain(instance),
        text(offer.vcpus),
        text(offer.ram_gb),
        offer.fetched_at,
        offer.stale_at,
    ]


def _offer(row: dict[str, str]) -> Offer:
    def whole(name: str) -> int | None:
        return int(row[name]) if row[name] else None

    return Offer(
        **{name: row[name] for name in _TEXT},  # type: ignore[arg-type]
        gpu_count=Fraction(row["gpu_count"]) if row["gpu_count"] else None,
        tier=Tier(row["tier"]),
        commitment_months=whole("commitment_months"),
        usd_per_gpu_hour_micro=_micro(row["usd_per_gpu_hour"]) or 0,
        usd_per_instance_hour_micro=_micro(row["usd_per_instance_hour"]),
        vcpus=whole("vcpus"),
        ram_gb=whole("ram_gb"),
        fetched_at=int(row["fetched_at"]),
        stale_at=int(row["stale_at"]),
    )


def _micro(text: str) -> int | None:
    amount = parse_decimal(text)
    return None if amount is None else to_micro(amount)


def _rows(name: str) -> list[dict[str, str]]:
    with gzip.open(FOLDER / f"{name}.gz", "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def offers() -> list[Offer]:
    """Every offer of the shipped snapshot."""
    return [_offer(row) for row in _rows("offers.csv")]


def set_aside() -> list[dict[str, str]]:
    """Every row that was set aside, with its reason."""
    return _rows("set_aside.csv")


def history() -> list[PriceSpan]:
    """Every shipped price of the past."""
    return [
        PriceSpan(
            row["from"], row["until"], row["provider"], row["gpu"], row["tier"],
            int(row["commitment_months"]) if row["commitment_months"] else None,
            row["region"], _micro(row["usd_per_gpu_hour"]) or 0,
        )
        for row in _rows("history.csv")
    ]  # fmt: skip


@cache
def about() -> dict[str, Any]:
    """The numbers of rows read, kept and set aside, and for each source its name and day."""
    found: dict[str, Any] = json.loads((FOLDER / "about.json").read_text(encoding="utf-8"))
    return found
