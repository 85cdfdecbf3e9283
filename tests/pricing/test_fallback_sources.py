"""The published collections that stand in where a cloud can't be asked itself: what is read, and what is refused."""

import asyncio
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core.http_client import FetchError
from app.core.settings import load
from app.pricing import sources
from app.pricing.offers.offer import Offer, RawOffer, SetAside
from app.pricing.sources import hf_gpu_prices
from tests import fake_clouds
from tests.fake_clouds import Clouds, Reply, as_json, clouds
from tests.pricing.conftest import Refreshing
from tests.pricing.test_sources import offers

FEED = "/toolshedlabs-hash/gpu-price-feed/main/data/prices.json"


@pytest.fixture(scope="module")
def server() -> Iterator[Clouds]:
    with clouds() as made:
        yield made


def test_the_feed_is_in_the_machines_price_and_the_clouds_own_currency(server: Clouds) -> None:
    every = offers(server, "gpu_price_feed")
    found = {(o.provider, o.gpu): o for o in every if isinstance(o, Offer)}
    akamai = found["akamai", "rtx-4000-ada-20gb"]
    assert (akamai.gpu_count, akamai.usd_per_gpu_hour_micro, akamai.product) == (4, 520_000, "g2-gpu-rtx4000a4-s")
    euro = found["scaleway", "l40s-48gb"]
    assert (euro.currency, euro.quoted_amount, euro.usd_per_gpu_hour_micro) == ("EUR", "1.4", 1_610_000)
    piece = found["runpod", "rtx-pro-6000-server-96gb"]
    assert (piece.gpu_count, piece.usd_per_instance_hour_micro) == (Fraction(1, 4), 590_000)
    market = found["runpod", "h100-sxm-80gb"]
    assert (market.provider_tier, market.stock) == ("community", "in")
    assert [o.reason.value for o in every if isinstance(o, SetAside)] == ["unknown-gpu"]


def test_skypilot_is_one_row_for_a_machine_and_region_with_the_lowest_spot_price_of_its_zones(server: Clouds) -> None:
    source: Any = sources.SOURCES["skypilot"](load(server.environment()))
    raws: list[RawOffer] = asyncio.run(source.fetch())
    stated = {(r.provider, r.product, r.tier): (r.gpu_count, r.amount_per_instance_hour, r.region) for r in raws}
    assert stated == {
        ("aws", "p4d.24xlarge", "on-demand"): ("8", "21.9576", "us-east-1"),
        ("aws", "p4d.24xlarge", "spot"): ("8", "8.4", "us-east-1"),
        ("aws", "g6f.xlarge", "on-demand"): ("0.125", "0.24", "us-east-1"),
        ("hyperbolic", "1x-H100-28-271", "on-demand"): ("1", "1.39", ""),
        ("hyperbolic", "2x-RTX4090-21-90", "on-demand"): ("2", "0.5", ""),
    }
    assert source.left_out == {"no GPU in it": 1, "another zone of the same region": 1, "no price is stated": 1}
    assert "last changed on" in source.faults["mithril"], "a list that nobody renewed for a month is not believed"
    assert "verda" in source.faults, "the file is not there"
    kept = {(o.product, o.tier.value): o for o in offers(server, "skypilot") if isinstance(o, Offer)}
    assert kept["p4d.24xlarge", "spot"].gpu == "a100-sxm-40gb"
    assert kept["1x-H100-28-271", "on-demand"].gpu == "h100-80gb"


def test_the_dataset_is_walked_to_its_end_and_only_the_newest_snapshot_of_good_rows_counts(server: Clouds) -> None:
    source: Any = sources.SOURCES["hf_gpu_prices"](load(server.environment()))
    raws: list[RawOffer] = asyncio.run(source.fetch())
    assert [raw.product for raw in raws] == [*(f"h100-{n}" for n in range(104)), "epyc-h100", "p4d.24xlarge"]
    assert source.left_out == {"of an earlier snapshot": 1, "marked as stale": 1}
    kept = {o.product: o for o in offers(server, "hf_gpu_prices") if isinstance(o, Offer)}
    assert (kept["epyc-h100"].provider, kept["epyc-h100"].usd_per_gpu_hour_micro) == ("cudo", 2_000_000)
    assert (kept["p4d.24xlarge"].gpu, kept["p4d.24xlarge"].tier.value) == ("a100-sxm-40gb", "spot")


def test_a_collection_gives_way_to_the_clouds_own_interface_whoever_comes_first(refreshing: Refreshing) -> None:
    def speaks(provider: str) -> list[tuple[Any, ...]]:
        return refreshing.rows("SELECT DISTINCT source FROM offer WHERE provider = ?", provider)

    refreshing("gpu_price_feed")
    assert speaks("lambda") == [("gpu_price_feed",)]
    refreshing("lambda")
    assert speaks("lambda") == [("lambda",)]
    refreshing("gpu_price_feed")
    assert speaks("lambda") == [("lambda",)]
    assert ("gpu_price_feed", "not-authority") in refreshing.rows("SELECT source, reason FROM set_aside")
    refreshing("skypilot")
    assert speaks("hyperbolic") == [("skypilot",)]


@pytest.mark.parametrize(
    ("path", "name", "answer"),
    [
        (FEED, "gpu_price_feed", as_json({"offers": []})),
        (FEED, "gpu_price_feed", as_json({"collected_at": "soon", "offers": []})),
        (FEED, "gpu_price_feed", as_json({"collected_at": "2026-11-01T00:00:00Z", "offers": {}})),
        (FEED, "gpu_price_feed", Reply(b"<html>")),
        ("/filter", "hf_gpu_prices", as_json({"rows": []})),
        ("/filter", "hf_gpu_prices", as_json({"rows": [], "num_rows_total": 7})),
        ("/filter", "hf_gpu_prices", as_json({"rows": [], "num_rows_total": 10**9})),
        ("/repos/*", "skypilot", as_json([])),
        ("/repos/*", "skypilot", as_json([{"commit": {"committer": {"date": 7}}}])),
        ("/repos/*", "skypilot", Reply(b"", 403)),
    ],
)
def test_an_answer_of_another_form_is_refused_as_a_whole(path: str, name: str, answer: Reply) -> None:
    with clouds() as server:
        server.answers[path] = answer
        source = sources.SOURCES[name](load(server.environment()))
        with pytest.raises(FetchError):
            asyncio.run(source.fetch())


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 10**12) | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.dictionaries(st.sampled_from(sorted(fake_clouds.feed_offer("x", "y", "z", 1))), VALUES), max_size=4))
def test_whatever_rows_the_feed_holds_each_is_an_offer_or_a_fault(rows: list[Any]) -> None:
    source: Any = sources.SOURCES["gpu_price_feed"](load({}))
    assert len(source.each(rows, lambda row: source._read(row, 1), "nobody")) == len(rows)


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(VALUES | st.fixed_dictionaries({"row": st.dictionaries(
    st.sampled_from(sorted(fake_clouds.hub_row("x", "y", "z", 1, 1)["row"])), VALUES)}), max_size=4))  # fmt: skip
def test_whatever_rows_the_dataset_holds_each_is_accounted_for(rows: list[Any]) -> None:
    source: Any = sources.SOURCES["hf_gpu_prices"](load({}))
    newest = hf_gpu_prices._newest(rows)
    made = source.each(rows, lambda row: source._read(row, newest), "nobody")
    assert len(made) + source.left_out.total() == len(rows)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=200) | st.lists(st.text(max_size=12), max_size=9).map(",".join))
def test_whatever_text_a_catalogue_holds_it_is_read_or_refused(body: str) -> None:
    source: Any = sources.SOURCES["skypilot"](load({}))
    for text in (body, fake_clouds.SKY_HEAD + body):
        try:
            found = source._rows(text, "aws", 1)
        except FetchError:
            continue
        assert all(isinstance(raw, RawOffer) for raw in found)
