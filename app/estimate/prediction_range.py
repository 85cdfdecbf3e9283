"""The 80% range of a predicted time: of a step, of a step on GPUs near their capacity, and under an arrival rate.
Pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from app.estimate.inputs import Card, Layout, Traffic
from app.estimate.shape import Shape
from app.estimate.speed import Speed, at
from app.estimate.terms import terms

STEP, BUSY = "tpot", "busy"
"""Names, in ``fitted.json``, of the ranges of a step's time: on GPUs well below their capacity, and near it, where
arithmetic dominates, as measured in offline runs."""

Stretch = Callable[[float], float]
"""Maps a factor on the time of each step to the resulting factor on the time per token."""


def regime(speed: Speed) -> str:
    """The name of the range for a prediction, :data:`STEP` or :data:`BUSY`."""
    return BUSY if speed.busy else STEP


def stretch(
    shape: Shape, card: Card, layout: Layout, traffic: Traffic, k: Mapping[str, float], offsets: tuple[float, float]
) -> Stretch:
    """How an error of the steps carries to the time per token. With a fixed number of requests in flight the two are
    proportional. Under an arrival rate, longer steps mean more requests in flight (Little's law), which makes steps
    longer still: the nearer to capacity, the more a small error is amplified."""
    if not traffic.rate:
        return float

    def tpot(factor: float) -> float:
        made = terms(shape, card, layout, traffic.input, traffic.output, k, (offsets[0] * factor, offsets[1]))
        return at(made, traffic, k).tpot

    predicted = tpot(1.0)
    return lambda factor: tpot(factor) / predicted if predicted else factor


def widened(edges: Sequence[float], by: Stretch) -> tuple[float, float]:
    """The factors on a predicted time per token that follow from the factors ``edges`` on its steps."""
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
