"""Statistics of a GPU's price history: the days of a chart, how spot prices vary, how often it could be rented. Pure.

Levels are rows of ``price_level``: from ``at`` (seconds) until the next row of the same tier, the lowest price, the
median over providers and the lowest price in stock, in micro-dollars per GPU-hour.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from app.core.units import DAY_S
from app.pricing.history.chart import Day

WINDOWS = {"7": 7, "30": 30, "90": 90, "365": 365, "all": None}
"""Chart window → days, ``None`` for all."""
WINDOW_NAMES = {"7": "7 days", "30": "30 days", "90": "90 days", "365": "a year", "all": "all"}
FINE_DAYS = 31
"""Windows up to this many days show every change; a longer one shows the lowest price of each day."""
MOST_POINTS = 100
"""About the most points of a chart; in a longer window each point covers several days."""

Level = dict[str, Any]


class Run(NamedTuple):
    """The days (ISO dates) from ``first`` to ``last`` for which a chart shows the same ``prices``: lowest and
    median on demand and lowest spot, in micro-dollars per GPU-hour, ``None`` where none is known."""

    first: str
    last: str
    prices: tuple[int | None, int | None, int | None]


@dataclass(frozen=True, slots=True)
class Spread:
    """The distribution of a price over the time for which it is known. Prices in micro-dollars, shares from 0 to 1.

    ``swing`` is the difference of the 95th and the 5th percentile, divided by the median. ``below`` is the share of
    time at or under the requested price, ``None`` without one. ``days`` is how long the price is known.
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
    """On how many of the ``known`` days, those on which stock was stated, it could be rented, at or under the requested
    price if there is one."""

    known: int
    rentable: int

    @property
    def share(self) -> float:
        return self.rentable / self.known


def step_of(levels: Sequence[Level], until: int) -> int:
    """How many days each point of a chart covers, so that there are not more points than can be distinguished."""
    if not levels:
        return 1
    last = {level["tier"]: level["low_micro"] for level in levels}
    end: int = levels[-1]["at"] if all(price is None for price in last.values()) else until
    days: int = (end - levels[0]["at"]) // DAY_S + 1
    return max(1, -(-days // MOST_POINTS))


def days_of(levels: Iterable[Level], until: int, step: int = 1) -> tuple[Day, ...]:
    """One row for each ``step`` days from the first level to ``until``: lowest and median on demand, lowest spot.

    A row's low is the lowest of its days, its median the last one; without a change, the row repeats the values before
    it. Rows at whose end no price is known are left out.
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
    """The lowest price of a day; ``None`` if no price is known at its end."""
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
    """The distribution of the lowest price of ``tier``, each price weighted by how long it was valid."""
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
    """On how many of the days with stated stock something was in stock, at or under ``below_micro`` if given."""
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


def runs(rows: Sequence[Day], step: int) -> list[Run]:
    """The ``rows`` of a chart, each of ``step`` days, with consecutive equal ones as one: every step of its lines, and
    every gap."""
    found: list[Run] = []
    for row in rows:
        last = (date.fromisoformat(row.day) + timedelta(days=step - 1)).isoformat()
        if found and found[-1].prices == row.prices:
            found[-1] = found[-1]._replace(last=last)
        else:
            found.append(Run(row.day, last, row.prices))
    return found
