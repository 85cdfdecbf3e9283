"""How far a time may lie from its prediction: the 80% range of a step, of GPUs that are near what they can serve, and
under an arrival rate. Pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from app.estimate.inputs import Card, Layout, Traffic
from app.estimate.shape import Shape
from app.estimate.speed import Speed, at
from app.estimate.terms import terms

STEP, BUSY = "tpot", "busy"
"""Names of the ranges of a step's time in ``fitted.json``: of GPUs with time to spare, and near what they can serve,
where arithmetic counts, of which offline runs are measured."""

Stretch = Callable[[float], float]
"""How many times as long a time per token is if each step takes so many times as long as predicted."""


def regime(speed: Speed) -> str:
    """The range that goes with a prediction, :data:`STEP` or :data:`BUSY`."""
    return BUSY if speed.busy else STEP


def stretch(
    shape: Shape, card: Card, layout: Layout, traffic: Traffic, k: Mapping[str, float], offsets: tuple[float, float]
) -> Stretch:
    """With so many requests in flight a time per token follows its steps. Under an arrival rate more requests are in
    flight the longer a step takes (Little's law), which makes it longer still: the nearer to what is served at most,
    the further a small error of the steps carries."""
    if not traffic.rate:
        return float

    def tpot(factor: float) -> float:
        made = terms(shape, card, layout, traffic.input, traffic.output, k, (offsets[0] * factor, offsets[1]))
        return at(made, traffic, k).tpot

    predicted = tpot(1.0)
    return lambda factor: tpot(factor) / predicted if predicted else factor


def widened(edges: Sequence[float], by: Stretch) -> tuple[float, float]:
    """The factors on a predicted time per token that the factors ``edges`` on its steps lead to."""
    low, high = edges
    return min(low, by(low)), max(high, by(high))


def factor_of(ratio: float, by: Stretch, most: float = 16.0) -> float:
    """The factor on the steps that makes a time per token ``ratio`` times as long, by halving; at most ``most`` times
    or a ``most``-th."""
    if by is float:
        return ratio
    low, high = 1 / most, most
    for _ in range(24):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if by(middle) < ratio else (low, middle)
    return high


def step_range(ranges: Mapping[str, Any], speed: Speed, rests_on: str, by: Stretch = float) -> tuple[float, float]:
    """The factors on the predicted time per token between which the measured one lies in four cases of five."""
    return widened(ranges[regime(speed)][rests_on], by)
