"""What a GPU's history says: a chart's days, how spot behaves, how often it could be rented. Pure.

Levels are rows of ``price_level``: from ``at`` (seconds) on, the lowest price, the median over providers and the lowest
in stock, in micro-dollars per GPU-hour, until the next row of the same tier.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from app.core.units import DAY_S
from app.pricing.history.chart import Day

WINDOWS = {"7": 7, "30": 30, "90": 90, "365": 365, "all": None}
"""Chart window → days, ``None`` for all."""
WINDOW_NAMES = {"7": "7 days", "30": "30 days", "90": "90 days", "365": "a year", "all": "all"}
FINE_DAYS = 31
"""Up to so many days every change counts; a longer window counts each day's lowest."""
MOST_POINTS = 100
"""A chart draws at most about so many points; in a longer window a point stands for several days."""
MOST_ROWS = 60
"""A chart's table holds at most so many rows; a longer window is thinned evenly."""

Level = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Spread:
    """How a price was spread over the time for which it is known. Prices in micro-dollars, shares from 0 to 1.

    ``swing`` is the distance of the 5th from the 95th percentile, over the median. ``below`` is the share of time at
    or under the asked price, ``None`` where none was asked. ``days`` is for how long the price is known.
    """

    low: int
    p50: int
    p95: int
    high: int
    swing: float
    below: float | None
    days: float


@dataclass(frozen=True, slots=True)
class Rentable:
    """On how many of the ``known`` days with told stock it could be rented, at or under the asked price if one was."""

    known: int
    rentable: int

    @property
    def share(self) -> float:
        return self.rentable / self.known


def step_of(levels: Sequence[Level], until: int) -> int:
    """How many days a point of a chart stands for, so that there are not more than can be told apart."""
    if not levels:
        return 1
    last = {level["tier"]: level["low_micro"] for level in levels}
    end: int = levels[-1]["at"] if all(price is None for price in last.values()) else until
    days: int = (end - levels[0]["at"]) // DAY_S + 1
    return max(1, -(-days // MOST_POINTS))


def days_of(levels: Iterable[Level], until: int, step: int = 1) -> tuple[Day, ...]:
    """One row for each ``step`` days from the first level to ``until``: lowest and median on demand, lowest spot.

    A row's low is the lowest of its days, its median the last; one without a change holds what stood before. Rows at
    the end of which nothing is known are left out.
    """
    by_day: dict[int, list[Level]] = {}
    length = DAY_S * step
    for level in levels:
        by_day.setdefault(level["at"] // length, []).append(level)
    if not by_day:
        return ()
    held: dict[str, Level] = {}
    rows: list[Day] = []
    for number in range(min(by_day), max(*by_day, until // length) + 1):
        today: dict[str, list[Level]] = {"on-demand": [], "spot": []}
        for level in by_day.get(number, ()):
            today[level["tier"]].append(level)
        rows.append(_row(_day(number * length), today, held))
        held.update({tier: found[-1] for tier, found in today.items() if found})
    while rows and rows[-1].prices == (None, None, None):
        rows.pop()
    return tuple(rows)


def _row(day: str, levels: dict[str, list[Level]], carried: dict[str, Level]) -> Day:
    demand, spot = (levels[tier] or ([carried[tier]] if tier in carried else []) for tier in ("on-demand", "spot"))
    return Day(day, _lowest(demand), demand[-1]["median_micro"] if demand else None, _lowest(spot))


def _lowest(levels: Sequence[Level]) -> int | None:
    """The lowest of a day, or nothing where the day ends with nothing known."""
    if not levels or levels[-1]["low_micro"] is None:
        return None
    return int(min(level["low_micro"] for level in levels if level["low_micro"] is not None))


def _day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


def _spans(levels: Iterable[Level], column: str, until: int) -> Iterator[tuple[int, int, Any]]:
    """(from, to, value) of one tier's levels."""
    before: Level | None = None
    for level in levels:
        if before is not None and level["at"] > before["at"]:
            yield before["at"], level["at"], before[column]
        before = level
    if before is not None and until > before["at"]:
        yield before["at"], until, before[column]


def spread(levels: Iterable[Level], tier: str, until: int, below_micro: int | None = None) -> Spread | None:
    """How the lowest price of ``tier`` was spread over time, each price weighed by how long it stood."""
    known = [
        (price, end - begin)
        for begin, end, price in _spans((row for row in levels if row["tier"] == tier), "low_micro", until)
        if price is not None
    ]
    total = sum(seconds for _, seconds in known)
    if not total:
        return None
    known.sort()
    p5, p50, p95 = (_quantile(known, total * share) for share in (0.05, 0.5, 0.95))
    under = None
    if below_micro is not None:
        under = sum(seconds for price, seconds in known if price <= below_micro) / total
    return Spread(known[0][0], p50, p95, known[-1][0], (p95 - p5) / p50, under, total / DAY_S)


def _quantile(known: list[tuple[int, int]], at: float) -> int:
    passed = 0
    for price, seconds in known:
        passed += seconds
        if passed >= at:
            return price
    return known[-1][0]


def rentable(levels: Iterable[Level], tier: str, until: int, below_micro: int | None = None) -> Rentable | None:
    """On how many days of told stock something was in stock, at or under ``below_micro`` if given."""
    known: set[int] = set()
    had: set[int] = set()
    for begin, end, price in _spans((row for row in levels if row["tier"] == tier), "in_stock_micro", until):
        if price is None:
            continue
        days = range(begin // DAY_S, (end - 1) // DAY_S + 1)
        known.update(days)
        if price >= 0 and (below_micro is None or price <= below_micro):
            had.update(days)
    return Rentable(len(known), len(had)) if known else None


def thinned(rows: Sequence[Day]) -> list[Day]:
    """At most :data:`MOST_ROWS` of the ``rows`` of which something is known, evenly, the last among them."""
    rows = [row for row in rows if row.prices != (None, None, None)]
    step = -(-len(rows) // MOST_ROWS) or 1
    return [row for at, row in enumerate(rows) if (len(rows) - 1 - at) % step == 0]
