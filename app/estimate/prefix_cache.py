"""Prefix caches and agents: sessions of several turns whose prompt grows, and how much of it a prefix cache still has.
Pure.

The browser evaluates the same (``static/sessions.js``).
"""

from dataclasses import dataclass, replace
from math import exp, inf

from app.estimate.latency import Seen, fewer, seen
from app.estimate.lengths import Points, mean
from app.estimate.queueing import Load, most_rate
from app.estimate.step_time import Pace

ROUNDS = 12
BLOCK = 16
TURN_POINTS = 7
LONGEST_KEPT = 1e7
MOST_TURNS = 200


@dataclass(frozen=True, slots=True)
class Agents:
    """Sessions of ``turns`` requests each: all begin with ``shared`` tokens; each turn sends everything so far with the
    tokens that a tool or a person adds, ``pause`` seconds after the answer before, exponentially distributed."""

    turns: int
    shared: float
    pause: float


@dataclass(frozen=True, slots=True)
class Reused:
    """``seen`` is what users see of ``load``. ``hit`` is the share of turns after the first whose session is still in
    the cache, ``cached`` the share of prompt tokens that need not be computed, ``kept`` the seconds for which a session
    stays after its last use, ``free`` the memory for idle sessions, in tokens."""

    hit: float
    cached: float
    kept: float
    free: float
    load: Load
    seen: Seen


def prompt_mean(agents: Agents, added: float, answer: float) -> float:
    """The mean tokens of a prompt over all turns."""
    return agents.shared + added + (agents.turns - 1) / 2 * (added + answer)


def prompts(agents: Agents, added: Points, answer: float, hit: float) -> list[tuple[float, float, float]]:
    """Points of the prompts of all turns: what a turn adds varies, what was there before is the mean. Whole blocks of
    the session are found with chance ``hit``, what all sessions share always."""
    grows, found = mean(added) + answer, []
    for turn in range(agents.turns):
        before = agents.shared + turn * grows
        for tokens, weight in fewer(list(added), TURN_POINTS):
            share = weight / agents.turns
            if turn and hit:
                found.append((before + tokens, max(before - BLOCK / 2, agents.shared), share * hit))
            if not turn or hit < 1:
                found.append((before + tokens, agents.shared, share * (1 - hit if turn else 1.0)))
    return sorted(found)


def kept_for(agents: Agents, rate: float, grows: float, free: float) -> float:
    """Seconds that a session is kept after its last use: Che's approximation of a least recently used cache (Che, Tung
    and Wang, IEEE JSAC 20, 2002; Fricker, Robert and Roberts, arXiv:1202.3974), in which every entry stays for the same
    time T, so that what stays fills the memory: with s sessions a second, pauses of θ and c(k) tokens after turn k, s
    (θ (1 - e^(-T/θ)) Σ c(k) + c(n) T), the last turn's tokens staying although nobody returns.
    """
    if free <= 0:
        return 0.0
    starts, n = rate / agents.turns, agents.turns
    returning, last = grows * n * (n - 1) / 2, grows * n

    def fills(t: float) -> float:
        return starts * (agents.pause * (1 - exp(-t / agents.pause)) * returning + last * t)

    low, high = 0.0, LONGEST_KEPT
    if fills(high) <= free:
        return inf
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if fills(middle) < free else (low, middle)
    return low


def reused(p: Pace, agents: Agents, added: Points, outputs: Points, rate: float, burst: float, base: Load) -> Reused:
    """What users see of ``rate`` turns a second, and what the prefix cache finds.

    Running requests take memory first; what is left keeps sessions, so hits, running requests and what is kept are
    sought together, round by round. A turn finds its session where its pause is shorter than sessions are kept: 1 -
    e^(-T/θ). The drafts of ``base`` stay.
    """
    answer = mean(outputs)
    grows = mean(added) + answer
    hit, kept, free = 1.0, inf, 0.0
    own = prompt_mean(agents, mean(added), answer) - agents.shared + answer / 2
    arrivals = 1 + (burst - 1) / agents.turns
    load, found = base, Seen(inf)
    for _ in range(ROUNDS):
        load = replace(
            base,
            rate=rate,
            burst=arrivals,
            prompts=tuple(prompts(agents, added, answer, hit)),
            outputs=outputs,
            own=own,
        )
        if rate >= most_rate(p, load):
            found, free, kept, then = Seen(rate / most_rate(p, load)), 0.0, 0.0, 0.0
        else:
            found = seen(p, load, answered=False)
            inside = found.running + rate * found.ttft[0]
            free = max(p.room - agents.shared - inside * own, 0.0)
            kept = kept_for(agents, rate, grows, free)
            then = 1 - exp(-kept / agents.pause) if kept < inf else 1.0
        if abs(then - hit) < 1e-3:
            break
        hit = (hit + then) / 2
    if found.busy < 1:
        found = seen(p, load)
    whole = sum(tokens * weight for tokens, _, weight in load.prompts)
    cached = sum(part * weight for _, part, weight in load.prompts) / whole
    return Reused(hit if agents.turns > 1 else 0.0, cached, kept, free, load, found)
