"""The table of counters: written in batches, read by the status page."""

from collections import defaultdict
from collections.abc import Mapping

from app.core import clock
from app.core.version_keys import TELEMETRY_KEY
from app.storage.sqlite import execute_many, fetch, transaction
from app.telemetry.counters import DROPPED, MEASURES, REQUESTS, SOURCE, Histogram, Key


async def write(counts: Mapping[Key, int], *, tell: bool = True) -> None:
    """Add ``counts`` to the table; with ``tell`` the pages that show them are made anew."""
    if not counts:
        return
    async with transaction(*[TELEMETRY_KEY][: int(tell)]):
        await execute_many(
            "INSERT INTO daily_counter (day, measure, page, bucket, count) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (day, measure, page, bucket) DO UPDATE SET count = count + excluded.count",
            [(*key, count) for key, count in counts.items()],
        )


async def tried(source: str, *, well: bool) -> None:
    """Count one try of a source."""
    await write({(f"{clock.now():%Y-%m-%d}", SOURCE, source, int(not well)): 1}, tell=False)


async def tries(since: str) -> dict[str, tuple[int, int]]:
    """Source → (tries that went well, tries that failed), from the day ``since`` on."""
    rows = await fetch(
        "SELECT page, sum(count * (bucket = 0)), sum(count * (bucket = 1)) FROM daily_counter WHERE day >= ? "
        "AND measure = ? GROUP BY page",
        since,
        SOURCE,
    )
    return {page: (well, failed) for page, well, failed in rows}


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


async def dropped(since: str) -> int:
    """Rows the access log let go, from the day ``since`` on."""
    rows = await fetch(
        "SELECT coalesce(sum(count), 0) FROM daily_counter WHERE day >= ? AND measure = ?", since, DROPPED
    )
    return int(rows[0][0])


async def by_day(since: str) -> list[tuple[str, int]]:
    """(day, requests) from the day ``since`` on, the newest first."""
    rows = await fetch(
        "SELECT day, sum(count) FROM daily_counter WHERE day >= ? AND measure = ? GROUP BY day ORDER BY day DESC",
        since,
        REQUESTS,
    )
    return [(day, count) for day, count in rows]
