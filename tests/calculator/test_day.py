"""The cheapest day: the same as trying everything, and the plain answer where every hour is alike."""

from itertools import product
from math import ceil, inf, isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.calculator.day import MOST_REPLICAS, Unit, cheapest_cover, cheapest_day
from app.estimate.inputs import Layout
from app.estimate.plan import Found, Need, cost
from app.estimate.speed import NO_PARTS, Speed

units = st.builds(Unit, st.integers(1, 4), st.floats(0.1, 20), st.integers(1, 5))
HOUR = [0.0, 1.0, 3.0, 6.0]


def tried(rates: list[float], base: list[Unit], burst: list[Unit], usd_request: float, least: int, spare: int) -> float:
    """The least cost of a day by trying every number of every unit."""
    most = max(least, ceil(max(rates))) + spare

    def choices(units: list[Unit]) -> list[tuple[int, float]]:
        counts = product(*(range(min(unit.most, most) + 1) for unit in units))
        return [
            (
                sum(n * u.replicas for n, u in zip(c, units, strict=True)),
                sum(n * u.usd_hour for n, u in zip(c, units, strict=True)),
            )
            for c in counts
        ]

    hourly = choices(burst)

    def hour(rate: float, standing: int) -> float:
        costs = []
        for more, usd in hourly:
            running = standing + more
            if 0 < running < least + spare:
                continue
            left = max(rate - max(running - spare, 0), 0.0)
            costs.append(usd + (left * 3600 * usd_request if left else 0.0))
        return min(costs, default=inf)

    return min(usd * len(rates) + sum(hour(rate, standing) for rate in rates) for standing, usd in choices(base))


@given(
    st.lists(st.floats(0, 5), min_size=24, max_size=24),
    st.lists(units, max_size=2),
    st.lists(units, max_size=2),
    st.sampled_from([inf, 1e-4, 1e-3]),
    st.integers(1, 2),
    st.integers(0, 1),
)
def test_no_day_is_cheaper(
    rates: list[float], base: list[Unit], burst: list[Unit], usd: float, least: int, spare: int
) -> None:
    plan = cheapest_day(rates, 1.0, base, burst, usd, least, spare)
    brute = tried(rates, base, burst, usd, least, spare)
    if plan is None:
        assert brute == inf
        return
    assert isclose(plan.usd_day, brute, rel_tol=1e-9, abs_tol=1e-9)
    paid = 24 * sum(n * u.usd_hour for n, u in zip(plan.base, base, strict=True))
    paid += sum(n * u.usd_hour for counts in plan.burst for n, u in zip(counts, burst, strict=True))
    api = plan.overflow * sum(rates) * 3600 * usd if plan.overflow else 0.0
    assert isclose(plan.usd_day, paid + api, rel_tol=1e-9, abs_tol=1e-9)  # the plan costs what it says


@given(
    st.floats(0.01, 40), st.integers(1, 8), st.integers(1, 3), st.integers(0, 2), st.floats(0.2, 1), st.floats(0.5, 9)
)
def test_a_flat_day_gives_the_plain_answer(
    rate: float, each: int, least: int, spare: int, utilisation: float, usd: float
) -> None:
    speed = Speed(True, 0.1, 0.01, 0.1, 0, 1, 9, 1, 1, NO_PARTS, throughput=300.0)
    need = Need(1000, 300, rate, 1, 1, utilisation, spare, least)
    plain = cost(Found(Layout("fp8", 1.0, "vllm"), 1, speed), need, each, usd)
    plan = cheapest_day([rate] * 24, utilisation, [], [Unit(each, each * usd)], inf, least, spare)
    assert plain
    assert plan
    assert isclose(plan.usd_day, plain.usd_hour * 24, rel_tol=1e-9)
    assert {counts[0] for counts in plan.burst} == {plain.instances}


@given(st.lists(units, min_size=1, max_size=3), st.integers(1, 9))
def test_covering_never_costs_less_for_more(kinds: list[Unit], most: int) -> None:
    costs = [usd for usd, _ in cheapest_cover(kinds, most)]
    assert costs == sorted(costs)


def test_a_peak_is_bought_by_the_hour_and_a_trough_is_not_paid_for() -> None:
    rates = [1.0] * 18 + [10.0] * 6
    plan = cheapest_day(rates, 1.0, [Unit(1, 1.0)], [Unit(1, 2.0)], inf)
    assert plan
    assert plan.base == (1,)
    assert [counts[0] for counts in plan.burst] == [0] * 18 + [9] * 6
    assert plan.usd_day == 24 * 1 + 6 * 9 * 2


def test_a_little_above_the_machines_goes_to_the_api() -> None:
    plan = cheapest_day([1.0] * 23 + [1.05], 1.0, [Unit(1, 1.0)], [], 1e-3)
    assert plan
    assert plan.base == (1,)
    assert plan.overflow == pytest.approx(0.05 / 24.05)
    assert plan.usd_day == pytest.approx(24 + 0.05 * 3600 * 1e-3)


def test_more_replicas_than_are_planned_for_are_refused() -> None:
    assert cheapest_day([float(MOST_REPLICAS + 1)] * 24, 1.0, [], [Unit(1, 1.0)], inf) is None
