"""A slice of a card, a card and a machine of several are told apart by what a row's words say."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core import clock
from app.pricing.offers.normalise import normalise
from app.pricing.offers.offer import Offer, RawOffer, SetAside


def read(gpu: str, count: Any = 1, dollars: str = "2", **more: Any) -> Offer | SetAside:
    facts = {"amount_per_gpu_hour": dollars, "gpu_count": count, "fetched_at": clock.timestamp(), **more}
    return normalise(RawOffer("list", "runpod", gpu, "on-demand", **facts), {}, clock.timestamp())


@pytest.mark.parametrize(
    ("gpu", "product", "card", "share"),
    [
        ("B300", "NVIDIA B300 SXM6 AC MIG 1g.34gb", "b300-sxm-288gb", Fraction(1, 7)),
        ("H100 80GB MIG 3g.40gb", "", "h100-80gb", Fraction(3, 7)),
        ("A100 SXM 80GB MIG 2g.20gb", "", "a100-sxm-80gb", Fraction(2, 7)),
        ("A30 MIG 2g.12gb", "", "a30-24gb", Fraction(1, 2)),
        ("RTX PRO 6000 Blackwell 24GB Server MIG", "", "rtx-pro-6000-server-96gb", Fraction(1, 4)),
        ("RTX PRO 6000 Blackwell 48GB Server MIG", "", "rtx-pro-6000-server-96gb", Fraction(1, 2)),
        ("1/2 L40S", "", "l40s-48gb", Fraction(1, 2)),
        ("quarter of a L4", "", "l4-24gb", Fraction(1, 4)),
    ],
)
def test_a_slice_is_that_share_of_its_card_at_the_price_of_the_slice(
    gpu: str, product: str, card: str, share: Fraction
) -> None:
    found = read(gpu, product=product)
    assert isinstance(found, Offer), found
    assert (found.gpu_count, found.usd_per_instance_hour_micro) == (share, 2_000_000)
    assert found.gpu.startswith(card)
    assert found.usd_per_gpu_hour_micro == pytest.approx(2_000_000 / share, abs=1)


@pytest.mark.parametrize(
    ("gpu", "card", "count"),
    [
        ("8x H100 SXM", "h100-sxm-80gb", 8),
        ("8 × A100 80GB SXM", "a100-sxm-80gb", 8),
        ("L40S x4", "l40s-48gb", 4),
        ("DGX H100", "h100-80gb", 8),
        ("NVIDIA DGX B200", "b200-sxm-180gb", 8),
    ],
)
def test_a_machine_named_as_such_holds_that_many_cards(gpu: str, card: str, count: int) -> None:
    for stated in (None, 1):
        found = read(gpu, stated, "16")
        assert isinstance(found, Offer), found
        assert (found.gpu, found.gpu_count, found.usd_per_instance_hour_micro) == (card, count, 16_000_000)


@pytest.mark.parametrize("gpu", ["H100 SXM", "HGX H100", "RTX 4090", "RTX 3060 12GB", "RTX 6000 Ada", "GTX 1080"])
def test_a_card_is_a_card(gpu: str) -> None:
    found = read(gpu)
    assert isinstance(found, Offer), found
    assert (found.gpu_count, found.usd_per_gpu_hour_micro, found.remark) == (1, 2_000_000, "")


def test_a_slice_of_unknown_size_is_refused() -> None:
    found = read("H100 MIG")
    assert isinstance(found, SetAside)
    assert "slice of unknown size" in found.detail


@given(st.text(max_size=40), st.one_of(st.none(), st.integers(-2, 9), st.text(max_size=6)), st.text(max_size=12))
def test_whatever_the_words_an_offer_or_a_reason_comes_out(gpu: str, count: Any, dollars: str) -> None:
    found = read(gpu + " MIG 1g.10gb" * (len(gpu) % 2), count, dollars)
    assert isinstance(found, Offer | SetAside)
