"""Disaggregated prefill: prompts and answers are computed on separate machines. A queue of prompts, a transfer of their
KV cache, and decoding that no prompt holds up. Pure.

The browser evaluates the same (``static/sessions.js``).
"""

from dataclasses import dataclass, replace

from app.estimate.latency import FIRSTS, NOTHING, Seen, answers, ends, fewer
from app.estimate.queueing import Load, Rows, attended, crowd, decode, slots, steps_of, waits, work_of
from app.estimate.step_time import Pace, lone_time

TRIED = 24
FULL = 1e9


@dataclass(frozen=True, slots=True)
class Apart:
    """``prefill`` replicas compute prompts and ``decode`` replicas compute answers; each replica sends or receives the
    KV cache at ``link`` bytes a second."""

    prefill: int
    decode: int
    link: float


def decoding(p: Pace) -> Pace:
    """The replica's step times for decoding only: prompts arrive computed."""
    return replace(p, prompt_token=0.0, prompt_pair=0.0, begin=0.0)


def seen_apart(p: Pace, load: Load, apart: Apart) -> Seen:
    """What users see of ``load``, the requests a second of all replicas together.

    Prompts wait in a queue of their own (Pollaczek-Khinchine, as the gated queue without steps between), their cache is
    sent whole when the prompt is done, and a sequence joins the decoding ones at their next step. Sending layer by
    layer while computing would hide most of the transfer, so this is its upper end.
    """
    first_load, then = replace(load, rate=load.rate / apart.prefill), replace(load, rate=load.rate / apart.decode)
    d_pace, work, steps = decoding(p), work_of(p, load), steps_of(load)
    r, each = slots(p, load), attended(load)
    busy = max(first_load.rate * work[0], then.rate * steps * decode(p, load, r, each) / r)
    if busy >= 1:
        return Seen(busy)
    chances = crowd(d_pace, then)
    running = sum(n * chance for n, chance in enumerate(chances))
    full = sum(chance for n, chance in enumerate(chances) if n >= r)
    join = 1.5 * decode(p, load, max(running, 1.0), each) if steps else 0.0
    first: Rows = []
    waited = waits(first_load, work, NOTHING)[0]
    flight = 1 + first_load.rate * sum(value * weight for value, weight in waited)
    for tokens, cached, weight in load.prompts:
        sent = tokens * p.kv_token / apart.link if steps else 0.0
        own = lone_time(p, tokens, cached, flight) + sent + join
        first += [(own + value, weight * chance) for value, chance in waited]
    ttft = ends(first)
    if not steps:
        return Seen(busy, False, running, full, ttft, ttft)
    slow = [(decode(p, load, n + 1, each), chance) for n, chance in enumerate(chances)]
    average = sum(v * c for v, c in slow)
    spread = (sum(v * v * c for v, c in slow) / (average * average) - 1) * (1 + (load.burst - 1) / 2)
    every, whole = answers(then, (0.0, 0.0, 0.0), fewer(first, FIRSTS), running / then.rate, 0.0, spread)
    return Seen(busy, False, running, full, ttft, ends(whole), ends(every) if every else (0.0, 0.0))


def best_apart(p: Pace, load: Load, machines: int, link: float, ttft: float, each: float) -> tuple[Apart, Seen]:
    """The split of ``machines`` whose 95th percentiles lie furthest under the limits ``ttft`` and ``each`` seconds, or
    least above: the worse of both over its limit decides, as each side is added to until it holds its own (DistServe,
    arXiv:2401.09670, section 4). Of many machines :data:`TRIED` splits are tried, evenly apart."""
    best: tuple[float, Apart, Seen] | None = None
    count = min(machines - 1, TRIED)
    for i in range(count):
        prefill = 1 + (machines - 2) * i // max(count - 1, 1)
        apart = Apart(prefill, machines - prefill, link)
        found = seen_apart(p, load, apart)
        worst = max(found.ttft[1] / ttft, found.each[1] / each) if found.busy < 1 else FULL * found.busy
        if best is None or worst < best[0]:
            best = (worst, apart, found)
    if best is None:
        raise ValueError("prefill and decode apart take two machines or more")
    return best[1], best[2]
