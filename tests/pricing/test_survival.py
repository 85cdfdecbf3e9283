"""How long prices last: the estimate against one by counting, what is claimed, and how claims of past months held."""

from fractions import Fraction

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.units import DAY_S
from app.pricing.history import survival
from app.pricing.history.survival import Life
from app.pricing.history.sweep import Span

LIVES = st.lists(
    st.builds(lambda begin, days, changed: Life(begin * DAY_S, (begin + days) * DAY_S, changed),
              st.integers(0, 30), st.integers(1, 12), st.booleans()), max_size=20)  # fmt: skip


def share_by_counting(found: list[Life], age: int) -> Fraction:
    """The product of the definition, day by day: those that change at an age among those watched to it."""
    share = Fraction(1)
    for day in range(1, age + 1):
        watched = [life for life in found if life.days >= day]
        changed = [life for life in watched if life.changed and life.days == day]
        if watched:
            share *= 1 - Fraction(len(changed), len(watched))
    return share


@given(LIVES, st.integers(0, 14))
def test_the_curve_is_the_product_limit_by_counting(found: list[Life], age: int) -> None:
    made = survival.curve(found)
    if age > made.longest:
        assert made.at(age) is None
    else:
        assert made.at(age) == pytest.approx(float(share_by_counting(found, age)))
    assert list(made.shares) == sorted(made.shares, reverse=True)
    assert (made.prices, made.changes) == (len(found), sum(life.changed for life in found))


@given(st.lists(st.integers(1, 12), min_size=5, max_size=20), st.integers(1, 12))
def test_where_every_end_was_seen_it_is_the_plain_share(days: list[int], age: int) -> None:
    made = survival.curve(Life(0, d * DAY_S, changed=True) for d in days)
    if age <= made.longest:
        assert made.at(age) == pytest.approx(sum(d > age for d in days) / len(days))


@given(LIVES, st.integers(1, 40))
def test_nothing_of_later_is_known_before(found: list[Life], day: int) -> None:
    at = day * DAY_S
    later = [*found, Life(at, at + DAY_S, changed=True)]
    assert survival.known_by(later, at) == survival.known_by(found, at)
    assert all(life.end <= at for life in survival.known_by(found, at))


def span(begin: int, end: int | None, micro: int, offer: str = "x") -> Span:
    return Span(offer, "a", "g", "spot", None, "", begin * DAY_S, None if end is None else end * DAY_S, micro)


def test_a_price_ends_by_another_and_a_gap_tells_nothing() -> None:
    found = survival.lives([span(0, 5, 10), span(5, 8, 12), span(9, None, 12)], 20 * DAY_S)
    assert [(life.days, life.changed) for life in found] == [(5, True), (3, False), (11, False)]
    other = [span(0, 5, 10), span(5, None, 10, "y")]  # told by another source from then on, and the same
    assert [(life.days, life.changed) for life in survival.lives(other, 20 * DAY_S)] == [(20, False)]


def test_a_month_is_scored_by_what_was_known_at_its_begin() -> None:
    past = [Life(0, day * DAY_S, changed=True) for day in range(1, 61)]
    standing = [Life(90 * DAY_S, end * DAY_S, changed=True) for end in (95, 120, 140, 150)]
    made = survival.score([[*past, *standing]], "m", 100 * DAY_S, 130 * DAY_S)
    assert made is not None
    assert made.claims == 3  # one had changed before
    known = [*past, Life(0, 5 * DAY_S, changed=True), *[Life(0, 10 * DAY_S, changed=False)] * 3]
    assert made.said == pytest.approx(survival.curve(known).still(10, 30))
    assert made.stood == pytest.approx(2 / 3)
    assert survival.score([standing], "m", 100 * DAY_S, 130 * DAY_S) is None


def test_the_page_says_how_long_prices_last_and_how_claims_held(http: httpx.Client) -> None:
    page = http.get("/prices/lasting").text
    assert "Kaplan" in page
    assert "still stood after" in page
    assert 'href="/providers/gcp"' in page
    assert "How often such claims held" in page
    assert http.get("/prices/lasting?x=1").headers["location"] == "/prices/lasting"
    assert 'href="/prices/lasting"' in http.get("/providers/gcp").text
