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

from app.benchmarks.accuracy import CAMPAIGN, Guess, Row, open_rows
from app.estimate.constants import fitted
from app.estimate.offsets import Basis, basis, engine_key, format_key, generation
from app.estimate.prediction_range import step_range, stretch
from app.estimate.speed import estimate

FOLDS = Path(__file__).with_name("folds.json")
KINDS = ("place", "model", "generation")
"""What folds leave out: model × engine × generation, whole models, whole generations of GPUs."""
GROUP_SHRINK, FORMAT_SHRINK, MODEL_SHRINK, FAMILY_SHRINK, ENGINE_SHRINK = 1, 1, 2, 3, 3
"""An offset is shrunk by n/(n + this), with n campaigns measured, and of a family n models × engines: the more the
members of what shares it differ, the more."""


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


DAY = CAMPAIGN.index("measured_on")
FULL, FULL_FIRST = 50, 15
"""Rows from which on a campaign counts as one, for a step's and for a first token's time; fewer count in proportion."""
WAITED = log(3)
"""A time to the first token of more than three times the prediction (as a logarithm) takes no part in offsets: the
request waited for a free slot that the row does not state, or the engine was compiling."""
THROUGHPUT_COUNTS = 0.1
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


Named = tuple[tuple[str, ...], float, float]
"""A campaign, a residual in it, and the residual's weight."""


def _drawn(found: Iterable[Named], shrink: float, full: int = FULL) -> float:
    """The mean of the campaigns' median residuals times n/(n + ``shrink``), from (campaign, residual, weight); n is the
    sum of the campaigns' weights."""
    sets: dict[tuple[str, ...], list[tuple[float, float]]] = defaultdict(list)
    for name, value, weight in found:
        sets[name].append((value, weight))
    middles = [(median(v for v, _ in values), min(1.0, sum(w for _, w in values) / full)) for values in sets.values()]
    return sum(middle * weight for middle, weight in middles) / (sum(weight for _, weight in middles) + shrink)


def _layer(found: Iterable[tuple[str, Named]], shrink: float, full: int = FULL) -> dict[str, float]:
    """The offset of each key, from (key, named residual) pairs."""
    by: dict[str, list[Named]] = defaultdict(list)
    for key, named in found:
        by[key].append(named)
    return {key: round(_drawn(values, shrink, full), 5) for key, values in sorted(by.items())}


def offsets(rows: Sequence[Row], residuals: Sequence[Residual]) -> dict[str, dict[str, Any]]:
    """The offsets, as logarithms, each of what those before it leave: of a step by ``family``, by ``format`` (a model
    in it, wherever it runs) and by group; of a first token by ``engine`` (on a generation), by ``model`` and by group.
    ``group`` has the sums of both."""
    asks = [row.ask for row in rows]
    format_of = [format_key(ask.model, ask.layout.precision) for ask in asks]
    engine_of = [engine_key(ask.layout.engine, generation(ask.gpu)) for ask in asks]
    counts = [1.0 if row.tpot else THROUGHPUT_COUNTS for row in rows]
    steps = {i: step for i, (step, _) in enumerate(residuals) if step is not None}
    family = _layer(((asks[i].family, ((rows[i].place,), step, counts[i])) for i, step in steps.items()), FAMILY_SHRINK)
    steps = {i: step - family[asks[i].family] for i, step in steps.items()}
    formats = _layer(((format_of[i], (rows[i].campaign, step, counts[i])) for i, step in steps.items()), FORMAT_SHRINK)
    steps = {i: step - formats[format_of[i]] for i, step in steps.items()}
    group = _layer(((asks[i].group, (rows[i].campaign, step, counts[i])) for i, step in steps.items()), GROUP_SHRINK)

    firsts = {i: first for i, (_, first) in enumerate(residuals) if first is not None and first <= WAITED}
    engine = _layer(((engine_of[i], (rows[i].campaign, first, 1.0)) for i, first in firsts.items()), ENGINE_SHRINK,
        FULL_FIRST)  # fmt: skip
    firsts = {i: first - engine[engine_of[i]] for i, first in firsts.items()}
    model = _layer(((asks[i].model, (rows[i].campaign, first, 1.0)) for i, first in firsts.items()), MODEL_SHRINK,
        FULL_FIRST)  # fmt: skip
    firsts = {i: first - model[asks[i].model] for i, first in firsts.items()}
    first_group = _layer(((asks[i].group, (rows[i].campaign, first, 1.0)) for i, first in firsts.items()), GROUP_SHRINK,
        FULL_FIRST)  # fmt: skip

    sums = {}
    for i in steps:
        ask = asks[i]
        first = engine.get(engine_of[i], 0.0) + model.get(ask.model, 0.0) + first_group.get(ask.group, 0.0)
        sums[ask.group] = [round(family[ask.family] + formats[format_of[i]] + group[ask.group], 5), round(first, 5)]
    return {"family": family, "format": formats, "engine": engine, "model": model, "group": dict(sorted(sums.items()))}


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
    """The predictions of rows whose group other campaigns measured before, by offsets of those alone: whoever asks is
    later than what was measured. Of campaigns without a day, by all but their own."""
    ranges = fitted()["ranges"] if ranges is None else ranges
    residuals = residuals_of(rows, constants)
    groups: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for row in rows:
        groups[row.ask.group].add(row.campaign)
    again = {campaign for campaigns in groups.values() if len(campaigns) > 1 for campaign in campaigns}
    found = []
    for campaign in sorted(again):
        day = campaign[DAY] or "9"
        kept = [i for i, row in enumerate(rows) if row.campaign != campaign and row.plain["measured_on"] <= day]
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
