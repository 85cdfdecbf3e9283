"""Random loads for the judge, by a seed, and how far the formulas lie from what it says."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import exp, log, sqrt
from random import Random

from app.benchmarks.measured import shipped_shapes
from app.calculator.sheet import known_cards
from app.estimate.constants import fitted
from app.estimate.inputs import Layout
from app.estimate.lengths import REACH, Z95, spread
from app.estimate.prefix_cache import Agents, Reused, prompt_mean, prompts, reused
from app.estimate.queueing import Load, most_rate
from app.estimate.step_time import Pace, pace
from app.estimate.terms import terms
from tests.estimate.simulator import Request

K = fitted()["constants"]
DEVELOP, JUDGE = 1, 20261129
LONGEST = 4_000
"""Requests while one session lasts: a run has to be several times as long."""


@dataclass(frozen=True)
class Drawn:
    pace: Pace
    load: Load
    lengths: tuple[tuple[float, float], tuple[float, float]]
    seed: int


def log_uniform(draw: Random, low: float, high: float) -> float:
    return float(low * (high / low) ** draw.random())


def loads(seed: int, count: int) -> Iterator[Drawn]:
    """Models, cards and splits that fit, lengths, arrivals and how busy the replica is, all by chance."""
    draw = Random(seed)
    shapes, cards = sorted(shipped_shapes().items()), sorted(known_cards().items())
    found = 0
    while found < count:
        shape, card = draw.choice(shapes)[1], draw.choice(cards)[1][1]
        layout = Layout(
            draw.choice(["bf16", "fp8", "int4"]), draw.choice([1.0, 2.0]), draw.choice(["vllm", "sglang", "trtllm"]),
            tensor=draw.choice([1, 2, 4, 8]), max_running=draw.choice([0, 0, 0, 0, 64, 256]),
        )  # fmt: skip
        prompt, output = round(log_uniform(draw, 60, 16_000)), round(log_uniform(draw, 8, 2_000))
        wide, long = (draw.choice([1.0, draw.uniform(1.2, 3.5)]) for _ in range(2))
        busy, burst = draw.uniform(0.05, 0.95), draw.choice([0.5, 1.0, 1.0, 1.0, 2.0, 4.0])
        t = terms(shape, card, layout, prompt, output, K)
        if t.most < 2 or (shape.heads % layout.tensor) or (layout.precision == "fp8" and not card.flops8):
            continue
        p = pace(t, shape, card, layout, prompt, output, K)
        prompts, outputs = spread(prompt, prompt * wide), spread(output, output * long)
        load = Load(1.0, burst, tuple((tokens, 0.0, weight) for tokens, weight in prompts), outputs)
        if max(v for v, _ in prompts) + max(v for v, _ in outputs) > p.room:
            continue
        found += 1
        lengths = (prompt, prompt * wide), (output, output * long)
        yield Drawn(p, replace(load, rate=busy * most_rate(p, load)), lengths, draw.randrange(1 << 30))


def chosen(draw: Random, mean: float, p95: float) -> int:
    """A length by chance from the log-normal distribution with this mean and p95."""
    if p95 <= mean:
        return round(mean)
    s = Z95 - sqrt(Z95 * Z95 - 2 * log(p95 / mean))
    return max(round(mean * exp(min(draw.gauss(), REACH) * s - s * s / 2)), 1)


def requests(drawn: Drawn, count: int) -> list[Request]:
    """Requests as the load says: gaps of a gamma distribution, as ``vllm bench serve --burstiness`` draws them."""
    draw, now, found = Random(drawn.seed), 0.0, []
    shape = 1 / drawn.load.burst
    for _ in range(count):
        now += draw.gammavariate(shape, 1 / (shape * drawn.load.rate))
        prompt, output = (chosen(draw, *lengths) for lengths in drawn.lengths)
        found.append(Request(now, prompt, output))
    return found


@dataclass(frozen=True)
class DrawnAgents:
    """Agents on a replica."""

    pace: Pace
    agents: Agents
    added: tuple[float, float]
    answer: tuple[float, float]
    rate: float
    seed: int

    def formula(self) -> Reused:
        """What the formulas say."""
        added, answer = spread(*self.added), spread(*self.answer)
        return reused(self.pace, self.agents, added, answer, self.rate, 1.0, Load(1.0, 1.0, ((1.0, 0.0, 1.0),), answer))

    def requests(self, count: int) -> list[Request]:
        """First turns, each with those that follow it."""
        draw, now, found = Random(self.seed), 0.0, []
        for session in range(count // self.agents.turns):
            now += draw.expovariate(self.rate / self.agents.turns)
            shared = round(self.agents.shared)
            one = first = Request(now, shared + chosen(draw, *self.added), chosen(draw, *self.answer), session, shared)
            for _ in range(self.agents.turns - 1):
                grown = one.prompt + one.output + chosen(draw, *self.added)
                one.pause = draw.expovariate(1 / self.agents.pause)
                one.follows = Request(0.0, grown, chosen(draw, *self.answer), session, shared)
                one = one.follows
            found.append(first)
        return found


def agents(seed: int, count: int) -> Iterator[DrawnAgents]:
    """Agents by chance: turns, what they share, what each adds, pauses, how busy the replica is."""
    draw, found = Random(seed), 0
    shapes, cards = sorted(shipped_shapes().items()), sorted(known_cards().items())
    while found < count:
        shape, card = draw.choice(shapes)[1], draw.choice(cards)[1][1]
        layout = Layout(draw.choice(["bf16", "fp8"]), draw.choice([1.0, 2.0]), "vllm", tensor=draw.choice([1, 2, 4, 8]))
        turns, shared = round(log_uniform(draw, 2, 30)), draw.choice([0.0, round(log_uniform(draw, 100, 8_000))])
        added, answer = round(log_uniform(draw, 40, 2_000)), round(log_uniform(draw, 30, 800))
        wide, long = (draw.choice([1.0, draw.uniform(1.2, 3.0)]) for _ in range(2))
        pause, busy, near = (
            log_uniform(draw, 1, 200),
            draw.uniform(0.05, 0.8),
            draw.choice([0.0, log_uniform(draw, 0.1, 4)]),
        )
        setting = Agents(turns, shared, pause)
        average = prompt_mean(setting, added, answer)
        t = terms(shape, card, layout, round(average), answer, K)
        if t.most < 4 or (shape.heads % layout.tensor) or (layout.precision == "fp8" and not card.flops8):
            continue
        p = pace(t, shape, card, layout, average, answer, K)
        lengths = (added, added * wide), (answer, answer * long)
        if shared + turns * (added * 2 + answer * 2) * 1.5 > p.room:
            continue
        outputs = spread(*lengths[1])
        middle = Load(1.0, 1.0, prompts(setting, spread(*lengths[0]), answer, 0.5), outputs)
        rate = busy * most_rate(p, middle)
        if near:  # a pause about as long as sessions are kept
            setting = replace(setting, pause=min(max(near * p.room / (rate * average), 1.0), 3_600.0))
        if rate * setting.pause * turns > LONGEST:
            continue
        found += 1
        yield DrawnAgents(p, setting, *lengths, rate, draw.randrange(1 << 30))
