"""The beacon: anonymous, bounded, and unable to store a text."""

import re

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core import clock
from app.core.errors import QueryError
from app.process.lifespan import write
from app.site import beacon
from app.telemetry import counter_store, report
from app.telemetry.counters import FEW, MEASURES, TIMES_MS, bucket, hidden, percentile
from app.telemetry.report import share
from app.telemetry.tables import CounterRow
from app.web.rate_limit import RateLimit
from tests import plain
from tests.conftest import Inside, Site

GOOD = "page=%2Fprices&load=3&paint=2&shift=0&errors=0"


@pytest.mark.parametrize("promise", ["P-2.2c"])
def test_a_beacon_adds_to_counters_and_leaves_no_row_of_its_own(inside: Inside, promise: str) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        for _ in range(12):
            answer = await client.post("/beacon", content=GOOD)
            assert (answer.status_code, answer.content) == (204, b"")
            assert "set-cookie" not in answer.headers
        inside.log.flush()
        taken = dict(inside.log._counters._counts)
        await write(inside.log._counters)
        day = f"{clock.now():%Y-%m-%d}"
        assert taken == {
            (day, "load", "/prices", 3): 12,
            (day, "paint", "/prices", 2): 12,
            (day, "shift", "/prices", 0): 12,
            (day, "errors", "/prices", 0): 12,
        }
        assert "views" in (await client.get("/status")).text.casefold()

    inside.run(work)
    assert not list(inside.log.folder.glob("*")), "the beacon's own request is not in the log"
    columns = [column._meta.db_column_name for column in CounterRow._meta.columns]
    assert columns == ["day", "measure", "page", "bucket", "count"]


@pytest.mark.parametrize(
    "body",
    ["", "page=/prices", "page=/nothing&load=3&paint=2&shift=0&errors=0",
     "page=/prices&load=99&paint=2&shift=0&errors=0", "page=/prices&load=-1&paint=2&shift=0&errors=0",
     "page=/prices&load=1e3&paint=2&shift=0&errors=0", "page=/prices&load=٣&paint=2&shift=0&errors=0", GOOD
     + "&text=hello", "page=/gpus/l4-24gb&load=3&paint=2&shift=0&errors=0",
     "x" * 199, '{"page": "/prices"}', "page=%2Fprices&load=3&paint=2&shift=0&errors=<script>"],
)  # fmt: skip
def test_what_is_no_bucket_of_a_known_page_is_refused_and_stored_nowhere(inside: Inside, body: str) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        answer = await client.post("/beacon", content=body.encode())
        assert answer.status_code == 400
        assert "for example" in answer.text

    inside.run(work)
    assert inside.log._counters.take() == {}


def test_a_long_body_and_a_foreign_page_are_refused(inside: Inside) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        assert (await client.post("/beacon", content=GOOD + "&" + "x" * 100_000)).status_code == 413
        for said in ({"sec-fetch-site": "cross-site"}, {"origin": "https://elsewhere.example"}, {"origin": "null"}):
            assert (await client.post("/beacon", content=GOOD, headers=said)).status_code == 403
        for said in ({"sec-fetch-site": "same-origin", "origin": "http://inside"}, {"origin": "http://inside"}):
            assert (await client.post("/beacon", content=GOOD, headers=said)).status_code == 204

    inside.run(work)
    assert sum(inside.log._counters.take().values()) == 2 * len(MEASURES)


def test_one_sender_counts_for_no_more_than_its_share(inside: Inside) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        for _ in range(beacon.MOST_AN_HOUR + 60):
            assert (await client.post("/beacon", content=GOOD)).status_code == 204

    inside.run(work)
    assert sum(inside.log._counters.take().values()) == beacon.MOST_AN_HOUR * len(MEASURES)


def test_a_limit_counts_an_ipv6_network_as_one_forgets_with_its_window_and_is_bounded() -> None:
    limit = RateLimit(2, 3600, addresses=3)
    assert [limit.allows(f"2001:db8:0:1::{n}", 0) for n in range(4)] == [True, True, False, False]
    assert limit.allows("2001:db8:0:2::1", 0)
    assert limit.allows("2001:db8:0:1::1", 3600)
    assert limit.wait_s(3500) == 100
    fresh = RateLimit(5, 3600, addresses=3)
    assert [fresh.allows(f"192.0.2.{n}", 0) for n in range(5)] == [True] * 5, "whoever is new is let in"
    assert len(fresh._counts) == 3, "the least recent are forgotten"


@pytest.mark.parametrize("promise", ["P-2.2c"])
def test_a_limit_keeps_no_address_and_its_salt_turns_over_with_the_day(promise: str) -> None:
    limit = RateLimit(5, 3600)
    limit.allows("198.51.100.77", 0)
    first = (limit._salt, set(limit._counts))
    assert b"198.51" not in repr(vars(limit)).encode()
    limit.allows("198.51.100.77", 86_400)
    assert (limit._salt, set(limit._counts)) != first


@pytest.fixture
def counted(inside: Inside) -> Inside:
    """A site with 40 quick views, 10 slow ones, and a page seen nine times."""
    day = f"{clock.now():%Y-%m-%d}"

    async def work(_: httpx.AsyncClient) -> None:
        views = {(day, "load", "/prices", 3): 40, (day, "load", "/prices", 9): 10, (day, "load", "/gpus", 3): 9}
        rest = {
            (day, measure, page, 0): n
            for measure in ("paint", "shift", "errors")
            for page, n in (("/prices", 50), ("/gpus", 9))
        }
        asked = {
            (day, "requests", "/prices", 2): 96,
            (day, "requests", "/prices", 4): 23,
            (day, "requests", "/prices", 5): 1,
            (day, "requests", "/gpus", 2): 9,
        }
        await counter_store.write({**views, **rest, **asked})

    inside.run(work)
    return inside


@pytest.mark.parametrize("promise", ["P-4"])
def test_small_counts_are_hidden_and_no_figure_is_made_of_them(counted: Inside, promise: str) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        found = {page.route: page for page in (await report.report(clock.timestamp())).pages}
        assert found["/prices"].load == (f"{TIMES_MS[3]} ms", f"{TIMES_MS[3]} ms", "5,000 ms")
        assert (found["/prices"].requests, found["/prices"].refused) == ("120", "19.2%")
        assert (found["/prices"].failed, found["/prices"].script_errors) == ("fewer than 10", "0.0%")
        assert (found["/gpus"].requests, found["/gpus"].views) == ("fewer than 10", "fewer than 10")
        assert (found["/gpus"].refused, found["/gpus"].load, found["/gpus"].script_errors) == ("–", None, "–")
        page = (await client.get("/status")).text
        row = re.search(r'<td class="what">/gpus</td>.*?</tr>', page, re.DOTALL)
        assert row
        assert "fewer than 10" in row[0]
        assert not re.search(r"\d", re.sub(r"fewer than 10|<[^>]*>", "", row[0]).replace("/gpus", ""))

    counted.run(work)
    assert (hidden(FEW - 1), hidden(FEW), hidden(12_345)) == ("fewer than 10", "10", "12,345")


def test_quantiles_and_buckets() -> None:
    assert [bucket(value, (50, 100)) for value in (0, 50, 50.1, 100, 101)] == [0, 0, 1, 1, 2]
    assert percentile({0: 50, 1: 50}, (50, 100), 0.5) == 50
    assert percentile({0: 50, 1: 50}, (50, 100), 0.51) == 100
    assert percentile({2: 1}, (50, 100), 0.5) is None
    assert percentile({}, (50, 100), 0.5) is None


def test_every_page_says_what_it_is_and_errors_say_nothing(site: Site) -> None:
    for path, route in (
        ("/", "/"),
        ("/gpus/l4-24gb", "/gpus/{gpu}"),
        ("/policies/privacy", "/policies/{policy}"),
        ("/calculator", "/calculator"),
    ):
        assert f'data-page="{route}"' in plain.get(f"{site.url}{path}").text
    assert "beacon" not in plain.get(f"{site.url}/nothing-here").text
    script = re.search(r'src="(/static/beacon[^"]+)"', plain.get(site.url).text)
    assert script
    assert len(plain.get(f"{site.url}{script[1]}").content) < 1000


def test_a_page_that_is_no_route_is_refused() -> None:
    with pytest.raises(QueryError):
        beacon.read(GOOD.encode(), {"/"}, "2026-11-24")


@pytest.mark.parametrize("promise", ["P-4"])
def test_a_share_beside_its_total_tells_no_small_count(promise: str) -> None:
    for total in range(60):
        for count in range(total + 1):
            told = share(count, total)
            few = total < FEW or 0 < count < FEW or 0 < total - count < FEW
            assert (told == "–" or "fewer than 10" in told) is few, (count, total)
            assert not few or not re.search(r"[\d.]+%", told)
            assert not few or not re.search(r"[\d.]+ %", told)


def test_every_page_tells_its_script_the_buckets_and_nothing_else(http: httpx.Client) -> None:
    """A page's own names stand in none of the beacon's places: what they hold would be sent in their stead."""
    edges = {"times": TIMES_MS, "shifts": MEASURES["shift"], "errors": MEASURES["errors"]}
    pages = ("/", "/prices", "/gpus", "/gpus/l4-24gb", "/models", "/benchmarks", "/methodology", "/calculator",
    "/status",
             "/submit", "/submit/benchmark", "/submissions", "/privacy/rights", "/policies", "/providers", "/compare",
             "/api")  # fmt: skip
    for path in pages:
        text = http.get(path).text
        for name, numbers in edges.items():
            told = re.search(rf'data-{name}="([^"]*)"', text)
            assert told is not None, path
            assert told[1].split() == [str(number) for number in numbers], path


def test_status_stays_light_however_many_addresses_were_asked_for(inside: Inside) -> None:
    day = f"{clock.now():%Y-%m-%d}"
    routes = [f"/example-address-{n}/{{provider:str}}" for n in range(400)]

    async def work(client: httpx.AsyncClient) -> None:
        for measure, at in (("requests", 2), ("requests", 4), ("load", 3), ("paint", 2), ("shift", 0), ("errors", 0)):
            inside.log._counters.add({(day, measure, route, at): n + 2 for n, route in enumerate(routes)})
        await write(inside.log._counters)
        page = await client.get("/status")
        assert len(page.content) < 60_000
        listed = re.findall(r'<td class="what">(/example-address-\d+)/', page.text)
        assert listed == [f"/example-address-{n}" for n in range(399, 399 - report.LISTED, -1)]
        assert f"{400 - report.LISTED} others were" in page.text.replace("\n", " ")

    inside.run(work)


@given(st.dictionaries(st.text("abc/", min_size=1, max_size=4), st.integers(0, 3 * FEW), max_size=12))
def test_the_order_of_pages_tells_nothing_of_a_small_count(asked: dict[str, int]) -> None:
    order = report.busiest_first(asked)
    assert sorted(order) == sorted(asked)
    assert order == report.busiest_first({route: n if n >= FEW else 0 for route, n in asked.items()})
