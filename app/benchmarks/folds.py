"""Cross-validation: the folds of the last calibration, offsets, and predictions of rows by constants fitted without
them."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from math import log
from pathlib import Path
from statistics import median
from typing import Any

from app.benchmarks.accuracy import Guess, Row, open_rows
from app.estimate.constants import fitted
from app.estimate.offsets import Basis, basis
from app.estimate.prediction_range import step_range, stretch
from app.estimate.speed import estimate

FOLDS = Path(__file__).with_name("folds.json")
KINDS = ("place", "model", "generation")
"""What folds leave out: model × engine × generation, whole models, whole generations of GPUs."""
FAMILY_SHRINK = 3
"""A family's offset is shrunk by n/(n+3), with n models × engines measured: its models differ more than the campaigns
of a group."""


@cache
def load_folds() -> dict[str, dict[str, dict[str, float]]]:
    """The constants of every fold, as the last calibration left them: kind → what was left out → constants."""
    found: dict[str, dict[str, dict[str, float]]] = json.loads(FOLDS.read_text(encoding="utf-8"))
    return found


def left_out_of(row: Row, kind: str) -> str:
    """What a fold of ``kind`` leaves out with this row."""
    if kind == "generation":
        return row.place.rsplit("|", 1)[1]
    return row.model if kind == "model" else row.place


def fold_groups(rows: Sequence[Row], kind: str) -> dict[str, list[int]]:
    """What is left out → the indices of its rows."""
    groups: dict[str, list[int]] = defaultdict(list)
    for i, row in enumerate(rows):
        groups[left_out_of(row, kind)].append(i)
    return dict(groups)


Residual = tuple[float | None, float | None]
"""Logarithms of measured over predicted: of a step's time, or of what throughput says of it, and of the first token's
time."""


def residual(row: Row, constants: Mapping[str, float]) -> Residual:
    """The residual of a row predicted by ``constants`` alone, without offsets."""
    ask = row.ask
    speed = estimate(ask.shape, ask.card, ask.layout, ask.traffic, constants)
    if not speed.fits:
        return None, None
    step = log(row.tpot / speed.tpot) if row.tpot else log(speed.throughput / row.throughput)
    return step, log(row.ttft / speed.ttft) if row.ttft else None


FULL, FULL_FIRST = 50, 15
"""Rows from which on a campaign counts as one, for a step's and for a first token's time; fewer count in proportion."""
WAITED = log(3)
"""A time to the first token of more than three times the prediction (as a logarithm) takes no part in offsets: the
request waited for a free slot that the row does not state, or the engine was compiling."""
THROUGHPUT_COUNTS = 0.25
"""The weight of a campaign of offline throughput: it says less about a step, since the number of running sequences is
not stated."""


_RESIDUALS: dict[tuple[int, tuple[float, ...]], list[Residual]] = {}


def residuals_of(rows: Sequence[Row], constants: Mapping[str, float]) -> list[Residual]:
    """:func:`residual` of every row; those of the open rows are cached, since ranges, tables and single rows all need
    them."""
    key = (id(rows), tuple(constants.values()))
    if key not in _RESIDUALS:
        found = [residual(row, constants) for row in rows]
        if rows is not open_rows():
            return found
        _RESIDUALS[key] = found
    return _RESIDUALS[key]


def _drawn(found: Iterable[tuple[tuple[str, ...], float, float]], shrink: float, full: int = FULL) -> float:
    """The mean of the campaigns' median residuals times n/(n + ``shrink``), from (campaign, residual, weight); n is the
    sum of the campaigns' weights."""
    sets: dict[tuple[str, ...], list[tuple[float, float]]] = defaultdict(list)
    for name, value, weight in found:
        sets[name].append((value, weight))
    middles = [(median(v for v, _ in values), min(1.0, sum(w for _, w in values) / full)) for values in sets.values()]
    return sum(middle * weight for middle, weight in middles) / (sum(weight for _, weight in middles) + shrink)


def offsets(rows: Sequence[Row], residuals: Sequence[Residual]) -> dict[str, dict[str, Any]]:
    """The offsets, as logarithms, by family (of a step) and by group (of a step, of a first token)."""
    families: dict[str, list[tuple[tuple[str, ...], float, float]]] = defaultdict(list)
    groups: dict[str, list[int]] = defaultdict(list)
    for i, (row, (step, _)) in enumerate(zip(rows, residuals, strict=True)):
        if step is not None:
            families[row.ask.family].append(((row.place,), step, 1.0 if row.tpot else THROUGHPUT_COUNTS))
            groups[row.ask.group].append(i)
    family = {name: round(_drawn(values, FAMILY_SHRINK), 5) for name, values in families.items()}
    group = {}
    for name, members in groups.items():
        shared = family[rows[members[0]].ask.family]
        steps = [
            (rows[i].campaign, (residuals[i][0] or 0.0) - shared, 1.0 if rows[i].tpot else THROUGHPUT_COUNTS)
            for i in members
        ]
        firsts = [
            (rows[i].campaign, lies, 1.0) for i in members if (lies := residuals[i][1]) is not None and lies <= WAITED
        ]
        group[name] = [
            round(shared + _drawn(steps, 1.0), 5),
            round(_drawn(firsts, 1.0, FULL_FIRST), 5) if firsts else 0.0,
        ]
    return {"family": dict(sorted(family.items())), "group": dict(sorted(group.items()))}


def guess(row: Row, constants: Mapping[str, float], found: Basis, ranges: Mapping[str, Any]) -> Guess:
    """The prediction of a row by ``constants`` and the basis ``found``, with the ``ranges`` that go with it."""
    ask = row.ask
    speed = estimate(ask.shape, ask.card, ask.layout, ask.traffic, constants, found.factors)
    by = stretch(ask.shape, ask.card, ask.layout, ask.traffic, constants, found.factors)
    return ranged(Guess(speed, found.rests_on, {}, by), ranges)


def ranged(guess: Guess, ranges: Mapping[str, Any]) -> Guess:
    """The guess with the ``ranges`` that go with it, without any where there are none."""
    if not ranges or not guess.speed.fits:
        return guess
    first: tuple[float, float] = tuple(ranges["ttft"][guess.rests_on])
    tpot = step_range(ranges, guess.speed, guess.rests_on, guess.stretch)
    return replace(guess, ranges={"tpot": tpot, "ttft": first})


def left_out(
    rows: Sequence[Row], folds: Mapping[str, Mapping[str, Mapping[str, float]]], kind: str,
    ranges: Mapping[str, Any] | None = None,
) -> list[Guess]:  # fmt: skip
    """The prediction of every row by the constants and offsets of the fold that left it out."""
    ranges = fitted()["ranges"] if ranges is None else ranges
    guesses: dict[int, Guess] = {}
    for name, members in fold_groups(rows, kind).items():
        constants = folds[kind][name]
        pairs = [
            (row, lies)
            for row, lies in zip(rows, residuals_of(rows, constants), strict=True)
            if left_out_of(row, kind) != name
        ]
        known = offsets([row for row, _ in pairs], [lies for _, lies in pairs])
        for i in members:
            ask = rows[i].ask
            guesses[i] = guess(rows[i], constants, basis(known, ask.family, ask.group), ranges)
    return [guesses[i] for i in range(len(rows))]


def unseen(rows: Sequence[Row], known_rows: Sequence[Row]) -> list[Guess]:
    """The prediction of any row by constants and offsets fitted without rows of its model, engine and generation.

    If only sealed or doubtful rows have that combination, the fold that left out its model or its generation is used.
    """
    folds, members = load_folds(), fold_groups(rows, "place")
    guesses: dict[int, Guess] = {}
    for place, chosen in members.items():
        first = rows[chosen[0]]
        name = next((kind for kind in KINDS if left_out_of(first, kind) in folds[kind]), "")
        constants = folds[name][left_out_of(first, name)] if name else fitted()["constants"]
        lies_of = residuals_of(known_rows, constants)
        pairs = [(row, lies) for row, lies in zip(known_rows, lies_of, strict=True) if row.place != place]
        known = offsets([row for row, _ in pairs], [lies for _, lies in pairs])
        for i in chosen:
            ask = rows[i].ask
            guesses[i] = guess(rows[i], constants, basis(known, ask.family, ask.group), fitted()["ranges"])
    return [guesses[i] for i in range(len(rows))]


def without_campaign(
    rows: Sequence[Row], constants: Mapping[str, float], ranges: Mapping[str, Any] | None = None
) -> list[tuple[int, Guess]]:
    """The predictions of rows whose group other campaigns measured too, by offsets without their own campaign."""
    ranges = fitted()["ranges"] if ranges is None else ranges
    residuals = residuals_of(rows, constants)
    groups: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for row in rows:
        groups[row.ask.group].add(row.campaign)
    again = {campaign for campaigns in groups.values() if len(campaigns) > 1 for campaign in campaigns}
    found = []
    for campaign in sorted(again):
        kept = [i for i, row in enumerate(rows) if row.campaign != campaign]
        known = offsets([rows[i] for i in kept], [residuals[i] for i in kept])
        for i, row in enumerate(rows):
            if row.campaign == campaign and row.ask.group in known["group"]:
                found.append((i, guess(row, constants, basis(known, row.ask.family, row.ask.group), ranges)))
    return found


def judged(
    fit_rows: Sequence[Row], constants: Mapping[str, float], rows: Sequence[Row], ranges: Mapping[str, Any]
) -> list[Guess]:
    """The predictions of ``rows`` by constants and offsets of ``fit_rows`` alone."""
    known = offsets(fit_rows, residuals_of(fit_rows, constants))
    return [guess(row, constants, basis(known, row.ask.family, row.ask.group), ranges) for row in rows]
