"""Hardware for a model or models for a GPU, for the presets: what pages show without a visitor's own figures. Pure."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from heapq import heapify, heappop, heappush
from typing import Any, TypeVar

from app.benchmarks.accuracy import Row
from app.benchmarks.nearest import SetUp, nearest
from app.benchmarks.predict import ranged
from app.benchmarks.rows import basis_of
from app.calculator.presets import PRESETS, Preset
from app.catalog.facts import Gpu
from app.estimate.constants import fitted
from app.estimate.inputs import Card, EstimateError, check_card, kv_bytes
from app.estimate.offsets import Basis
from app.estimate.plan import TRIES, Cost, Found, Need, cheapest, is_within, more, served, ways
from app.estimate.prediction_range import stretch
from app.estimate.shape import Shape
from app.estimate.speed import estimate
from app.estimate.terms import NO_OFFSET

ENGINE = "vllm"
SHOWN = 5
NEAR = 2
TIERS = ("on-demand",)
Offers = Mapping[str, Sequence[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Choice:
    """A GPU, laid out and bought so that it holds a preset's limits even when fully loaded.

    ``tpot`` and ``ttft`` are what its traffic then sees, in seconds with their 80% ranges.
    """

    gpu: Gpu
    found: Found
    cost: Cost
    offer: Mapping[str, Any]
    tpot: tuple[float, float, float]
    ttft: tuple[float, float, float]
    rests_on: str

    @property
    def split(self) -> str:
        """Replicas, and how the model lies on the GPUs of each: ``2 replicas, TP 4``."""
        layout, replicas = self.found.layout, self.cost.replicas
        words = ["1 replica" if replicas == 1 else f"{replicas:,} replicas"]
        words += [f"TP {layout.tensor}"] if layout.tensor > 1 else []
        words += [f"attention DP {layout.data}"] if layout.data > 1 else []
        words += [f"PP {layout.pipeline}"] if layout.pipeline > 1 else []
        words += ["expert parallel"] if layout.experts_split else []
        return ", ".join(words)


@dataclass(frozen=True, slots=True)
class Bought:
    """A GPU as it is bought, before the times that its traffic sees are computed. ``again`` buys it with another
    demand."""

    gpu: Gpu
    card: Card
    found: Found
    cost: Cost
    offer: Mapping[str, Any]
    rests: Basis
    again: Callable[[Need], "Bought | None"]

    @property
    def guessed(self) -> bool:
        """True if a replica needs several GPUs in one machine and the offer does not state how many those have."""
        return not self.offer["gpu_count_number"] and self.found.layout.gpus > 1

    def choice(self, shape: Shape, need: Need) -> Choice | None:
        """With the times of a replica at its share of what arrives; ``None`` if these miss a limit."""
        layout, k, load = self.found.layout, fitted()["constants"], served(need, self.cost)
        speed = estimate(shape, self.card, layout, load, k, self.rests.factors)
        if not is_within(speed, need):
            return None
        by = stretch(shape, self.card, layout, load, k, self.rests.factors)
        wide = ranged(speed, self.rests.rests_on, by)
        return Choice(
            self.gpu, self.found, self.cost, self.offer, (speed.tpot, *wide.tpot), (speed.ttft, *wide.ttft),
            self.rests.rests_on,
        )  # fmt: skip


def offers_by_gpu(rows: Iterable[Mapping[str, Any]]) -> Offers:
    """The on-demand offers of each GPU; stale ones only where no fresh one is known."""
    found: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        if row["tier"] in TIERS:
            found[row["gpu"]].append(row)
    return {gpu: [row for row in group if not row["stale"]] or group for gpu, group in found.items()}


@lru_cache(maxsize=8192)
def held(
    shape: Shape, precision: str, card: Card, need: Need, offsets: tuple[float, float] = NO_OFFSET
) -> tuple[Found, ...]:
    """The layouts that hold ``need``, for each number of GPUs the one that does most. They don't depend on prices, so a
    page that is rendered again because a price moved does not compute them again."""
    cached = kv_bytes(precision, ENGINE, card)
    found, _ = ways(shape, card, [(precision, cached, offsets)], ENGINE, need, fitted()["constants"])
    best: dict[int, Found] = {}
    for way in found:
        known = best.get(way.layout.gpus)
        if known is None or way.speed.throughput > known.speed.throughput:
            best[way.layout.gpus] = way
    return tuple(best.values())


def choose(
    model: str, shape: Shape, precision: str, gpu: Gpu, card: Card, sold: Sequence[Mapping[str, Any]], need: Need
) -> Bought | None:
    """The cheapest way to hold ``need`` on one GPU, or ``None``."""
    try:
        check_card(card, precision, gpu.name)
    except EstimateError:
        return None
    prices = [(int(row["gpu_count_number"] or 0), row["usd_per_gpu_hour_micro"] / 1e6) for row in sold]
    known = basis_of(model, shape, gpu, precision, ENGINE)
    best = cheapest(held(shape, precision, card, need, known.factors), need, prices)
    if best is None:
        return None
    way, price, index = best
    again = partial(choose, model, shape, precision, gpu, card, sold)
    return Bought(gpu, card, way, price, sold[index], known, again)


T = TypeVar("T")


def first(
    bought: Iterable[tuple[T, Shape, Bought]], need: Need, most: int, order: Callable[[T, Bought], tuple[Any, ...]]
) -> list[tuple[T, Choice]]:
    """The ``most`` that come first in ``order`` of those whose traffic sees times within the limits; replicas are added
    where a fixed load meets them and what arrives at random does not."""
    found: list[tuple[T, Choice]] = []
    waiting = [(order(what, one), number, 0, what, shape, one) for number, (what, shape, one) in enumerate(bought)]
    heapify(waiting)
    while waiting and len(found) < most:
        _, number, tries, what, shape, one = heappop(waiting)
        if (choice := one.choice(shape, need)) is not None:
            found.append((what, choice))
        elif tries < TRIES and (larger := one.again(more(need, one.cost))) is not None:
            heappush(waiting, (order(what, larger), number, tries + 1, what, shape, larger))
    return found


def for_model(
    model: str, shape: Shape, precision: str, cards: Mapping[str, tuple[Gpu, Card]], offers: Offers
) -> list[tuple[Preset, list[Choice]]]:
    """For every preset the GPUs that meet its targets, the cheapest first, however old a price is: its age is shown.
    Last are those that may not be sold in large enough machines."""
    found = []
    for preset in PRESETS:
        need = preset.need()
        bought = [
            (slug, shape, one) for slug, sold in offers.items() if slug in cards
            if (one := choose(model, shape, precision, *cards[slug], sold, need)) is not None
        ]  # fmt: skip
        cheap = first(bought, need, SHOWN, lambda slug, one: (one.guessed, one.cost.usd_hour, slug))
        found.append((preset, [choice for _, choice in cheap]))
    return found


def near_each(model: str, found: Iterable[tuple[Preset, Sequence[Choice]]]) -> dict[str, tuple[Row, ...]]:
    """Preset → the measured rows nearest to its first choice: what the prediction can be held against."""
    return {preset.key: _near(model, preset, choices[0]) for preset, choices in found if choices}


def _near(model: str, preset: Preset, choice: Choice) -> tuple[Row, ...]:
    layout = choice.found.layout
    asked = SetUp(
        model, choice.gpu.slug, layout.precision, layout.engine, layout.gpus, preset.input_tokens, preset.output_tokens,
        choice.found.load
    )  # fmt: skip
    return nearest(asked, NEAR)


def for_gpu(
    gpu: Gpu, card: Card, sold: Sequence[Mapping[str, Any]], known: Iterable[tuple[Mapping[str, Any], Shape]], most: int
) -> list[tuple[Mapping[str, Any], Choice]]:
    """The first ``most`` models that a GPU serves at the first preset, those with the most parameters for the money
    first."""
    need = PRESETS[0].need()
    found = [
        (row, shape, one)
        for row, shape in known
        if (one := choose(row["model"], shape, row["precision"], gpu, card, sold, need)) is not None
    ]
    return first(found, need, most, lambda row, one: (one.guessed, -row["parameters"] / one.cost.usd_hour, row["slug"]))
