"""The feed of a filter: a new lowest price, stock come back, a change of 5 %, from the stored history; stable ids."""

import xml.etree.ElementTree as ET
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.units import DAY_S
from app.pricing.history import price_events, record, spans
from app.pricing.history.price_span import Span, lowest
from app.pricing.offers.offer import Offer, Tier
from app.pricing.offers.price_query import PriceQuery
from app.pricing.refresh.replace_offers import replace_source
from app.site import price_watch
from app.storage import engine
from tests.conftest import Inside
from tests.database import execute

ATOM = "{http://www.w3.org/2005/Atom}"
HOUR = 3600
GPU = "h100-sxm-80gb"

SPANS = st.lists(
    st.builds(
        lambda n, provider, begin, length, micro: Span(
            f"o{n}", provider, GPU, "spot", None, "", begin * HOUR * 6,
            None if length is None else (begin + length) * HOUR * 6, micro),
        st.integers(0, 9), st.sampled_from("ab"), st.integers(0, 300), st.none() | st.integers(1, 200),
        st.sampled_from((100, 101, 104, 105, 106, 120)),
    ),
    max_size=14,
)  # fmt: skip


def lowest_at(found: list[Span], at: int) -> int | None:
    """The lowest price that stands at a second, one by one."""
    return min((s.micro for s in found if s.begin <= at and (s.end is None or at < s.end)), default=None)


def edges(found: list[Span]) -> list[int]:
    return sorted({edge for s in found for edge in (s.begin, s.end) if edge is not None})


@given(SPANS)
def test_the_lowest_over_time_is_the_lowest_at_every_instant(found: list[Span]) -> None:
    levels = lowest(found)
    held, at = None, dict(levels)
    for edge in edges(found):
        held = at.get(edge, held)
        assert (held.micro if held else None) == lowest_at(found, edge)
    assert all(a[1] is None or b[1] is None or a[1].micro != b[1].micro for a, b in pairwise(levels))


@given(SPANS)
def test_new_lows_are_those_that_looking_at_every_instant_finds(found: list[Span]) -> None:
    moments = edges(found)
    days = {}
    for at in moments:
        price = lowest_at(found, at)
        past = [lowest_at(found, m) for m, n in pairwise(moments)
                if m < at and n > at - price_events.LOW_DAYS * DAY_S]  # fmt: skip
        before = [p for p in past if p is not None]
        if price is not None and before and price < min(before):
            days[at // DAY_S] = price
    told = price_events.new_lows(found, 0)
    assert {event.at // DAY_S: event.after_micro for event in told} == days
    assert all(event.before_micro and event.after_micro < event.before_micro for event in told)


@given(SPANS)
def test_changes_are_of_a_day_s_end_against_the_last_end_that_is_known(found: list[Span]) -> None:
    kind = [span for span in found if span.provider == "a"]
    told = {event.at // DAY_S: (event.before_micro, event.after_micro) for event in price_events.changes(kind, 0)}
    wanted, start = {}, None
    for day in sorted({edge // DAY_S for edge in edges(kind)}):
        last = [p for e in edges(kind) if e // DAY_S == day and (p := lowest_at(kind, e)) is not None]
        if last:
            if start is not None and abs(Fraction(last[-1] - start, start)) >= Fraction(5, 100):
                wanted[day] = (start, last[-1])
            start = last[-1]
    assert told == wanted


@given(SPANS, st.integers(0, 400))
@settings(max_examples=40)
def test_ids_are_unique_and_stay_when_more_happens(found: list[Span], since: int) -> None:
    now = max(edges(found), default=0)
    told = price_events.events(found, since * HOUR)
    keys = [event.key for event in told]
    assert len(set(keys)) == len(keys)
    later = [*found, Span("new", "a", GPU, "spot", None, "", now + 3 * DAY_S, None, 50)]
    assert set(keys) <= {event.key for event in price_events.events(later, since * HOUR)}


def offer(name: str, cents: int, stock: str = "in", **more: Any) -> Offer:
    unsaid = ("derived", "exchange_rate_date", "price_includes", "price_excludes", "interconnect", "remark",
              "price_since")  # fmt: skip
    made = Offer(
        id=name, source="test", provider="verda", gpu=GPU, gpu_count=Fraction(8), tier=Tier.SPOT, provider_tier="spot",
        commitment_months=None, region="FIN-01", country="fi", continent="europe",
        usd_per_gpu_hour_micro=cents * 10_000, usd_per_instance_hour_micro=None, currency="USD",
        quoted_amount=str(cents), quoted_per="gpu-hour", product="1H100.80S", vcpus=None, ram_gb=None,
        source_url="https://verda.com", fetched_at=1, stale_at=9_999_999_999, stock=stock,
        **dict.fromkeys(unsaid, ""),  # type: ignore[arg-type]
    )  # fmt: skip
    return replace(made, **more)


async def answered(*offers: Offer) -> None:
    await replace_source("test", "a test", offers, [], 1, live=True)


async def feed(client: httpx.AsyncClient, query: str) -> list[ET.Element]:
    answer = await client.get(f"/prices.atom{query}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/atom+xml")
    return ET.fromstring(answer.content).findall(f"{ATOM}entry")


def titles(entries: list[ET.Element]) -> list[str]:
    return [entry.findtext(f"{ATOM}title") or "" for entry in entries]


def test_a_feed_tells_lows_stock_and_changes_of_its_filter_alone(inside: Inside) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        mine = f"?gpu={GPU}&provider=verda&region=fi&tier=spot"
        before = await feed(client, mine)
        await answered(offer("x", 400), offer("y", 500, "out"))
        async with engine.transaction():  # as if it had been so for two days
            await execute("UPDATE price_span SET valid_from = valid_from - 172800 WHERE usd_per_gpu_hour_micro"
                                 " IN (4000000, 5000000) AND valid_to IS NULL")  # fmt: skip
        await answered(offer("x", 300), offer("y", 500))
        found = await feed(client, mine)
        assert titles(found)[: len(found) - len(before)] == [
            "H100 SXM, spot: new lowest price $3.00 at Verda",
            "H100 SXM at Verda is in stock again: $5.00",
        ]
        summary = found[0].findtext(f"{ATOM}summary")
        assert summary == "Verda, spot, FIN-01: $3.00 per GPU-hour; the lowest of the 30 days before was $4.00."
        again = await feed(client, mine)
        assert [e.findtext(f"{ATOM}id") for e in again] == [e.findtext(f"{ATOM}id") for e in found]
        assert titles(await feed(client, f"{mine}&max_usd=3.5"))[0].endswith("$3.00 at Verda")
        assert titles(await feed(client, f"{mine}&gpu_count=8&q=1h100"))[0].endswith("$3.00 at Verda")
        for other in (f"{mine}&max_usd=2", f"{mine}&gpu_count=4", f"{mine}&q=2h100", f"{mine}&min_memory_gb=96",
                      f"?gpu={GPU}&provider=verda&region=us", "?provider=lambda&tier=spot"):  # fmt: skip
            assert not any("$3.00 at Verda" in title for title in titles(await feed(client, other))), other

    inside.run(work)


def test_a_feed_is_asked_again_for_nothing_and_moved_to_its_one_address(http: httpx.Client) -> None:
    address = "/prices.atom?gpu=l4-24gb&tier=spot"
    answer = http.get(address)
    assert answer.status_code == 200
    assert http.get(address, headers={"if-none-match": answer.headers["etag"]}).status_code == 304
    assert http.get("/prices.atom?tier=spot&gpu=l4-24gb&sort=seen").headers["location"] == address
    assert http.get("/prices.atom?tier=none").status_code == 400
    assert http.get("/prices.atom?page=2").status_code == 400
    assert http.get("/prices.atom?q=" + "x" * 101).status_code == 400
    tree = ET.fromstring(answer.content)
    entries = tree.findall(f"{ATOM}entry")
    assert 0 < len(entries) <= price_watch.MOST
    ids = [entry.findtext(f"{ATOM}id") for entry in entries]
    assert len(set(ids)) == len(ids)
    page = http.get("/prices?gpu=l4-24gb&tier=spot&sort=seen").text
    assert f'href="{address.replace("&", "&amp;")}"' in page
    assert 'type="application/atom+xml"' in page
    assert "without an account" in page


@pytest.mark.parametrize(
    ("value", "wanted"),
    [("europe", True), ("de", True), ("us", False), ("eu-central-1", True), ("not-stated", False),
     ("europe-or-not-stated", True), ("us-or-not-stated", False)],
)  # fmt: skip
def test_a_place_of_the_past_is_found_as_one_of_today(value: str, wanted: bool) -> None:
    assert spans.is_in(value, "aws", "eu-central-1") is wanted
    assert spans.is_in("europe-or-not-stated", "vast-ai", "")


def test_the_past_answers_filters_as_the_table_does(inside: Inside) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        for query in (PriceQuery(), PriceQuery(gpu=(GPU,)), PriceQuery(region=("us",)), PriceQuery(min_memory_gb=100),
                      PriceQuery(commitment_months=12),
                      PriceQuery(q="oracle"), PriceQuery(gpu_count=Fraction(8), tier=("spot",))):  # fmt: skip
            from app.pricing.offers import store

            told = {span.offer for span in await spans.answering(query, 0) if not span.offer.startswith("shipped:")}
            assert told == {row["id"] for row in await store.all_rows(query)}

    inside.run(work)


def test_old_returns_of_stock_are_let_go(inside: Inside) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        priced = record.Priced("x", ("verda", GPU, "spot", None, "FIN-01"), 1)
        async with engine.transaction():
            await record.record_returns([priced], DAY_S)
            await record.record_returns([priced], 200 * DAY_S)
            await record.forget_returns(201 * DAY_S)
        assert [event.at for event in await spans.returns(PriceQuery(), 0)] == [200 * DAY_S]

    inside.run(work)
