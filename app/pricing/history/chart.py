"""A price chart as geometry: from daily prices to lines and ticks. Pure; the template draws it."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

WIDTH, HEIGHT = 720, 240
TOP, BOTTOM = 12, 8
APART = 16
"""The least distance between the labels at the ends of two lines, in units of the height."""


class Day(NamedTuple):
    """The prices of a day, or of the days up to it, in micro-dollars per GPU-hour: lowest and median on demand, lowest
    spot. ``day`` is an ISO date; a price is ``None`` where none is known."""

    day: str
    low: int | None
    median: int | None
    spot: int | None

    @property
    def prices(self) -> tuple[int | None, int | None, int | None]:
        return self.low, self.median, self.spot


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the chart: ``path`` is SVG path data, with a gap for each day without a known price. ``end`` is the
    height at which its ``label`` is drawn."""

    key: str
    label: str
    path: str
    end: float


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis: ``at`` in chart units, ``label`` for a reader."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawn chart and the same figures as a table: rows of (day, lowest on demand, median, lowest spot).

    Lines are in units of ``width`` × ``height`` and are stretched to the available space; labels are HTML beside the
    picture, so that they keep their size. ``x_ticks`` are evenly spaced.
    """

    lines: tuple[Line, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    table: tuple[Day, ...]
    width: int = WIDTH
    height: int = HEIGHT


_SERIES = (("low", "lowest"), ("mid", "median"), ("spot", "spot"))


def draw(rows: tuple[Day, ...], series: tuple[tuple[str, str], ...] = _SERIES) -> Chart | None:
    """The chart of days; ``None`` if fewer than two days have a price. The axis begins at zero, so that
    heights can be compared.

    ``series`` gives key and label of each of a row's three columns.
    """
    prices = [price for row in rows for price in row.prices if price is not None]
    if sum(1 for row in rows if any(price is not None for price in row.prices)) < 2:
        return None
    first, last = date.fromisoformat(rows[0].day), date.fromisoformat(rows[-1].day)
    step = _step(max(prices))
    top = step * (-(-max(prices) // step))

    span = max(1, (last - first).days)

    @cache
    def x(day: str) -> float:
        return round((date.fromisoformat(day) - first).days / span * WIDTH, 1)

    def y(price: int) -> float:
        return round(HEIGHT - BOTTOM - price / top * (HEIGHT - TOP - BOTTOM), 1)

    lines = []
    columns = zip(*(row.prices for row in rows), strict=True)
    for (key, label), column in zip(series, columns, strict=True):
        path = _path(list(zip((row.day for row in rows), column, strict=True)), x, y)
        if path:
            lines.append(Line(key, label, path, y(next(price for price in reversed(column) if price is not None))))
    x_ticks = tuple(Tick(x(day.isoformat()), f"{day.day} {day:%b}") for day in _days(first, last))
    y_ticks = tuple(Tick(y(price), _dollars(price)) for price in range(0, top + 1, step))
    return Chart(_with_labels_apart(lines), x_ticks, y_ticks, rows)


def _with_labels_apart(lines: list[Line]) -> tuple[Line, ...]:
    """The lines with their labels moved just far enough not to overlap, and kept inside the chart."""
    order = sorted(range(len(lines)), key=lambda i: lines[i].end)
    ends = [line.end for line in lines]
    for before, i in pairwise(order):
        ends[i] = max(ends[i], ends[before] + APART)
    floor = HEIGHT - BOTTOM
    for i in reversed(order):
        ends[i] = min(ends[i], floor)
        floor = int(ends[i]) - APART
    return tuple(replace(line, end=ends[i]) for i, line in enumerate(lines))


def _path(points: list[tuple[str, int | None]], x: Any, y: Any) -> str:
    """SVG path data drawn in steps, since a price holds until it changes; a day without a known price interrupts it."""
    parts: list[str] = []
    before: int | None = None
    for day, price in points:
        if price is None:
            before = None
            continue
        if before is None:
            parts.append(f"M{x(day):g} {y(price):g}h.1")  # a day between gaps shows as a dot
        else:
            parts.append(f"H{x(day):g}" + (f"V{y(price):g}" if price != before else ""))
        before = price
    return "".join(parts)


def _step(highest: int) -> int:
    """A round distance between ticks, in micro-dollars, that gives three to six of them."""
    steps = (factor * int(10**power) for power in range(2, 12) for factor in (1, 2, 5))
    return next((step for step in steps if highest / step <= 5), 10**12)


def _dollars(micro: int) -> str:
    text = f"{micro / 1_000_000:.4f}".rstrip("0").rstrip(".")
    return f"${text}"


def _days(first: date, last: date) -> list[date]:
    count = min(6, (last - first).days + 1)
    return [first + timedelta(days=round(i * (last - first).days / max(1, count - 1))) for i in range(count)]
