"""The table of counters: written in batches, read by the status page."""

from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

from app.core import clock
from app.core.version_keys import TELEMETRY_KEY
from app.storage import scopes
from app.storage.engine import execute_many, fetch, fetch_pairs, fetch_value, transaction
from app.telemetry.counters import DROPPED, MEASURES, REQUESTS, SOURCE, Histogram, Key


class SourceTries(NamedTuple):
    """How many attempts to fetch a source succeeded, and how many failed."""

    source: str
    well: int
    failed: int


class Counted(NamedTuple):
    """How often a bucket of a page's measure was counted."""

    page: str
    measure: str
    bucket: int
    times: int


async def write(counts: Mapping[Key, int], *, tell: bool = True) -> None:
    """Add ``counts`` to the table; with ``tell``, pages that show them are rendered again."""
    if not counts:
        return
    async with transaction(*[TELEMETRY_KEY][: int(tell)], scope=scopes.COUNTERS):
        await execute_many(
            "INSERT INTO daily_counter (day, measure, page, bucket, count) VALUES ({}, {}, {}, {}, {}) "
            "ON CONFLICT (day, measure, page, bucket) DO UPDATE SET count = daily_counter.count + excluded.count",
            [(*key, count) for key, count in counts.items()],
        )


async def tried(source: str, *, well: bool) -> None:
    """Count one attempt to fetch a source."""
    await write({(f"{clock.now():%Y-%m-%d}", SOURCE, source, int(not well)): 1}, tell=False)


async def tries(since: str) -> dict[str, tuple[int, int]]:
    """Source → (attempts that succeeded, attempts that failed), from the day ``since`` on."""
    found = await fetch(
        SourceTries,
        "SELECT page AS source, sum(CASE bucket WHEN 0 THEN count ELSE 0 END) AS well, "
        "sum(CASE bucket WHEN 1 THEN count ELSE 0 END) AS failed FROM daily_counter WHERE day >= {} "
        "AND measure = {} GROUP BY page",
        since, SOURCE,
    )  # fmt: skip
    return {row.source: (row.well, row.failed) for row in found}


async def histograms(since: str) -> dict[str, dict[str, Histogram]]:
    """Page → measure → histogram of what browsers reported, from the day ``since`` on."""
    found: dict[str, dict[str, Histogram]] = defaultdict(lambda: {measure: {} for measure in MEASURES})
    for row in await fetch(
        Counted,
        "SELECT page, measure, bucket, sum(count) AS times FROM daily_counter WHERE day >= {} "
        "GROUP BY page, measure, bucket",
        since,
    ):
        if row.measure in MEASURES:
            found[row.page][row.measure][row.bucket] = row.times
    return dict(found)


async def requests(since: str) -> dict[str, Histogram]:
    """Route → status class (2 for 2xx) → number of requests, from the day ``since`` on."""
    found: dict[str, Histogram] = defaultdict(dict)
    for row in await fetch(
        Counted,
        "SELECT page, measure, bucket, sum(count) AS times FROM daily_counter WHERE day >= {} AND measure = {} "
        "GROUP BY page, measure, bucket",
        since, REQUESTS,
    ):  # fmt: skip
        found[row.page][row.bucket] = row.times
    return dict(found)


async def dropped(since: str) -> int:
    """The number of rows that the access log dropped, from the day ``since`` on."""
    return int(
        await fetch_value(
            "SELECT coalesce(sum(count), 0) FROM daily_counter WHERE day >= {} AND measure = {}", since, DROPPED
        )
    )


async def by_day(since: str) -> list[tuple[str, int]]:
    """(day, requests) from the day ``since`` on, the newest first."""
    found = await fetch_pairs(
        "SELECT day, sum(count) FROM daily_counter WHERE day >= {} AND measure = {} GROUP BY day ORDER BY day DESC",
        since, REQUESTS,
    )  # fmt: skip
    return list(found.items())
