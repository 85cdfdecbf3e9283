"""Distributions of prompt and answer lengths, as a few points with weights. Pure.

The browser evaluates the same (``static/lengths.js``).
"""

from collections.abc import Iterable, Sequence
from math import exp, log, sqrt

Points = tuple[tuple[float, float], ...]
"""(tokens, weight), the shortest first; the weights sum to 1."""
Z95 = 1.6448536269514722
WIDEST = 3.8
"""No log-normal distribution has a p95 further above its mean: e^(z²/2) at z = 1.645."""
REACH, GRID = 4.0, 0.25
MOST_POINTS = 64


def spread(mean: float, p95: float) -> Points:
    """The log-normal distribution of lengths with this mean, of which 95% are up to ``p95``; one length where that is
    not above the mean. Lengths of prompts and answers in public traces are heavy-tailed like that (BurstGPT,
    arXiv:2401.17644; Azure's traces, arXiv:2311.18677).

    p95 ÷ mean = exp(1.645 s − s²/2), of which the smaller root s is taken. Points lie evenly in s.
    """
    if p95 <= mean:
        return ((max(mean, 1.0), 1.0),)
    s = Z95 - sqrt(max(Z95 * Z95 - 2 * log(min(p95 / mean, WIDEST)), 0.0))
    count = round(2 * REACH / GRID)
    found = []
    for i in range(count + 1):
        z = -REACH + i * GRID
        found.append((exp(s * z), exp(-z * z / 2)))
    whole = sum(weight for _, weight in found)
    scale = mean * whole / sum(value * weight for value, weight in found)
    return tuple((max(value * scale, 1.0), weight / whole) for value, weight in found)


def counted(counts: Iterable[tuple[float, float]]) -> Points:
    """Points from counted lengths, (tokens, count): neighbours are merged until :data:`MOST_POINTS` are left, each at
    the mean of those merged."""
    each = sorted((max(value, 1.0), count) for value, count in counts if count > 0)
    whole = sum(count for _, count in each)
    found: list[tuple[float, float]] = []
    seen = total = 0.0
    for value, count in each:
        seen += count
        total += value * count
        if seen * MOST_POINTS >= whole:
            found.append((total / seen, seen / whole))
            seen = total = 0.0
    if seen:
        found.append((total / seen, seen / whole))
    return tuple(found)


def mean(points: Points) -> float:
    """The mean length."""
    return sum(value * weight for value, weight in points)


def quantile(points: Sequence[tuple[float, float]], share: float) -> float:
    """The value that ``share`` of the weight of sorted ``points`` does not exceed, drawn straight between the middles
    of neighbours."""
    seen, before, at = 0.0, points[0][0], 0.0
    for value, weight in points:
        middle = seen + weight / 2
        if middle >= share:
            return before + (value - before) * (share - at) / (middle - at) if middle > at and at else value
        seen, before, at = seen + weight, value, middle
    return points[-1][0]
