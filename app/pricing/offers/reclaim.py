"""How often spot machines are reclaimed, and what that adds to their price. Pure.

A band says which per cent of machines of a kind are reclaimed within some number of hours. Reclaims are modelled as a
Poisson process whose rate follows from the middle p of the band, as a share: ``-ln(1 - p) / hours``. Lost work and
reloads then stretch every hour of useful work by the factor of J. T. Daly ("A higher order estimate of the optimum
checkpoint interval for restart dumps", Future Generation Computer Systems 22, 2006), without the time that writing a
checkpoint takes: with a mean time M between reclaims, a reload time R and a checkpoint every C hours, it is
``(M / C) * exp(R / M) * (exp(C / M) - 1)``, and ``exp(R / M)`` for C = 0.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MONTH_HOURS = 730
OPEN_END = 10
"""A band without an upper bound is taken to reach this many percentage points above its lower one: twice the width of
the others."""
RELOAD_HOURS = 0.25
"""The assumed time from a reclaim until work goes on, unless a visitor enters another: getting a machine, starting it,
loading the model."""
LONGEST = 700.0
"""With a larger exponent the work counts as never done: the factor would overflow."""


@dataclass(frozen=True, slots=True)
class Reclaim:
    """``low`` to ``high`` per cent of spot machines of a kind are reclaimed within ``hours``; ``high`` is ``None`` for
    "``low`` or more". ``seen_at`` is in seconds since 1970."""

    provider: str
    product: str
    region: str
    low: int
    high: int | None
    hours: int
    seen_at: int


def rate_per_hour(low: int, high: int | None, hours: int) -> float:
    """Reclaims per machine and hour, from the middle of the band."""
    middle = (low + (high if high is not None else low + OPEN_END)) / 200
    return -math.log1p(-min(middle, 0.99)) / hours


def stretch(taken_per_hour: float, reload_hours: float, lost_hours: float) -> float:
    """Hours paid for each hour of useful work: 1 if the machine is never reclaimed, infinite if the work never gets
    done.

    ``reload_hours`` is the time until work goes on after each reclaim, ``lost_hours`` the time between checkpoints.
    """
    if taken_per_hour <= 0:
        return 1.0
    between = 1 / taken_per_hour
    if reload_hours / between + lost_hours / between > LONGEST:
        return math.inf
    lost = math.expm1(lost_hours / between) * between / lost_hours if lost_hours > 0 else 1.0
    return max(1.0, math.exp(reload_hours / between) * lost)


def hours_between(row: Mapping[str, Any]) -> float:
    """The mean hours between reclaims of a spot offer; 0 if it is not stated, and for other tiers."""
    if row["tier"] != "spot" or row["reclaim_low"] is None or not row["reclaim_hours"]:
        return 0.0
    taken = rate_per_hour(row["reclaim_low"], row["reclaim_high"], row["reclaim_hours"])
    return 1 / taken if taken > 0 else 0.0


def spot_factor(row: Mapping[str, Any]) -> float:
    """Hours of rent for each hour of use of an offer, to four places: above 1 for spot with stated reclaims, each of
    which costs :data:`RELOAD_HOURS`; requests under way are sent again."""
    every = hours_between(row)
    return round(stretch(1 / every, RELOAD_HOURS, 0), 4) if every else 1.0
