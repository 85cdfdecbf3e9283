"""A price index: for each GPU and tier the median, over providers, of each one's lowest price, day by day. Pure.

Instants are seconds since 1970, money is micro-dollars per GPU-hour. Each provider counts once, however many machine
types it sells; the median of an even number is the mean of the middle two.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
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
    made = []
    for day in range(last, first - 1, -step):
        found = [(price, who) for who, series in levels if (price := _at(series, (day + 1) * DAY_S - 1)) is not None]
        prices = sorted(price for price, _ in found)
        if len(prices) >= LEAST_PROVIDERS:
            made.append(
                Point(day, len(prices), round(median(prices)), prices[0], prices[-1], tuple(who for _, who in found))
            )
    return made[::-1]


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
