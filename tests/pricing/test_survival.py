"""How long prices last: the estimate against one by counting, what is claimed, and how claims of past months held."""

import re
from datetime import timedelta
from fractions import Fraction
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core import clock
from app.core.units import DAY_S
from app.core.version_keys import LASTING_KEY
from app.pricing.history import spans, survival, survival_curves, survival_store
from app.pricing.history.price_span import Span
from app.pricing.history.survival import Life
from app.pricing.history.survival_curves import Lasting
from app.pricing.offers.price_query import PriceQuery
from app.storage import engine, sqlite
from tests.conftest import Inside
from workers import jobs
from workers.timetable import SURVIVAL, due

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


def span(begin: int, end: int | None, micro: int, offer: str = "x") -> Span:
    return Span(offer, "a", "g", "spot", None, "", begin * DAY_S, None if end is None else end * DAY_S, micro)


SPANS = st.lists(
    st.builds(lambda offer, begin, days, micro: span(begin, begin + days, micro, offer),
              st.sampled_from("xy"), st.integers(0, 30), st.integers(1, 12), st.integers(1, 3)),
    max_size=20,
)  # fmt: skip


@given(SPANS, st.integers(1, 40))
def test_nothing_of_later_is_known_before(found: list[Span], day: int) -> None:
    at = day * DAY_S
    later = [*found, span(day, day + 1, 9)]
    assert survival.known_by(later, at) == survival.known_by(found, at)
    for across in (False, True):
        known = survival.lives(survival.known_by(found, at), at, across=across)
        assert all(life.end <= at for life in known)
        whole = [s for s in found if s.end is not None and s.end < at]
        if len(whole) == len(found):
            assert known == survival.lives(found, at, across=across)


@given(SPANS)
def test_across_gaps_prices_live_on_or_changed_and_none_is_lost(found: list[Span]) -> None:
    seen = survival.lives(found, 60 * DAY_S)
    across = survival.lives(found, 60 * DAY_S, across=True)
    assert sum(not life.changed for life in across) <= 1  # one kind: at most the last one still stands
    assert sum(life.changed for life in across) >= sum(life.changed for life in seen)
    assert max((life.end for life in across), default=0) == max((life.end for life in seen), default=0)


def test_a_price_ends_by_another_and_a_gap_tells_nothing() -> None:
    found = survival.lives([span(0, 5, 10), span(5, 8, 12), span(9, None, 12)], 20 * DAY_S)
    assert [(life.days, life.changed) for life in found] == [(5, True), (3, False), (11, False)]
    other = [span(0, 5, 10), span(5, None, 10, "y")]  # told by another source from then on, and the same
    assert [(life.days, life.changed) for life in survival.lives(other, 20 * DAY_S)] == [(20, False)]


def test_a_change_that_nobody_watched_is_spread_over_the_time_in_which_it_was() -> None:
    found = survival.lives([span(0, 4, 10), span(10, 12, 12), span(20, None, 12)], 30 * DAY_S, across=True)
    *changed, last = found
    assert (last.begin // DAY_S, last.end // DAY_S, last.changed) == (10, 30, False)
    assert all(life.changed and life.begin == 0 and 4 < life.days < 10 for life in changed)
    assert sum(life.weight for life in changed) == pytest.approx(1)
    assert sum(life.weight * life.days for life in changed) == pytest.approx(7)  # half way, in the mean
    made = survival.curve(changed * 20)
    assert made.at(7) == pytest.approx(0.5, abs=0.05)
    assert (made.prices, made.changes) == (20, 20)


def test_a_month_is_scored_by_what_was_known_at_its_begin() -> None:
    made = survival.curve([*[Life(0, day * DAY_S, changed=True) for day in range(1, 61)],
                           *[Life(0, 10 * DAY_S, changed=False)] * 3])  # fmt: skip
    ends = (95, 120, 140, 150)
    standing = [span(90, end, 1, f"{end}")._replace(gpu=f"{end}") for end in ends]
    followed = [span(end, 200, 2, f"{end}")._replace(gpu=f"{end}") for end in ends]
    said = survival.claimed([*standing, *followed], made, 100 * DAY_S, 130 * DAY_S)
    assert len(said) == 4  # the price that followed on day 95 too, and it stood
    told = survival.score(said, "m", own=True)
    assert told is not None
    chances = [made.still(10, 30)] * 3 + [made.still(5, 30)]
    assert told.said == pytest.approx(sum(chance for chance in chances if chance is not None) / 4)
    assert told.stood == pytest.approx(3 / 4)
    assert survival.claimed(standing[:1], made, 100 * DAY_S, 130 * DAY_S) == []  # nobody watched it to the end
    assert survival.score([], "m", own=True) is None


@pytest.mark.parametrize(("share", "words"), [(0.8, "4 of 5"), (0.5, "1 of 2"), (0.983, "49 of 50"), (0.9999, "99 of"),
                                              (0.001, "1 of 100"), (0.17, "1 of 6")])  # fmt: skip
def test_a_share_in_words_is_never_all_nor_none(share: float, words: str) -> None:
    assert survival.of_few(share).startswith(words)


@given(st.floats(0.0001, 0.9999))
def test_a_share_in_words_is_near(share: float) -> None:
    part, parts = map(int, survival.of_few(share).split(" of "))
    assert 0 < part < parts
    assert abs(part / parts - share) <= survival.NEAR


def test_past_what_was_watched_the_chance_is_a_bound() -> None:
    made = survival.curve(Life(0, d * DAY_S, changed=True) for d in range(1, 41))
    assert made.longest == 36
    near, far = made.chance(10, 20), made.chance(10, 50)
    assert near is not None
    assert far is not None
    assert (near.days, near.at_most) == (20, False)
    assert (far.days, far.at_most, far.share) == (26, True, made.still(10, 26))
    assert far.words == "1 of 7 such prices still stood after 26 days"
    assert made.chance(35.5, 3) is None


def lived(provider: int, changed: bool, days: int = 30) -> list[Life]:
    return [Life(provider, provider + days * DAY_S, changed=changed)] * 10


def test_all_providers_prices_claim_nothing_where_one_alone_changed_its_own() -> None:
    assert not survival.pooled([lived(0, True), lived(1, False), lived(2, False)]).is_sufficient
    assert not survival.pooled([lived(0, True), lived(1, True)]).is_sufficient  # two are no market
    made = survival.pooled([lived(0, True), lived(1, True, 90), lived(2, False, 20)])
    assert made.is_sufficient
    assert made.longest == 20  # the age to which three of them were watched


@pytest.fixture(scope="module")
def curves(prepared_data: Path) -> Lasting:
    sqlite.use(prepared_data / "inferencebench.sqlite")
    return engine.run(survival_curves.stored())


def test_what_is_stored_is_what_the_history_says(prepared_data: Path, curves: Lasting) -> None:
    sqlite.use(prepared_data / "inferencebench.sqlite")

    async def again() -> tuple[list[tuple[str, str, survival.Curve]], list[survival.Score], list[survival.Score]]:
        until = await survival_store.until()
        assert until is not None
        made, scores = survival_curves.computed(await spans.answering(PriceQuery(), 0), until)
        return made, scores, await survival_store.scores()

    made, scores, kept = engine.run(again())
    assert {(provider, tier): curve for provider, tier, curve in made} == dict(curves.curves)
    assert [(s.month, s.claims, s.stood) for s in scores] == [(s.month, s.claims, s.stood) for s in kept]
    assert ("gcp", "spot") in curves.curves
    assert (survival_curves.ALL, "on-demand") in curves.curves
    assert (survival_curves.ALL, "spot") not in curves.curves  # one provider's changes are not the market's


def offer(**more: object) -> dict[str, object]:
    seen = 20_600 * DAY_S
    return {"provider": "vultr", "tier": "on-demand", "source": "x", "fetched_at": seen, "price_since": "", **more}


def test_an_offer_stands_by_its_own_age_and_the_market_speaks_for_the_unknown(curves: Lasting) -> None:
    seen = 20_600
    new = curves.chance(offer(), (seen + 40) * DAY_S)
    assert new is not None
    cloud = curves.chance(offer(provider="oci"), (seen + 40) * DAY_S)
    assert cloud is not None
    assert new.share < 0.85
    assert cloud.share > 0.95  # hyperscalers' prices last longer
    assert [curves.rests_on(offer(provider=name)) for name in ("vultr", "oci", "verda")] == [
        survival_curves.POOLS[survival_curves.OTHERS], "hyperscalers", ""]  # fmt: skip
    assert curves.chance(offer(), seen * DAY_S + 5) is None  # on the day it was seen
    assert curves.chance(offer(source="community"), (seen + 40) * DAY_S) is None
    assert curves.chance(offer(tier="spot"), (seen + 40) * DAY_S) is None
    own = curves.chance(offer(provider="gcp", tier="spot"), (seen + 20) * DAY_S)
    late = clock.from_timestamp((seen - 30) * DAY_S).strftime("%Y-%m-%d")
    aged = curves.chance(offer(provider="gcp", tier="spot", price_since=late), (seen + 20) * DAY_S)
    assert own is not None
    assert aged is not None
    assert own.share != aged.share


def test_the_page_says_how_long_prices_last_and_how_claims_held(http: httpx.Client) -> None:
    page = http.get("/prices/lasting").text
    assert "Kaplan" in page
    assert "9 of 10 after 40 days" in page
    assert "5 of 7 such prices still stood after 40 days" in " ".join(http.get("/providers/verda").text.split())
    assert 'href="/providers/gcp"' in page
    assert "How well these forecasts did" in page
    assert "All providers" in page
    assert http.get("/prices/lasting?x=1").headers["location"] == "/prices/lasting"
    assert 'href="/prices/lasting"' in http.get("/providers/gcp").text


def test_a_stale_price_has_its_number_in_rows_on_pages_and_as_data(http: httpx.Client) -> None:
    said = re.compile(r"\d+ of \d+ such prices (?:of [\w ]+ )?still stood after \d+ days")
    for path in ("/gpus/h100-sxm-80gb", "/providers/gcp", "/prices?gpu=h100-sxm-80gb"):
        page = http.get(path).text
        assert said.search(page) or path.startswith("/prices"), path  # there the table's note says what the number is
        assert re.search(r"\d{4}</a> [≤>]?\d+%", page), path
    rows = http.get("/api/prices?gpu=h100-sxm-80gb").json()["offers"]
    told = [row["still_stands"] for row in rows if row["still_stands"] is not None]
    assert told
    assert all(0 <= share <= 1 for share in told)
    assert http.get("/prices.csv?gpu=h100-sxm-80gb").text.splitlines()[0].endswith(",still_stands")
    assert all(row["still_stands"] is None for row in http.get("/api/prices?as_of=2026-06-10&limit=9").json()["offers"])


def test_the_chance_that_a_price_stands_on_a_named_day(http: httpx.Client) -> None:
    today = clock.from_timestamp(clock.timestamp()).date()
    near, far = today + timedelta(days=3), today + timedelta(days=60)
    page = http.get(f"/prices/lasting?gpu=h100-sxm-80gb&provider=gcp&on={near}").text
    assert "Still holds" in page
    one, other = (http.get(f"/api/prices/lasting?gpu=h100-sxm-80gb&tier=on-demand&on={day}").json()
                  for day in (near, far))  # fmt: skip
    assert one["on"] == str(near)
    before = {offer["id"]: offer["still_stands"] for offer in one["offers"] if not offer["at_most"]}
    after = {offer["id"]: offer["still_stands"] for offer in other["offers"]}
    falls = [(share, after[name]) for name, share in before.items() if share is not None and after[name] is not None]
    assert falls
    assert all(later <= share for share, later in falls)
    assert {curve["provider"] for curve in one["curves"]} >= {None, "gcp"}
    keys = [(o["provider"], o["gpu"], o["tier"]) for o in one["offers"]]
    assert len(set(keys)) == len(keys)
    assert http.get("/prices/lasting?gpu=h100-sxm-80gb&provider=akamai&region=asia").text.count("No offer matches") == 1


@pytest.mark.parametrize(
    "on", ["soon", "2026-02-30", "2020-01-01", "9999-12-31", "20261224", "0", "2027-01-01&on=2027-01-02"]
)
def test_a_day_that_is_none_is_refused_with_an_example(http: httpx.Client, on: str) -> None:
    for path in ("/prices/lasting", "/api/prices/lasting"):
        answer = http.get(f"{path}?on={on}")
        assert answer.status_code == 400
        assert "For example on=" in answer.text


def test_the_worker_computes_it_every_day_and_catches_up(inside: Inside) -> None:
    now = clock.timestamp()
    midnight = now - now % DAY_S
    assert SURVIVAL in {entry.job for entry in due({}, now)}
    assert SURVIVAL in {entry.job for entry in due({SURVIVAL: midnight - DAY_S}, now)}
    assert SURVIVAL not in {entry.job for entry in due({SURVIVAL: midnight}, now)}

    async def again() -> tuple[set[tuple[str, str]], int, int]:
        before = await engine.fetch_value("SELECT version FROM data_version WHERE key = {}", LASTING_KEY)
        async with engine.transaction():
            await survival_store.replace([], [], 0)
        assert (await survival_curves.stored()).curves == {}
        told = await jobs.price_survival(inside.settings)
        after = await engine.fetch_value("SELECT version FROM data_version WHERE key = {}", LASTING_KEY)
        curves = (await survival_curves.stored()).curves
        assert told == len(curves)
        return set(curves), before, after

    curves, before, after = engine.run(again())
    assert ("gcp", "spot") in curves
    assert after > before
