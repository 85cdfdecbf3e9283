"""Speculative decoding: how many drafted tokens are kept, and what that does to a step. Input: the shipped lengths.

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
    """Measured for ``model`` drafting by ``method``: ``lengths[i]`` tokens come of a step on average where ``i + 1``
    are drafted, the one that is always right included."""

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
    """``load`` with ``drafted`` tokens drafted for each sequence and step, of which with the one that is always right
    ``accepted`` are kept: a step checks drafted + 1 tokens of each (Leviathan et al., arXiv:2211.17192), after a draft
    of one layer for each drafted token."""
    return replace(load, width=drafted + 1.0, advance=accepted, extra=drafted * p.draft) if drafted else load


def gain(p: Pace, running: float, each: float, drafted: int, accepted: float) -> float:
    """How many times as fast a token comes with drafts, with ``running`` sequences of ``each`` tokens: with few of them
    a step waits for memory and checking is nearly free; with many it computes for nothing what is not kept."""
    plain = step(p, running, running * each)
    return plain * accepted / (step(p, running, running * each, drafted + 1.0) + drafted * p.draft)
