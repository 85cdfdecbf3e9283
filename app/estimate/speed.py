"""Time to first token and time per output token of a model on GPUs under load. Pure.

One step of decoding produces one token for each running sequence. Its time is a sum of physical terms: reading the
weights (for a mixture, those of the experts that are hit), reading the KV cache, arithmetic, communication between
GPUs, and a fixed cost per layer and per step; prompts of other requests are computed in between. Times are in seconds,
sizes in bytes. The browser evaluates the same formulas (``static/estimate.js``), term by term in the same order.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, sqrt
from typing import NamedTuple

from app.estimate.inputs import Card, Layout, Traffic
from app.estimate.memory import kv_elements, memory, most_running, weight_bytes_per_gpu
from app.estimate.shape import Shape
from app.estimate.terms import (
    NO_OFFSET,
    Terms,
    _compute,
    _first,
    _fixed,
    _flops,
    _link,
    _unpacking,
    attention_flop,
    terms,
)

ROUNDS = 8
"""Rounds of the fixed point between running sequences and the time they take."""
BUSIEST = 0.95
"""Share of the time spent on prompts beyond which waiting is not told: it grows as long as the load lasts."""
CLOSE = 1e-4
"""How closely the load of an arrival rate is sought."""
MARGIN = 1.4
"""Arrivals up to so many times what is predicted to be served are not called unsustained: at the fast end of the range
for busy GPUs, so much more is served."""
LIMITS = ("bandwidth", "compute", "interconnect", "launch overhead", "memory")


class Parts(NamedTuple):
    """Seconds of one step by what takes them.

    ``layers_and_steps`` is what each layer and each step takes however little it does, ``requests`` what each running
    sequence adds, ``prompts_of_others`` what the prompts of other requests take in between.
    """

    weights: float
    kv_cache: float
    arithmetic: float
    interconnect: float
    layers_and_steps: float
    requests: float
    prompts_of_others: float


NO_PARTS = Parts(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Speed:
    """A prediction. Seconds, bytes per GPU, sequences, output tokens a second of all requests.

    ``running`` sequences decode at once on average; ``most`` fit into memory and the engine's own limit; ``waiting``
    is the time a request queues for a place. ``fits`` is false where not even one sequence fits: then there are no
    times. ``tpot`` is 0 for a single output token, since no further token has a time. ``sustained`` is false where
    requests arrive faster than they are served: the queue, and with it the time to the first token, then grows as
    long as the load lasts, and ``ttft`` does not include that queue.
    """

    fits: bool
    ttft: float
    tpot: float
    prefill: float
    waiting: float
    running: float
    most: float
    weights: float
    kv_sequence: float
    parts: Parts
    throughput: float = 0.0
    sustained: bool = True

    @property
    def busy(self) -> bool:
        """True where arithmetic and the prompts of others take half of a step or more: near what can be served."""
        return 2 * (self.parts[2] + self.parts[6]) >= sum(self.parts)

    @property
    def limited_by(self) -> str:
        """The resource that takes the largest part of a step."""
        parts = self.parts
        if self.waiting > self.tpot > 0:
            return "memory"
        shares = (
            parts.weights + parts.kv_cache, parts.arithmetic + parts.prompts_of_others, parts.interconnect,
            parts.layers_and_steps + parts.requests,
        )  # fmt: skip
        return LIMITS[shares.index(max(shares))]


def experts_hit(experts: float, miss: float, together: float, routing: float) -> float:
    """Distinct experts of a layer that ``together`` tokens choose: E (1 - (1 - k/E)^n), with n less than the tokens
    because tokens of one text choose alike. ``miss`` is the logarithm of 1 - k/E, 0 where every expert is chosen."""
    return experts * (1 - exp(miss * together**routing)) if miss else float(experts)


def _step(t: Terms, running: float, others: float, k: Mapping[str, float]) -> tuple[float, ...]:
    """The :class:`Parts` of one step, unnamed, with ``running`` sequences, of which each sees ``others``.

    Reading and arithmetic overlap: a roofline (Williams et al., 2009) with its corner rounded. Prompts of other
    requests are computed in between (arXiv:2308.16369). The stages of a pipeline work on different sequences at the
    same time, with gaps where one waits for another (arXiv:1811.06965): as many as there are sequences to fill them.
    """
    o = t.offset
    if t.pipeline > 1:
        o *= 1 + k["bubble"] * (min(max(running, 1.0), t.pipeline) - 1)
    together = max(running / t.pipeline, 1.0)
    rank = max(together / t.data, 1.0)
    read = t.always + t.one_expert * experts_hit(t.experts, t.miss, together, k["routing"])
    compute = t.token_compute * together
    prompts = t.interleave * others / t.output * t.prefill
    weights = sqrt(read * read + compute * compute)
    return (
        o * read, o * t.cache_one * rank, o * (weights - read), o * (t.hop + t.token_link * rank), o * t.fixed,
        o * t.request * rank, t.offset * prompts,
    )  # fmt: skip


def _least(t: Terms, k: Mapping[str, float]) -> tuple[float, float]:
    """Seconds that each request takes of an engine however many are there: what no batch shares, its prompt and its
    tokens' arithmetic, cache and exchange. At most what one alone takes; and how much its prompt counts then."""
    token = t.token_compute + (t.cache_one + t.token_link + t.request) / t.data
    answer = t.offset * (t.output - 1) * token / t.pipeline
    alone = t.first_offset * (t.alone + t.begin) + sum(_step(t, 1.0, 0.0, k)) * (t.output - 1)
    work = min(t.offset * t.work, alone - answer)
    return work + answer, work / (t.offset * t.work) if t.work else 1.0


def _in_flight(t: Terms, flight: float, rate: float, k: Mapping[str, float]) -> tuple[float, float, float, Parts]:
    """(running sequences, time to the first token, time of a step, its parts) with ``flight`` admitted requests.

    Times are in seconds. A fixed point, since a sequence that still waits for its prompt does not decode (Little's
    law). It is approached from above, so each round keeps the order of loads: more requests in flight are never
    faster. Where each answer is followed by the next request (``rate`` is 0), a share of the other requests' prompts
    comes before a request's own; another share arrives with it and fills the same step, up to the number of tokens
    that an engine computes together; and the request arrives when the next steps are already under way. What it sees
    of those that decode is what is there without it: a share 1 - 1/flight of them (arrival theorem: Reiser and
    Lavenberg, Journal of the ACM 27, 1980). Random arrivals (``rate`` per second) see all that decode, and wait as in a
    queue with equal service times (Pollaczek-Khinchine: half of b/(1-b) services, where b is the share of time that
    prompts take) and for half a step. However the work of all in flight falls on waiting and decoding, it is done once:
    none is faster than what no batch shares takes for all of them.
    """
    others = max(flight - 1, 0.0)
    share = 1.0 if rate else others / flight
    if rate:
        busy = min(rate * t.prefill, BUSIEST)
        ahead, late = busy / (1 - busy) / 2, 0.5
    else:
        ahead = t.queue * others ** k["queue_growth"] + t.burst * min(others, t.together)
        late = k["first_step"] * others / (others + 1)
    prompt = t.alone * (1 + ahead * t.shared) + t.begin + k["first_request"] * flight
    if t.output == 1:
        late = 0.0
    least, eased = _least(t, k)
    share *= eased
    running, own, step = flight, 0.0, 0.0
    parts: tuple[float, ...] = NO_PARTS
    for _ in range(ROUNDS):
        parts = _step(t, running, running * share, k)
        step = sum(parts)
        decoding = step * (t.output - 1)
        own = t.first_offset * (prompt + late * step)
        running = flight * decoding / (own + decoding)
    slow = flight * least / (own + decoding)
    if slow > 1:
        parts = (*parts[:6], parts[6] + step * (slow - 1))
        own, step = own * slow, step * slow
    return running, own, step, Parts(*parts)


def at(t: Terms, traffic: Traffic, k: Mapping[str, float]) -> Speed:
    """The prediction under a load: so many in flight, or what an arrival rate leads to by Little's law.

    Requests beyond those that fit wait for a place: L = X W, with X what is served when every place is taken.
    """
    load, rate = traffic.concurrency, traffic.rate
    if t.most < 1:
        return Speed(False, 0.0, 0.0, 0.0, 0.0, 0.0, max(t.most, 0.0), t.stored, t.sequence, NO_PARTS)
    sustained = True
    if rate:
        load, rate, sustained = _load_of(t, rate, k)
    flight = min(load, t.most)
    running, own, step, parts = _in_flight(t, flight, rate, k)
    request = own + step * (t.output - 1)
    waiting = (load / flight - 1) * request
    served = flight / request
    tpot = step if t.output > 1 else 0.0
    return Speed(
        True, own + waiting, tpot, t.prefill, waiting, running, t.most, t.stored, t.sequence, parts,

        (min(rate, served) if rate else served) * t.output, sustained,
    )  # fmt: skip


def _load_of(t: Terms, rate: float, k: Mapping[str, float]) -> tuple[float, float, bool]:
    """Requests in flight when ``rate`` arrive a second, at most those that fit; the rate that is served then; and
    false where clearly more arrive.

    In flight are as many as arrive while one is served: the least load that serves as much. Where more arrive than
    are served with every place taken, the rest waits for ever, and what is served does not feel it.
    """

    def taken(flight: float, arriving: float) -> float:
        _, own, step, _ = _in_flight(t, flight, arriving, k)
        return arriving * (own + step * (t.output - 1))

    every = taken(t.most, rate)
    full = every > t.most
    low, high = 0.0, rate if full else t.most
    while high - low > CLOSE * high:
        middle = (low + high) / 2
        if taken(t.most, middle) > t.most if full else middle >= taken(middle, rate):
            high = middle
        else:
            low = middle
    return (t.most, low, every <= t.most * MARGIN) if full else (high, rate, True)


def estimate(
    shape: Shape, card: Card, layout: Layout, traffic: Traffic, k: Mapping[str, float],
    offsets: tuple[float, float] = NO_OFFSET,
) -> Speed:  # fmt: skip
    """Predict speed with the calibrated constants ``k``. The inputs must have passed the checks of ``inputs``."""
    return at(terms(shape, card, layout, traffic.input, traffic.output, k, offsets), traffic, k)


FORMULAS = (
    terms, attention_flop, kv_elements, weight_bytes_per_gpu, memory, most_running, _flops, _compute, _unpacking,
    _fixed, _link, _first,
    experts_hit, _step, _least, _in_flight, at,
)  # fmt: skip
"""What the methodology page tells, by their docstrings."""
