"""The estimator's errors: measured rows, the errors of their predictions by group, and the share within the range."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

from app.benchmarks.measured import every_row, shipped_shapes
from app.benchmarks.rows import Question, question
from app.estimate.offsets import kind_of
from app.estimate.prediction_range import Stretch
from app.estimate.speed import Speed

SEALED = Path(__file__).with_name("sealed.json")
CAMPAIGN = ("source", "measured_on", "engine", "engine_version", "model", "gpu", "precision")
"""The columns that identify a campaign of measurements."""
LARGE = 20
"""The least rows of a pair (model and GPU) that counts for the worst error."""
TIMES = ("tpot", "ttft")


@dataclass(frozen=True, slots=True)
class Row:
    """A measured row with the estimator's inputs. Seconds; ``ttft`` is 0 where it was not measured, and so is
    ``tpot`` in a row of throughput, whose ``throughput`` is output tokens a second of all requests, 0 elsewhere."""

    plain: Mapping[str, str]
    ask: Question
    tpot: float
    ttft: float
    throughput: float
    campaign: tuple[str, ...]

    @property
    def gpu(self) -> str:
        return self.plain["gpu"]

    @property
    def model(self) -> str:
        """The name that a model's variants, and models published from the same runs, share."""
        return self.ask.model

    @property
    def pair(self) -> str:
        return f"{self.model} on {self.gpu}"

    @property
    def kind(self) -> str:
        return kind_of(self.ask.shape)

    @property
    def place(self) -> str:
        """Model, engine and GPU generation: the group that a fold leaves out."""
        return self.ask.group.rsplit("|", 1)[0]


def row_of(plain: Mapping[str, str]) -> Row:
    """A row of measurements, ready to be predicted. Raises :class:`EstimateError`."""
    ask = question(plain, shipped_shapes())
    tpot = float(plain["tpot_ms"] or 0) / 1e3
    campaign = (*(ask.model if name == "model" else plain[name] for name in CAMPAIGN),)
    throughput = 0.0 if tpot else float(plain["output_tokens_per_s"])
    return Row(plain, ask, tpot, float(plain["ttft_ms"] or 0) / 1e3, throughput, campaign)


@cache
def every() -> tuple[Row, ...]:
    """The shipped rows without a doubt, those of throughput last."""
    return tuple(row_of(plain) for plain in every_row() if not plain["doubt"])


@cache
def doubtful() -> tuple[Row, ...]:
    """The shipped rows with a doubt noted: they are shown, but neither fitted nor judged."""
    return tuple(row_of(plain) for plain in every_row() if plain["doubt"])


@cache
def open_rows() -> tuple[Row, ...]:
    """The rows that folds and ranges are made of: all but the sealed and the doubtful ones."""
    return tuple(row for row in every() if row.campaign not in sealed())


@cache
def load_rows() -> tuple[Row, ...]:
    """The shipped rows that state a time per token."""
    return tuple(row for row in every() if row.tpot)


@cache
def sealed() -> frozenset[tuple[str, ...]]:
    """The campaigns that were chosen before fitting and take no part in it until the release."""
    return frozenset(tuple(campaign) for campaign in sealed_set()["campaigns"])


@cache
def sealed_set() -> dict[str, Any]:
    """The file of sealed campaigns: ``release``, the days it was ``named_on`` and ``opened_on``, ``campaigns``."""
    found: dict[str, Any] = json.loads(SEALED.read_text(encoding="utf-8"))
    return found


@dataclass(frozen=True, slots=True)
class Errors:
    """Absolute relative errors of a group of rows, as shares; ``worst`` is the largest median of a pair of 20 rows or
    more.

    ``inside`` is the share of times per token within the stated range, ``inside_ttft`` of times to the first token.
    """

    rows: int
    tpot: float | None
    within_20: float | None
    worst: float
    worst_pair: str
    ttft: float | None
    throughput: float | None
    inside: float | None = None
    inside_ttft: float | None = None


@dataclass(frozen=True, slots=True)
class Guess:
    """The prediction of a row by constants and offsets that were fitted without it, and its ranges, as factors on its
    times; ``stretch`` is how an error of the steps carries to the time per token."""

    speed: Speed
    rests_on: str
    ranges: Mapping[str, tuple[float, float]]
    stretch: Stretch = float


def _middle(values: Sequence[float]) -> float | None:
    return median(values) if values else None


def _share(values: Sequence[bool]) -> float | None:
    return sum(values) / len(values) if values else None


def errors_of(rows: Sequence[Row], guesses: Sequence[Guess], chosen: Iterable[int] | None = None) -> Errors:
    """The errors of the chosen rows, or of all."""
    indices = list(range(len(rows))) if chosen is None else list(chosen)
    timed = [i for i in indices if rows[i].tpot]
    tpot = {i: abs(guesses[i].speed.tpot / rows[i].tpot - 1) for i in timed}
    first = [i for i in indices if rows[i].ttft]
    served = [abs(guesses[i].speed.throughput / rows[i].throughput - 1) for i in indices if rows[i].throughput]
    pairs: dict[str, list[float]] = defaultdict(list)
    for i in timed:
        pairs[rows[i].pair].append(tpot[i])
    medians = {pair: median(values) for pair, values in pairs.items() if len(values) >= LARGE}
    worst = max(medians, key=lambda pair: medians[pair], default="")

    def inside(i: int, time: str) -> bool:
        low, high = guesses[i].ranges[time]
        return bool(low <= getattr(rows[i], time) / getattr(guesses[i].speed, time) <= high)

    return Errors(
        len(indices), _middle(list(tpot.values())), _share([value <= 0.20 for value in tpot.values()]),
        medians.get(worst, 0.0), worst,
        _middle([abs(guesses[i].speed.ttft / rows[i].ttft - 1) for i in first]), _middle(served),
        _share([inside(i, "tpot") for i in timed]), _share([inside(i, "ttft") for i in first]),
    )  # fmt: skip


def _regime(row: Row) -> str:
    if row.throughput:
        return "throughput"
    load = row.ask.traffic.concurrency
    if not load:
        return "arrival rate"
    return "concurrency 1 to 8" if load <= 8 else "concurrency 9 to 64" if load <= 64 else "concurrency over 64"


GROUPS: dict[str, Callable[[Row], str]] = {
    "source": lambda row: row.plain["source"],
    "engine": lambda row: row.plain["engine"],
    "GPU": lambda row: row.ask.gpu.name,
    "precision": lambda row: row.ask.layout.precision,
    "model": lambda row: row.plain["model"],
    "regime": _regime,
}
"""Kind of group → a row's group, for the tables of errors."""


def by_group(rows: Sequence[Row], guesses: Sequence[Guess], of: Callable[[Row], str]) -> list[tuple[str, Errors]]:
    """The errors of every group of one kind, the largest group first."""
    groups: dict[str, list[int]] = defaultdict(list)
    for i, row in enumerate(rows):
        groups[of(row)].append(i)
    return [
        (group, errors_of(rows, guesses, members))
        for group, members in sorted(groups.items(), key=lambda item: -len(item[1]))
    ]


def worst_groups(rows: Sequence[Row], guesses: Sequence[Guess], count: int = 10) -> list[tuple[str, Errors]]:
    """The ``count`` groups of model, engine and generation with five rows or more that are predicted worst, by name."""
    found = [(name.replace("|", ", "), e) for name, e in by_group(rows, guesses, lambda row: row.place) if e.rows >= 5]
    return sorted(found, key=lambda pair: -(pair[1].tpot or pair[1].throughput or 0.0))[:count]


def line(name: str, found: Errors) -> str:
    """One line of a table of ``make accuracy``."""
    shares = (found.tpot, found.within_20, found.worst, found.ttft, found.throughput, found.inside, found.inside_ttft)
    return f"{name[:38]:38} {found.rows:5} " + " ".join("       " if s is None else f"{s:7.1%}" for s in shares)


_COLUMNS = ("tpot", "±20 %", "worst", "ttft", "tokens/s", "inside", "ttft in")
HEADING = f"{'left out of the fit':38} {'rows':>5} " + " ".join(f"{name:>7}" for name in _COLUMNS)
