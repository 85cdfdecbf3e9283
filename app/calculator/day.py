"""A day whose load changes by the hour: machines for the whole day, machines by the hour, and a token API. Pure.

The browser computes the same (``static/day.js``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, inf

HOURS = 24
MOST_REPLICAS = 400
"""Beyond so many replicas nothing is planned: the search grows with their square."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A machine as it is sold: ``replicas`` run on it, at ``usd_hour``; at most ``most`` of them can be had."""

    replicas: int
    usd_hour: float
    most: int = MOST_REPLICAS


@dataclass(frozen=True, slots=True)
class Plan:
    """The cheapest day: base ``units`` of each kind that run all day, units of each hourly kind in each hour, the
    share of requests that go to the API, and US dollars a day."""

    base: tuple[int, ...]
    burst: tuple[tuple[int, ...], ...]
    overflow: float
    usd_day: float


def cheapest_cover(units: Sequence[Unit], most: int) -> list[tuple[float, tuple[int, ...]]]:
    """For each number of replicas from 0 to ``most``: the least USD an hour for at least as many, and of which units.

    A knapsack that is to be covered, unit after unit (Kellerer, Pferschy and Pisinger, 2004, section 2.1).
    """
    best: list[tuple[float, tuple[int, ...]]] = [(0.0, (0,) * len(units))]
    best += [(inf, (0,) * len(units)) for _ in range(most)]
    for at, unit in enumerate(units):
        before = best
        best = []
        for need in range(most + 1):
            found = before[need]
            for count in range(1, min(unit.most, ceil(need / unit.replicas)) + 1):
                usd, counts = before[max(need - count * unit.replicas, 0)]
                if usd + count * unit.usd_hour < found[0]:
                    found = (usd + count * unit.usd_hour, (*counts[:at], count, *counts[at + 1 :]))
            best.append(found)
    return best


def cheapest_day(
    rates: Sequence[float], replica_rate: float, base: Sequence[Unit], burst: Sequence[Unit], usd_request: float,
    least: int = 1, spare: int = 0,
) -> Plan | None:  # fmt: skip
    """The cheapest way to serve ``rates``, the mean requests a second in each hour of the day.

    A replica serves ``replica_rate`` requests a second; ``spare`` of those that run stand by, and where any runs, at
    least ``least`` and the spare ones do. What machines do not serve goes to an API at ``usd_request`` (infinite where
    there is none). ``None`` where it takes more than :data:`MOST_REPLICAS`, or nothing can serve it.
    """
    most = max(least, ceil(max(rates) / replica_rate)) + spare
    if most > MOST_REPLICAS:
        return None
    whole_day, by_hour = cheapest_cover(base, most), cheapest_cover(burst, most)
    best: tuple[float, int, list[int]] | None = None
    for standing in range(most + 1):
        usd, chosen = whole_day[standing][0] * HOURS, []
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
        whole_day[standing][1], tuple(by_hour[more][1] for more in chosen), left / total if total else 0.0, usd
    )  # fmt: skip


def _left(rate: float, replica_rate: float, replicas: int, spare: int) -> float:
    """Requests a second that so many replicas leave."""
    return max(rate - max(replicas - spare, 0) * replica_rate, 0.0)


def _cheapest_hour(
    rate: float, replica_rate: float, standing: int, most: int, by_hour: Sequence[tuple[float, tuple[int, ...]]],
    usd_request: float, fewest: int, spare: int,
) -> tuple[float, int]:  # fmt: skip
    """USD of an hour beside the ``standing`` replicas, and how many more run in it."""
    found = (inf, 0)
    for more in range(most - standing + 1):
        if 0 < standing + more < fewest:
            continue
        left = _left(rate, replica_rate, standing + more, spare)
        usd = by_hour[more][0] + (left * 3600 * usd_request if left else 0.0)
        if usd < found[0]:
            found = (usd, more)
        if not left:
            break
    return found
