"""The measured rows nearest to a set-up, shown beside a prediction.

The browser ranks alike (``calculator.js``).
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


@lru_cache(maxsize=4096)
def nearest(asked: SetUp, count: int = 3) -> tuple[Row, ...]:
    """The ``count`` shipped rows nearest to ``asked``, the nearest first.

    Rows whose load was an arrival rate are passed over.
    """
    model, precision = asked.model.lower(), asked.precision[-3:]
    gpus, prompt, output, load = (
        log(max(number, 1e-9)) for number in (asked.gpus, asked.input, asked.output, asked.load)
    )

    def distance(place: _Coordinates) -> float:
        return (
            abs(place.gpus - gpus)
            + abs(place.input - prompt)
            + abs(place.output - output)
            + abs(place.load - load)
            + OTHER_MODEL * (place.model != model)
            + OTHER_GPU * (place.gpu != asked.gpu)
            + OTHER_FORMAT * (place.precision != precision)
            + OTHER_ENGINE * (place.engine != asked.engine)
        )

    return tuple(place.row for place in nsmallest(count, _coordinates(), key=distance))


class _Coordinates(NamedTuple):
    """The coordinates of a row: text as it is, numbers as logarithms."""

    row: Row
    model: str
    gpu: str
    precision: str
    engine: str
    gpus: float
    input: float
    output: float
    load: float


@cache
def _coordinates() -> tuple[_Coordinates, ...]:
    return tuple(
        _Coordinates(
            row, row.plain["model"].lower(), row.ask.gpu.slug, row.ask.layout.precision[-3:], row.ask.layout.engine,
            log(row.ask.layout.gpus),
            log(row.ask.traffic.input), log(row.ask.traffic.output), log(row.ask.traffic.concurrency),
        )
        for row in load_rows()
        if row.ask.traffic.concurrency
    )  # fmt: skip


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
