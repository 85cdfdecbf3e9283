"""Queries of the stored price history, for pages. Returns plain values; no HTML and no HTTP here."""

from operator import itemgetter
from typing import NamedTuple

from app.core.units import DAY_S
from app.pricing.offers.store import Row
from app.pricing.offers.tables import MoveRow
from app.storage.engine import fetch_one, fetch_rows, fetch_value


class Extent(NamedTuple):
    """The first and the last second at which a price changed, ``None`` without history."""

    first: int | None
    last: int | None


class _Ends(NamedTuple):
    first: int | None
    begun: int | None
    ended: int | None


_LEVEL = "at, tier, low_micro, median_micro, in_stock_micro"


async def levels(gpu: str, since: int = 0) -> list[Row]:
    """The price levels of ``gpu`` from the second ``since`` on, by time, beginning with the one valid at that
    second."""
    asked = f"SELECT {_LEVEL} FROM price_level WHERE gpu = {{}} AND tier = {{}}"  # noqa: S608
    found: list[Row] = []
    for tier in ("on-demand", "spot"):
        if since:
            before = await fetch_rows(f"{asked} AND at < {{}} ORDER BY at DESC LIMIT 1", gpu, tier, since)
            found += [{**row, "at": since} for row in before]
        found += await fetch_rows(f"{asked} AND at >= {{}}", gpu, tier, since)
    return _in_order(found)


async def levels_by_day(gpu: str, since: int = 0) -> list[Row]:
    """One level for each day with a change: the day's lowest price, its last median, the lowest that was in stock.

    For long windows: a year of hourly changes then takes no longer than a week. The last level of a day decides
    whether a price is known at all.
    """
    midnight = since - since % DAY_S
    found = await fetch_rows(
        "SELECT d.day * {} AS at, d.tier AS tier, CASE WHEN p.low_micro IS NULL THEN NULL ELSE d.low_micro END "
        "AS low_micro, p.median_micro AS median_micro, coalesce(d.in_stock_micro, p.in_stock_micro) AS in_stock_micro "
        "FROM price_level_day d JOIN price_level p ON p.gpu = d.gpu AND p.tier = d.tier AND p.at = d.last_at "
        "WHERE d.gpu = {} AND d.tier IN ('on-demand', 'spot') AND d.day >= {}",
        DAY_S, gpu, midnight // DAY_S,
    )  # fmt: skip
    if since:
        asked = (
            f"SELECT {_LEVEL} FROM price_level WHERE gpu = {{}} AND tier = {{}} AND at = "  # noqa: S608
            "(SELECT max(at) FROM price_level WHERE gpu = {} AND tier = {} AND at < {})"
        )
        given = [value for tier in ("on-demand", "spot") for value in (gpu, tier, gpu, tier, midnight)]
        before = await fetch_rows(f"{asked} UNION ALL {asked}", *given)
        found += [{**row, "at": midnight - 1} for row in before]
    return _in_order(found)


def _in_order(found: list[Row]) -> list[Row]:
    """Levels by time, and by tier within a second."""
    return sorted(found, key=itemgetter("at", "tier"))


async def moves(gpu: str, limit: int) -> list[Row]:
    """At most ``limit`` moves of ``gpu``, or of all GPUs if it is empty: the newest first, larger before smaller within
    a day."""
    asked = MoveRow.select()
    if gpu:
        asked = asked.where(MoveRow.gpu == gpu)
    return list(await asked.order_by(MoveRow.at, ascending=False).order_by(MoveRow.id).limit(limit).run())


async def history_extent() -> Extent:
    """The first and the last second at which a price changed."""
    found = await fetch_one(
        _Ends,
        "SELECT (SELECT min(valid_from) FROM price_span) AS first, (SELECT max(valid_from) FROM price_span) AS begun, "
        "(SELECT max(valid_to) FROM price_span) AS ended",
    )
    first, *last = found or _Ends(None, None, None)
    return Extent(first, max((at for at in last if at is not None), default=None))


async def kept_prices() -> int:
    """How many prices the history holds, each with the time in which it was valid."""
    return int(await fetch_value("SELECT count(*) FROM price_span"))
