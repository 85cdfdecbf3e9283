"""How often spot is taken, and what that does to its price. Pure.

A band says that so many per cent of machines of a kind are taken back within so many hours. Taking the machine back is
a Poisson process in it, and the middle of the band stands for the band: the rate of being taken is
``-ln(1 - p) / hours``. Lost work and reloads then stretch every hour of useful work by the factor of J. T. Daly ("A
higher order estimate of the optimum checkpoint interval for restart dumps", Future Generation Computer Systems 22,
2006), here without a time for the dump itself: with the mean time between reclaims M, a reload of R and work that is
lost back to its last checkpoint every C hours, ``(M / C) * exp(R / M) * (exp(C / M) - 1)``, and ``exp(R / M)`` for
C = 0.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MONTH_HOURS = 730
OPEN_END = 10
"""A band without an end is taken to reach so many per cent above its beginning: as wide again as two of the others."""
RELOAD_HOURS = 0.25
"""How long it is taken to last until work on spot goes on after a reclaim, unless a visitor says otherwise: another
machine, its start, the model."""
LONGEST = 700.0
"""Beyond this exponent the work never gets done."""


@dataclass(frozen=True, slots=True)
class Reclaim:
    """``low`` to ``high`` per cent of spot machines of a kind are taken back within ``hours``; no ``high``: or more."""

    provider: str
    product: str
    region: str
    low: int
    high: int | None
    hours: int
    seen_at: int


def rate_per_hour(low: int, high: int | None, hours: int) -> float:
    """How many times an hour a machine is taken, from the middle of its band."""
    middle = (low + (high if high is not None else low + OPEN_END)) / 200
    return -math.log1p(-min(middle, 0.99)) / hours


def stretch(taken_per_hour: float, reload_hours: float, lost_hours: float) -> float:
    """How many hours are paid for each hour of useful work: 1 where the machine is never taken.

    ``reload_hours`` is the time until the work goes on after each reclaim, ``lost_hours`` how far apart the points are
    from which it can go on. Infinite where it never gets done.
    """
    if taken_per_hour <= 0:
        return 1.0
    between = 1 / taken_per_hour
    if reload_hours / between + lost_hours / between > LONGEST:
        return math.inf
    lost = math.expm1(lost_hours / between) * between / lost_hours if lost_hours > 0 else 1.0
    return max(1.0, math.exp(reload_hours / between) * lost)


def hours_between(row: Mapping[str, Any]) -> float:
    """The mean hours between reclaims of a spot offer; 0 where it is not told, and of everything else."""
    if row["tier"] != "spot" or row["reclaim_low"] is None or not row["reclaim_hours"]:
        return 0.0
    taken = rate_per_hour(row["reclaim_low"], row["reclaim_high"], row["reclaim_hours"])
    return 1 / taken if taken > 0 else 0.0


def spot_factor(row: Mapping[str, Any]) -> float:
    """Hours of rent for each hour of use of an offer, to four places: above 1 for spot whose reclaims are told, where
    each costs :data:`RELOAD_HOURS` and what was under way is sent again."""
    every = hours_between(row)
    return round(stretch(1 / every, RELOAD_HOURS, 0), 4) if every else 1.0
