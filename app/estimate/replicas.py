"""The number of replicas that real traffic needs. Pure. The browser evaluates the same (``static/sessions.js``)."""

from collections.abc import Callable

from app.estimate.latency import Seen

MOST_REPLICAS = 400


def holds(found: Seen, ttft: float, each: float) -> bool:
    """True if 95 of 100 users get their first token within ``ttft`` and each further one within ``each`` seconds."""
    return found.busy < 1 and found.ttft[1] <= ttft and found.each[1] <= each


def replicas(see: Callable[[int], Seen], ttft: float, each: float, least: int = 1) -> tuple[int, Seen] | None:
    """The fewest replicas, at least ``least``, with which :func:`holds` is true, and what users see then; ``see``
    computes what users see with a given number of replicas. ``None`` if :data:`MOST_REPLICAS` are too few."""
    high, found = least, see(least)
    while not holds(found, ttft, each):
        if high >= MOST_REPLICAS:
            return None
        high = min(high * 2, MOST_REPLICAS)
        found = see(high)
    low = high - 1 if high == least else high // 2
    while high - low > 1:
        middle = (low + high) // 2
        now = see(middle)
        if holds(now, ttft, each):
            high, found = middle, now
        else:
            low = middle
    return high, found
