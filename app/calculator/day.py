"""A day whose load changes by the hour: machines for the whole day, machines by the hour, and a token API. Pure.

The browser computes the same plan (``static/day.js``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, inf
from typing import NamedTuple

from app.core.units import HOUR_S

HOURS = 24
MOST_REPLICAS = 400
"""No plan is made for more replicas than this: the search grows with their square."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A machine as it is sold: it runs ``replicas`` replicas for ``usd_hour``; at most ``most`` are available."""

    replicas: int
    usd_hour: float
    most: int = MOST_REPLICAS


@dataclass(frozen=True, slots=True)
class Plan:
    """The cheapest day: how many ``units`` of each kind run all day, how many of each hourly kind run in each hour, the
    share of requests that goes to the API, and the cost in US dollars."""

    base: tuple[int, ...]
    burst: tuple[tuple[int, ...], ...]
    overflow: float
    usd_day: float


class Cover(NamedTuple):
    """Machines that run some number of replicas: US dollars an hour, and how many of each unit."""

    usd_hour: float
    counts: tuple[int, ...]


def cheapest_cover(units: Sequence[Unit], most: int) -> list[Cover]:
    """The cheapest machines for at least n replicas, for each n from 0 to ``most``.

    A covering knapsack, solved unit by unit (Kellerer, Pferschy and Pisinger, 2004, section 2.1).
    """
    best = [Cover(0.0, (0,) * len(units)), *(Cover(inf, (0,) * len(units)) for _ in range(most))]
    for at, unit in enumerate(units):
        before = best
        best = []
        for need in range(most + 1):
            found = before[need]
            for count in range(1, min(unit.most, ceil(need / unit.replicas)) + 1):
                usd, counts = before[max(need - count * unit.replicas, 0)]
                if usd + count * unit.usd_hour < found.usd_hour:
                    found = Cover(usd + count * unit.usd_hour, (*counts[:at], count, *counts[at + 1 :]))
            best.append(found)
    return best


def cheapest_day(
    rates: Sequence[float], replica_rate: float, base: Sequence[Unit], burst: Sequence[Unit], usd_request: float,
    least: int = 1, spare: int = 0,
) -> Plan | None:  # fmt: skip
    """The cheapest way to serve ``rates``, the mean requests per second in each hour of the day.

    A replica serves ``replica_rate`` requests per second. ``spare`` of the running replicas stand by; where any run, at
    least ``least`` plus the spare ones do. Requests that the machines do not serve go to an API at ``usd_request`` US
    dollars each (infinite if there is none). ``None`` if it takes more than :data:`MOST_REPLICAS`, or if nothing can
    serve the load.
    """
    most = max(least, ceil(max(rates) / replica_rate)) + spare
    if most > MOST_REPLICAS:
        return None
    whole_day, by_hour = cheapest_cover(base, most), cheapest_cover(burst, most)
    best: tuple[float, int, list[int]] | None = None
    for standing in range(most + 1):
        usd, chosen = whole_day[standing].usd_hour * HOURS, []
        for rate in rates:
            if best is not None and usd >= best[0]:
                break
            hour, more = _cheapest_hour(rate, replica_rate, standing, most, by_hour, usd_request, least + spare, spare)
            usd += hour
            chosen.append(more)
        if usd < (best[0] if best else inf):
            best = (usd, standing, chosen)
    if best is None:
        return None
    usd, standing, chosen = best
    left = sum(_left(rate, replica_rate, standing + more, spare) for rate, more in zip(rates, chosen, strict=True))
    total = sum(rates)
    return Plan(
        whole_day[standing].counts, tuple(by_hour[more].counts for more in chosen), left / total if total else 0.0, usd
    )  # fmt: skip


def _left(rate: float, replica_rate: float, replicas: int, spare: int) -> float:
    """Requests per second that ``replicas`` replicas, ``spare`` of them standing by, do not serve."""
    return max(rate - max(replicas - spare, 0) * replica_rate, 0.0)


def _cheapest_hour(
    rate: float, replica_rate: float, standing: int, most: int, by_hour: Sequence[Cover],
    usd_request: float, fewest: int, spare: int,
) -> tuple[float, int]:  # fmt: skip
    """The cost of one hour in US dollars beyond the ``standing`` replicas, and how many more replicas run in it."""
    found = (inf, 0)
    for more in range(most - standing + 1):
        if 0 < standing + more < fewest:
            continue
        left = _left(rate, replica_rate, standing + more, spare)
        usd = by_hour[more].usd_hour + (left * HOUR_S * usd_request if left else 0.0)
        if usd < found[0]:
            found = (usd, more)
        if not left:
            break
    return found
