"""The levels that the history begins with: a price counts until it was next seen, and the chart ends at the cards."""

from datetime import date, timedelta
from itertools import pairwise
from statistics import median

from hypothesis import given
from hypothesis import strategies as st

from app.core import clock
from app.core.clock import parse_instant
from app.pricing.history.store import ShippedOffer
from app.pricing.snapshot import files
from app.pricing.snapshot.files import PriceSpan
from app.pricing.snapshot.past_levels import carried, levels

FIRST = date(2026, 5, 1)


def day(number: int) -> str:
    return (FIRST + timedelta(days=number)).isoformat()


def shipped(provider: str, tier: str, region: str, since: int, seen: int, micro: int) -> ShippedOffer:
    noon = int(parse_instant(day(seen)).timestamp()) + 43_200
    return ShippedOffer("id", provider, "gpu", tier, None, region, day(since), noon, micro, "", 1.0)


def span(provider: str, tier: str, region: str, begin: int, until: int, micro: int) -> PriceSpan:
    return PriceSpan(day(begin), day(until), provider, "gpu", tier, None, region, micro)


PROVIDERS, TIERS, REGIONS = (
    st.sampled_from("ab"),
    st.sampled_from(("on-demand", "spot", "reserved")),
    st.sampled_from("xy"),
)
MICRO = st.integers(1, 20)


@st.composite
def pasts(draw: st.DrawFn) -> tuple[list[PriceSpan], list[ShippedOffer]]:
    spans: list[PriceSpan] = []
    for kind in draw(st.lists(st.tuples(PROVIDERS, TIERS, REGIONS), max_size=4, unique=True)):
        at = draw(st.integers(0, 5))
        for _ in range(draw(st.integers(1, 3))):
            length = draw(st.integers(1, 4))
            spans.append(span(*kind, at, at + length, draw(MICRO)))
            at += length + draw(st.integers(0, 5))
    listed = draw(
        st.lists(st.tuples(PROVIDERS, TIERS, REGIONS, st.integers(0, 9), st.integers(0, 20), MICRO), max_size=4)
    )
    return spans, [shipped(p, t, r, min(since, seen), seen, m) for p, t, r, since, seen, m in listed]


def known(spans: list[PriceSpan], offers: list[ShippedOffer], tier: str, on: str) -> dict[str, int]:
    """Provider → its lowest known price on a day, from the definition: what each kind cost when it was last seen."""
    mine = [(offer, clock.from_timestamp(offer.fetched_at).date().isoformat()) for offer in offers
            if offer.tier != "reserved"]  # fmt: skip
    known_days = [s for _, s in mine] + [before(s.until) for s in spans if s.tier != "reserved"]
    found: dict[str, list[int]] = {}
    for offer, _ in mine:
        if offer.tier == tier and offer.price_since <= on <= max(known_days):
            found.setdefault(offer.provider, []).append(offer.usd_per_gpu_hour_micro)
    for kind in {(s.provider, s.region) for s in spans if s.tier == tier}:
        past = [s for s in spans if s.tier == tier and (s.provider, s.region) == kind]
        begun = [s for s in past if s.begin <= on]
        if not begun:
            continue
        newest = max(begun, key=lambda s: s.begin)
        alike = [s for offer, s in mine if (offer.provider, offer.tier, offer.region) == (kind[0], tier, kind[1])]
        first_listed = min(alike, default="")
        if on < newest.until or any(s.begin > on for s in past) or on < first_listed:
            found.setdefault(kind[0], []).append(newest.usd_per_gpu_hour_micro)
    return {provider: min(prices) for provider, prices in found.items()}


def before(iso: str) -> str:
    return (date.fromisoformat(iso) - timedelta(days=1)).isoformat()


@given(pasts())
def test_a_price_counts_until_it_was_next_seen(past: tuple[list[PriceSpan], list[ShippedOffer]]) -> None:
    spans, offers = past
    rows = list(levels(carried(spans, offers)))
    for tier in ("on-demand", "spot"):
        for number in range(-1, 45):
            expected = known(spans, offers, tier, day(number))
            low = middle = None
            for at, named, lowest, median_ in rows:
                if named == tier and at <= day(number):
                    low, middle = lowest, median_
            assert low == min(expected.values(), default=None), (tier, day(number))
            if tier == "on-demand":
                assert middle == (int(median(expected.values())) if expected else None)
        mine = [row[2:] for row in rows if row[1] == tier]
        assert all(one != other for one, other in pairwise(mine)), "a level is written once"


def test_of_every_gpu_the_line_ends_at_what_its_page_calls_the_cheapest() -> None:
    history, tried = files.history(), 0
    for gpu in sorted({offer.gpu for offer in files.offers()}):
        offers = [
            ShippedOffer(offer.id, offer.provider, gpu, offer.tier, offer.commitment_months, offer.region,
                         offer.price_since, offer.fetched_at, offer.usd_per_gpu_hour_micro, offer.provider_tier,
                         float(offer.gpu_count) if offer.gpu_count else None)
            for offer in files.offers() if offer.gpu == gpu
        ]  # fmt: skip
        rows = list(levels(carried([one for one in history if one.gpu == gpu], offers)))
        for tier in ("on-demand", "spot"):
            whole = [offer.usd_per_gpu_hour_micro for offer in offers if offer.tier == tier and offer.is_whole]
            if whole:
                tried += 1
                *_, last, end = [row for row in rows if row[1] == tier]
                assert (last[2], end[2]) == (min(whole), None), (gpu, tier)
    assert tried > 100
