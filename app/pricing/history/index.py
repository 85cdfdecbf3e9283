"""A price index: for each GPU and tier the median, over providers, of each one's lowest price, day by day. Pure.

Instants are seconds since 1970, money is micro-dollars per GPU-hour. Each provider counts once, however many machine
types it sells; the median of an even number is the mean of the middle two.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from app.core.units import DAY_S
from app.pricing.history.price_span import Span, grouped, lowest

LEAST_PROVIDERS = 3
"""A median of fewer providers says nothing about a market, and is not computed."""
TIERS = ("on-demand", "spot")
"""Reserved prices are left out: their terms differ in length, so they are not one market."""
CARRIED_DAYS = 30
"""A price counts for this many days after it was last confirmed, unless the provider's next price is known: price lists
are published weeks apart, and a provider that is missing for a week has not left the market."""


@dataclass(frozen=True, slots=True)
class Point:
    """The index at the end of a UTC day, ``day`` counted from 1970: the median over ``providers`` providers, who they
    are, the lowest and the highest among them."""

    day: int
    providers: int
    median_micro: int
    low_micro: int
    high_micro: int
    who: tuple[str, ...]


def points(spans: Iterable[Span], first: int, last: int, step: int = 1) -> list[Point]:
    """The index of one GPU and tier at the ends of the days ``first`` to ``last``, every ``step``-th back from the
    last. A provider counts with its lowest price at the end of the day, or with its last one of the
    :data:`CARRIED_DAYS` before."""
    levels = [(who, _prices(found)) for who, found in grouped(spans, lambda span: span.provider)]
    edges = sorted({day for _, prices in levels for day in _days_of_change(prices)})
    made, passed, figures = [], 0, None
    for day in range(last - (last - first) // step * step, last + 1, step):
        before = passed
        while passed < len(edges) and edges[passed] <= day:
            passed += 1
        if passed > before:  # on most days no price changes
            end = (day + 1) * DAY_S - 1
            figures = _figures([(price, who) for who, prices in levels if (price := _at(prices, end)) is not None])
        if figures is not None:
            made.append(Point(day, *figures))
    return made


def _days_of_change(prices: "Prices") -> Iterator[int]:
    """The days at whose end a provider may have another price than the day before."""
    for at, price in zip(*prices, strict=True):
        yield at // DAY_S
        if price is None:
            yield at // DAY_S + CARRIED_DAYS


def _figures(found: list[tuple[int, str]]) -> tuple[int, int, int, int, tuple[str, ...]] | None:
    """What a :class:`Point` says of (price, provider) pairs, without the day; ``None`` for too few."""
    if len(found) < LEAST_PROVIDERS:
        return None
    prices = sorted(price for price, _ in found)
    return (len(prices), round(median(prices)), prices[0], prices[-1], tuple(who for _, who in found))


Prices = tuple[list[int], list[int | None]]


def _prices(spans: Sequence[Span]) -> Prices:
    levels = lowest(spans)
    return [at for at, _ in levels], [span.micro if span else None for _, span in levels]


def _at(prices: Prices, at: int) -> int | None:
    times, found = prices
    place = bisect_right(times, at) - 1
    if place > 0 and found[place] is None and at - times[place] < CARRIED_DAYS * DAY_S:
        return found[place - 1]
    return found[place] if place >= 0 else None
