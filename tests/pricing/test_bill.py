"""What a month costs, all told: by hand, and as the page and its data say it."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pricing.offers.bill import (
    Bill,
    Extras,
    Market,
    Part,
    Wish,
    bill,
    break_even,
    market_of,
    ranked,
    usually_included,
)
from app.pricing.offers.reclaim import spot_factor
from tests.conftest import Inside

MARKET = Market(90_000, 80_000, 10_000, 5_000, 20.0, 200.0)


def offer(**facts: Any) -> dict[str, Any]:
    return {"id": "x", "provider": "verda", "gpu": "h100-sxm-80gb", "gpu_count": "8", "gpu_count_number": 8.0,
            "usd_per_gpu_hour_micro": 2_000_000, "usd_per_instance_hour_micro": 16_000_000, "tier": "on-demand",
            "commitment_months": None, "price_includes": "gpu+host+disk+traffic", "price_excludes": "", "remark": "",
            "vcpus": None, "ram_gb": None, "disk_gb": None, "disk_usd_per_gb_month_micro": None,
            "traffic_usd_per_gb_micro": None, "min_nodes": None, "stale_at": 10,
            "reclaim_low": None, "reclaim_high": None, "reclaim_hours": None, **facts}  # fmt: skip


def parts(found: Bill) -> dict[str, tuple[str, int | None, bool]]:
    return {part.name: (part.status, part.micro, part.is_median) for part in found.parts}


def test_a_price_that_holds_everything_is_the_bill() -> None:
    found = bill(offer(), Wish(8, 500, 10_000), MARKET)
    assert (found.nodes, found.gpus, found.total_micro) == (1, 8, 16 * 730 * 10**6)
    assert parts(found) == dict.fromkeys(("GPU", "host", "disk", "network"), ("included", 0, False))


def test_machines_are_bought_whole_and_never_fewer_than_are_sold_together() -> None:
    assert bill(offer(), Wish(9), MARKET).nodes == 2
    assert bill(offer(min_nodes=4), Wish(9), MARKET).nodes == 4
    unknown = bill(offer(gpu_count=None, usd_per_instance_hour_micro=None), Wish(2), MARKET)
    assert (unknown.nodes, unknown.rent_micro) == (2, 2 * 2 * 730 * 10**6)


def test_slices_of_a_card_are_no_card() -> None:
    slices = [offer(id=share, gpu_count=share, usd_per_instance_hour_micro=1) for share in ("1/8", "1/3", "1/2")]
    assert ranked(slices, Wish(1), MARKET, 0) == []
    whole = [offer(id=str(count), gpu_count=count) for count in ("1", "8", None)]
    assert [found.row["id"] for found in ranked([*slices, *whole], Wish(8), MARKET, 0)] == ["8", "1", "None"]


def test_what_comes_on_top_is_priced_as_the_offer_then_its_provider_then_the_market_says() -> None:
    extra = {"price_includes": "gpu+host", "price_excludes": "disk+traffic"}
    own = bill(offer(**extra, disk_usd_per_gb_month_micro=100_000, traffic_usd_per_gb_micro=20_000),
               Wish(8, 200, 50), MARKET)  # fmt: skip
    assert parts(own)["disk"] == ("extra", 200 * 100_000, False)
    assert parts(own)["network"] == ("extra", 50 * 20_000, False)
    said = Market(90_000, 80_000, None, None, None, None, providers={"verda": Extras(70_000, 60_000, 30)})
    theirs = bill(offer(**extra), Wish(8, 200, 50), said)
    assert parts(theirs)["disk"] == ("extra", 200 * 70_000, False)
    assert parts(theirs)["network"] == ("extra", 20 * 60_000, False), "what is free is free"
    median = bill(offer(**extra), Wish(8, 200, 50), MARKET)
    assert parts(median)["disk"] == ("extra", 200 * 90_000, True)
    assert parts(median)["network"] == ("extra", 50 * 80_000, True)


def test_only_disk_beyond_that_of_the_price_is_paid() -> None:
    assert parts(bill(offer(disk_gb=80), Wish(8, 100), MARKET))["disk"] == ("extra", 20 * 90_000, True)
    assert parts(bill(offer(disk_gb=80), Wish(16, 100), MARKET))["disk"] == ("extra", 40 * 90_000, True)
    assert parts(bill(offer(disk_gb=100), Wish(8, 100), MARKET))["disk"] == ("included", 0, False)


def test_a_cards_price_gets_its_host_by_its_own_words_or_at_the_median() -> None:
    card = {"price_includes": "gpu", "price_excludes": "host"}
    own = bill(offer(**card, remark="vCPU $0.01/h and memory $0.005/GB-h extra", vcpus=100, ram_gb=1000), Wish(8),
               MARKET)  # fmt: skip
    assert parts(own)["host"] == ("extra", (1_000_000 + 5_000_000) * 730, False)
    median = bill(offer(**card), Wish(8), MARKET)
    assert parts(median)["host"] == ("extra", (20 * 8 * 10_000 + 200 * 8 * 5_000) * 730, True)


def test_what_nobody_tells_adds_nothing_where_most_include_it_and_is_the_least_where_nothing_is_known() -> None:
    silent = offer(price_includes="", price_excludes="")
    assert parts(bill(silent, Wish(8, 100, 9), MARKET)) == {
        "GPU": ("included", 0, False), "host": ("not stated", (20 * 80_000 + 200 * 40_000) * 730, True),
        "disk": ("not stated", 9_000_000, True), "network": ("not stated", 720_000, True),
    }  # fmt: skip
    usual = Market(90_000, 80_000, 1, 1, 1.0, 1.0, frozenset({"host", "disk", "traffic"}))
    assert {part.micro for part in bill(silent, Wish(8, 100, 9), usual).parts} == {0}
    nothing = bill(silent, Wish(8, 100, 9), Market(None, None, None, None, None, None))
    assert nothing.missing
    assert nothing.total_micro == nothing.rent_micro
    rows = [silent | {"id": "a"}, offer(id="b", usd_per_instance_hour_micro=10**9)]
    ordered = ranked(rows, Wish(8), Market(None, None, None, None, None, None), 5)
    assert [one.row["id"] for one in ordered] == ["b", "a"], "what lacks a price comes last"


def test_a_current_price_goes_before_every_stale_one() -> None:
    rows = [offer(id="stale", usd_per_instance_hour_micro=1, stale_at=5), offer(id="dear"),
            offer(id="cheap", usd_per_instance_hour_micro=9)]  # fmt: skip
    assert [one.row["id"] for one in ranked(rows, Wish(8), MARKET, 5)] == ["cheap", "dear", "stale"]


def test_spot_that_is_taken_pays_for_the_time_it_loses() -> None:
    taken = offer(tier="spot", reclaim_low=20, reclaim_hours=1)
    found = bill(taken, Wish(8), MARKET)
    assert found.reclaims_micro == round(found.rent_micro * (spot_factor(taken) - 1)) > 0
    assert found.total_micro == found.rent_micro + found.reclaims_micro
    assert bill(offer(tier="spot"), Wish(8), MARKET).reclaims_micro == 0


def test_each_provider_counts_once_in_the_medians() -> None:
    rows = [offer(provider="vast-ai", disk_usd_per_gb_month_micro=10**6)] * 50
    rows += [offer(provider=name, disk_usd_per_gb_month_micro=10**5, vcpus=80, ram_gb=800) for name in ("a", "b")]
    found = market_of(rows, {"c": Extras(traffic_micro=7)})
    assert (found.disk_micro, found.traffic_micro, found.vcpus_per_gpu, found.ram_gb_per_gpu) == (10**5, 7, 10, 100)
    told = [("a", "gpu+host", "disk"), ("b", "gpu+host+disk", ""), ("b", "gpu", "disk"), ("c", "gpu", "host+disk")]
    assert usually_included(told) == {"host"}


@pytest.mark.parametrize(
    ("reserved", "months", "demand", "month"),
    [(100, 12, 150, 8), (100, 12, 100, 12), (100, 12, 99, None), (100, None, 150, None), (100, 36, 400, 9)],
)
def test_a_commitment_pays_from_the_month_in_which_renting_would_have_cost_more(
    reserved: int, months: int | None, demand: int, month: int | None
) -> None:
    one = Bill(offer(commitment_months=months), 1, Fraction(8), reserved, (Part("GPU", "included", 0),))
    assert break_even(one, demand) == month


@given(
    st.integers(1, 64),
    st.integers(0, 5000),
    st.integers(0, 5000),
    st.sampled_from(["", "gpu+host", "gpu+host+disk"]),
    st.sampled_from(["", "disk+traffic", "traffic"]),
    st.none() | st.integers(1, 4000),
    st.integers(1, 500),
)
def test_more_never_costs_less(
    gpus: int, disk: int, traffic: int, includes: str, excludes: str, held: int | None, more: int
) -> None:
    row = offer(price_includes=includes, price_excludes=excludes, disk_gb=held)
    at = bill(row, Wish(gpus, disk, traffic), MARKET).total_micro
    for wish in (Wish(gpus + more, disk, traffic), Wish(gpus, disk + more, traffic), Wish(gpus, disk, traffic + more)):
        assert bill(row, wish, MARKET).total_micro >= at


def test_page_and_data_say_the_same_and_refuse_in_words(inside: Inside) -> None:
    async def go(client: Any) -> None:
        page = await client.get("/bill?disk=500&gpu=h100-sxm-80gb&gpus=8", follow_redirects=True)
        assert page.status_code == 200
        assert str(page.url).endswith("/bill?gpu=h100-sxm-80gb&gpus=8&disk=500")
        found = (await client.get("/api/bill?gpu=h100-sxm-80gb&gpus=8&disk=500")).json()
        totals = [(one["is_least"], one["usd_per_month"]) for one in found["bills"]]
        assert totals == sorted(totals)
        first = found["bills"][0]
        assert first["usd_per_month"] == pytest.approx(sum(part["usd_per_month"] for part in first["parts"]))
        assert f"{round(first['usd_per_month']):,}" in page.text
        own, cheapest = ([one[name] for one in found["bills"] if one[name]]
                         for name in ("breaks_even_in_month", "breaks_even_against_cheapest"))  # fmt: skip
        assert own
        assert len(cheapest) <= len(own)
        assert "against its own price on" in page.text
        assert "No GPU chosen: this is the bill for H100 SXM" in (await client.get("/bill")).text
        assert "No GPU chosen" not in page.text
        sliced = (await client.get("/bill?gpu=b300-sxm-288gb")).text
        assert "offers of part of a card are left out" in sliced
        for wrong in ("gpus=0", "disk=-1", "traffic=much", "currency=XAU", "gpus=1025", "gpu=nothing-such"):
            assert (await client.get(f"/bill?{wrong}")).status_code == 400, wrong
            assert (await client.get(f"/api/bill?{wrong}")).status_code == 400, wrong

    inside.run(go)
