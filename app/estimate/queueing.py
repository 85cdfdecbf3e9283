"""A replica as a queue when lengths differ and requests come in bursts. Pure; closed form, no simulation.

The browser evaluates the same (``static/queueing.js``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log, sqrt

from app.estimate.lengths import Points, mean
from app.estimate.step_time import Pace, prompt_time, step

MOST_STATES, NEGLIGIBLE = 4000, 30.0
BURST_SCALE = 2.0
"""How soon the further requests of a burst come, for the root of those expected: chosen on simulated loads of other
seeds than those that judge."""
ROUNDS = 12
WAIT_POINTS = 9
Prompts = Sequence[tuple[float, float, float]]
"""(tokens, leading tokens that are in the cache, weight), the shortest first."""
Work = tuple[float, float, float]
Rows = list[tuple[float, float]]
"""(value, weight)."""


@dataclass(frozen=True, slots=True)
class Load:
    """The load of one replica: ``rate`` requests a second, with ``burst`` the variance ÷ mean² of the gaps between
    them, 1 if they arrive independently of each other. In a step, ``width`` tokens of a sequence are computed and
    ``advance`` of them kept, with ``extra`` seconds for drafting: 1, 1 and 0 without speculative decoding. ``own`` is
    the mean number of cached tokens that belong to a running sequence alone, if sessions share a common prefix; 0 to
    take it from the lengths."""

    rate: float
    burst: float
    prompts: Prompts
    outputs: Points
    width: float = 1.0
    advance: float = 1.0
    extra: float = 0.0
    own: float = 0.0


def attended(load: Load) -> float:
    """The tokens that a running sequence attends to on average: E[p] + E[o²] / 2E[o], more than prompt plus half the
    mean answer, because at any moment long answers are more likely to be running (length bias)."""
    o2 = sum(o * o * weight for o, weight in load.outputs)
    return sum(p * weight for p, _, weight in load.prompts) + o2 / (2 * mean(load.outputs))


def work_of(p: Pace, load: Load) -> Work:
    """The first three moments of the seconds for which a prompt holds up the others."""
    w1 = w2 = w3 = 0.0
    for tokens, cached, weight in load.prompts:
        took = prompt_time(p, tokens, cached)
        w1 += weight * took
        w2 += weight * took * took
        w3 += weight * took * took * took
    return w1, w2, w3


def decode(p: Pace, load: Load, running: float, each: float) -> float:
    """Seconds of a step with ``running`` sequences of ``each`` tokens, drafting included."""
    return step(p, running, running * each, load.width) + load.extra


def slots(p: Pace, load: Load) -> float:
    """The most sequences that run at once: the engine's limit, or as many as fit into memory."""
    return max(min(float(p.cap), p.room / (load.own or attended(load))), 1.0)


def steps_of(load: Load) -> float:
    """The mean number of steps of an answer after its first token."""
    return max(mean(load.outputs) - 1, 0.0) / load.advance


def most_rate(p: Pace, load: Load) -> float:
    """Requests a second that a replica serves with every place taken: 1 / (E[w] + L D(R) / R), with w a prompt's
    seconds, L the steps of an answer and D(R) a step's seconds with R sequences."""
    r = slots(p, load)
    return 1 / (work_of(p, load)[0] + steps_of(load) * decode(p, load, r, attended(load)) / r)


def log_normal(average: float, variance: float, points: int) -> Rows:
    """The log-normal distribution with this mean and variance, as ``points`` (value, weight) pairs."""
    if average <= 0 or variance <= 0:
        return [(max(average, 0.0), 1.0)]
    s = sqrt(log(1 + variance / (average * average)))
    found = []
    for i in range(points):
        z = -3.0 + 6.0 * i / (points - 1)
        found.append((exp(s * z), exp(-z * z / 2)))
    whole = sum(weight for _, weight in found)
    scale = average * whole / sum(value * weight for value, weight in found)
    return [(value * scale, weight / whole) for value, weight in found]


def together(burst: float, expected: float) -> float:
    """How many more requests than ``expected`` come around one that comes, in a time in which so many do on average.

    Of gaps with variance ÷ mean² c there are c - 1 more over all time (Cox and Lewis, "The Statistical Analysis of
    Series of Events", 1966, section 4.5); of gamma-distributed gaps most of them at once: all but
    1 / e^(2 √expected), where the 2 was chosen on simulated loads of other seeds than those that judge.
    """
    return (burst - 1) * (1 - exp(-BURST_SCALE * sqrt(expected)))


def crowd(p: Pace, load: Load, behind: float = 0.0) -> list[float]:
    """The probabilities of 0, 1, 2, … sequences decoding at once.

    Steps serve all sequences alike, the slower the more there are: a processor-sharing queue whose rate depends on the
    state, with π(n) ∝ Π λ L D(j) / j whatever the lengths' distribution (Cohen, "The multiple phase service network
    with generalized processor sharing", Acta Informatica 12, 1979). Prompts take a share ρ of the time, so steps take
    1 / (1 - ρ) as long, and what stands ``behind`` a prompt when its first token is there comes on top. Beyond the
    slots there are, requests wait, and each further one has the factor of the last.
    """
    each, r, steps = attended(load), slots(p, load), steps_of(load)
    share = load.rate / (1 - load.rate * work_of(p, load)[0])
    heights, height, best = [0.0], 0.0, 0.0
    while len(heights) < MOST_STATES and height > best - NEGLIGIBLE and steps:
        at = min(float(len(heights)), r)
        height += log(share * max(steps * decode(p, load, at, each) + behind, 1e-12) / at)
        heights.append(height)
        best = max(best, height)
    weights = [exp(one - best) for one in heights]
    whole = sum(weights)
    return [one / whole for one in weights]


def _empty(rate: float, d: float, k1: float) -> float:
    """The share of steps during which no prompt arrives, from the steps after one without prompts and those after one
    with."""
    none = 1.0
    for _ in range(ROUNDS):
        filled = d + (k1 - d) / max(1 - none, 1e-9)
        still, later = exp(-rate * d), exp(-rate * filled)
        none = later / max(1 - still + later, 1e-12)
    return none


def waits(load: Load, work: Work, d: float) -> tuple[Rows, float]:
    """What a prompt waits beyond its own time, where a step without prompts takes ``d`` seconds, as points; and the
    work beyond the usual that stands behind it when its first token is there.

    All prompts that come in a step are computed in the next: T' = d + the work that came in T, a queue with gated
    vacations (Takagi, "Queueing Analysis" 1, 1991, chapter 2), whose cumulants follow by the chain rule. A prompt waits
    for the rest of the step it comes in (length-biased), then d, then the others that came with it. A share of the time
    goes to steps without prompts, in which the wait is short; the rest has what is left of the mean and the variance,
    as a log-normal distribution.
    """
    rate = load.rate
    w1, w2, w3 = work
    busy = rate * w1
    more = together(load.burst, rate * (d / (1 - busy) + w1))
    w2 += more * w1 * w1
    k1 = d / (1 - busy)
    k2 = k1 * rate * w2 / (1 - busy**2)
    k3 = (3 * k2 * busy * rate * w2 + k1 * rate * w3) / (1 - busy**3)
    t2, t3 = k2 + k1 * k1, k3 + 3 * k1 * k2 + k1**3
    biased, biased2 = t2 / k1, t3 / k1
    average = biased * (0.5 + busy) + d + more * w1
    square = biased2 * (1 / 3 + busy + busy * busy) - (biased * (0.5 + busy)) ** 2 + rate * biased * w2
    square += abs(more) * (1 + max(more, 0.0)) * w1 * w1
    behind = busy * (d + w1 + busy * biased - k1) + w1 * together(load.burst, rate * (d + w1 + average)) / 2
    plain, short = _empty(rate, d, k1) * d / k1, d * (1.5 + busy)
    other = (average - plain * short) / (1 - plain)
    wide = (square + average * average - plain * (short * short + d * d / 12)) / (1 - plain) - other * other
    if other <= 0 or wide <= 0:
        return log_normal(max(average, 0.0), square, WAIT_POINTS), behind
    found = [(short + d * u / 3, plain / 3) for u in (-1, 0, 1)]
    return [*found, *((v, w * (1 - plain)) for v, w in log_normal(other, wide, WAIT_POINTS))], behind


def held_up(held: float, w1: float, w2: float, busy: float) -> Rows:
    """Seconds that prompts hold up a sequence, ``held`` on average: nothing where none comes, else a busy period's
    spread, 1 / (1 - ρ)² times that of the prompts themselves (Takács, "Introduction to the Theory of Queues", 1962)."""
    if held <= 0 or w1 <= 0:
        return [(0.0, 1.0)]
    none = exp(-held * (1 - busy) / w1)
    average = held / (1 - none)
    second = (held * w2 / w1 / (1 - busy) ** 2 + held * held) / (1 - none)
    found = [(v, c * (1 - none)) for v, c in log_normal(average, second - average * average, WAIT_POINTS)]
    return [(0.0, none), *found] if none > 1e-6 else found
