"""How far a time may lie from its prediction: busy GPUs, and arrivals near what is served at most."""

from dataclasses import replace
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.benchmarks.measured import shipped_shapes
from app.calculator.sheet import known_cards
from app.estimate.constants import fitted
from app.estimate.inputs import Layout, Traffic
from app.estimate.prediction_range import BUSY, STEP, factor_of, regime, step_range, stretch, widened
from app.estimate.speed import Parts, estimate

SHAPE = shipped_shapes()["meta-llama/llama-3.1-70b-instruct"]
CARD = next(card for gpu, card in known_cards().values() if gpu.slug == "h200-sxm-141gb")
LAYOUT = Layout("fp8", 1.0, "trtllm")
K = fitted()["constants"]
spread = partial(stretch, SHAPE, CARD, LAYOUT, k=K, offsets=(1.0, 1.0))


def test_a_number_in_flight_carries_an_error_as_it_is() -> None:
    by = spread(Traffic(1024, 256, 32.0))
    assert widened((0.8, 1.25), by) == (0.8, 1.25)
    assert factor_of(1.3, by) == 1.3


def test_the_nearer_to_what_is_served_the_further_an_error_carries() -> None:
    most = estimate(SHAPE, CARD, LAYOUT, Traffic(1024, 256, 2000.0), K).throughput / 256
    widths = []
    for share in (0.1, 0.5, 0.8):
        low, high = widened((0.85, 1.2), spread(Traffic(1024, 256, 0.0, share * most)))
        assert low <= 0.85
        assert high >= 1.2
        widths.append(high / low)
    assert widths == sorted(widths)
    assert widths[-1] > 1.3 * widths[0]


@settings(max_examples=20, deadline=None)
@given(st.floats(0.3, 7.0), st.floats(0.7, 1.3))
def test_the_factor_of_the_steps_is_found_from_what_it_led_to(rate: float, factor: float) -> None:
    by = spread(Traffic(1024, 256, 0.0, rate))
    assert by(factor_of(by(factor), by)) == pytest.approx(by(factor), rel=0.01)


def test_gpus_that_compute_for_half_of_a_step_are_busy() -> None:
    lone = estimate(SHAPE, CARD, LAYOUT, Traffic(1024, 1024, 1.0), K)
    full = estimate(SHAPE, CARD, LAYOUT, Traffic(1024, 128, 400.0), K)
    assert (regime(lone), regime(full)) == (STEP, BUSY)
    half = replace(lone, parts=Parts(1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0))
    assert regime(half) == BUSY
    ranges = {STEP: {"family": [0.9, 1.1]}, BUSY: {"family": [0.7, 1.3]}}
    assert step_range(ranges, full, "family") == (0.7, 1.3)
    assert step_range(ranges, lone, "family") == (0.9, 1.1)
