"""The market as it was known at the end of a day, from the stored history."""

import asyncio
from datetime import date
from typing import Any

from app.core.clock import from_timestamp, parse_instant
from app.core.units import DAY_S
from app.pricing.history import spans
from app.pricing.history.price_span import Span
from app.pricing.history.store import SHIPPED
from app.pricing.offers import store
from app.pricing.offers.offer import COMMUNITY
from app.pricing.offers.price_query import PriceQuery
from app.pricing.offers.store import Row
from app.pricing.offers.tables import OfferRow

HISTORY = "history"
"""The ``source`` of a row made from history, which keeps prices but not which source stated them."""
UNKNOWN_TERM_GROUP = 9999
CARRIED_DAYS = 92
"""Prices of a list are carried forward, marked as stale, for at most this many days after it was last read."""
_BLANK: Row = {column._meta.name: None if column._meta.null else "" for column in OfferRow._meta.columns}
_OF_TODAY = {"stock": "", "reclaim_low": None, "reclaim_high": None, "reclaim_hours": None, "reliability": None}
"""Columns that history does not keep, with their empty values: they are known for today only."""
_MONEY_OF_TODAY = {"usd_per_instance_hour_micro": None, "quoted_amount": "", "quoted_per": "", "currency": None,
                   "exchange_rate_date": "", "derived": "", "disk_usd_per_gb_month_micro": None,
                   "traffic_usd_per_gb_micro": None}  # fmt: skip
"""Columns that describe today's price, with their empty values: history keeps none of them for an earlier price."""


async def market(query: PriceQuery, day: date, now: int) -> list[Row]:
    """The offers that match ``query`` as they were at the end of the past ``day`` (UTC); ``now`` in seconds.

    Rows have the columns of the price table. An offer that still exists keeps its description, and the details of its
    price if that has not changed; of one that is gone, only what history keeps is filled in: provider, GPU, tier, term,
    region and price. A price counts as known until another replaced it, and as stale past its source's freshness limit.
    Prices of a list that was not read again are carried forward for :data:`CARRIED_DAYS`.
    """
    end = min(int(parse_instant(day.isoformat()).timestamp()) + DAY_S, now + 1)
    offers = await store.all_rows(query.with_(max_usd_micro=None))  # first: it refuses what is too much
    current = await spans.answering(query, end - 1, end)
    before = [span for span in await spans.answering(query, end - CARRIED_DAYS * DAY_S, end) if _was_listed(span, end)]
    rows = await asyncio.to_thread(_rows, current, offers, before, end)
    return await asyncio.to_thread(_in_order, rows, query)


def _in_order(rows: list[Row], query: PriceQuery) -> list[Row]:
    most = query.max_usd_micro
    found = [row for row in rows if most is None or row["usd_per_gpu_hour_micro"] <= most]
    return sorted(found, key=lambda row: _sort_key(row, query))


def _was_listed(span: Span, end: int) -> bool:
    """True for a price of a shipped list that was last seen before the second ``end``."""
    return span.end is not None and span.end < end and span.offer.startswith(SHIPPED)


def _rows(current: list[Span], offers: list[Row], before: list[Span], end: int) -> list[Row]:
    """Rows of the ``current`` spans, of today's ``offers`` that already had their price then but are in no span, and
    of the spans ``before`` that are carried forward because nothing newer is known of their kind."""
    known = {row["id"]: row for row in offers if row["source"] != COMMUNITY}
    last_day = _day(end - 1)
    rows = [_of_span(span, known.get(span.offer), end) for span in current]
    in_history = {span.offer for span in current}
    rows += [
        {**row, **_OF_TODAY} for key, row in known.items() if key not in in_history and row["price_since"] <= last_day
    ]
    described = {_kind(row) for row in rows if row["source"] != HISTORY}
    rows = [row for row in rows if row["source"] != HISTORY or _kind(row) not in described]
    covered = {_kind(row) for row in rows} | {(*_kind(row)[:-1], "") for row in rows}  # a list may state no region
    last = {span.kind: span for span in sorted(before, key=lambda span: span.end or 0)}
    carried = [_of_span(span, None, end) | _seen_until(span) for span in last.values()]
    return rows + [row for row in carried if _kind(row) not in covered]


def _seen_until(span: Span) -> Row:
    """The columns that say when a price of a list was last seen: it has been stale since then."""
    return {"fetched_at": (span.end or 0) - 1, "stale_at": span.end}


def _of_span(span: Span, offer: Row | None, end: int) -> Row:
    """The row of a past price; ``offer`` is today's row of the same offer, ``None`` if it is gone."""
    since = _day(span.begin)
    if offer is None:
        return {**_BLANK, "id": span.offer, "source": HISTORY, "provider": span.provider, "gpu": span.gpu,
                "tier": span.tier, "commitment_months": span.months, "region": span.region, "price_since": since,
                "usd_per_gpu_hour_micro": span.micro, "currency": None, "fetched_at": end - 1, "stale_at": end + 1,
                "rank_group": 0 if span.tier != "reserved" else span.months or UNKNOWN_TERM_GROUP}  # fmt: skip
    seen = min(offer["fetched_at"], end - 1)
    stale = offer["stale_at"] if offer["fetched_at"] < end else end + 1
    row = {**offer, "fetched_at": seen, "stale_at": stale, **_OF_TODAY, "price_since": since}
    if offer["usd_per_gpu_hour_micro"] != span.micro:
        row |= {**_MONEY_OF_TODAY, "usd_per_gpu_hour_micro": span.micro}
    return row


def _kind(row: Row) -> tuple[Any, ...]:
    """What a price is of. Of a machine anywhere a list may state ``global``, or no region at all."""
    where = "" if row["region"] == "global" else row["region"]
    return (*(row[name] for name in ("provider", "gpu", "tier", "commitment_months")), where)


def _day(seconds: int) -> str:
    return f"{from_timestamp(seconds):%Y-%m-%d}"


def _sort_key(row: Row, query: PriceQuery) -> tuple[Any, ...]:
    """The sort key of a row in the order that ``query`` names, the same as the price table's: unknown values last, and
    a fixed order among ties."""
    name = store.SORT_COLUMNS[query.sort]._meta.name
    value, rank = row[name], row["rank_group"]
    first = rank if query.sort in ("price", "instance") else 0
    ordered = _Descending(value) if query.order == "desc" and value is not None else value
    return first, value is None, ordered, rank, row["usd_per_gpu_hour_micro"], row["id"]


class _Descending:
    """A value that sorts in descending order. Values may be text, which has no negative."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __lt__(self, other: "_Descending") -> bool:
        return bool(other.value < self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Descending) and bool(other.value == self.value)

    __hash__ = None  # type: ignore[assignment]
