"""How often spot is taken: what is read of it, kept on offers, and made of it."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.http_client import FetchError
from app.pricing.offers.reclaim import MONTH_HOURS, RELOAD_HOURS, hours_between, rate_per_hour, spot_factor, stretch
from app.pricing.sources import spot_advisor, spotlake
from app.pricing.sources.spot_bands import band
from tests import fake_clouds
from tests.conftest import Inside
from tests.fake_clouds import as_json
from tests.pricing.conftest import Refreshing
from tests.pricing.test_more_clouds import broken

pytestmark = pytest.mark.both_engines

BANDS = "SELECT provider, product, region, low, high, hours FROM spot_reclaim ORDER BY 1, 2, 3"
SPOT = (
    "SELECT provider, product, reclaim_low, reclaim_high, reclaim_hours FROM offer WHERE tier = 'spot' AND provider = ?"
)


def test_the_bands_of_machines_with_a_card_are_kept_and_written_on_spot_alone(refreshing: Refreshing) -> None:
    refreshing("skypilot")
    assert refreshing.rows(SPOT, "aws") == [("aws", "p4d.24xlarge", None, None, None)]
    raised = refreshing.raised(lambda: refreshing("spot_advisor"))
    assert raised >= {"offers", "gpu:a100-sxm-40gb", "provider:aws", "source:spot_advisor"}
    assert refreshing.rows(BANDS) == [("aws", "g6.xlarge", "eu-west-1", 5, 10, MONTH_HOURS),
                                      ("aws", "p4d.24xlarge", "us-east-1", 20, None, MONTH_HOURS)]  # fmt: skip
    assert refreshing.rows(SPOT, "aws") == [("aws", "p4d.24xlarge", 20, None, MONTH_HOURS)]
    assert refreshing.rows("SELECT count(*) FROM offer WHERE tier <> 'spot' AND reclaim_low IS NOT NULL") == [(0,)]
    kinds = "SELECT reclaim_low, sum(offers) FROM offer_kind WHERE provider = 'aws' AND tier = 'spot' GROUP BY 1"
    assert [(low, int(n)) for low, n in refreshing.rows(kinds)] == [(20, 1)], "a summary tells the band too"
    assert "offers" not in refreshing.raised(lambda: refreshing("spot_advisor")), "nothing changed"
    refreshing("skypilot")
    assert refreshing.rows(SPOT, "aws") == [("aws", "p4d.24xlarge", 20, None, MONTH_HOURS)], "new prices keep the band"


def test_azures_zones_count_as_their_region_with_the_highest_band(refreshing: Refreshing) -> None:
    assert refreshing("spotlake").state == "ok"
    assert refreshing.rows(BANDS) == [("azure", "Standard_NC24ads_A100_v4", "eastus", 20, None, 1)]


def test_vasts_reliability_is_kept(refreshing: Refreshing) -> None:
    refreshing("vast")
    assert refreshing.rows("SELECT DISTINCT reliability FROM offer WHERE provider = 'vast-ai'") == [(0.987,)]


def test_an_answer_that_is_no_good_leaves_what_stands(refreshing: Refreshing) -> None:
    refreshing("spot_advisor")
    before = refreshing.rows(BANDS)
    for answer in ({}, {**fake_clouds.ADVISOR, "ranges": [{"index": 0, "label": "often"}]},
                   {**fake_clouds.ADVISOR, "spot_advisor": {"us-east-1": []}}):  # fmt: skip
        refreshing.server.answers["/spot-advisor-data.json"] = answer
        assert refreshing("spot_advisor").state == "failed"
    refreshing.server.answers["/latest_azure.json"] = as_json([])
    assert refreshing("spotlake").state == "failed"
    assert refreshing.rows(BANDS) == before


@given(broken(fake_clouds.ADVISOR))
def test_whatever_is_broken_in_the_advisors_file_it_is_read_or_refused(answer: Any) -> None:
    try:
        found = spot_advisor.read(answer, 1)
    except FetchError:
        return
    assert all(one.provider == "aws" and 0 <= one.low < (one.high or 101) for one in found)


@given(broken(fake_clouds.SPOT_LAKE) | st.text(max_size=80))
def test_whatever_is_broken_in_the_lakes_list_it_is_read_or_refused(answer: Any) -> None:
    try:
        found = spotlake.read(json.dumps(answer).encode(), 1)
    except FetchError:
        return
    assert all(one.provider == "azure" and one.hours == 1 for one in found)


@pytest.mark.parametrize(
    ("label", "told"),
    [("<5%", (0, 5)), ("5-10%", (5, 10)), ("0-5", (0, 5)), (">20%", (20, None)), ("20+", (20, None))],
)
def test_bands_in_words(label: str, told: tuple[int, int | None]) -> None:
    assert band(label) == told


@pytest.mark.parametrize("label", ["", "5", "10-5%", "often", "<5-10%", ">200%", "5-101", "١-٥"])
def test_what_is_no_band_is_refused(label: str) -> None:
    with pytest.raises(ValueError, match="is no band"):
        band(label)


def test_what_an_hour_of_work_costs_in_hours() -> None:
    """By hand: of machines of which 10 to 15 % are taken in a month, one is taken every 5,467 hours."""
    rate = rate_per_hour(10, 15, MONTH_HOURS)
    assert 1 / rate == pytest.approx(730 / -math.log(0.875))
    assert stretch(rate, 0, 0) == 1
    assert stretch(rate, 0.25, 0) == pytest.approx(math.exp(0.25 * rate))
    hourly = rate_per_hour(20, None, 1)  # a quarter is taken each hour
    assert hourly == pytest.approx(-math.log(0.75))
    assert stretch(hourly, 0.5, 2) == pytest.approx(math.exp(0.5 * hourly) * (math.exp(2 * hourly) - 1) / (2 * hourly))
    assert stretch(hourly, 1e6, 0) == math.inf


@given(st.floats(0, 5), st.floats(0, 24), st.floats(0, 24), st.floats(0.01, 2))
def test_more_reclaims_longer_reloads_and_rarer_checkpoints_never_make_it_cheaper(
    rate: float, reload: float, lost: float, more: float
) -> None:
    at = stretch(rate, reload, lost)
    assert at >= 1
    for dearer in (stretch(rate + more, reload, lost), stretch(rate, reload + more, lost),
                   stretch(rate, reload, lost + more)):  # fmt: skip
        assert dearer >= at or math.isclose(dearer, at, rel_tol=1e-9)


def test_the_calculators_spot_price_holds_what_reclaims_cost(refreshing: Refreshing) -> None:
    from app.calculator import sheet
    from app.core import clock
    from app.storage import engine

    refreshing("skypilot")
    row = {"tier": "spot", "reclaim_low": 20, "reclaim_high": None, "reclaim_hours": 1}
    assert spot_factor(row) == round(math.exp(-math.log(0.75) * RELOAD_HOURS), 4)
    assert spot_factor({**row, "tier": "on-demand"}) == spot_factor({**row, "reclaim_low": None}) == 1
    refreshing.server.answers["/spot-advisor-data.json"] = {
        **fake_clouds.ADVISOR,
        "ranges": [{"index": 4, "label": "95-100%"}],
    }
    refreshing("spot_advisor")
    told = [
        offer
        for offer in json.loads(engine.run(sheet.sheet(clock.timestamp())))["offers"]
        if len(offer) > 8 and offer[8]
    ]
    often = {**row, "reclaim_low": 95, "reclaim_high": 100, "reclaim_hours": 730}
    assert [offer[8] for offer in told] == [round(hours_between(often), 1)]
    assert spot_factor(often) == round(stretch(1 / hours_between(often), RELOAD_HOURS, 0), 4)
    assert hours_between({**row, "reclaim_low": 0, "reclaim_high": 0}) == 0
    assert hours_between({**row, "tier": "on-demand"}) == hours_between({**row, "reclaim_low": None}) == 0


def test_the_price_table_and_its_data_tell_how_often_spot_is_taken(refreshing: Refreshing) -> None:
    for name in ("skypilot", "spot_advisor", "vast"):
        refreshing(name)

    async def pages(client: Any) -> None:
        page = (await client.get("/prices?provider=aws&tier=spot", follow_redirects=True)).text
        assert "over 20% of such spot machines reclaimed per month" in " ".join(page.split())
        assert ">Reclaimed<" in page
        assert "<td class=c>&gt;20%/mo" in page
        page = (await client.get("/prices?provider=vast-ai", follow_redirects=True)).text
        assert "host reachable 98.7% of the time" in " ".join(page.split())
        assert "<td class=c><small>98.7% up</small>" in page
        assert ">Reclaimed<" not in (await client.get("/prices?provider=akamai")).text  # nothing is told there
        for path in ("/providers/aws", "/gpus/h100-sxm-80gb"):
            assert ">Reclaimed<" in (await client.get(path)).text, path
        listed = (await client.get("/api/prices?sort=reclaims")).json()["offers"]
        known = [offer["reclaim_low"] is not None for offer in listed]
        assert known == sorted(known, reverse=True)  # what is told comes first
        assert any(known)
        [offer] = (await client.get("/api/prices?provider=aws&tier=spot")).json()["offers"]
        assert [offer[name] for name in ("reclaim_low", "reclaim_high", "reclaim_hours")] == [20, None, MONTH_HOURS]
        head, row = (await client.get("/prices.csv?provider=aws&tier=spot")).text.splitlines()
        told = dict(zip(head.split(","), row.split(","), strict=True))
        assert (told["reclaim_low"], told["reclaim_high"], told["reclaim_hours"]) == ("20", "", "730")

    Inside(refreshing.settings).run(pages)


def test_the_sheet_keeps_dearer_spot_that_is_reclaimed_more_rarely(inside: Inside) -> None:
    from app.calculator.sheet import best_offers
    from app.core import clock
    from app.pricing.offers import summary_store
    from app.storage import engine

    async def kept() -> tuple[list[str], set[str], set[str]]:
        found = await engine.fetch_column(
            "SELECT id FROM offer WHERE provider = 'gcp' AND tier = 'spot' AND gpu = 'h100-sxm-80gb' "
            "AND gpu_count_number = 1 ORDER BY usd_per_gpu_hour_micro, id LIMIT 3"
        )
        async with engine.transaction():
            for name, band in zip(found, ((20, None, 1), (0, 5, 730), (5, 10, 730)), strict=True):
                await engine.execute(
                    "UPDATE offer SET reclaim_low = {}, reclaim_high = {}, reclaim_hours = {} WHERE id = {}",
                    *band,
                    name,
                )
            await summary_store.rebuild()
        now = clock.timestamp()
        each = [{row["id"] for row in await best_offers(now, rarer=rarer)} for rarer in (True, False)]
        return found, each[0], each[1]

    (often, rarely, between), more, usual = engine.run(kept())
    assert {often, rarely} <= more
    assert between not in more  # dearer and reclaimed more often than another
    assert len({often, rarely} & usual) <= 1
