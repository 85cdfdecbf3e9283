"""The measured rows nearest to a set-up, shown beside a prediction.

The browser ranks by the same distance (``static/results.js``).
"""

from dataclasses import dataclass
from functools import cache, lru_cache
from heapq import nsmallest
from math import log
from typing import NamedTuple

from app.benchmarks.accuracy import Row, load_rows

OTHER_MODEL, OTHER_GPU, OTHER_FORMAT, OTHER_ENGINE = 6.0, 4.0, 1.5, 1.0
"""How far apart another model, GPU, weight format or engine puts two set-ups; a number puts them as far as the
logarithm of its ratio."""


@dataclass(frozen=True, slots=True)
class SetUp:
    """A set-up to compare with. ``model`` is a repository, ``gpu`` a slug, ``load`` the requests in flight."""

    model: str
    gpu: str
    precision: str
    engine: str
    gpus: int
    input: int
    output: int
    load: float


class Coordinates(NamedTuple):
    """Where a set-up lies: text as it is compared, numbers as logarithms."""

    model: str
    gpu: str
    precision: str
    engine: str
    gpus: float
    input: float
    output: float
    load: float

    @classmethod
    def of(cls, asked: SetUp) -> "Coordinates":
        """The coordinates of a set-up. Of a format its last letters count: ``fp4`` is in ``nvfp4`` and ``mxfp4``."""
        numbers = (log(max(number, 1e-9)) for number in (asked.gpus, asked.input, asked.output, asked.load))
        return cls(asked.model.lower(), asked.gpu, asked.precision[-3:], asked.engine, *numbers)


def distance(one: Coordinates, other: Coordinates) -> float:
    """How far two set-ups are apart; 0 for the same."""
    return (
        abs(one.gpus - other.gpus)
        + abs(one.input - other.input)
        + abs(one.output - other.output)
        + abs(one.load - other.load)
        + OTHER_MODEL * (one.model != other.model)
        + OTHER_GPU * (one.gpu != other.gpu)
        + OTHER_FORMAT * (one.precision != other.precision)
        + OTHER_ENGINE * (one.engine != other.engine)
    )


@cache
def measured_coordinates() -> tuple[tuple[Row, Coordinates], ...]:
    """The shipped rows with a number of requests in flight, each with its coordinates."""
    return tuple(
        (row, Coordinates.of(SetUp(row.plain["model"], row.ask.gpu.slug, row.ask.layout.precision,
                                   row.ask.layout.engine, row.ask.layout.gpus, row.ask.traffic.input,
                                   row.ask.traffic.output, row.ask.traffic.concurrency)))
        for row in load_rows()
        if row.ask.traffic.concurrency
    )  # fmt: skip


@lru_cache(maxsize=4096)
def nearest(asked: SetUp, count: int = 3) -> tuple[Row, ...]:
    """The ``count`` shipped rows nearest to ``asked``, the nearest first.

    Rows whose load was an arrival rate are left out.
    """
    here = Coordinates.of(asked)
    found = nsmallest(count, measured_coordinates(), key=lambda measured: distance(here, measured[1]))
    return tuple(row for row, _ in found)


def measurement_fields(row: Row) -> dict[str, object]:
    """A measured row for programs: what was run, what came out in milliseconds, when, and whose measurement it is."""
    layout, traffic, plain = row.ask.layout, row.ask.traffic, row.plain
    return {
        "model": plain["model"], "gpu": row.ask.gpu.slug, "gpus": layout.gpus, "precision": layout.precision,
        "engine": plain["engine"],
        "engine_version": plain["engine_version"] or None, "input_tokens": traffic.input,
        "output_tokens": traffic.output,
        "concurrency": traffic.concurrency, "time_to_first_token_ms": row.ttft * 1e3 or None,
        "time_per_output_token_ms": row.tpot * 1e3,
        "statistic": plain["statistic"], "measured_on": plain["measured_on"] or None, "source": plain["source"],
    }  # fmt: skip
