"""The price history in the database: writing it, and what has to be read before. Inside the caller's transaction.

Money is micro-dollars, instants are seconds since 1970. Reading for pages is in :mod:`app.pricing.history.queries`.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from app.core.units import DAY_S
from app.pricing.offers.offer import COMMUNITY
from app.pricing.offers.tables import LevelRow, MoveRow, SeriesRow, SpanRow, StockReturnRow
from app.storage.engine import (
    execute,
    execute_many,
    fetch,
    fetch_column,
    fetch_one,
    fetch_pairs,
    fetch_value,
    insert_many,
)

Kind = tuple[str, str, str, int | None, str]
"""(provider, gpu, tier, months of commitment, region): offers of one kind are compared with each other."""
SHIPPED = "shipped:"
"""Prefix of the names of series that belong to a shipped list and not to an offer."""
_DAYS = (
    "INSERT INTO price_level_day (gpu, tier, day, last_at, low_micro, in_stock_micro) SELECT gpu, tier, at / {}, "
    "max(at), min(low_micro), min(CASE WHEN in_stock_micro >= 0 THEN in_stock_micro END) FROM price_level"
)
_KIND = ("provider", "gpu", "tier", "commitment_months", "region")


class RecordedMove(NamedTuple):
    """A move that is already recorded, and the price it began at, in micro-dollars per GPU-hour."""

    id: int
    before_micro: int


class ShippedOffer(NamedTuple):
    """An offer of the shipped snapshot: its price is known from the day ``price_since`` to the second ``fetched_at``.
    ``cards`` is the number of GPUs, ``None`` if unknown."""

    id: str
    provider: str
    gpu: str
    tier: str
    commitment_months: int | None
    region: str
    price_since: str
    fetched_at: int
    usd_per_gpu_hour_micro: int
    provider_tier: str
    cards: float | None

    @property
    def is_whole(self) -> bool:
        """True unless it is a fraction of a GPU; lists of lowest prices hold whole GPUs only."""
        return self.cards is None or self.cards >= 1


class LevelPrices(NamedTuple):
    """The lowest price, the median of each provider's lowest, and the lowest in stock, in micro-dollars per GPU-hour;
    ``None`` is "not known"."""

    low_micro: int | None
    median_micro: int | None
    in_stock_micro: int | None


class DatedLevel(NamedTuple):
    """A level, and the second from which it is valid."""

    at: int
    low_micro: int | None
    median_micro: int | None
    in_stock_micro: int | None

    @property
    def level(self) -> LevelPrices:
        return LevelPrices(*self[1:])


class ProviderLow(NamedTuple):
    """A provider's lowest fresh price, its lowest in stock, and what it states of its stock: "in", "out" or ""."""

    low_micro: int
    in_stock_micro: int | None
    stock: str


class DayOfLevels(NamedTuple):
    """The levels of a GPU and tier on one UTC day: the second at which the last began, the lowest prices, and how many
    levels there are. ``day`` is counted in days from 1970."""

    gpu: str
    tier: str
    day: int
    last: int
    low_micro: int | None
    in_stock_micro: int | None
    levels: int


async def add_series(rows: Iterable[tuple[Any, ...]]) -> None:
    """Insert series unless they exist; rows are (offer, then its kind)."""
    await execute_many(
        "INSERT INTO price_series (offer, provider, gpu, tier, commitment_months, region) "
        "VALUES ({}, {}, {}, {}, {}, {}) ON CONFLICT (offer) DO NOTHING",
        rows,
    )


async def insert_series(rows: Iterable[tuple[Any, ...]]) -> None:
    """Insert series into the empty table; rows are (offer, then its kind)."""
    await insert_many(SeriesRow, ("offer", *_KIND), rows)


async def series_numbers() -> dict[str, int]:
    """Id of the offer, or name of a shipped series → the series' number."""
    return await fetch_pairs("SELECT offer, id FROM price_series")


async def open_spans(rows: Iterable[tuple[int, int, str]]) -> None:
    """Insert prices without an end; rows are (first second, micro-dollars, offer)."""
    await execute_many(
        "INSERT INTO price_span (series, valid_from, usd_per_gpu_hour_micro) SELECT id, {}, {} FROM price_series "
        "WHERE offer = {}",
        rows,
    )


async def insert_spans(rows: Iterable[tuple[int, int, int, int]]) -> None:
    """Insert prices that have ended; rows are (series, first second, second after the last, micro-dollars)."""
    await insert_many(SpanRow, ("series", "valid_from", "valid_to", "usd_per_gpu_hour_micro"), rows)


async def close_spans(rows: Iterable[tuple[int, str]]) -> None:
    """End the prices that have no end yet; rows are (second after the last, offer)."""
    await execute_many(
        "UPDATE price_span SET valid_to = {} WHERE valid_to IS NULL AND series = (SELECT id FROM price_series "
        "WHERE offer = {})",
        rows,
    )


async def recorded_move(kind: Kind, midnight: int) -> RecordedMove | None:
    """The move of a kind that was recorded in the UTC day that begins at ``midnight``."""
    provider, gpu, tier, months, region = kind
    return await fetch_one(
        RecordedMove,
        "SELECT id, before_micro FROM price_move WHERE at >= {} AND at < {} AND provider = {} AND gpu = {} "
        "AND tier = {} AND region = {} AND coalesce(commitment_months, -1) = {}",
        midnight, midnight + DAY_S, provider, gpu, tier, region, -1 if months is None else months,
    )  # fmt: skip


async def forget_move(number: int) -> None:
    """Delete a move."""
    await execute("DELETE FROM price_move WHERE id = {}", number)


async def insert_moves(rows: Iterable[tuple[Any, ...]]) -> None:
    """Insert moves; rows are (second, then the kind, micro-dollars before, after)."""
    await insert_many(MoveRow, ("at", *_KIND, "before_micro", "after_micro"), rows)


async def insert_returns(rows: Iterable[tuple[Any, ...]]) -> None:
    """Insert returns of stock; rows are (second, offer, then its kind, micro-dollars)."""
    await insert_many(StockReturnRow, ("at", "offer", *_KIND, "usd_per_gpu_hour_micro"), rows)


async def delete_returns(before: int) -> None:
    """Delete returns of stock from before the second ``before``."""
    await execute("DELETE FROM stock_return WHERE at < {}", before)


async def shipped_offers() -> list[ShippedOffer]:
    """The offers of sources that have only their shipped list so far, without visitors' reports."""
    return await fetch(
        ShippedOffer,
        "SELECT id, provider, gpu, tier, commitment_months, region, price_since, fetched_at, usd_per_gpu_hour_micro, "
        "provider_tier, gpu_count_number AS cards FROM offer "
        "WHERE source NOT IN (SELECT name FROM loaded_source WHERE live) AND source <> {} ORDER BY id",
        COMMUNITY,
    )


async def fresh_until(gpu: str, tier: str) -> int | None:
    """The second until which the last of a GPU's offers of a tier counts as fresh; visitors' reports are left out."""
    found = await fetch_value(
        "SELECT max(stale_at) FROM offer WHERE gpu = {} AND tier = {} AND source <> {}", gpu, tier, COMMUNITY
    )
    return None if found is None else int(found)


async def last_level(gpu: str, tier: str) -> DatedLevel | None:
    """The newest level of a GPU and tier."""
    return await fetch_one(
        DatedLevel,
        "SELECT at, low_micro, median_micro, in_stock_micro FROM price_level WHERE gpu = {} AND tier = {} "
        "ORDER BY at DESC LIMIT 1",
        gpu, tier,
    )  # fmt: skip


async def put_level(gpu: str, tier: str, at: int, level: LevelPrices) -> None:
    """Write a level, replacing one of the same second."""
    await execute(
        "INSERT INTO price_level (gpu, tier, at, low_micro, median_micro, in_stock_micro) "
        "VALUES ({}, {}, {}, {}, {}, {}) ON CONFLICT (gpu, tier, at) DO UPDATE SET low_micro = excluded.low_micro, "
        "median_micro = excluded.median_micro, in_stock_micro = excluded.in_stock_micro",
        gpu, tier, at, *level,
    )  # fmt: skip
    await _sum_up_day(gpu, tier, at)


async def insert_levels(rows: Iterable[tuple[Any, ...]]) -> None:
    """Insert levels into the empty table; rows are (gpu, tier, second, lowest, median)."""
    await insert_many(LevelRow, ("gpu", "tier", "at", "low_micro", "median_micro"), rows)
    await rebuild_days()


async def rebuild_days() -> None:
    """Sum up the levels of each day anew."""
    await execute("DELETE FROM price_level_day")
    await execute(f"{_DAYS} GROUP BY 1, 2, 3", DAY_S)


async def _sum_up_day(gpu: str, tier: str, at: int) -> None:
    """Sum up the levels of the day of the second ``at``."""
    day = at // DAY_S
    await execute("DELETE FROM price_level_day WHERE gpu = {} AND tier = {} AND day = {}", gpu, tier, day)
    await execute(
        f"{_DAYS} WHERE gpu = {{}} AND tier = {{}} AND at >= {{}} AND at < {{}} GROUP BY 1, 2, 3",
        DAY_S, gpu, tier, day * DAY_S, (day + 1) * DAY_S,
    )  # fmt: skip


async def has_levels() -> bool:
    """True if any level is stored."""
    return bool(await fetch_column("SELECT 1 FROM price_level LIMIT 1"))


async def fresh_lows(gpu: str, tier: str, now: int) -> list[ProviderLow]:
    """Each provider's lowest prices among the offers that are fresh at ``now``, without visitors' reports."""
    return await fetch(
        ProviderLow,
        "SELECT min(usd_per_gpu_hour_micro) AS low_micro, "
        "min(CASE stock WHEN 'in' THEN usd_per_gpu_hour_micro END) AS in_stock_micro, max(stock) AS stock "
        "FROM offer WHERE gpu = {} AND tier = {} AND stale_at > {} AND source <> {} GROUP BY provider",
        gpu, tier, now, COMMUNITY,
    )  # fmt: skip


async def days_of_levels(before: int) -> list[DayOfLevels]:
    """The levels that began before the second ``before``, grouped by GPU, tier and day."""
    return await fetch(
        DayOfLevels,
        "SELECT gpu, tier, at / {} AS day, max(at) AS last, min(low_micro) AS low_micro, "
        "min(CASE WHEN in_stock_micro >= 0 THEN in_stock_micro END) AS in_stock_micro, count(*) AS levels "
        "FROM price_level WHERE at < {} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
        DAY_S, before,
    )  # fmt: skip


async def join_levels(days: Iterable[DayOfLevels]) -> None:
    """Keep one level of each day: its last, with the day's lowest prices."""
    kept = list(days)
    await execute_many(
        "UPDATE price_level SET low_micro = CASE WHEN low_micro IS NULL THEN low_micro ELSE {} END, "
        "in_stock_micro = coalesce({}, in_stock_micro) WHERE gpu = {} AND tier = {} AND at = {}",
        ((day.low_micro, day.in_stock_micro, day.gpu, day.tier, day.last) for day in kept),
    )
    await execute_many(
        "DELETE FROM price_level WHERE gpu = {} AND tier = {} AND at >= {} AND at < {}",
        ((day.gpu, day.tier, day.day * DAY_S, day.last) for day in kept),
    )
