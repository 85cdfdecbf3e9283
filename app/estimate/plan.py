"""From traffic and limits to hardware: how to lay a model out, how many replicas, what it costs. Pure.

The browser evaluates the same (``static/estimate.js``).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil

from app.core.money import HOURS_PER
from app.core.units import HOUR_S
from app.estimate.inputs import Card, Layout, Traffic
from app.estimate.shape import Shape
from app.estimate.speed import Speed, at
from app.estimate.terms import Terms, terms

COUNTS = (1, 2, 4, 8)
"""GPUs of one replica within one machine; a model that does not fit on eight is also tried on two machines of eight."""
MACHINE = 8
MOST_IN_FLIGHT = 1024
HOURS_PER_MONTH = HOURS_PER["month"]
HALVINGS = 4


@dataclass(frozen=True, slots=True)
class Need:
    """The demand on the hardware. ``ttft`` and ``tpot`` are limits in seconds, ``rate`` the mean requests a second.

    ``utilisation`` is the share of a replica's capacity to plan with, ``spare`` replicas are kept idle in reserve, at
    least ``least`` replicas run, for ``hours`` a day; the rest of the day nothing runs.
    """

    prompt: int
    output: int
    rate: float
    ttft: float
    tpot: float
    utilisation: float = 0.6
    spare: int = 0
    least: int = 1
    hours: float = 24.0


@dataclass(frozen=True, slots=True)
class Found:
    """A layout that meets the limits with up to ``load`` requests in flight on each replica."""

    layout: Layout
    load: int
    speed: Speed


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of serving, in US dollars: ``instances`` of ``size`` GPUs each."""

    replicas: int
    instances: int
    size: int
    usd_hour: float
    usd_month: float
    usd_request: float
    usd_million_input: float
    usd_million_output: float


def layouts(shape: Shape, precision: str, kv_bytes: float, engine: str) -> list[Layout]:
    """Every layout to try: tensor parallel if it divides the heads, for a mixture of experts also with whole experts on
    each GPU, and over two machines."""
    found = []
    for count in COUNTS:
        if shape.heads % count:
            continue
        found.append(Layout(precision, kv_bytes, engine, tensor=count))
        if shape.experts and count > 1:
            found.append(Layout(precision, kv_bytes, engine, tensor=count, experts_split=True))
            if shape.latent:
                found.append(Layout(precision, kv_bytes, engine, data=count, experts_split=True))
    if not shape.heads % MACHINE:
        found.append(Layout(precision, kv_bytes, engine, tensor=MACHINE, pipeline=2))
    return found


def hold(t: Terms, need: Need, k: Mapping[str, float]) -> tuple[int, Speed]:
    """The most requests in flight that fit into memory and meet both limits, and the speed with them.

    0 if not even one does: the speed is then that of one request, or one that does not fit. Searched by doubling, then
    by halving the gap.
    """

    def tried(load: int) -> Speed:
        return at(t, Traffic(need.prompt, need.output, float(load)), k)

    def good(speed: Speed) -> bool:
        return speed.fits and speed.ttft <= need.ttft and speed.tpot <= need.tpot

    best = tried(1)
    if not good(best):
        return 0, best
    low, high = 1, min(MOST_IN_FLIGHT, int(t.most))
    while low < high:
        next_load = min(low * 2, high)
        speed = tried(next_load)
        if not good(speed):
            high = next_load
            break
        low, best = next_load, speed
    for _ in range(HALVINGS):
        middle = (low + high) // 2
        if middle <= low or middle >= high:
            break
        speed = tried(middle)
        if good(speed):
            low, best = middle, speed
        else:
            high = middle
    return low, best


def cost(found: Found, need: Need, size: int, usd_gpu_hour: float) -> Cost | None:
    """The cost of a demand on instances of ``size`` GPUs, which are sold whole; ``None`` if a replica can't run on
    them.

    A ``size`` of 0 means "not stated": an instance is then assumed to have as many GPUs as a replica needs in one
    machine.

    The cost is divided between input and output tokens by the share of a full replica's time that prompts take.
    """
    gpus = found.layout.gpus
    per_machine = gpus // found.layout.pipeline
    size = size or per_machine
    if size < gpus and size != per_machine:
        return None
    rate = found.speed.throughput / need.output
    replicas = max(need.least, ceil(need.rate / (rate * need.utilisation))) + need.spare
    each = max(size // gpus, 1)
    instances = ceil(replicas / each) if gpus <= size else replicas * (gpus // size)
    hour = instances * size * usd_gpu_hour
    requests = need.rate * HOUR_S
    share = min(rate * found.speed.prefill, 1.0) if found.speed.tpot else 1.0
    return Cost(
        replicas, instances, size, hour, hour * HOURS_PER_MONTH * need.hours / 24, hour / requests,
        hour * share / (requests * need.prompt) * 1e6, hour * (1 - share) / (requests * need.output) * 1e6,
    )  # fmt: skip


def ways(
    shape: Shape, card: Card, options: Sequence[tuple[str, float, tuple[float, float]]], engine: str, need: Need,
    k: Mapping[str, float]
) -> tuple[list[Found], Speed | None]:  # fmt: skip
    """Every layout, in every (precision, bytes of a cached element, offsets), that meets the limits; and, if none does,
    the best speed."""
    held = []
    nearest: Speed | None = None
    for precision, kv_bytes, offsets in options:
        for layout in layouts(shape, precision, kv_bytes, engine):
            t = terms(shape, card, layout, need.prompt, need.output, k, offsets)
            load, speed = hold(t, need, k)
            if load:
                held.append(Found(layout, load, speed))
            elif speed.fits and (nearest is None or speed.tpot < nearest.tpot):
                nearest = speed
    return held, nearest


def cheapest(found: Iterable[Found], need: Need, sold: Sequence[tuple[int, float]]) -> tuple[Found, Cost, int] | None:
    """The cheapest of the layouts on what is ``sold``, (GPUs of an instance, USD per GPU-hour): layout, cost, index
    of the offer.

    Where an offer does not state its size, one GPU is certain and more are a guess: it serves a replica of several
    only if no offer that states its size serves at all.
    """
    best: dict[bool, tuple[Found, Cost, int]] = {}
    for way in found:
        for i, (size, usd) in enumerate(sold):
            price, guessed = cost(way, need, size, usd), not size and way.layout.gpus > 1
            if price is not None and (guessed not in best or price.usd_hour < best[guessed][1].usd_hour):
                best[guessed] = (way, price, i)
    return best.get(False) or best.get(True)


def served(need: Need, price: Cost) -> Traffic:
    """The load of one replica that is not in reserve: its share of what arrives."""
    return Traffic(need.prompt, need.output, rate=need.rate / (price.replicas - need.spare))


MORE, TRIES = 1.2, 8
"""By how much replicas are added, and how often, where what arrives at random sees more than a fixed load does: with
few requests at a time, each falls among others' prompts at random."""


def is_within(speed: Speed, need: Need) -> bool:
    """True if what the traffic sees meets both limits."""
    return speed.ttft <= need.ttft and speed.tpot <= need.tpot


def more(need: Need, price: Cost) -> Need:
    """The demand with more replicas than ``price`` has."""
    return replace(need, least=ceil((price.replicas - need.spare) * MORE))
