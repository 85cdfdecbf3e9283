"""The price strip: where ticks stand, and the same in words."""

import re
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from app.pricing.offers import best, price_strip
from app.pricing.offers.market_store import Asked

PRICES = st.lists(st.integers(1, 10**9), min_size=1, max_size=40)


def spread(*prices: int) -> price_strip.Spread:
    made = price_strip.spread_of(Counter(prices))
    assert made
    return made


@given(PRICES)
def test_every_price_has_a_place_on_the_axis_and_each_doubling_is_as_wide(prices: list[int]) -> None:
    axis = price_strip.axis_of([spread(*prices)])
    assert axis
    assert len(axis.labels) == axis.high - axis.low >= 1
    places = [axis.at(price) for price in sorted(prices)]
    assert places == sorted(places)
    assert 0 <= places[0] <= places[-1] <= price_strip.WIDTH
    step = price_strip.WIDTH / (axis.high - axis.low)
    for price in prices:
        assert abs(axis.at(2 * price) - axis.at(price) - step) <= 1


def test_ticks_stand_above_for_on_demand_and_below_for_spot_and_are_told_in_words() -> None:
    axis = price_strip.axis_of([spread(1_000_000), spread(4_000_000)])
    assert axis
    assert axis.labels == ("$1", "$2")
    prices = {"on-demand": spread(1_000_000, 2_000_000, 2_000_000, 4_000_000), "spot": spread(2_000_000)}
    strips, unit = price_strip.draw({"a": prices, "b": {}}, axis)
    strip = strips["a"]
    assert (strips["b"], unit) == (price_strip.Strip("", "", "no offer"), 1)
    assert (strip.on_demand, strip.spot) == ("M0 0v2M200 0v2M400 0v2", "M200 2v2")
    assert strip.words == "4 on demand from $1.00 to $4.00, median $2.00; 1 spot at $2.00"
    assert price_strip.axis_of([]) is None
    assert price_strip.in_words({}) == "no offer"


def test_the_headline_is_of_the_widest_market_and_of_current_prices_where_there_are_any() -> None:
    def ask(gpu: str, provider: str, price: int, stale_at: int = 0) -> Asked:
        return Asked(gpu, provider, stale_at, price, price)

    asked = [ask("a", "x", 5), ask("a", "y", 9), ask("b", "x", 1), ask("b", "y", 2), ask("b", "z", 3), ask("c", "x", 1)]
    assert best.widest_market(asked, {"a", "b", "c"}, now=10) == ("b", 1, 3)
    assert best.widest_market(asked, {"a", "c"}, now=10) == ("a", 5, 9)
    assert best.widest_market(asked, {"c"}, now=10) is None
    fresh = [ask("b", "x", 20, stale_at=99), ask("b", "y", 30, stale_at=99)]
    assert best.widest_market([*asked, *fresh], {"b"}, now=10) == ("b", 20, 30)


def test_ticks_of_a_page_with_very_many_stand_on_every_second_unit_or_fourth() -> None:
    crowded = {f"g{gpu}": {"on-demand": spread(*(round(1_000_000 * 1.02 ** (n + gpu / 90)) for n in range(120)))}
               for gpu in range(90)}  # fmt: skip
    axis = price_strip.axis_of(prices["on-demand"] for prices in crowded.values())
    assert axis
    strips, unit = price_strip.draw(crowded, axis)
    assert unit > 1
    assert 100 < sum(strip.on_demand.count("M") for strip in strips.values()) <= price_strip.MOST_ON_A_PAGE
    assert {int(x) % unit for x in re.findall(r"M(\d+) 0v2", strips["g7"].on_demand)} == {0}
    few = {slug: crowded[slug] for slug in ("g1", "g2")}
    assert price_strip.draw(few, axis)[1] == 1
