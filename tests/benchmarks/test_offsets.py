"""What measurements of the same kind do to a prediction, and what it is said to rest on."""

from collections import defaultdict
from dataclasses import replace
from math import exp, expm1, log, prod
from statistics import fmean, median

import pytest

from app.benchmarks.accuracy import Row, every
from app.benchmarks.calibration_report import calibration_report
from app.benchmarks.folds import (
    ENGINE_SHRINK,
    FAMILY_SHRINK,
    FORMAT_SHRINK,
    FULL,
    FULL_FIRST,
    GROUP_SHRINK,
    MODEL_SHRINK,
    offsets,
)
from app.benchmarks.measured import shipped_shapes
from app.benchmarks.predict import predict
from app.benchmarks.rows import Question, question
from app.catalog.facts import gpus
from app.estimate.constants import fitted
from app.estimate.offsets import basis, engine_key, format_key, generation
from app.estimate.speed import estimate

ASKED = {"engine": "vllm", "precision": "fp8", "tensor_parallel": "8", "input_tokens": "1024", "output_tokens": "1024",
    "concurrency": "16"}  # fmt: skip


def asked(**change: str) -> Question:
    return question({**ASKED, **change}, shipped_shapes())


def campaign(row: Row, count: int, name: str) -> list[Row]:
    return [replace(row, campaign=(name,))] * count


def left(campaigns: int, *shrinks: int) -> float:
    """The share of a residual that is left after offsets of so many campaigns, each shrunk by n/(n + shrink)."""
    return prod(1 - campaigns / (campaigns + shrink) for shrink in shrinks)


def test_each_offset_is_of_what_those_before_leave_and_more_campaigns_move_a_prediction_more() -> None:
    row = next(row for row in every() if row.tpot and row.ttft)
    ask, (step, first) = row.ask, (log(1.5), log(2.0))
    assert FULL_FIRST <= FULL
    for campaigns in (1, 10):
        rows = [one for i in range(campaigns) for one in campaign(row, FULL, str(i))]
        found = offsets(rows, [(step, first)] * len(rows))
        after_family = step * left(1, FAMILY_SHRINK)  # one model and engine, however many campaigns
        after_format = after_family * left(campaigns, FORMAT_SHRINK)
        after_engine = first * left(campaigns, ENGINE_SHRINK)
        after_model = after_engine * left(campaigns, MODEL_SHRINK)
        own = left(campaigns, GROUP_SHRINK)
        assert found["family"][ask.family] == pytest.approx(step - after_family, abs=1e-4)
        kept = found["format"][format_key(ask.model, ask.layout.precision)]
        assert kept == pytest.approx(after_family - after_format, abs=1e-4)
        assert found["engine"][engine_key(ask.layout.engine, generation(ask.gpu))] == pytest.approx(
            first - after_engine, abs=1e-4
        )
        assert found["model"][ask.model] == pytest.approx(after_engine - after_model, abs=1e-4)
        assert found["group"][ask.group] == pytest.approx(
            [step - after_format * own, first - after_model * own], abs=1e-4
        )


def test_a_model_measured_elsewhere_and_its_engine_measured_with_others_move_a_prediction() -> None:
    known = {
        "family": {"mixture|Blackwell|fp8": 0.1}, "format": {"minimax-m2.5|fp8": 0.2},
        "engine": {"vllm|Blackwell": 0.3}, "model": {"minimax-m2.5": 0.4},
        "group": {"other|vllm|Blackwell|fp8": [9, 9]},
    }  # fmt: skip
    found = basis(known, "mixture|Blackwell|fp8", "minimax-m2.5|vllm|Blackwell|fp8")
    assert (found.rests_on, *found.factors) == ("family", pytest.approx(exp(0.15)), pytest.approx(exp(0.7)))
    found = basis(known, "mixture|Hopper|fp8", "minimax-m2.5|sglang|Hopper|fp8")
    assert (found.rests_on, *found.factors) == ("family", pytest.approx(exp(0.1)), pytest.approx(exp(0.4)))
    assert basis(known, "mixture|Hopper|int4", "minimax-m2.5|vllm|Blackwell|int4").factors == (1, 1)


def test_steps_slower_than_physics_count_half_and_quicker_ones_whole() -> None:
    known = {"family": {}, "format": {}, "engine": {}, "model": {}, "group": {"a": [0.4, 0.4], "b": [-0.4, -0.4]}}
    assert basis(known, "", "a").factors == (pytest.approx(exp(0.2)), pytest.approx(exp(0.4)))
    assert basis(known, "", "b").factors == (pytest.approx(exp(-0.4)), pytest.approx(exp(-0.4)))


def test_a_few_rows_count_less_than_a_campaign() -> None:
    row = next(row for row in every() if row.tpot)
    few, full = (offsets(campaign(row, n, "a"), [(0.3, None)] * n)["group"][row.ask.group][0] for n in (1, FULL))
    assert 0 < few < full / 2


@pytest.mark.parametrize(
    ("change", "rests_on"),
    [
        ({"model": "meta-llama/Llama-3.1-70B-Instruct", "gpu": "H100 SXM"}, "measured"),
        ({"model": "nvidia/Llama-3.1-70B-Instruct-FP8", "gpu": "H200 SXM"}, "measured"),  # a variant, another Hopper
        ({"model": "meta-llama/Llama-3.1-405B", "gpu": "H100 SXM"}, "family"),
        ({"model": "meta-llama/Llama-3.1-70B-Instruct", "gpu": "L40S"}, "family"),  # the model elsewhere
        ({"model": "mistralai/Mistral-Nemo-Instruct-2407", "gpu": "L40S"}, "physics"),
        ({"model": "meta-llama/Llama-3.1-70B-Instruct", "gpu": "RTX PRO 6000 Server Edition", "engine": "sglang",
            "precision": "int4"}, "physics"),
    ],
)  # fmt: skip
def test_a_prediction_says_what_it_rests_on_and_its_range_follows(change: dict[str, str], rests_on: str) -> None:
    found = predict(asked(**change))
    assert found.rests_on == rests_on
    low, high = fitted()["ranges"]["tpot"][rests_on]
    assert found.tpot == pytest.approx((found.speed.tpot * low, found.speed.tpot * high))


def test_an_offset_moves_the_times_of_the_prediction() -> None:
    ask = asked(model="meta-llama/Llama-3.1-70B-Instruct", gpu="H100 SXM")
    factors = basis(fitted()["offsets"], ask.family, ask.group).factors
    assert factors != (1, 1)
    plain = estimate(ask.shape, ask.card, ask.layout, ask.traffic, fitted()["constants"])
    told = predict(ask).speed
    assert told.tpot / plain.tpot == pytest.approx(factors[0], rel=0.03)
    assert told.ttft / plain.ttft == pytest.approx(factors[1], rel=0.05)


def test_one_row_of_ones_own_narrows_the_error_of_the_others_and_the_range_told_holds() -> None:
    # the calculator draws a page by the root of measured over predicted, and tells the range of what was measured
    by_group: dict[str, list[float]] = defaultdict(list)
    for row, told in zip(every(), calibration_report()["rows"], strict=False):
        if row.tpot:
            by_group[row.ask.group].append(log(row.tpot / told[0]))
    errors: dict[float, list[float]] = {0.0: [], 0.5: []}
    for lies in (found for found in by_group.values() if len(found) >= 3):
        for i in range(0, len(lies), max(1, len(lies) // 8)):
            for counts, found in errors.items():
                found += [lie - counts * lies[i] for j, lie in enumerate(lies) if j != i]
    before, after = (median(abs(expm1(-lie)) for lie in found) for found in errors.values())
    assert after < before * 0.9
    low, high = fitted()["ranges"]["tpot"]["measured"]
    assert 0.76 <= fmean(low <= exp(lie) <= high for lie in errors[0.5]) <= 0.86


def test_generations_run_the_same_kernels() -> None:
    known = gpus()
    assert generation(known["b300-sxm-288gb"]) == generation(known["gb200-nvl-186gb"]) == "Blackwell"
    assert generation(known["rtx-pro-6000-server-96gb"]) != "Blackwell"
    assert generation(known["a100-sxm-80gb"]) != generation(known["a40-48gb"])


@pytest.mark.parametrize(
    ("change", "range_ms"),
    [  # public reports
        ({"model": "deepseek-ai/DeepSeek-R1", "gpu": "H100 SXM", "tensor_parallel": "16", "input_tokens": "128",
            "output_tokens": "128", "concurrency": "1"}, (31, 50)),
        ({"model": "openai/gpt-oss-120b", "gpu": "A100 SXM 80GB", "precision": "", "tensor_parallel": "1",
            "input_tokens": "500", "output_tokens": "500", "concurrency": "1"}, (11.2, 11.2)),
    ],
)  # fmt: skip
def test_what_the_public_reports_lies_in_the_stated_range(
    change: dict[str, str], range_ms: tuple[float, float]
) -> None:
    found = predict(asked(**change))
    low, high = (1e3 * edge for edge in found.tpot)
    assert low <= range_ms[1]
    assert high >= range_ms[0]
