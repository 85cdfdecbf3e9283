"""The table of counters: written in batches, read by the status page."""

from collections import defaultdict
from collections.abc import Mapping

from app.database import execute_many, fetch, transaction
from app.telemetry.counters import MEASURES, REQUESTS, Key

TELEMETRY_KEY = "telemetry"

Histogram = dict[int, int]
"""Bucket → count."""


async def write(counts: Mapping[Key, int]) -> None:
    """Add ``counts`` to the table."""
    if not counts:
        return
    async with transaction(TELEMETRY_KEY):
        await execute_many(
            "INSERT INTO daily_counter (day, measure, page, bucket, count) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (day, measure, page, bucket) DO UPDATE SET count = count + excluded.count",
            [(*key, count) for key, count in counts.items()],
        )


async def histograms(since: str) -> dict[str, dict[str, Histogram]]:
    """Page → measure → histogram of what pages said of themselves, from the day ``since`` on."""
    found: dict[str, dict[str, Histogram]] = defaultdict(lambda: {measure: {} for measure in MEASURES})
    rows = await fetch(
        "SELECT page, measure, bucket, sum(count) FROM daily_counter WHERE day >= ? GROUP BY page, measure, bucket",
        since,
    )
    for page, measure, bucket, count in rows:
        if measure in MEASURES:
            found[page][measure][bucket] = count
    return dict(found)


async def requests(since: str) -> dict[str, Histogram]:
    """Route → class of status (2 for 2xx) → requests, from the day ``since`` on."""
    found: dict[str, Histogram] = defaultdict(dict)
    rows = await fetch(
        "SELECT page, bucket, sum(count) FROM daily_counter WHERE day >= ? AND measure = ? GROUP BY page, bucket",
        since,
        REQUESTS,
    )
    for page, status, count in rows:
        found[page][status] = count
    return dict(found)


async def total(since: str, measure: str) -> int:
    """The sum of one measure, from the day ``since`` on."""
    return int(
        (
            await fetch(
                "SELECT coalesce(sum(count), 0) FROM daily_counter WHERE day >= ? AND measure = ?", since, measure
            )
        )[0][0]
    )


async def by_day(since: str) -> list[tuple[str, int]]:
    """(day, requests) from the day ``since`` on, the newest first."""
    rows = await fetch(
        "SELECT day, sum(count) FROM daily_counter WHERE day >= ? AND measure = ? GROUP BY day ORDER BY day DESC",
        since,
        REQUESTS,
    )
    return [(day, count) for day, count in rows]
