"""The latency that users see: median and 95th percentile of the time to the first token, per further token, and for the
whole answer. Pure.

The browser evaluates the same (``static/queueing.js``).
"""

from dataclasses import dataclass
from math import exp, sqrt

from app.estimate.lengths import quantile
from app.estimate.queueing import (
    Load,
    Rows,
    attended,
    crowd,
    decode,
    held_up,
    log_normal,
    most_rate,
    slots,
    steps_of,
    together,
    waits,
    work_of,
)
from app.estimate.step_time import Pace, lone_time
from app.estimate.terms import CHUNK

LEAST_TOKENS = 2.0
CROWDS, FIRSTS, SLOWS, EACHS = 8, 24, 5, 12
SURE_BUSY, SURE_PROMPTS, SURE_FULL, SURE_PLACES = 0.6, 0.4, 0.003, 8.0
SURE_BURST = (0.5, 2.0)
SURE_STEPS = 20.0


@dataclass(frozen=True, slots=True)
class Seen:
    """Times in seconds, (median, 95th percentile); ``each`` is per token after the first, ``running`` the mean number
    of sequences decoding at once. ``busy`` is the load divided by the most that the replica can serve: from 1 on the
    queue grows without end and there are no times. ``sure`` is false outside the range in which the formulas were found
    to agree with simulation.
    """

    busy: float
    sure: bool = False
    running: float = 0.0
    full: float = 0.0
    ttft: tuple[float, float] = (0.0, 0.0)
    whole: tuple[float, float] = (0.0, 0.0)
    each: tuple[float, float] = (0.0, 0.0)


def fewer(rows: Rows, count: int) -> Rows:
    """Sorted points merged until about ``count`` are left, each at the mean of those merged."""
    found, part, total = [], 0.0, 0.0
    for value, weight in rows:
        part += weight
        total += value * weight
        if part >= 1 / count:
            found.append((total / part, part))
            part = total = 0.0
    if part:
        found.append((total / part, part))
    return found


def _crowds(chances: list[float], average: float, wider: float) -> Rows:
    """The distribution of the number of decoding sequences, from their probabilities ``chances``: 0 and some numbers of
    equal weight, whose distance from the mean is multiplied by the root of ``wider``."""
    rows = fewer([(float(n), chance) for n, chance in enumerate(chances) if n], CROWDS)
    return [(0.0, chances[0]), *((max(average + (n - average) * sqrt(wider), 1.0), share) for n, share in rows)]


def ends(rows: Rows) -> tuple[float, float]:
    rows.sort()
    return quantile(rows, 0.5), quantile(rows, 0.95)


def _sure(p: Pace, load: Load, busy: float, prompts: float, full: float) -> bool:
    """True in the range in which the formulas were found to agree with simulation: the replica can run enough sequences
    and is not nearly full, arrivals are at most twice as uneven as independent ones, answers take several steps, and
    prompts mostly fit into one."""
    longest = quantile([(tokens - cached, weight) for tokens, cached, weight in load.prompts], 0.95)
    calm = busy < SURE_BUSY and prompts < SURE_PROMPTS and full < SURE_FULL and longest <= CHUNK
    long = steps_of(load) >= SURE_STEPS and slots(p, load) >= SURE_PLACES
    return calm and long and SURE_BURST[0] <= load.burst <= SURE_BURST[1]


def seen(p: Pace, load: Load, answered: bool = True) -> Seen:
    """What users see of a replica under a load; without ``answered`` only their TTFT is given.

    The number of sequences that decode is drawn from the processor-sharing queue, the wait for the first token from the
    gated queue of prompts at each of these numbers, and an answer takes its steps at the pace they give, with what
    prompts hold it up. Lengths, waits and paces are combined point by point, as if they were independent.
    """
    busy = load.rate / most_rate(p, load)
    if busy >= 1:
        return Seen(busy)
    work, each, steps = work_of(p, load), attended(load), steps_of(load)
    rho, wider = load.rate * work[0], 1 + (load.burst - 1) / 2
    chances = crowd(p, load)
    d = decode(p, load, max(sum(n * chance for n, chance in enumerate(chances)), 1.0), each)
    chances = crowd(p, load, waits(load, work, d)[1] * (1 - rho**steps))
    running = sum(n * chance for n, chance in enumerate(chances))
    full = sum(chance for n, chance in enumerate(chances) if n >= slots(p, load))
    waited: Rows = []
    behind = 0.0
    for n, share in _crowds(chances, running, wider):
        found, after = waits(load, work, decode(p, load, n, each) if n else NOTHING)
        behind += after * share
        waited += [(value, share * weight) for value, weight in found]
    first = _first(p, load, waited, running, decode(p, load, max(running, 1.0), each))
    sure = _sure(p, load, busy, rho, full)
    ttft = ends(first)
    if not steps or not answered:
        return Seen(busy, sure, running, full, ttft, ttft)
    slow = [(decode(p, load, n + 1, each), chance) for n, chance in enumerate(chances)]
    average = sum(v * c for v, c in slow)
    spread = (sum(v * v * c for v, c in slow) / (average * average) - 1) * wider
    every, whole = answers(load, work, fewer(first, FIRSTS), running / load.rate, behind, spread)
    return Seen(busy, sure, running, full, ttft, ends(whole), ends(every) if every else (0.0, 0.0))


NOTHING = 1e-6
"""Seconds of a step without a decoding sequence: an idle engine looks for requests all the time."""


def _first(p: Pace, load: Load, waited: Rows, running: float, d: float) -> Rows:
    """Points of the time to the first token: the wait, the prompt alone, and a step of the others for each further
    chunk."""
    flight = running + 1 + load.rate * sum(value * weight for value, weight in waited)
    found = []
    for tokens, cached, weight in load.prompts:
        own = lone_time(p, tokens, cached, flight) + d * max((tokens - cached) / CHUNK - 1, 0.0)
        found += [(own + value, weight * chance) for value, chance in waited]
    return found


def answers(
    load: Load, work: tuple[float, float, float], first: Rows, life: float, behind: float, spread: float
) -> tuple[Rows, Rows]:  # fmt: skip
    """Points of the time per token and of the whole answer. ``life`` is how long a sequence decodes on average,
    ``spread`` the variance ÷ mean² of a step: over a long answer it averages out, as of a process that forgets within
    ``life``."""
    steps, rho = steps_of(load), load.rate * work[0]
    w2 = work[1] + together(load.burst, load.rate * life) * work[0] ** 2
    d = (life * (1 - rho) - behind * (1 - rho**steps)) / steps
    every: Rows = []
    whole: Rows = []
    for o, weight in load.outputs:
        count = (o - 1) / load.advance
        if count <= 0:
            whole += [(f, weight * c) for f, c in first]
            continue
        plain = count * d
        x = plain / (1 - rho) / life
        calm = 2 * (x - 1 + exp(-x)) / (x * x) if x > 1e-3 else 1.0
        late = (behind * (1 - rho**count) + rho * plain) / (1 - rho)
        held = held_up(late, work[0], w2, rho)
        rows = sorted((u + v, a * b) for u, a in log_normal(plain, plain * plain * spread * calm, SLOWS)
                      for v, b in held)  # fmt: skip
        for value, chance in fewer(rows, EACHS):
            if o >= LEAST_TOKENS:
                every.append((value / (o - 1), weight * chance))
            whole += [(value + f, weight * chance * c) for f, c in first]
    return every, whole
