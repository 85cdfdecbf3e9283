"""The report of the last calibration about the rows that it left out, for pages. It is stored because computing it
takes a minute."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from app.benchmarks.accuracy import GROUPS, Guess, Row, by_group, doubtful, errors_of, every, open_rows, worst_groups
from app.benchmarks.folds import KINDS, left_out, load_folds, unseen
from app.benchmarks.ranges import measured_ratios, nested
from app.benchmarks.regret import BY_GPU, BY_SET_UP, regret

REPORT = Path(__file__).with_name("calibration_report.json")
FIGURES = ("tpot", "ttft", "throughput", "running", "limited_by")


def shown_rows() -> tuple[Row, ...]:
    """The rows that ``/benchmarks`` shows, in the order of the predictions in :func:`calibration_report`."""
    return (*every(), *doubtful())


def _errors(rows: Sequence[Row], guesses: Sequence[Guess]) -> dict[str, Any]:
    return {
        "groups": {
            name: [[group, asdict(e)] for group, e in by_group(rows, guesses, of)] for name, of in GROUPS.items()
        },
        "worst": [[group, asdict(e)] for group, e in worst_groups(rows, guesses)],
    }


@cache
def judged_folds() -> dict[str, list[Guess]]:
    """Kind of fold → the predictions of the open rows; neither a prediction nor its range was fitted with the row's
    group."""
    rows, folds = open_rows(), load_folds()
    found = measured_ratios(rows, folds, folds["sealed"]["all"])
    return {kind: nested(rows, left_out(rows, folds, kind), found) for kind in KINDS}


def compute_report(prices: Mapping[str, float]) -> dict[str, Any]:
    """Errors by what was left out and by group; what following the predictions costs at ``prices`` (USD per GPU-hour by
    slug); and of every shown row the prediction that no row like it took part in: seconds, tokens/s, sequences, the
    resource, what it rests on, and the factors of the range of its time per token."""
    rows, shown = open_rows(), shown_rows()
    guesses = judged_folds()
    return {
        "summary": {kind: asdict(errors_of(rows, found)) for kind, found in guesses.items()},
        **_errors(rows, guesses["place"]),
        "prices": dict(prices),
        "regret": {by: asdict(regret(rows, guesses["place"], prices, by)) for by in (BY_GPU, BY_SET_UP)},
        "rows": [
            [
                *(_short(getattr(guess.speed, name)) for name in FIGURES),
                guess.rests_on,
                *map(_short, guess.ranges["tpot"]),
            ]
            for guess in unseen(shown, rows)
        ],
    }


def _short(value: float | str) -> float | str:
    return value if isinstance(value, str) else float(f"{value:.6g}")


@cache
def calibration_report() -> dict[str, Any]:
    """The result of :func:`compute_report` at the last calibration."""
    found: dict[str, Any] = json.loads(REPORT.read_text(encoding="utf-8"))
    return found
