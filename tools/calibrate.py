"""Refit the estimator's constants from the measured rows: ``make calibrate``.

Errors are measured on folds that leave whole groups out of the fit: model × engine × generation, models, generations.
The constants of every fold are stored, so that ``make accuracy`` can judge the formulas again without fitting. The
sealed campaigns take part only in the last fit: first they are judged by constants, offsets and ranges made without
them, then the constants and offsets that ship are made from all rows. ``COMMUNITY=FILE.csv`` adds reported rows. Before
any fit, the previous constants' predictions for new shipped rows are written into their ledger.
"""

import csv
import json
import math
import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from app.benchmarks import shipped_ledger
from app.benchmarks.accuracy import Row, by_group, errors_of, every, row_of, sealed, worst_groups
from app.benchmarks.calibration_report import REPORT, compute_report
from app.benchmarks.folds import FOLDS, KINDS, judged, left_out_of, offsets, residual
from app.benchmarks.ranges import edges, measured_ratios
from app.core import clock
from app.estimate.constants import CONSTANTS, FITTED, frozen
from app.estimate.constants import fitted as shipped_constants
from app.estimate.speed import estimate
from app.pricing.offers.offer import Tier
from app.pricing.snapshot import files

Vector = Any  # of numpy, which is there only to calibrate
NAMES = [constant.name for constant in CONSTANTS]
EXPECTED = np.log([constant.expected for constant in CONSTANTS])
SPREAD = np.array([constant.spread for constant in CONSTANTS])
TTFT_WEIGHT = 0.35
"""Weight of times to the first token: they scatter about three times as much as times per token."""
THROUGHPUT_WEIGHT = 0.7
"""Weight of offline runs: neither the number of running sequences nor their start and end are stated."""
DRAWN = 0.5
"""How strongly constants are pulled to their expected values: less than what gave the smallest errors on the folds (1
to 2), since the expected values were chosen with the rows in view."""
DRAWN_FIRST = 0.1
"""The same for constants of the time to the first token: nothing is known beforehand about bursts and queues, and folds
that leave whole groups out err less with a weaker pull (0.31 at 0.5, 0.24 at 0.1)."""
FIRST = ("first", "queue", "burst")
ROBUST = 0.1
PULL = np.array([DRAWN_FIRST if constant.name.startswith(FIRST) else DRAWN for constant in CONSTANTS])
NUDGE = 1e-3
ITERATIONS = 3


@cache
def every_row() -> tuple[Row, ...]:
    """The shipped rows and, with ``COMMUNITY=FILE.csv``, those of ``inferencebench submissions benchmarks
    FILE.csv``."""
    if not (path := os.environ.get("COMMUNITY")):
        return every()
    with Path(path).open(encoding="utf-8", newline="") as file:
        return (*every(), *(row_of(row) for row in csv.DictReader(file)))


def weights(rows: Sequence[Row]) -> Vector:
    """The weight of each row: by the fourth root of its group's size, since a group measured often says little more
    than one measured a few times."""
    counts = Counter(row.place for row in rows)
    weight = np.array([counts[row.place] ** -0.25 for row in rows])
    return weight / weight.mean()


def residuals(logs: Vector) -> Vector:
    """Weighted logarithms of predicted over measured of every row: of a step, then of a first token."""
    constants = dict(zip(NAMES, np.exp(logs).tolist(), strict=True))
    rows = every_row()
    found = np.zeros((2, len(rows)))
    for i, row in enumerate(rows):
        speed = estimate(row.ask.shape, row.ask.card, row.ask.layout, row.ask.traffic, constants)
        if not speed.fits:
            found[0, i] = 1.0
        elif row.tpot:
            found[0, i] = math.log(speed.tpot / row.tpot)
        else:
            found[0, i] = THROUGHPUT_WEIGHT * math.log(row.throughput / speed.throughput)
        if speed.fits and row.ttft:
            found[1, i] = TTFT_WEIGHT * math.log(speed.ttft / row.ttft)
    return found


def slopes(logs: Vector, pool: ProcessPoolExecutor) -> tuple[Vector, Vector]:
    """Residuals of every row and how they change with each constant's logarithm."""
    points = [logs, *(logs + NUDGE * step for step in np.eye(len(logs)))]
    first, *others = pool.map(residuals, points, chunksize=4)
    return first, np.stack([(other - first) / NUDGE for other in others], axis=-1)


def solve(logs: Vector, residual_: Vector, slope: Vector, kept: Vector) -> Vector:
    """One Gauss-Newton step on the kept rows from ``logs``, drawn to what is expected, by robust least squares (soft
    L1)."""
    rows = every_row()
    weight = np.zeros(len(rows))
    weight[kept] = weights([rows[i] for i in kept])
    matrix = (slope * weight[:, None]).reshape(-1, len(logs))
    target = (residual_ * weight).reshape(-1)
    pull = (PULL / SPREAD) ** 2 * len(kept) / 100
    step = np.zeros(len(logs))
    for _ in range(10):
        robust = 1 / np.sqrt(1 + ((target + matrix @ step) / ROBUST) ** 2)
        normal = (matrix * robust[:, None]).T @ matrix + np.diag(pull)
        step = -np.linalg.solve(normal, (matrix * robust[:, None]).T @ target + pull * (logs - EXPECTED))
    return logs + step


def named(logs: Vector) -> dict[str, float]:
    """The constants by name."""
    return {name: float(f"{math.exp(value):.6g}") for name, value in zip(NAMES, logs, strict=True)}


def fit(
    kept: Sequence[int], pool: ProcessPoolExecutor, begun: tuple[Vector, Vector]
) -> tuple[Vector, tuple[Vector, Vector, Vector]]:
    """The constants that predict the kept rows best; and where the last step began, with residuals and slopes there."""
    logs, at = EXPECTED, (EXPECTED, *begun)
    for i in range(ITERATIONS):
        if i:
            at = (logs, *slopes(logs, pool))
        logs = solve(*at, np.array(kept))
    return logs, at


def judge_sealed(
    rows: Sequence[Row], open_: Sequence[Row], constants: dict[str, float], ranges: dict[str, Any]
) -> dict[str, Any]:
    """The errors on the sealed campaigns, by group, of constants, offsets and ranges made without them."""
    closed = [row for row in rows if row.campaign in sealed()]
    guesses = judged(open_, constants, closed, ranges)
    rests_on = {id(row): guess.rests_on for row, guess in zip(closed, guesses, strict=True)}
    return {
        "all": asdict(errors_of(closed, guesses)),
        "rests_on": {name: asdict(e) for name, e in by_group(closed, guesses, lambda row: rests_on[id(row)])},
        "groups": {name.replace("|", ", "): asdict(e) for name, e in by_group(closed, guesses, lambda row: row.place)},
        "worst": [name for name, _ in worst_groups(closed, guesses)],
    }  # fmt: skip


def prices() -> dict[str, float]:
    """The cheapest shipped on-demand offer of each GPU that was measured, USD per GPU-hour."""
    measured = {row.ask.gpu.slug for row in every_row()}
    found: dict[str, int] = {}
    for offer in files.offers():
        if offer.gpu in measured and offer.tier is Tier.ON_DEMAND:
            found[offer.gpu] = min(offer.usd_per_gpu_hour_micro, found.get(offer.gpu, offer.usd_per_gpu_hour_micro))
    return {gpu: micro / 1e6 for gpu, micro in sorted(found.items())}


def write_report() -> None:
    """Write the report that pages show about the rows that folds left out."""
    found = compute_report(prices())
    lines = ",\n".join(json.dumps(row) for row in found.pop("rows"))
    REPORT.write_text(json.dumps(found, indent=1)[:-2] + f',\n "rows": [\n{lines}\n ]\n}}\n', encoding="utf-8")


def main() -> None:
    print(f"{shipped_ledger.write()} predictions of new rows written down before they are seen")
    rows = every_row()
    open_ = [i for i, row in enumerate(rows) if row.campaign not in sealed()]
    with ProcessPoolExecutor() as pool:
        begun = slopes(EXPECTED, pool)
        without, at = fit(open_, pool, begun)
        whole, _ = fit(range(len(rows)), pool, begun)
    folds: dict[str, dict[str, dict[str, float]]] = {}
    for kind in KINDS:
        names = sorted({left_out_of(rows[i], kind) for i in open_})
        for name in names:
            # one step, about where the open rows' fit began its last: near it the problem is linear, and no left-out
            # row weighs
            kept = np.array([i for i in open_ if left_out_of(rows[i], kind) != name])
            folds.setdefault(kind, {})[name] = named(solve(*at, kept))
    folds["sealed"] = {"all": named(without)}
    kept_rows = [rows[i] for i in open_]
    FOLDS.write_text(
        "{\n" + ",\n".join(f'"{kind}": {{\n' + ",\n".join(f"{json.dumps(name)}: {json.dumps(k)}" for name,
        k in of.items()) + "\n}" for kind, of in folds.items()) + "\n}\n",
        encoding="utf-8",
    )  # fmt: skip
    ranges = edges(measured_ratios(kept_rows, folds, named(without)))
    constants = named(whole)
    fitted = {
        "date": clock.now().date().isoformat(), "data": f"{len(rows)} measured rows", "expected": frozen(),
        "constants": constants, "offsets": offsets(rows, [residual(row, constants) for row in rows]), "ranges": ranges,
        "sealed": judge_sealed(rows, kept_rows, named(without), ranges),
    }  # fmt: skip
    FITTED.write_text(json.dumps(fitted, indent=1) + "\n", encoding="utf-8")
    shipped_constants.cache_clear()  # the report tells the ranges of now, not those that the ledger was written with
    write_report()


if __name__ == "__main__":
    main()
