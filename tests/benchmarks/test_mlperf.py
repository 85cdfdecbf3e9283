"""Results of MLPerf judge predictions: rows as they were read, fitted to by nobody, and what is told of them."""

import hashlib

import pytest

from app.benchmarks.measured import every_row, shipped_shapes
from app.benchmarks.mlperf import in_flight, mlperf_rows, verdicts
from app.benchmarks.predict import predict
from app.benchmarks.rows import COLUMNS, question
from tools import accuracy

READ = "f0c717385b6268ce1be9b78f535d26f3cbc7cfd85370e88598c352102009ae8b"
"""Of the columns that were read, without what the estimator was given to know later: rows that judge don't change."""


def test_the_rows_are_those_that_were_frozen_before_anything_was_predicted() -> None:
    text = "\n".join("|".join(row.values()) for row in mlperf_rows())
    assert hashlib.sha256(text.encode()).hexdigest() == READ


def test_no_row_is_fitted_to() -> None:
    assert not any("mlperf" in row["source"].lower() for row in every_row())
    assert all(set(COLUMNS) <= set(row) for row in mlperf_rows())
    assert len(mlperf_rows()) == len({tuple(row.values()) for row in mlperf_rows()}) == 72


def test_what_a_replica_gets_follows_from_what_the_log_states() -> None:
    for row in mlperf_rows():
        replicas = int(row["replicas"])
        layout = int(row["tensor_parallel"]) * int(row["attention_data_parallel"])
        assert replicas * layout == int(row["gpus"])
        assert float(row["request_rate_per_s"]) * replicas == pytest.approx(float(row["scheduled_per_s"]), rel=1e-4)
        served = float(row["output_tokens_per_s"]) * replicas / float(row["completed_per_s"])
        assert int(row["output_tokens"]) == pytest.approx(served, abs=0.51)
        assert 0.9 <= float(row["completed_per_s"]) / float(row["scheduled_per_s"]) <= 1.0


def test_the_load_in_flight_is_that_of_littles_law() -> None:
    row = {"ttft_ms": "500", "tpot_ms": "100", "output_tokens": "96", "completed_per_s": "16", "replicas": "8",
           "request_rate_per_s": "2.1", "concurrency": ""}  # fmt: skip
    assert in_flight(row) == {**row, "concurrency": "20.0000", "request_rate_per_s": ""}


def test_every_row_is_judged_once_by_each_kind_of_group() -> None:
    (_, (every,)), *kinds = verdicts()
    assert every.in_flight.rows == every.arriving.rows == len(mlperf_rows())
    for _, groups in kinds:
        assert sum(v.in_flight.rows for v in groups) == every.in_flight.rows
        assert sum(v.unsustained for v in groups) == every.unsustained


def test_the_range_under_a_rate_holds_though_the_value_errs_near_saturation() -> None:
    every = verdicts()[0][1][0]
    assert every.arriving.inside is not None
    assert every.arriving.inside >= 0.75
    by_hand = sum(
        low <= float(row["tpot_ms"]) / 1e3 <= high
        for row in mlperf_rows()
        for low, high in [predict(question(row, shipped_shapes())).tpot]
    )
    assert by_hand == round(every.arriving.inside * every.arriving.rows)


def test_the_gate_closes_where_the_range_no_longer_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    assert accuracy.judged_on_mlperf() == []
    monkeypatch.setitem(accuracy.MLPERF, "inside", 0.99)
    monkeypatch.setitem(accuracy.MLPERF, "tpot", 0.01)
    assert len(accuracy.judged_on_mlperf()) == 2
