"""Past prices of the raw lists as spans: a price with the first day and the day after the last on which it is known to
have been valid.

Two kinds of list are read. The daily list states each price of each day; the karpenter lists state a price on the day
on which it changed, and it is valid until the next change or the list's last day. If both have a provider's GPU in a
region, the list of changes is used: it is more exact, because it names the machine.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

from app.catalog.aliases import Resolved, resolve
from app.catalog.facts import provider_spellings
from app.core import clock
from app.pricing.offers.normalise import normalise
from app.pricing.offers.offer import Offer, RawOffer, Reason, Tier
from app.pricing.sources.machines import aws_types, gcp_machines
from tools import autumn_lists
from tools.autumn_lists import rows_of

Kind = tuple[str, str, str, str, str]
"""(provider, gpu, tier, months of commitment, region), as the shipped file writes them."""
Span = tuple[str, str, Decimal]
"""(first day, day after the last, USD per GPU-hour)."""

ORACLES_PARTS = {("oci", "L40S", Decimal("0.6")), ("oci", "L40S", Decimal("3.5")), ("oci", "B200", Decimal(16))}
"""Rows of the daily list that are only a part of a price in Oracle's list, see :mod:`tools.make_snapshot`."""
BY_MACHINE = ("aws", "azure", "gcp")
AWS_LAST, GCP_LAST = "2026-07-20", "2026-08-03"


@dataclass(frozen=True, slots=True)
class Spans:
    """The rows of the shipped history, ``kept``; the number of raw rows ``read``; and why rows are not in it → their
    number, ``aside``. Every row that was read is in a span or counted in ``aside``."""

    kept: list[tuple[str, ...]]
    read: int
    aside: Counter[str]


CLOSER, NO_PRICE, NO_CARD = "another list is closer", "no price", "not a card that is known"
MACHINE, SLICE = "another machine's price is no change", "a slice of a card"


def of_lists(folder: Path, superseded: Iterable[RawOffer] = ()) -> Spans:
    """The spans of all three lists, one price at a time for each kind: its provider's lowest. ``superseded`` are offers
    that a later list replaced: their prices are past, and are used if no list of days has that kind."""
    daily_rows = rows_of(folder, "price_history.csv")
    daily, aside = _daily(daily_rows)
    changes, unused, read = _changes(folder / "autumn")
    older, left, overtaken = _of_offers(superseded)
    aside += unused + left
    for kind in list(daily):
        if kind in changes:
            aside[CLOSER] += len(daily.pop(kind))
    for kind, found in older.items():
        if kind in daily or kind in changes:
            aside[CLOSER] += len(found)
        else:
            daily[kind] = found
    rows = [
        (begin, end, *kind, f"{price.normalize():f}")
        for kinds in (daily, changes)
        for kind, found in kinds.items()
        for begin, end, price in _lowest(found)
    ]
    return Spans(sorted(rows), len(daily_rows) + read + overtaken, aside)


def _of_offers(superseded: Iterable[RawOffer]) -> tuple[dict[Kind, list[Span]], Counter[str], int]:
    """The spans of offers of whole GPUs, each from the day of its price to the day on which it was seen; why others
    have none; and how many were read. None are made for clouds whose later lists name each machine: the price of
    another machine is no change of price."""
    found: dict[Kind, list[Span]] = {}
    aside: Counter[str] = Counter()
    raws = list(superseded)
    for raw in raws:
        offer = normalise(raw, {}, raw.fetched_at)
        if not isinstance(offer, Offer):
            aside[offer.reason.value] += 1
            continue
        if offer.gpu_count is not None and offer.gpu_count < 1:
            aside[SLICE] += 1
            continue
        if offer.provider in BY_MACHINE:
            aside[MACHINE] += 1
            continue
        months = "" if offer.tier is not Tier.RESERVED else str(offer.commitment_months or 0)
        kind = (offer.provider, offer.gpu, offer.tier.value, months, offer.region)
        seen = clock.from_timestamp(offer.fetched_at).date().isoformat()
        price = Decimal(offer.usd_per_gpu_hour_micro).scaleb(-6)
        found.setdefault(kind, []).append((min(offer.price_since or seen, seen), _after(seen), price))
    return found, aside, len(raws)


def _daily(rows: list[dict[str, str]]) -> tuple[dict[Kind, list[Span]], Counter[str]]:
    found: dict[Kind, list[Span]] = {}
    aside: Counter[str] = Counter()
    for row in rows:
        provider = provider_spellings().get(row["provider"].casefold())
        label = row["gpu_type"]
        if provider == "runpod":  # the list files PCIe and NVL cards of RunPod under SXM: the form is open
            label = label.replace("H100 SXM", "H100").replace("H200 SXM", "H200")
        gpu = resolve(provider or "", label)
        price = Decimal(row["per_gpu_hourly_usd"] or "0")
        if (provider, row["gpu_type"], price) in ORACLES_PARTS:
            aside[Reason.NOT_AN_OFFER.value] += 1
            continue
        if provider is None or not isinstance(gpu, Resolved) or price <= 0:
            aside[NO_PRICE if price <= 0 else NO_CARD] += 1
            continue
        tier = row["price_tier"].replace("_", "-")
        months = tier.removesuffix("mo") if tier.endswith("mo") else ""
        if months and (provider == "gcp" or (provider == "runpod" and months == "36")):
            months = "0"
        kind = (provider, gpu.gpu, "reserved" if months else tier, months, row["region"])
        found.setdefault(kind, []).append((row["date"], _after(row["date"]), price))
    return found, aside


def _changes(folder: Path) -> tuple[dict[Kind, list[Span]], Counter[str], int]:
    """The spans of each kind in the lists of changes, why rows are not in them, how many there are."""
    aws = rows_of(folder, "aws_ondemand_changes_2023-2026_karpenter.csv")
    gcp = rows_of(folder, "gcp_changes_2026-05_2026-08_karpenter.csv")
    lists = (
        (aws, autumn_lists.AWS, "AWS", "instance", aws_types(), "generated_at", AWS_LAST),
        (gcp, autumn_lists.GCP, "GCP", "machine", gcp_machines(), "commit_day", GCP_LAST),
    )
    found: dict[Kind, list[Span]] = {}
    aside: Counter[str] = Counter()
    for rows, source, provider, name, known, seen, last in lists:
        machines: dict[tuple[Kind, str], dict[str, Decimal]] = {}
        for row in rows:
            at = int(clock.parse_instant(row[seen]).timestamp())
            raw = autumn_lists.machine_offer(source, provider, row[name], known, row, at, "")
            offer = normalise(raw, {}, at)
            if not isinstance(offer, Offer) or offer.gpu_count is None or offer.gpu_count < 1:
                aside[SLICE if isinstance(offer, Offer) else offer.reason.value] += 1
                continue
            kind = (offer.provider, offer.gpu, offer.tier.value, "", offer.region)
            price = Decimal(offer.usd_per_gpu_hour_micro).scaleb(-6)
            machines.setdefault((kind, row[name]), {})[row[seen][:10]] = price
        for (kind, _), days in machines.items():
            edges = [*sorted(days), _after(last)]
            found.setdefault(kind, []).extend((day, end, days[day]) for day, end in pairwise(edges))
    return found, aside, len(aws) + len(gcp)


def _lowest(spans: Iterable[Span]) -> list[Span]:
    """One price at a time: the lowest of those valid, with days of the same price merged."""
    known = list(spans)
    edges = sorted({day for begin, end, _ in known for day in (begin, end)})
    found: list[Span] = []
    for begin, end in pairwise(edges):
        prices = [price for first, last, price in known if first <= begin < last]
        if not prices:
            continue
        price = min(prices)
        if found and found[-1][1] == begin and found[-1][2] == price:
            found[-1] = (found[-1][0], end, price)
        else:
            found.append((begin, end, price))
    return found


def _after(day: str) -> str:
    return (date.fromisoformat(day) + timedelta(days=1)).isoformat()
