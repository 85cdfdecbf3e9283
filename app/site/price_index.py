"""The price index by GPU and tier: page, CSV and feed."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime

from app.catalog.facts import gpus
from app.core import csv_text
from app.core.addresses import encode
from app.core.errors import QueryError
from app.core.money import show, to_decimal
from app.core.number_format import percent
from app.core.units import DAY_S
from app.core.version_keys import TALLY_KEY
from app.pricing.history import chart, provider_low_store, spans
from app.pricing.history.index import CARRIED_DAYS, LEAST_PROVIDERS, TIERS, Point, points
from app.pricing.history.price_span import Span, grouped
from app.pricing.offers.price_query import PriceQuery
from app.pricing.search.parse_query import parse, unknown_parameter
from app.site import feeds
from app.site.price_changes import NEVER_S
from app.site.render import render
from app.web.answers import Answer, Ask
from app.web.front import public
from app.web.one_at_a_time import one_at_a_time

WEEK = 7
ALL_DAYS, ONE_DAYS = 91, 731
"""Days shown for all GPUs, and for a single one."""
MOST_ENTRIES = 100
COLUMNS = ("gpu", "tier", "day", "providers", "median_usd_per_gpu_hour", "lowest_usd_per_gpu_hour",
           "highest_usd_per_gpu_hour")  # fmt: skip
_LINES = (("low", ""), ("mid", "on demand"), ("spot", "spot"))


@dataclass(frozen=True, slots=True)
class Series:
    """The index of one GPU and tier: its points, the oldest first, at least one."""

    gpu: str
    tier: str
    points: list[Point]

    @property
    def last(self) -> Point:
        return self.points[-1]

    def before(self, days: int) -> Point | None:
        """The point ``days`` days before the last one, if there is one."""
        return next((point for point in self.points if point.day == self.last.day - days), None)


@public("/index", shows=(TALLY_KEY,))
async def page(ask: Ask) -> Answer:
    """The index of every GPU and tier, or one GPU's as a chart, with the method."""
    query = _asked(ask, "/index")
    found = await _series(query, ask.now)
    gpu = gpus()[query.gpu[0]] if query.gpu else None
    title = f"{gpu.name} price index" if gpu else "GPU price index"
    body = render(
        "prices/index.html", settings=ask.settings, path="/index", canonical=query.address("/index"), title=title,
        description=f"{title}: the median of providers' lowest prices by day, with its method, as CSV and as a feed.",
        gpu=gpu, series=found, query=query, least=LEAST_PROVIDERS, carried=CARRIED_DAYS,
        chart=_chart(found) if gpu else None, day_of=day_of, change=_change,
    )  # fmt: skip
    return Answer(body, valid_until=_midnight(ask.now))


@public("/index.csv", shows=(TALLY_KEY,))
async def index_csv(ask: Ask) -> Answer:
    """The index by day: for all GPUs over the last quarter, for one over the last two years."""
    query = _asked(ask, "/index.csv")
    rows = (
        (s.gpu, s.tier, day_of(p.day), p.providers, *map(to_decimal, (p.median_micro, p.low_micro, p.high_micro)))
        for s in await _series(query, ask.now)
        for p in s.points
    )
    headers = (("content-disposition", 'inline; filename="index.csv"'),)
    return Answer(
        csv_text.table(COLUMNS, rows).encode(), "text/csv; charset=utf-8; header=present", _midnight(ask.now), headers
    )


@public("/index.atom", shows=(TALLY_KEY,))
async def feed(ask: Ask) -> Answer:
    """The index at the end of each week, on Sundays (RFC 4287)."""
    query = _asked(ask, "/index.atom")
    found = [(p, s) for s in await _series(query, ask.now) for p in s.points if _is_sunday(p.day)]
    found = sorted(found, key=lambda item: (-item[0].day, item[1].gpu, item[1].tier))[:MOST_ENTRIES]
    newest = day_of(found[0][0].day) if found else day_of(NEVER_S // DAY_S)
    title = f"{gpus()[query.gpu[0]].name} price index" if query.gpu else "GPU price index"
    entries = [_entry(point, series) for point, series in found]
    feed = feeds.Feed(title, query.address("/index"), query.address("/index.atom"), newest, entries)
    answer = feeds.atom(ask.settings, feed)
    return Answer(answer.body, answer.media_type, _midnight(ask.now))


def _asked(ask: Ask, path: str) -> PriceQuery:
    """The query with the GPU and the tier asked for, each one or all."""
    given = [pair for pair in ask.pairs() if pair[1].strip()]
    for name, _ in given:
        if name not in ("gpu", "tier"):
            raise unknown_parameter(name, ("gpu", "tier"))
    query = parse(given)
    if len(query.gpu) > 1:
        raise QueryError("gpu", "The index takes one GPU, or none for all.", f"For example {path}?gpu={query.gpu[0]}.")
    if len(query.tier) > 1 or not set(query.tier) <= set(TIERS):
        raise QueryError("tier", "The index covers on-demand or spot prices.", f"For example {path}?tier=spot.")
    pairs = query.pairs()
    ask.redirect_to_canonical(f"{path}?{encode(pairs)}" if pairs else path)
    return query


async def _series(query: PriceQuery, now: int) -> list[Series]:
    """The index up to the last complete day with a known price."""
    days = ONE_DAYS if query.gpu else ALL_DAYS
    last = await spans.last_day(now)
    since = (last - days - CARRIED_DAYS) * DAY_S
    async with one_at_a_time():
        stood = await provider_low_store.lows(query.gpu[0] if query.gpu else "", query.tier or TIERS, since)
        return await asyncio.to_thread(_of, stood, last, days)


def _of(stood: list[Span], last: int, days: int) -> list[Series]:
    markets = grouped(stood, lambda span: (span.gpu, span.tier))
    found = [Series(gpu, tier, points(market, last - days + 1, last)) for (gpu, tier), market in markets]
    order = list(gpus())
    return sorted((s for s in found if s.points), key=lambda s: (order.index(s.gpu), s.tier))


def _chart(found: list[Series]) -> chart.Chart | None:
    by_tier = {s.tier: {p.day: p.median_micro for p in s.points} for s in found}
    days = sorted({day for points_ in by_tier.values() for day in points_})
    if not days:
        return None
    rows: list[chart.Day] = [
        chart.Day(day_of(day), None, by_tier.get("on-demand", {}).get(day), by_tier.get("spot", {}).get(day))
        for day in range(days[0], days[-1] + 1)
    ]
    return chart.draw(tuple(rows), _LINES)


def _change(series: Series, days: int) -> str:
    """The change of the index over ``days`` days, in words; values from different providers are not compared."""
    before = series.before(days)
    if before is None:
        return "not known"
    if before.who != series.last.who:
        return "providers differ"
    return percent((series.last.median_micro - before.median_micro) / before.median_micro, 1, signed=True)


def _entry(point: Point, series: Series) -> feeds.Entry:
    name, day = gpus()[series.gpu].name, day_of(point.day)
    before = next((p for p in series.points if p.day == point.day - WEEK), None)
    moved = ""
    if before:
        moved = (
            f", {percent((point.median_micro - before.median_micro) / before.median_micro, 1, signed=True)} in a week"
        )
    low, high = show(point.low_micro), show(point.high_micro)
    return feeds.Entry(
        f"tag:inferencebench.io,2026:index:{day}-{series.gpu}-{series.tier}",
        f"{name}, {series.tier}: {show(point.median_micro)}{moved}",
        f"/index?gpu={series.gpu}",
        day,
        f"Median of {point.providers} providers' lowest prices per GPU-hour; they lie between {low} and {high}.",
    )


def day_of(day: int) -> str:
    """The ISO date of a day counted from 1970."""
    return f"{datetime.fromtimestamp(day * DAY_S, UTC):%Y-%m-%d}"


def _is_sunday(day: int) -> bool:
    return (day + 4) % WEEK == 0  # 1 January 1970 was a Thursday


def _midnight(now: int) -> int:
    return now - now % DAY_S + DAY_S
