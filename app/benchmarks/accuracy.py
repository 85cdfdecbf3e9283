"""How far predictions lie from measurements, on rows that took no part in the fit."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

from app.benchmarks.measured import measured_rows, shipped_shapes
from app.benchmarks.rows import Question, question
from app.estimate.speed import Speed, estimate

FOLDS = Path(__file__).with_name("folds.json")
SAME_RUNS = {"deepseek-ai/DeepSeek-V3": "deepseek-ai/DeepSeek-R1"}
"""Published under two names; leaving one out and keeping the other would leave nothing out."""
LARGE = 20
"""Rows from which on a group is a fold of its own; smaller ones share three."""
COVERED = 0.835
"""The share of left-out rows that a stated 80 % range holds: a little more, since expected constants were chosen with
all rows in view and errors on hardware that nobody has measured will be a little larger."""
TIMES = ("tpot", "ttft")


@dataclass(frozen=True, slots=True)
class Row:
    """A measured row with the estimator's inputs. Seconds; ``ttft`` is 0 where it was not measured."""

    plain: Mapping[str, str]
    ask: Question
    tpot: float
    ttft: float
    model: str

    @property
    def gpu(self) -> str:
        return self.plain["gpu"]

    @property
    def pair(self) -> str:
        return f"{self.model} on {self.gpu}"

    @property
    def kind(self) -> str:
        """The group that a range is stated for."""
        return "mixture" if self.ask.shape.experts else "dense"


@cache
def load_rows() -> tuple[Row, ...]:
    """The shipped rows, ready to be predicted."""
    shapes = shipped_shapes()
    return tuple(
        Row(plain, question(plain, shapes), float(plain["tpot_ms"]) / 1e3, float(plain["ttft_ms"] or 0) / 1e3,
            SAME_RUNS.get(plain["model"], plain["model"]))
        for plain in measured_rows()
    )  # fmt: skip


@cache
def load_folds() -> dict[str, dict[str, dict[str, float]]]:
    """The constants of every fold, as the last calibration left them: kind → group left out → constants."""
    found: dict[str, dict[str, dict[str, float]]] = json.loads(FOLDS.read_text(encoding="utf-8"))
    return found


def fold_groups(rows: Sequence[Row], kind: str) -> dict[str, list[int]]:
    """Group left out → the indices of its rows. ``kind`` is ``pair``, ``model`` or ``gpu``."""
    groups: dict[str, list[int]] = defaultdict(list)
    for i, row in enumerate(rows):
        groups[getattr(row, kind)].append(i)
    found = {name: members for name, members in groups.items() if len(members) >= LARGE}
    small = [members for members in groups.values() if len(members) < LARGE]
    for third in range(3):
        found[f"small groups {third + 1}"] = [i for members in small[third::3] for i in members]
    return {name: members for name, members in found.items() if members}


def predicted(rows: Sequence[Row], folds: Mapping[str, Mapping[str, Mapping[str, float]]], kind: str) -> list[Speed]:
    """The prediction of every row by the constants of the fold that left it out."""
    found: dict[int, Speed] = {}
    for name, members in fold_groups(rows, kind).items():
        constants = folds[kind][name]
        for i in members:
            ask = rows[i].ask
            found[i] = estimate(ask.shape, ask.card, ask.layout, ask.traffic, constants)
    return [found[i] for i in range(len(rows))]


@dataclass(frozen=True, slots=True)
class Errors:
    """Absolute relative errors of a group of rows, as shares; ``worst`` is the largest median of a pair of 20 rows
    or more."""

    rows: int
    tpot: float
    within_20: float
    worst: float
    worst_pair: str
    ttft: float | None


def errors_of(rows: Sequence[Row], speeds: Sequence[Speed], chosen: Iterable[int] | None = None) -> Errors:
    """The errors of the chosen rows, or of all."""
    indices = list(range(len(rows))) if chosen is None else list(chosen)
    tpot = {i: abs(speeds[i].tpot / rows[i].tpot - 1) for i in indices}
    ttft = [abs(speeds[i].ttft / rows[i].ttft - 1) for i in indices if rows[i].ttft]
    pairs: dict[str, list[float]] = defaultdict(list)
    for i in indices:
        pairs[rows[i].pair].append(tpot[i])
    medians = {pair: median(values) for pair, values in pairs.items() if len(values) >= LARGE}
    worst = max(medians, key=lambda pair: medians[pair], default="")
    values = list(tpot.values())
    return Errors(
        len(indices), median(values), sum(value <= 0.20 for value in values) / len(values), medians.get(worst, 0.0),
        worst, median(ttft) if ttft else None,
    )  # fmt: skip


def _quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def widths(
    rows: Sequence[Row], folds: Mapping[str, Mapping[str, Mapping[str, float]]]
) -> dict[str, dict[str, list[float]]]:
    """For dense models and mixtures the factors on a prediction between which :data:`COVERED` of measurements lie,
    on all folds together."""
    found: dict[str, dict[str, list[float]]] = {}
    ratios: dict[tuple[str, str], list[float]] = defaultdict(list)
    for kind in folds:
        for row, speed in zip(rows, predicted(rows, folds, kind), strict=True):
            ratios["tpot", row.kind].append(row.tpot / speed.tpot)
            if row.ttft:
                ratios["ttft", row.kind].append(row.ttft / speed.ttft)
    edge = (1 - COVERED) / 2
    for (time, kind), values in sorted(ratios.items()):
        found.setdefault(time, {})[kind] = [round(_quantile(values, edge), 4), round(_quantile(values, 1 - edge), 4)]
    return found


def coverage(
    rows: Sequence[Row], speeds: Sequence[Speed], ranges: Mapping[str, Mapping[str, Sequence[float]]]
) -> dict[str, float]:
    """The share of measurements inside the stated ranges, by time."""
    found = {}
    for time in TIMES:
        inside = [
            ranges[time][row.kind][0] <= getattr(row, time) / getattr(speed, time) <= ranges[time][row.kind][1]
            for row, speed in zip(rows, speeds, strict=True)
            if getattr(row, time)
        ]
        found[time] = sum(inside) / len(inside)
    return found


def _regime(row: Row) -> str:
    load = row.ask.traffic.concurrency
    if not load:
        return "arrival rate"
    return "1 to 8 in flight" if load <= 8 else "9 to 64 in flight" if load <= 64 else "over 64 in flight"


GROUPS: dict[str, Callable[[Row], str]] = {
    "source": lambda row: row.plain["source"],
    "engine": lambda row: row.plain["engine"],
    "GPU": lambda row: row.ask.gpu.name,
    "precision": lambda row: row.ask.layout.precision,
    "model": lambda row: row.plain["model"],
    "regime": _regime,
}
"""What error tables are told by."""


def by_group(rows: Sequence[Row], speeds: Sequence[Speed], name: str) -> list[tuple[str, Errors]]:
    """The errors of every group of one kind, the largest group first."""
    groups: dict[str, list[int]] = defaultdict(list)
    for i, row in enumerate(rows):
        groups[GROUPS[name](row)].append(i)
    return [
        (group, errors_of(rows, speeds, members))
        for group, members in sorted(groups.items(), key=lambda item: -len(item[1]))
    ]


def told(rows: Sequence[Row], folds: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """The tables of ``make accuracy`` as text."""
    lines = [f"{'left out of the fit':38} {'rows':>5} {'tpot':>7} {'±20 %':>7} {'worst':>7} {'ttft':>7}"]
    lines += [_line(f"whole {kind}s", errors_of(rows, predicted(rows, folds, kind))) for kind in folds]
    speeds = predicted(rows, folds, "pair")
    for name in GROUPS:
        lines += ["", f"by {name}, whole pairs left out"]
        lines += [_line(group, found) for group, found in by_group(rows, speeds, name)]
    return "\n".join(lines)


def _line(name: str, found: Errors) -> str:
    ttft = "" if found.ttft is None else f"{found.ttft:.1%}"
    return f"{name[:38]:38} {found.rows:5} {found.tpot:7.1%} {found.within_20:7.1%} {found.worst:7.1%} {ttft:>7}"


def summary() -> dict[str, Any]:
    """What :mod:`tools.accuracy` judges: errors by what was left out."""
    rows, folds = load_rows(), load_folds()
    return {kind: errors_of(rows, predicted(rows, folds, kind)) for kind in folds}
