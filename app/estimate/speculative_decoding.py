"""Speculative decoding: how many drafted tokens are accepted, and what drafting does to a step. Reads the shipped
acceptance lengths, and is pure otherwise.

The browser evaluates the same (``static/sessions.js``).
"""

import csv
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from app.estimate.queueing import Load
from app.estimate.step_time import Pace, step

FILE = Path(__file__).with_name("accepted_lengths.csv")
MOST_DRAFTED = 8


@dataclass(frozen=True, slots=True)
class Accepted:
    """Acceptance lengths measured for ``model`` with the drafting ``method``: a step yields ``lengths[i]`` tokens on
    average if ``i + 1`` are drafted, counting the one that the model itself always adds."""

    model: str
    method: str
    thinking: bool
    lengths: tuple[float, ...]
    source: str


@cache
def accepted_lengths() -> tuple[Accepted, ...]:
    """The acceptance lengths that InferenceX publishes (Apache-2.0), measured with SPEED-Bench on coding prompts."""
    found: dict[tuple[str, str, str, str], dict[int, float]] = {}
    with FILE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            key = (row["model"], row["method"], row["thinking"], row["source"])
            found.setdefault(key, {})[int(row["drafted"])] = float(row["accepted"])
    return tuple(
        Accepted(model, method, thinking == "on", tuple(by[n] for n in sorted(by)), source)
        for (model, method, thinking, source), by in found.items()
    )


def drafting(p: Pace, load: Load, drafted: int, accepted: float) -> Load:
    """``load`` with ``drafted`` tokens drafted for each sequence and step, of which ``accepted`` are kept, counting the
    one that the model itself always adds. A step checks drafted + 1 tokens of each sequence (Leviathan et al.,
    arXiv:2211.17192), after drafting with one layer for each drafted token."""
    return replace(load, width=drafted + 1.0, advance=accepted, extra=drafted * p.draft) if drafted else load


def gain(p: Pace, running: float, each: float, drafted: int, accepted: float) -> float:
    """How many times as fast tokens come with drafting, for ``running`` sequences of ``each`` tokens. With few
    sequences a step is bound by memory and checking is nearly free; with many, computing rejected tokens costs time."""
    plain = step(p, running, running * each)
    return plain * accepted / (step(p, running, running * each, drafted + 1.0) + drafted * p.draft)
