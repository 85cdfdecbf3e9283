"""The price strip: a tick for each offer on one doubling axis, as geometry. Pure; the template draws it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import ceil, floor, log2
from statistics import median

from app.core.money import show

WIDTH = 400
"""Width of a strip in its own units. Ticks that fall on the same unit look the same, and are drawn once."""

Prices = Mapping[str, list[int]]
"""Tier → its prices, in micro-dollars per GPU-hour."""


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


def axis_of(prices: Iterable[int]) -> Axis | None:
    """The smallest axis of whole doublings that covers all ``prices`` (micro-dollars); ``None`` without prices."""
    held = [price for price in prices if price > 0]
    if not held:
        return None
    low = floor(log2(min(held) / 1e6))
    return Axis(low, max(low + 1, ceil(log2(max(held) / 1e6))))


def draw(prices: Prices, axis: Axis) -> Strip:
    """On demand in the upper part of the strip, spot in the lower."""
    return Strip(
        _ticks(prices.get("on-demand", []), axis, 0), _ticks(prices.get("spot", []), axis, 2), in_words(prices)
    )


def in_words(prices: Prices) -> str:
    """The text alternative of a strip: ``27 on demand from $1.49 to $12.29, median $4.29; 9 spot …``."""
    said = []
    for tier, name in (("on-demand", "on demand"), ("spot", "spot")):
        held = prices.get(tier, [])
        if len(held) == 1:
            said.append(f"1 {name} at {show(held[0])}")
        elif held:
            middle = "" if len(held) < 3 else f", median {show(int(median(held)))}"
            said.append(f"{len(held)} {name} from {show(min(held))} to {show(max(held))}{middle}")
    return "; ".join(said) or "no offer"


def _ticks(prices: list[int], axis: Axis, top: int) -> str:
    return "".join(f"M{x} {top}v2" for x in sorted({axis.at(price) for price in prices}))


def _dollars(power: int) -> str:
    return f"${2**power}" if power >= 0 else f"{floor(100 * 2.0**power + 0.5)}¢"
