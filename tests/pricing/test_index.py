"""The price index: the median of each provider's lowest, as page, CSV and feed, against one made by hand."""

import csv
import io
import xml.etree.ElementTree as ET
from statistics import median

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.units import DAY_S
from app.pricing.history import index
from app.pricing.history.price_span import Span
from app.site import price_index
from tests.conftest import Inside

ATOM = "{http://www.w3.org/2005/Atom}"
SPANS = st.lists(
    st.builds(
        lambda n, provider, begin, length, micro: Span(
            f"o{n}", provider, "g", "spot", None, "", begin * DAY_S // 4,
            None if length is None else (begin + length) * DAY_S // 4, micro),
        st.integers(0, 99), st.sampled_from("abcde"), st.integers(0, 300), st.none() | st.integers(1, 200),
        st.integers(1, 50),
    ),
    max_size=16,
)  # fmt: skip


def standing(found: list[Span], at: int) -> int | None:
    """One provider's lowest at a second, or what stood last if that is under thirty days ago."""
    there = [s.micro for s in found if s.begin <= at and (s.end is None or s.end > at)]
    if there:
        return min(there)
    ends = [s.end for s in found if s.end is not None and s.end <= at and s.begin < s.end]
    if not ends or at - max(ends) >= index.CARRIED_DAYS * DAY_S:
        return None
    before = max(ends) - 1
    return min(s.micro for s in found if s.begin <= before and (s.end is None or s.end > before))


@given(SPANS, st.sampled_from((1, 7)))
def test_the_index_is_what_looking_at_each_day_gives(found: list[Span], step: int) -> None:
    made = {p.day: (p.providers, p.median_micro, p.low_micro, p.high_micro) for p in index.points(found, 0, 120, step)}
    wanted = {}
    for day in range(120, -1, -step):
        each = [standing([s for s in found if s.provider == who], day * DAY_S + DAY_S - 1) for who in "abcde"]
        prices = [price for price in each if price is not None]
        if len(prices) >= index.LEAST_PROVIDERS:
            wanted[day] = (len(prices), round(median(prices)), min(prices), max(prices))
    assert made == wanted


def test_page_csv_and_feed_tell_the_same_index(http: httpx.Client) -> None:
    rows = list(csv.DictReader(io.StringIO(http.get("/index.csv?gpu=h100-sxm-80gb&tier=on-demand").text)))
    assert tuple(rows[0]) == price_index.COLUMNS
    assert {(row["gpu"], row["tier"]) for row in rows} == {("h100-sxm-80gb", "on-demand")}
    assert [row["day"] for row in rows] == sorted({row["day"] for row in rows})
    assert all(int(row["providers"]) >= index.LEAST_PROVIDERS for row in rows)
    last = rows[-1]
    page = http.get("/index?gpu=h100-sxm-80gb&tier=on-demand").text
    assert f"<b>${float(last['median_usd_per_gpu_hour']):.2f}</b>" in page
    assert f'datetime="{last["day"]}"' in page
    assert "<svg" in page
    assert 'type="application/atom+xml"' in page
    assert "Values are not adjusted" in page
    tree = ET.fromstring(http.get("/index.atom?gpu=h100-sxm-80gb&tier=on-demand").content)
    told = {entry.findtext(f"{ATOM}updated", "")[:10]: entry.findtext(f"{ATOM}title", "")
            for entry in tree.findall(f"{ATOM}entry")}  # fmt: skip
    assert told
    by_day = {row["day"]: float(row["median_usd_per_gpu_hour"]) for row in rows}
    for day, title in told.items():
        assert f"${by_day[day]:.2f}" in title
    ids = [entry.findtext(f"{ATOM}id") for entry in tree.findall(f"{ATOM}entry")]
    assert len(set(ids)) == len(ids)


def test_all_gpus_stand_on_one_page_and_lead_to_their_own(http: httpx.Client) -> None:
    page = http.get("/index").text
    assert 'href="/index?gpu=h100-sxm-80gb"' in page
    assert 'href="/index"' in http.get("/").text
    assert 'href="/index?gpu=l4-24gb"' in http.get("/gpus/l4-24gb").text
    assert len({row["gpu"] for row in csv.DictReader(io.StringIO(http.get("/index.csv").text))}) > 5
    assert "An index needs prices" in http.get("/index?gpu=tpu-v4-32gb&tier=spot").text


@pytest.mark.parametrize(
    ("query", "status"),
    [("?tier=reserved", 400), ("?gpu=nothing", 400), ("?gpu=l4-24gb&gpu=l40-48gb", 400), ("?window=9", 400),
     ("?tier=spot&gpu=l4-24gb", 308), ("?gpu=", 308)],
)  # fmt: skip
def test_what_has_no_index_is_refused(http: httpx.Client, query: str, status: int) -> None:
    for path in ("/index", "/index.csv", "/index.atom"):
        assert http.get(path + query).status_code == status


def test_reported_and_sliced_prices_move_no_index(inside: Inside) -> None:
    from app.pricing.history import span_store
    from app.pricing.offers import store
    from app.pricing.offers.price_query import PriceQuery

    async def work(client: httpx.AsyncClient) -> None:
        rows = await store.all_rows(PriceQuery())
        parts = {row["id"] for row in rows if row["gpu_count_number"] is not None and row["gpu_count_number"] < 1}
        assert parts == await span_store.slices()
        assert parts

    inside.run(work)
