"""Queries of the stored price history, for pages. Returns plain values; no HTML and no HTTP here."""

from operator import itemgetter

from app.core.units import DAY_S
from app.pricing.offers.store import Row
from app.pricing.offers.tables import MoveRow
from app.storage.engine import fetch_column, fetch_rows

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
        "SELECT d.day * {} AS at, d.tier AS tier, CASE WHEN p.low_micro IS NULL THEN NULL ELSE d.low END "
        "AS low_micro, p.median_micro AS median_micro, coalesce(d.stocked, p.in_stock_micro) AS in_stock_micro "
        "FROM (SELECT tier, at / {} AS day, min(low_micro) AS low, max(at) AS last, "
        "min(CASE WHEN in_stock_micro >= 0 THEN in_stock_micro END) AS stocked FROM price_level "
        "WHERE gpu = {} AND tier IN ('on-demand', 'spot') AND at >= {} GROUP BY 1, 2) d "
        "JOIN price_level p ON p.gpu = {} AND p.tier = d.tier AND p.at = d.last",
        DAY_S, DAY_S, gpu, midnight, gpu,
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


async def charted_providers(gpu: str, since: int = 0) -> set[str]:
    """The providers whose prices, on demand or spot, the levels of ``gpu`` are made of from the second ``since`` on."""
    return set(
        await fetch_column(
            "SELECT DISTINCT s.provider FROM price_series s JOIN price_span p ON p.series = s.id "
            "WHERE s.gpu = {} AND s.tier IN ('on-demand', 'spot') AND (p.valid_to IS NULL OR p.valid_to > {})",
            gpu, since,
        )
    )  # fmt: skip


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


async def history_extent() -> Row:
    """``count`` of stored price spans, and the ``first`` and ``last`` second at which a price changed."""
    found = await fetch_rows(
        "SELECT count(*) AS count, min(valid_from) AS first, max(coalesce(valid_to, valid_from)) AS last "
        "FROM price_span",
    )
    return found[0]
