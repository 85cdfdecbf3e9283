"""Normalising: nothing lost, nothing invented, everything refused for a stated reason."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.money import parse_decimal
from app.pricing.offers.normalise import normalise
from app.pricing.offers.normalise_batch import normalise_batch
from app.pricing.offers.offer import Offer, Rate, RawOffer, Reason, SetAside, Tier

NOW = 1_800_000_000
GOOD = RawOffer(
    source="test", provider="Verda", gpu="H100 SXM5", tier="on-demand", amount_per_gpu_hour="2.50", gpu_count=8,
    gpu_memory_gb=80, fetched_at=NOW - 60, region="FIN-01",
)  # fmt: skip


def offer(**changes: Any) -> Offer:
    made = normalise(replace(GOOD, **changes), {}, NOW)
    assert isinstance(made, Offer), made
    return made


def refused(**changes: Any) -> SetAside:
    made = normalise(replace(GOOD, **changes), {}, NOW)
    assert isinstance(made, SetAside), made
    return made


def test_a_missing_instance_price_is_computed_from_the_count_and_marked() -> None:
    made = offer()
    assert (made.usd_per_gpu_hour_micro, made.usd_per_instance_hour_micro) == (2_500_000, 20_000_000)
    assert made.derived == "instance-hour"


def test_a_missing_gpu_price_is_computed_from_the_instance_and_marked() -> None:
    made = offer(amount_per_gpu_hour=None, amount_per_instance_hour="20")
    assert (made.usd_per_gpu_hour_micro, made.derived) == (2_500_000, "gpu-hour")


def test_both_stated_prices_are_kept_as_stated() -> None:
    made = offer(amount_per_gpu_hour="1.7401", amount_per_instance_hour="13.9211")
    assert (made.usd_per_gpu_hour_micro, made.usd_per_instance_hour_micro, made.derived) == (1_740_100, 13_921_100, "")


def test_an_unknown_count_stays_unknown() -> None:
    made = offer(gpu_count="")
    assert (made.gpu_count, made.usd_per_instance_hour_micro) == (None, None)


def test_a_sixth_of_a_card_has_an_exact_price_per_card() -> None:
    made = offer(
        gpu="A10", gpu_memory_gb=24, gpu_count="1/6", amount_per_gpu_hour=None, amount_per_instance_hour="0.454"
    )
    assert made.gpu_count == Fraction(1, 6)
    assert made.usd_per_gpu_hour_micro == 2_724_000


def test_a_foreign_price_keeps_its_amount_and_the_rate_of_its_day() -> None:
    raw = replace(GOOD, currency="EUR", amount_per_gpu_hour="2.00")
    made = normalise(raw, {"EUR": Rate(Decimal("1.1"), "2026-11-20")}, NOW)
    assert isinstance(made, Offer)
    assert (made.currency, made.quoted_amount, made.usd_per_gpu_hour_micro) == ("EUR", "2.00", 2_200_000)
    assert made.exchange_rate_date == "2026-11-20"
    assert isinstance(normalise(raw, {}, NOW), SetAside)


@pytest.mark.parametrize(
    ("tier", "interruptible", "expected", "months"),
    [
        ("on_demand", False, Tier.ON_DEMAND, None), ("secure", False, Tier.ON_DEMAND, None),
        ("community", False, Tier.ON_DEMAND, None), ("marketplace", True, Tier.SPOT, None),
        ("spot", True, Tier.SPOT, None), ("prototyping", True, Tier.SPOT, None),
        ("12mo", False, Tier.RESERVED, 12), ("36mo", False, Tier.RESERVED, 36),
        ("reserved", False, Tier.RESERVED, None),
    ],
)  # fmt: skip
def test_tiers_are_on_demand_spot_or_reserved_and_keep_the_providers_name(
    tier: str, interruptible: bool, expected: Tier, months: int | None
) -> None:
    made = offer(tier=tier, interruptible=interruptible)
    assert (made.tier, made.commitment_months, made.provider_tier) == (expected, months, tier)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"amount_per_gpu_hour": "0"}, Reason.ZERO_PRICE), ({"amount_per_gpu_hour": "0.0000001"}, Reason.ZERO_PRICE),
        ({"amount_per_gpu_hour": "-1"}, Reason.NEGATIVE_PRICE), ({"amount_per_gpu_hour": "NaN"}, Reason.NOT_A_PRICE),
        ({"amount_per_gpu_hour": float("inf")}, Reason.NOT_A_PRICE),
        ({"amount_per_gpu_hour": None}, Reason.NOT_A_PRICE),
        ({"amount_per_gpu_hour": True}, Reason.NOT_A_PRICE), ({"amount_per_gpu_hour": "1e999"}, Reason.NOT_A_PRICE),
        ({"provider": "Nobody"}, Reason.UNKNOWN_PROVIDER), ({"gpu": "Z9"}, Reason.UNKNOWN_GPU),
        ({"gpu_memory_gb": 40}, Reason.MEMORY_CONTRADICTS), ({"tier": "gratis"}, Reason.UNKNOWN_TIER),
        ({"gpu_count": "0"}, Reason.BAD_COUNT), ({"gpu_count": "many"}, Reason.BAD_COUNT),
        ({"gpu_count": -8}, Reason.BAD_COUNT),
        ({"amount_per_instance_hour": "99"}, Reason.PRICES_DISAGREE), ({"currency": "XYZ"}, Reason.NO_EXCHANGE_RATE),
        ({"fetched_at": NOW + 9999}, Reason.BAD_DATE), ({"fetched_at": 0}, Reason.BAD_DATE),
        ({"estimated": True}, Reason.ESTIMATED),
    ],
)  # fmt: skip
def test_a_bad_row_is_set_aside_with_its_reason(changes: dict[str, object], reason: Reason) -> None:
    aside = refused(**changes)
    assert aside.reason is reason
    assert aside.detail


def test_a_price_twenty_times_off_the_median_is_absurd() -> None:
    usual = [replace(GOOD, gpu_count=count) for count in (1, 2, 4, 8)]
    batch = normalise_batch([*usual, replace(GOOD, product="dear", amount_per_gpu_hour="51"),
                             replace(GOOD, product="cheap", amount_per_gpu_hour="0.12")], {}, NOW)  # fmt: skip
    assert len(batch.offers) == 4
    assert {aside.reason for aside in batch.set_aside} == {Reason.ABSURD}


def test_the_same_offer_twice_is_kept_once() -> None:
    batch = normalise_batch([GOOD, GOOD], {}, NOW)
    assert (len(batch.offers), [a.reason for a in batch.set_aside]) == (1, [Reason.DUPLICATE])


def test_a_later_list_supersedes_the_same_offer_of_another_source() -> None:
    later = replace(GOOD, source="other", fetched_at=NOW - 1, amount_per_gpu_hour="2.60")
    batch = normalise_batch([GOOD, later], {}, NOW)
    assert [made.source for made in batch.offers] == ["other"]
    assert [a.reason for a in batch.set_aside] == [Reason.SUPERSEDED]


def test_a_price_turns_stale_at_its_providers_freshness_limit() -> None:
    assert offer().stale_at == GOOD.fetched_at + 36 * 3600


ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**6), 10**6), st.floats(), st.decimals(), st.text(max_size=12),
    st.sampled_from(["2.5", "0", "-1", "1/6", "8", "1e3", "NaN", "٣"]),
)  # fmt: skip
RAWS = st.builds(
    RawOffer, source=st.sampled_from(["a", "b"]), provider=st.sampled_from(["Verda", "AWS EC2", "Nobody", ""]),
    gpu=st.sampled_from(["H100 SXM", "A100", "L4", "??", ""]),
    tier=st.sampled_from(["on-demand", "spot", "12mo", "x", ""]),
    amount_per_gpu_hour=ANYTHING, amount_per_instance_hour=ANYTHING, gpu_count=ANYTHING, gpu_memory_gb=ANYTHING,
    currency=st.sampled_from(["USD", "EUR", "ZZZ"]), region=st.text(max_size=8), product=st.text(max_size=8),
    interruptible=st.booleans(), vcpus=ANYTHING, fetched_at=st.integers(-5, NOW + 1000), reference=st.text(max_size=5),
)  # fmt: skip


@given(st.lists(RAWS, max_size=12))
def test_normalising_never_loses_a_row_and_never_invents_a_price(raws: list[RawOffer]) -> None:
    rates = {"EUR": Rate(Decimal("1.25"), "2026-11-20")}
    batch = normalise_batch(raws, rates, NOW)
    assert len(batch.offers) + len(batch.set_aside) == len(raws)
    refused = {id(aside.raw) for aside in batch.set_aside}
    stated: set[Fraction] = set()
    for raw in raws:
        for amount in (raw.amount_per_gpu_hour, raw.amount_per_instance_hour):
            if id(raw) not in refused and (number := parse_decimal(amount)) is not None:
                stated.add(Fraction(number))
    for made in batch.offers:
        assert Fraction(Decimal(made.quoted_amount)) in stated
        assert made.usd_per_gpu_hour_micro > 0
        if made.gpu_count and made.usd_per_instance_hour_micro:
            product = made.usd_per_gpu_hour_micro * made.gpu_count
            assert abs(product - made.usd_per_instance_hour_micro) <= max(
                1 * made.gpu_count + 1, made.usd_per_instance_hour_micro * Fraction(11, 1000)
            )
