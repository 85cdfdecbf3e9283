"""Refit the estimator's constants from the measured rows: ``make calibrate``.

Errors are told on folds that leave whole model × GPU pairs, whole models or whole GPUs out of the fit. The constants of
every fold are kept, so that ``make accuracy`` can judge the formulas again without fitting anything.
"""

import csv
import json
import math
import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import least_squares

from app.benchmarks.accuracy import FOLDS, Row, fold_groups, load_rows, told, widths
from app.benchmarks.measured import shipped_shapes
from app.benchmarks.rows import question
from app.core import clock
from app.estimate.constants import CONSTANTS, FITTED
from app.estimate.speed import estimate

Vector = Any  # of numpy, which is there only to calibrate
NAMES = [constant.name for constant in CONSTANTS]
EXPECTED = np.log([constant.expected for constant in CONSTANTS])
SPREAD = np.array([constant.spread for constant in CONSTANTS])
TTFT_WEIGHT = 0.35
"""The first token's time scatters about three times as much as the others'."""
DRAWN = 0.7
"""How strongly constants are drawn to what is expected of them; chosen on the folds, where of 0.1 to 0.7 the last
made the smallest errors."""
ROBUST = 0.1


def weights(rows: Sequence[Row]) -> Vector:
    """A pair measured often says little more than one measured a few times: weight by the fourth root."""
    counts = Counter(row.pair for row in rows)
    weight = np.array([counts[row.pair] ** -0.25 for row in rows])
    return weight / weight.mean()


def fit(rows: Sequence[Row], start: Vector | None = None) -> dict[str, float]:
    """The constants that predict ``rows`` best, by robust least squares on logarithms of times."""
    weight = weights(rows)
    pull = DRAWN * math.sqrt(len(rows) / 100) / SPREAD

    def residuals(logs: Vector) -> Vector:
        constants = dict(zip(NAMES, np.exp(logs).tolist(), strict=True))
        found = np.zeros(2 * len(rows))
        for i, row in enumerate(rows):
            speed = estimate(row.ask.shape, row.ask.card, row.ask.layout, row.ask.traffic, constants)
            if not speed.fits:
                found[i] = 1.0
                continue
            found[i] = math.log(speed.tpot / row.tpot)
            if row.ttft:
                found[len(rows) + i] = TTFT_WEIGHT * math.log(speed.ttft / row.ttft)
        return np.concatenate([found * np.concatenate([weight, weight]), pull * (logs - EXPECTED)])

    begin = EXPECTED if start is None else start
    solved = least_squares(residuals, begin, loss="soft_l1", f_scale=ROBUST, max_nfev=12, xtol=1e-4, ftol=1e-4)
    return {name: float(f"{math.exp(value):.6g}") for name, value in zip(NAMES, solved.x, strict=True)}


@cache
def every_row() -> tuple[Row, ...]:
    """The shipped rows and, with ``COMMUNITY=FILE.csv``, those of ``inferencebench submissions benchmarks
    FILE.csv``."""
    if not (path := os.environ.get("COMMUNITY")):
        return load_rows()
    with Path(path).open(encoding="utf-8", newline="") as file:
        told = list(csv.DictReader(file))
    shapes = shipped_shapes()
    return (
        *load_rows(),
        *(
            Row(row, question(row, shapes), float(row["tpot_ms"]) / 1e3, float(row["ttft_ms"] or 0) / 1e3, row["model"])
            for row in told
        ),
    )


def _fold(task: tuple[str, str, list[int], dict[str, float]]) -> tuple[str, str, dict[str, float]]:
    kind, name, kept, whole = task
    rows = every_row()
    start = np.log([whole[constant] for constant in NAMES])
    return kind, name, fit([rows[i] for i in kept], start)


def main() -> None:
    rows = load_rows()
    whole = fit(every_row())
    tasks = []
    for kind in ("pair", "model", "gpu"):
        for name, left_out in fold_groups(rows, kind).items():
            out = {getattr(rows[i], kind) for i in left_out}
            tasks.append((kind, name, [i for i, row in enumerate(every_row()) if getattr(row, kind) not in out], whole))
    folds: dict[str, dict[str, dict[str, float]]] = {"pair": {}, "model": {}, "gpu": {}}
    with ProcessPoolExecutor() as pool:
        for kind, name, constants in pool.map(_fold, tasks):
            folds[kind][name] = constants
            print(f"fold {kind}: without {name}", flush=True)
    FOLDS.write_text(json.dumps(folds, indent=1) + "\n", encoding="utf-8")
    fitted = {"date": clock.now().date().isoformat(), "data": f"{len(every_row())} measured rows", "constants": whole,
              "ranges": widths(rows, folds)}  # fmt: skip
    FITTED.write_text(json.dumps(fitted, indent=1) + "\n", encoding="utf-8")
    print(told(rows, folds))


if __name__ == "__main__":
    main()
