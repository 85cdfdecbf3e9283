"""The price strip: a tick for each price on one doubling axis, as geometry. Pure; the template draws it."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from math import ceil, floor, log2

from app.core.money import show

WIDTH = 400
"""Width of a strip in its own units. Ticks that fall on the same unit look the same, and are drawn once."""
MOST_TICKS = 128
"""Prices of a GPU and tier that a strip may show one by one; of more, the lowest of each of as many steps."""
MOST_ON_A_PAGE = 1_200
"""Ticks of all strips on a page, at some nine bytes each; with more, ticks stand on every second unit, or fourth."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The prices of a GPU and tier, in micro-dollars per GPU-hour: the number of offers and of different prices, the
    lowest price, the median and the highest, and the prices that get a tick, in order: see :data:`MOST_TICKS`."""

    offers: int
    prices: int
    low: int
    median: int
    high: int
    ticks: tuple[int, ...]

    @property
    def is_thinned(self) -> bool:
        """True if not every price has a tick."""
        return self.prices > len(self.ticks)


Prices = Mapping[str, Spread]
"""Tier → its prices."""


@dataclass(frozen=True, slots=True)
class Axis:
    """A logarithmic axis from ``2**low`` to ``2**high`` dollars per GPU-hour; ``labels`` name each doubling."""

    low: int
    high: int

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(_dollars(power) for power in range(self.low, self.high))

    @property
    def grid(self) -> str:
        """SVG path of a line at each doubling, over the height of a strip."""
        return "".join(f"M{self._at(power)} 0v4" for power in range(self.low, self.high + 1))

    def at(self, micro: int) -> int:
        """The position of a price, in units from the left."""
        return self._at(log2(max(micro, 1) / 1e6))

    def _at(self, power: float) -> int:
        return round(WIDTH * (power - self.low) / (self.high - self.low))


@dataclass(frozen=True, slots=True)
class Strip:
    """The ticks of one GPU as SVG path data, and a text alternative, ``words``."""

    on_demand: str
    spot: str
    words: str


def spread_of(offers: Mapping[int, int]) -> Spread | None:
    """The spread of prices, from price → how many offers have it; ``None`` without any."""
    if not offers:
        return None
    prices = sorted(offers)
    count = sum(offers.values())
    return Spread(count, len(prices), prices[0], _median(prices, offers, count), prices[-1], _thinned(prices))


def _median(prices: list[int], offers: Mapping[int, int], count: int) -> int:
    """The median, whole micro-dollars: of an even number the mean of the middle two, rounded down."""
    up_to = list(accumulate(offers[price] for price in prices))
    low = next(price for price, n in zip(prices, up_to, strict=True) if n > (count - 1) // 2)
    high = next(price for price, n in zip(prices, up_to, strict=True) if n > count // 2)
    return (low + high) // 2


def _thinned(prices: list[int]) -> tuple[int, ...]:
    if len(prices) <= MOST_TICKS:
        return tuple(prices)
    step = log2(prices[-1] / max(prices[0], 1)) / MOST_TICKS
    lowest: dict[int, int] = {}
    for price in prices:
        lowest.setdefault(floor(log2(max(price, 1) / max(prices[0], 1)) / step), price)
    return tuple(dict.fromkeys((*lowest.values(), prices[-1])))


def axis_of(spreads: Iterable[Spread]) -> Axis | None:
    """The smallest axis of whole doublings that covers all prices; ``None`` without prices."""
    held = [price for spread in spreads for price in (spread.low, spread.high) if price > 0]
    if not held:
        return None
    low = floor(log2(min(held) / 1e6))
    return Axis(low, max(low + 1, ceil(log2(max(held) / 1e6))))


def draw(shown: Mapping[str, Prices], axis: Axis) -> tuple[dict[str, Strip], int]:
    """The strip of each GPU of a page, on demand in its upper part and spot in the lower; and on every how many units a
    tick stands, so that there are at most :data:`MOST_ON_A_PAGE`."""
    places = {(slug, tier): {axis.at(tick) for tick in spread.ticks}
              for slug, prices in shown.items() for tier, spread in prices.items()}  # fmt: skip
    unit = 1
    while unit < WIDTH and sum(map(len, places.values())) > MOST_ON_A_PAGE:
        unit *= 2
        places = {key: {place // unit * unit for place in held} for key, held in places.items()}
    strips = {
        slug: Strip(_path(places.get((slug, "on-demand")), 0), _path(places.get((slug, "spot")), 2), in_words(prices))
        for slug, prices in shown.items()
    }
    return strips, unit


def in_words(prices: Prices) -> str:
    """The text alternative of a strip: ``27 on demand from $1.49 to $12.29, median $4.29; 9 spot …``."""
    said = []
    for tier, name in (("on-demand", "on demand"), ("spot", "spot")):
        held = prices.get(tier)
        if held and held.offers == 1:
            said.append(f"1 {name} at {show(held.low)}")
        elif held:
            middle = "" if held.offers < 3 else f", median {show(held.median)}"
            said.append(f"{held.offers} {name} from {show(held.low)} to {show(held.high)}{middle}")
    return "; ".join(said) or "no offer"


def _path(places: Collection[int] | None, top: int) -> str:
    return "".join(f"M{x} {top}v2" for x in sorted(places or ()))


def _dollars(power: int) -> str:
    return f"${2**power}" if power >= 0 else f"{floor(100 * 2.0**power + 0.5)}¢"
