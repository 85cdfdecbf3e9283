"""The public report from the counters: quantiles of load times, error rates, uptime of sources.

Small counts are hidden.
"""

from dataclasses import dataclass
from datetime import timedelta

from app.core import clock
from app.telemetry import counter_store
from app.telemetry.counters import ERRORS, FEW, MEASURES, Histogram, hidden, percentile

DAYS = 30
LISTED = 20
"""Pages in the table of `/status`, which stays light however many addresses the site has."""


@dataclass(frozen=True, slots=True)
class Page:
    """One route, as readers may see it: requests, the shares of them that were refused (4xx) or failed (5xx), page
    views, their quantiles, and the share of views with a script error.

    Times are in milliseconds, each the upper edge of its bucket; ``load`` holds the 50th, 75th and 95th percentiles,
    each ``None`` if there are too few views. ``shift`` is the 75th percentile of layout shift.
    """

    route: str
    requests: str
    refused: str
    failed: str
    views: str
    load: tuple[str, str, str] | None
    paint: str
    shift: str
    script_errors: str


@dataclass(frozen=True, slots=True)
class Report:
    """The last :data:`DAYS` days: the :data:`LISTED` pages asked for most, and how many more there are."""

    since: str
    pages: list[Page]
    more_pages: int
    days: list[tuple[str, str]]
    dropped: int
    tries: dict[str, tuple[int, int]]


async def report(now: int) -> Report:
    """The report at ``now``, in seconds since 1970."""
    since = f"{clock.from_timestamp(now) - timedelta(days=DAYS):%Y-%m-%d}"
    said, asked = await counter_store.histograms(since), await counter_store.requests(since)
    routes = busiest_first({route: sum(asked.get(route, {}).values()) for route in {*said, *asked}})
    pages = [_page(route, asked.get(route, {}), said.get(route, {})) for route in routes[:LISTED]]
    days = [(day, hidden(count)) for day, count in await counter_store.by_day(since)]
    more = max(0, len(routes) - LISTED)
    return Report(since, pages, more, days, await counter_store.dropped(since), await counter_store.tries(since))


def busiest_first(requests: dict[str, int]) -> list[str]:
    """The routes by requests, most first; small counts stay hidden, so that such routes follow by name alone."""
    return sorted(requests, key=lambda route: (-requests[route] if requests[route] >= FEW else 0, route))


def _page(route: str, asked: Histogram, said: dict[str, Histogram]) -> Page:
    requests, views = sum(asked.values()), sum(said.get("load", {}).values())
    seen = views >= FEW
    without_errors = said.get("errors", {}).get(ERRORS.index(0), 0)
    return Page(
        route,
        hidden(requests),
        share(asked.get(4, 0), requests),
        share(asked.get(5, 0), requests),
        hidden(views),
        (_time(said, "load", 0.5), _time(said, "load", 0.75), _time(said, "load", 0.95)) if seen else None,
        _time(said, "paint", 0.75) if seen else "",
        _shift(said) if seen else "",
        share(views - without_errors, views),
    )


def share(count: int, total: int) -> str:
    """A share for readers.

    Next to the total, a share reveals both the count and its complement; if either is small, the text says only that.
    """
    if total < FEW:
        return "–"
    if 0 < count < FEW:
        return hidden(count)
    if 0 < total - count < FEW:
        return f"all but {hidden(total - count)}"
    return f"{100 * count / total:.1f}%"


def _time(said: dict[str, Histogram], measure: str, share: float) -> str:
    edges = MEASURES[measure]
    found = percentile(said[measure], edges, share)
    return f"over {edges[-1]:,} ms" if found is None else f"{found:,} ms"


def _shift(said: dict[str, Histogram]) -> str:
    edges = MEASURES["shift"]
    found = percentile(said["shift"], edges, 0.75)
    return f"over {edges[-1] / 1000:g}" if found is None else f"{found / 1000:g}"
