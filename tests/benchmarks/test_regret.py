"""What following the predictions costs, told of measured questions."""

from dataclasses import replace

import pytest

from app.benchmarks.accuracy import Guess, Row, load_rows
from app.benchmarks.regret import BY_GPU, BY_SET_UP, Regret, regret
from app.catalog.facts import gpus
from app.estimate.constants import fitted
from app.estimate.speed import estimate

DEAR, CHEAP = "b200-sxm-180gb", "h100-sxm-80gb"


def answered(gpu: str, measured: float, told: float, tensor: int = 1) -> tuple[Row, Guess]:
    row = next(row for row in load_rows() if row.ttft and row.ask.traffic.concurrency)
    ask = replace(row.ask, gpu=gpus()[gpu], layout=replace(row.ask.layout, tensor=tensor))
    speed = estimate(row.ask.shape, row.ask.card, row.ask.layout, row.ask.traffic, fitted()["constants"])
    guess = Guess(replace(speed, tpot=told, ttft=told), "measured", {})
    return replace(row, ask=ask, tpot=measured, ttft=measured), guess


def judged(*pairs: tuple[Row, Guess], by: str = BY_GPU) -> Regret:
    return regret([row for row, _ in pairs], [guess for _, guess in pairs], {DEAR: 6.0, CHEAP: 2.0}, by)


def test_the_right_choice_costs_nothing_and_a_wrong_one_what_it_is_dearer() -> None:
    assert judged(answered(DEAR, 0.01, 0.01), answered(CHEAP, 0.02, 0.02)) == Regret(1, 1.0, 0.0, 0.0)
    wrong = judged(answered(DEAR, 0.01, 0.004), answered(CHEAP, 0.02, 0.02))  # 0.06 paid where 0.04 would do
    assert (wrong.questions, wrong.found, wrong.mean) == (1, 0.0, pytest.approx(0.5))


def test_one_answer_is_no_question_and_a_gpu_without_a_price_no_answer() -> None:
    assert judged(answered(DEAR, 0.01, 0.01), answered(DEAR, 0.02, 0.02)).questions == 0
    assert judged(answered(DEAR, 0.01, 0.01), answered("a40-48gb", 0.02, 0.02)).questions == 0


def test_set_ups_of_one_gpu_are_answers_too() -> None:
    found = judged(answered(CHEAP, 0.02, 0.02), answered(CHEAP, 0.015, 0.005, tensor=2), by=BY_SET_UP)
    assert (found.questions, found.found, found.mean) == (1, 0.0, pytest.approx(0.5))
