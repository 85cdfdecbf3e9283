"""The measured rows nearest to a set-up: what stands beside a prediction. Pure; the browser ranks alike (``calculator.js``)."""

from collections.abc import Iterable
from dataclasses import dataclass
from heapq import nsmallest
from math import log

from app.benchmarks.accuracy import Row

OTHER_MODEL, OTHER_GPU, OTHER_FORMAT, OTHER_ENGINE = 6.0, 4.0, 1.5, 1.0
"""How far apart another model, GPU, weight format or engine puts two set-ups; a number puts them as far as the logarithm of its ratio."""


@dataclass(frozen=True, slots=True)
class SetUp:
    """What is compared. ``model`` is a repository, ``gpu`` a slug, ``load`` the requests in flight."""

    model: str
    gpu: str
    precision: str
    engine: str
    gpus: int
    input: int
    output: int
    load: float


def nearest(asked: SetUp, rows: Iterable[Row], count: int = 3) -> list[Row]:
    """The ``count`` rows nearest to ``asked``, the nearest first. Rows whose load was an arrival rate are passed over."""

    def distance(row: Row) -> float:
        layout, traffic = row.ask.layout, row.ask.traffic
        pairs = (
            (layout.gpus, asked.gpus),
            (traffic.input, asked.input),
            (traffic.output, asked.output),
            (traffic.concurrency, asked.load),
        )
        apart = sum(abs(log(theirs / max(ours, 1e-9))) for theirs, ours in pairs)
        apart += OTHER_MODEL * (row.plain["model"].lower() != asked.model.lower()) + OTHER_GPU * (
            row.ask.gpu.slug != asked.gpu
        )
        apart += OTHER_FORMAT * (layout.precision[-3:] != asked.precision[-3:]) + OTHER_ENGINE * (
            layout.engine != asked.engine
        )
        return apart

    return nsmallest(count, (row for row in rows if row.ask.traffic.concurrency), key=distance)


def told(row: Row) -> dict[str, object]:
    """A measured row for programs: what was run, what came out in milliseconds, when, and whose measurement it is."""
    layout, traffic, plain = row.ask.layout, row.ask.traffic, row.plain
    return {
        "model": plain["model"], "gpu": row.ask.gpu.slug, "gpus": layout.gpus, "precision": layout.precision, "engine": plain["engine"],
        "engine_version": plain["engine_version"] or None, "input_tokens": traffic.input, "output_tokens": traffic.output,
        "concurrency": traffic.concurrency, "time_to_first_token_ms": row.ttft * 1e3 or None, "time_per_output_token_ms": row.tpot * 1e3,
        "statistic": plain["statistic"], "measured_on": plain["measured_on"] or None, "source": plain["source"],
    }  # fmt: skip
