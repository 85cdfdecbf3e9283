"""The 80% range of a prediction: the ratios of measured to predicted times in groups that took no part in the fit, by
what a prediction is corrected by.

Rows of one group err alike, so the group, not the row, is what can be exchanged for one that nobody measured. Each
group counts with the root of its rows, and one more group of mean weight, of which nothing is known, lies beyond every
edge (conformal prediction: Vovk et al., 2005; with groups: Dunn, Wasserman and Ramdas, arXiv:1809.07441).
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.benchmarks.accuracy import Guess, Row
from app.benchmarks.folds import KINDS, left_out, ranged, without_campaign
from app.estimate.offsets import FAMILY, MEASURED, PHYSICS
from app.estimate.prediction_range import BUSY, STEP, factor_of, regime

COVERED = 0.80
"""The share of rows that a range should contain."""
RANGED = (STEP, BUSY, "ttft")
"""The times with a range: of a step, of a step on GPUs near their capacity, and to the first token."""
Ranges = dict[str, dict[str, list[float]]]
"""Name in :data:`RANGED` → what a prediction is corrected by → the two factors on it between which the measurement
lies."""


@dataclass(frozen=True, slots=True)
class MeasuredRatio:
    """``ratio`` is measured over predicted, of a ``time`` of :data:`RANGED`, where the prediction was made without
    ``unit``: without the whole group if it is corrected by the family or not at all, without the campaign if it is
    corrected by other campaigns of the group. ``place`` is the group."""

    time: str
    rests_on: str
    ratio: float
    place: str
    unit: str


def measured_ratios(
    rows: Sequence[Row], folds: Mapping[str, Mapping[str, Mapping[str, float]]], constants: Mapping[str, float]
) -> list[MeasuredRatio]:
    """Measured over predicted, of every row and fold. Predictions corrected by their group are judged with one campaign
    left out, the others with whole groups, models and generations left out."""
    found = []
    guesses = [pair for kind in KINDS for pair in enumerate(left_out(rows, folds, kind, {}))]
    for i, guess in [*guesses, *without_campaign(rows, constants, {})]:
        row = rows[i]
        unit = "|".join(row.campaign) if guess.rests_on == MEASURED else row.place
        found += [MeasuredRatio(time, guess.rests_on, ratio, row.place, unit) for time, ratio in _ratios(row, guess)]
    return found


def _ratios(row: Row, guess: Guess) -> list[tuple[str, float]]:
    """(name of the range, measured over predicted) for each time that the row states. A throughput run only says how
    long steps take on busy GPUs: the number of running sequences is not stated."""
    speed = guess.speed
    found = [("ttft", row.ttft / speed.ttft)] if row.ttft else []
    if row.tpot:
        found.append((regime(speed), factor_of(row.tpot / speed.tpot, guess.stretch)))
    elif speed.busy:
        found.append((BUSY, speed.throughput / row.throughput))
    return found


def _edge(ordered: Sequence[tuple[float, float]], beyond: float) -> float:
    """The ratio of the first of the sorted (ratio, weight) pairs at which the sum of weights exceeds ``beyond``."""
    passed = 0.0
    for ratio, weight in ordered:
        passed += weight
        if passed > beyond:
            return ratio
    return ordered[-1][0]


def between(found: Sequence[MeasuredRatio]) -> tuple[float, float]:
    """The factors between which :data:`COVERED` of the weight lies, with one unit more beyond each edge."""
    counts = Counter(lie.unit for lie in found)
    ordered = sorted((lie.ratio, counts[lie.unit] ** -0.5) for lie in found)
    total = sum(weight for _, weight in ordered)
    unknown = total / len(counts)
    beyond = (1 - COVERED) / 2 * (total + unknown) - unknown / 2
    return _edge(ordered, beyond), _edge(ordered[::-1], beyond)


def edges(found: Sequence[MeasuredRatio]) -> Ranges:
    """The ranges from the ratios ``found``; none is narrower than that of predictions corrected by closer
    measurements."""
    by: dict[tuple[str, str], list[MeasuredRatio]] = defaultdict(list)
    for lie in found:
        by[lie.time, lie.rests_on].append(lie)
    ranges: Ranges = {time: {} for time in RANGED}
    for time in RANGED:
        low, high = 1.0, 1.0
        for rests_on in (MEASURED, FAMILY, PHYSICS):
            if chosen := by[time, rests_on]:
                first, last = between(chosen)
                low, high = min(low, first), max(high, last)
            ranges[time][rests_on] = [round(low, 4), round(high, 4)]
    return ranges


def nested(rows: Sequence[Row], guesses: Sequence[Guess], found: Sequence[MeasuredRatio]) -> list[Guess]:
    """The guesses with ranges that were also made without any row of the group (nested cross-validation), to judge how
    much of a new group a range contains."""
    own: dict[str, Mapping[str, Any]] = {
        place: edges([lie for lie in found if lie.place != place]) for place in {row.place for row in rows}
    }
    return [ranged(guess, own[row.place]) for row, guess in zip(rows, guesses, strict=True)]
