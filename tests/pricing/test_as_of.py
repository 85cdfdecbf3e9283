"""The market as it was known on a past day: from the stored history, said to be historical, within what is known."""

import csv
import io
from datetime import date, timedelta

import httpx
import pytest

from app.core import clock
from app.core.clock import parse_instant
from app.core.units import DAY_S
from app.pricing.history import as_of
from app.pricing.history.price_span import Span
from app.pricing.offers import store
from app.pricing.offers.price_query import SORTS, PriceQuery
from app.storage import engine
from tests.conftest import Inside
from tests.database import execute, tuples

pytestmark = pytest.mark.both_engines

DAY = "2026-06-18"
END = int(parse_instant(DAY).timestamp()) + DAY_S


def test_a_past_day_has_the_prices_that_stood_at_its_end(inside: Inside) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        answer = (await client.get(f"/api/prices?as_of={DAY}")).json()
        assert answer["as_of"] == DAY
        assert answer["note"].startswith("Historical")
        ids = {offer["id"]: offer for offer in answer["offers"]}
        stood = await tuples(
            "SELECT s.offer, p.usd_per_gpu_hour_micro FROM price_series s JOIN price_span p ON p.series = s.id"
            " WHERE p.valid_from < ? AND p.valid_to >= ? AND s.offer NOT LIKE 'shipped:%'", END, END,
        )  # fmt: skip
        assert stood
        for offer, micro in stood[:50]:
            if offer in ids:
                assert ids[offer]["usd_per_gpu_hour"] == pytest.approx(micro / 1e6)
        for offer in ids.values():
            assert offer["price_since"] <= DAY
            assert offer["fetched_at"] < "2026-06-19"
        later = [row["id"] for row in await store.all_rows(PriceQuery()) if row["price_since"] > DAY]
        assert later
        assert not set(later) & set(ids)

    inside.run(work)


def test_a_price_that_changed_since_is_the_one_of_that_day(inside: Inside) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        (offer,) = await tuples("SELECT id, gpu FROM offer WHERE price_since < ? ORDER BY id LIMIT 1", DAY)
        async with engine.transaction("offers"):
            await execute("DELETE FROM price_span WHERE series = (SELECT id FROM price_series WHERE offer = ?)",
                                 offer[0])  # fmt: skip
            for begin, end, micro in ((END - 9 * DAY_S, END + DAY_S, 7_000_000), (END + DAY_S, None, 8_000_000)):
                await execute("INSERT INTO price_span (series, valid_from, valid_to, usd_per_gpu_hour_micro) "
                                     "SELECT id, ?, ?, ? FROM price_series WHERE offer = ?",
                                     begin, end, micro, offer[0])  # fmt: skip
        for day, usd in ((DAY, 7), ("2026-06-19", 7), ("2026-06-20", 8)):
            rows = (await client.get(f"/api/prices?gpu={offer[1]}&as_of={day}")).json()["offers"]
            found = [row for row in rows if row["id"] == offer[0]]
            assert [row["usd_per_gpu_hour"] for row in found] == [usd]
            if usd == 7:
                assert found[0]["quoted_amount"] is None  # what it is quoted at today is another price
                assert found[0]["price_since"] == "2026-06-10"

    inside.run(work)


def test_what_is_gone_has_what_history_keeps(http: httpx.Client) -> None:
    rows = http.get("/api/prices?gpu=h100-sxm-80gb&provider=aws&tier=on-demand&as_of=2024-01-01").json()["offers"]
    assert [(row["usd_per_gpu_hour"], row["source"], row["region"]) for row in rows] == [
        (12.29, "history", "us-east-1")
    ]
    assert rows[0]["gpu_count"] is None
    assert rows[0]["currency"] is None
    assert rows[0]["price_since"] == "2023-09-18"
    assert http.get("/api/prices?provider=aws&max_usd=5&as_of=2024-01-01").json()["count"] > 0


def test_csv_and_json_tell_the_same_day(http: httpx.Client) -> None:
    told = list(csv.DictReader(io.StringIO(http.get(f"/prices.csv?tier=spot&as_of={DAY}").text)))
    answer = http.get(f"/api/prices?tier=spot&as_of={DAY}&limit=100").json()
    assert {row["as_of"] for row in told} == {DAY}
    assert len(told) == answer["count"]
    assert [row["id"] for row in told[:100]] == [row["id"] for row in answer["offers"]]
    following = http.get(answer["next"]).json()
    assert following["offers"][0]["id"] == told[100]["id"]
    assert "as_of" not in http.get("/api/prices?limit=1").json()


@pytest.mark.parametrize(
    "text",
    ["yesterday", "2026-13-01", "2026-9-1", "20260901", "2020-01-01", "2126-01-01", "2026-09-01T00:00", "0000-00-00"],
)
def test_a_day_of_which_nothing_is_known_is_refused_with_an_example(http: httpx.Client, text: str) -> None:
    for path in ("/api/prices", "/prices.csv"):
        answer = http.get(path, params={"as_of": text})
        assert answer.status_code == 400
        assert answer.json()["parameter"] == "as_of"
        assert "as_of=2" in answer.json()["hint"]


def test_a_day_is_given_once(http: httpx.Client) -> None:
    assert http.get("/api/prices?as_of=2026-06-20&as_of=2026-06-21").status_code == 400
    assert (
        http.get(f"/api/prices?as_of=+{DAY}&gpu=l4-24gb").headers["location"] == f"/api/prices?gpu=l4-24gb&as_of={DAY}"
    )
    assert http.get(f"/prices.atom?as_of={DAY}").status_code == 400


@pytest.mark.parametrize("sort", SORTS)
def test_the_past_is_sorted_as_the_table_is(inside: Inside, sort: str) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        query = PriceQuery(provider=("lambda", "oci", "runpod"), sort=sort, order="desc")
        rows = await store.all_rows(query)
        mixed = rows[::-1]
        again = sorted(mixed, key=lambda row: as_of._sort_key(row, query))
        assert [row["id"] for row in again] == [row["id"] for row in rows]
        span = Span("x", "aws", "l4-24gb", "reserved", 0, "", 0, None, 1)
        assert as_of._of_span(span, None, 9)["rank_group"] == as_of.UNKNOWN_TERM_GROUP
        assert await as_of.market(query, date(2026, 6, 20), END + DAY_S)

    inside.run(work)


def test_what_a_list_asked_is_known_until_it_is_read_again_and_then_said_to_be_stale(http: httpx.Client) -> None:
    def verda(day: str) -> list[tuple[float, str, bool]]:
        found = http.get(f"/api/prices?gpu=h100-sxm-80gb&provider=verda&tier=on-demand&as_of={day}").json()["offers"]
        return [(offer["usd_per_gpu_hour"], offer["fetched_at"][:10], offer["stale"]) for offer in found]

    assert verda("2026-05-24") == [(2.29, "2026-05-24", False)]
    assert verda("2026-06-20") == [(2.29, "2026-05-24", True)]
    assert verda("2026-09-20") == []  # nobody looked for a quarter
    assert [price for price, _, _ in verda("2026-10-05")] == [3.7]


def test_a_day_that_is_not_over_is_refused(http: httpx.Client) -> None:
    for path in ("/api/prices", "/prices.csv"):
        answer = http.get(path, params={"as_of": clock.now().date().isoformat()})
        assert (answer.status_code, "not over" in answer.json()["detail"]) == (400, True)


def test_the_page_of_current_prices_shows_no_other_day_under_its_name(http: httpx.Client) -> None:
    for path in ("/prices", "/prices/table"):
        answer = http.get(f"{path}?gpu=l4-24gb&as_of={DAY}")
        assert (answer.status_code, f"/prices.csv?as_of={DAY}" in answer.text) == (400, True)


def test_a_list_read_again_with_regions_replaces_its_prices_without(http: httpx.Client) -> None:
    """In the shipped prices RunPod's and Lambda's list of 3 October states no region, the one of 10 October does."""

    def of(**query: str) -> list[str]:
        told = csv.DictReader(io.StringIO(http.get("/prices.csv", params=query).text))
        return sorted(row["id"] for row in told if row["price_since"] < "2026-11-01")

    yesterday = (clock.now().date() - timedelta(days=1)).isoformat()
    for provider in ("runpod", "lambda"):
        assert of(provider=provider) == of(provider=provider, as_of=yesterday) != []
