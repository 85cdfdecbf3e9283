"""Price moves: changes of five per cent and more between daily prices. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

THRESHOLD = Fraction(5, 100)
"""The share by which a price must change to count as a move."""


@dataclass(frozen=True, slots=True)
class PriceMove:
    """A provider's lowest price of a GPU, tier and region that differs from that of the previous recorded day.

    Prices in micro-dollars per GPU-hour; ``commitment_months`` 0 is a binding term of unknown length.
    """

    day: str
    provider: str
    gpu: str
    tier: str
    commitment_months: int | None
    region: str
    before_micro: int
    after_micro: int

    @property
    def percent(self) -> float:
        """The change in per cent of the price before."""
        return (self.after_micro / self.before_micro - 1) * 100

    @property
    def key(self) -> str:
        """A stable name of this change, for a feed's entry."""
        return "-".join(
            (self.day, self.provider, self.gpu, self.tier, str(self.commitment_months or ""), self.region or "any")
        )


def price_moves(points: Iterable[dict[str, Any]]) -> list[PriceMove]:
    """The moves among daily prices, newest first, larger before smaller.

    A provider may sell one GPU in several machine types; its lowest price of the day is what counts.
    """
    lowest: dict[tuple[Any, ...], dict[str, int]] = {}
    for point in points:
        kind = tuple(point[name] for name in ("provider", "gpu", "tier", "commitment_months", "region"))
        days = lowest.setdefault(kind, {})
        price = point["usd_per_gpu_hour_micro"]
        days[point["day"]] = min(price, days.get(point["day"], price))
    found = [change for kind, days in lowest.items() for change in _of_one(kind, days)]
    return sorted(found, key=lambda c: (c.day, abs(c.percent), c.key), reverse=True)


def _of_one(kind: tuple[Any, ...], days: dict[str, int]) -> Iterable[PriceMove]:
    ordered = sorted(days)
    for earlier, later in pairwise(ordered):
        before, after = days[earlier], days[later]
        if abs(Fraction(after - before, before)) >= THRESHOLD:
            provider, gpu, tier, months, region = kind
            yield PriceMove(later, provider, gpu, tier, months, region, before, after)
