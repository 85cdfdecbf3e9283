"""Questions: typed, canonical, helpful when wrong."""

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.catalog.facts import providers
from app.core.errors import QueryError
from app.pricing.offers import store, tally_store
from app.pricing.offers.price_query import MEANINGS, PARAMETERS
from app.pricing.search.parse_query import parse
from app.storage import engine
from tests.pricing.conftest import Refreshing


@pytest.mark.parametrize(
    ("words", "canonical"),
    [
        ("h100 80gb spot under 2", "gpu=h100-80gb&gpu=h100-pcie-80gb&gpu=h100-sxm-80gb&tier=spot&max_usd=2"),
        ("rtx 4090", "gpu=rtx-4090-24gb"), ("4090", "gpu=rtx-4090-24gb"), ("rtx 3060 ti", "gpu=rtx-3060-ti-8gb"),
        ("48gb under $1", "min_memory_gb=48&max_usd=1"),
        ("8x h200 germany", "gpu=h200-141gb&gpu=h200-nvl-141gb&gpu=h200-sxm-141gb&region=de-or-not-stated&gpu_count=8"),
        ("aws l40s reserved", "gpu=l40s-48gb&provider=aws&tier=reserved"),
        ("L4 on demand", "gpu=l4-24gb&tier=on-demand"),
        ("MI300X", "gpu=mi300x-192gb"), ("h100-sxm-80gb", "gpu=h100-sxm-80gb"), ("quantum flux", "q=quantum%20flux"),
        ("b200 below 4.50 usd", "gpu=b200-180gb&gpu=b200-sxm-180gb&max_usd=4.5"),
        ("in europe", "region=europe-or-not-stated"),
        ("l4 1 year", "gpu=l4-24gb&tier=reserved&commitment_months=12"),
        ("l4 36 months", "gpu=l4-24gb&tier=reserved&commitment_months=36"),
        ("l4 three years aws", "gpu=l4-24gb&provider=aws&tier=reserved&commitment_months=36"),
        ("l4 commitment", "gpu=l4-24gb&tier=reserved"),
    ],
)  # fmt: skip
def test_the_words_of_a_search_become_filters(words: str, canonical: str) -> None:
    assert parse([("q", words)]).query_string() == canonical


@given(st.text(max_size=80))
def test_a_canonical_address_is_its_own_canonical_address(words: str) -> None:
    try:
        first = parse([("q", words)])
    except QueryError:
        return
    assert parse(parse_qsl(first.query_string())).query_string() == first.query_string()


def test_parameters_have_one_order_values_are_sorted_and_defaults_are_left_out() -> None:
    query = parse([("page", "1"), ("sort", "price"), ("tier", "spot"), ("gpu", "l4-24gb"), ("gpu", "a40-48gb"),
                   ("tier", "spot"),
                   ("q", ""), ("utm_source", "x"), ("order", "asc"), ("max_usd", "2.50")])  # fmt: skip
    assert query.query_string() == "gpu=a40-48gb&gpu=l4-24gb&tier=spot&max_usd=2.5"
    assert query.dropped == ("utm_source",)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("gpu", "h1000"), ("provider", "nobody"), ("tier", "gratis"), ("min_memory_gb", "much"),
        ("min_memory_gb", "-1"),
        ("min_memory_gb", "1.5"), ("max_usd", "0"),
        ("commitment_months", "0"), ("commitment_months", "121"), ("commitment_months", "1.5"),
         ("max_usd", "NaN"), ("max_usd", "1e9"), ("gpu_count", "0"),
        ("gpu_count", "x"),
        ("unit", "day"), ("sort", "luck"), ("order", "up"), ("page", "0"), ("page", "-1"), ("page", "1e3"),
        ("page", "٣"),
        ("region", "<script>"), ("region", "x" * 99), ("q", "x" * 200), ("gpu_count", "1/0"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused_with_help(name: str, value: str) -> None:
    with pytest.raises(QueryError) as refused:
        parse([(name, value)])
    assert refused.value.parameter == name
    assert refused.value.hint


def test_a_single_value_given_twice_differently_is_refused() -> None:
    with pytest.raises(QueryError, match="more than once"):
        parse([("sort", "gpu"), ("sort", "price")])


def test_a_near_miss_is_suggested() -> None:
    with pytest.raises(QueryError) as refused:
        parse([("gpu", "h100-sxm-80g")])
    assert "h100-sxm-80gb" in refused.value.hint


def test_every_parameter_has_a_meaning_and_an_example_that_works() -> None:
    assert set(MEANINGS) == set(PARAMETERS)
    for name, (_, example) in MEANINGS.items():
        parse([(name, example)])


def test_words_for_a_place_find_offers_that_may_be_there_and_an_exact_region_only_what_is(
    refreshing: Refreshing,
) -> None:
    def found(**pairs: str) -> list[dict[str, object]]:
        return engine.run(store.all_rows(parse(list(pairs.items()))))

    spot = found(q="h100 spot europe")
    assert spot
    assert {row["tier"] for row in spot} == {"spot"}
    stated = [row for row in spot if row["continent"] == "europe"]
    open_ones = [row for row in spot if not row["continent"]]
    assert len(stated) + len(open_ones) == len(spot)
    assert open_ones
    assert all(row["region"] in ("", "global") for row in open_ones)
    assert all(providers()[str(row["provider"])].may_be_in("europe") for row in open_ones)
    exact = found(region="europe")
    assert {row["continent"] for row in exact} == {"europe"}
    assert not [row for row in found(q="h100 africa") if row["provider"] == "hot-aisle"]
    page = engine.run(store.offer_page(parse([("region", "europe-or-not-stated")])))
    assert page.facets["region"]["europe-or-not-stated"] == page.total > (page.facets["region"]["europe"] or 0) > 0


@pytest.mark.parametrize(
    ("region", "value"),
    [("EU", "europe"), ("usa", "us"), ("UK", "gb"), ("Germany", "de"), ("deutschland", "de"),
     ("South America", "south-america"), ("EU-or-not-stated", "europe-or-not-stated"), ("us-east-1", "us-east-1"),
     ("FIN-01", "FIN-01"), ("Frankfurt", "Frankfurt")],
)  # fmt: skip
def test_other_names_of_a_place_are_understood_and_regions_stay_as_written(region: str, value: str) -> None:
    assert parse([("region", region)]).region == (value,)


def test_a_commitments_length_finds_the_prices_for_it_alone(refreshing: Refreshing) -> None:
    every = engine.run(store.all_rows(parse([("tier", "reserved")])))
    terms = {row["commitment_months"] for row in every} - {None}
    assert len(terms) > 1
    for months in terms:
        asked = parse([("commitment_months", str(months))])
        found = engine.run(store.all_rows(asked))
        assert {row["commitment_months"] for row in found} == {months}
        assert (
            engine.run(tally_store.count(asked)) == len(found) == sum(r["commitment_months"] == months for r in every)
        )
