"""A price span, a price with the time in which it was valid; and the lowest of many spans over time. Pure.

Instants are seconds since 1970, money is micro-dollars per GPU-hour.
"""

from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from itertools import groupby
from typing import NamedTuple, TypeVar

K = TypeVar("K")


class Span(NamedTuple):
    """One price and when it was valid: from the second ``begin`` until ``end``, ``None`` for "still".

    ``offer`` is the id of the offer or of the shipped series; ``months`` 0 is a binding term of unknown length.
    """

    offer: str
    provider: str
    gpu: str
    tier: str
    months: int | None
    region: str
    begin: int
    end: int | None
    micro: int

    @property
    def kind(self) -> tuple[str, str, str, int, str]:
        """One provider's GPU, tier, term and region (-1 months: no term): spans of one kind are compared over time."""
        return self.provider, self.gpu, self.tier, -1 if self.months is None else self.months, self.region

    @property
    def market(self) -> tuple[str, str, int]:
        """One GPU, tier and term (-1 months: no term) of whichever provider: spans of one market compete."""
        return self.gpu, self.tier, -1 if self.months is None else self.months


Level = tuple[int, Span | None]
"""From this second on, the cheapest span; ``None`` if no price is known."""


def lowest(spans: Iterable[Span]) -> list[Level]:
    """The cheapest of ``spans`` over time: a level wherever the lowest price changes, or none is known any more.

    In order of time; of equal prices the first by offer is taken. A sweep over the spans' ends with a heap:
    O(n log n) for n spans.
    """
    begins = sorted(spans, key=lambda span: span.begin)
    edges = sorted({edge for span in begins for edge in (span.begin, span.end) if edge is not None})
    levels: list[Level] = []
    heap: list[tuple[int, str, int, Span]] = []
    at, held = 0, None
    for edge in edges:
        while at < len(begins) and begins[at].begin <= edge:
            span = begins[at]
            heappush(heap, (span.micro, span.offer, at, span))
            at += 1
        while heap and (end := heap[0][3].end) is not None and end <= edge:
            heappop(heap)
        cheapest = heap[0][3] if heap else None
        if (cheapest.micro if cheapest else None) != held:
            levels.append((edge, cheapest))
            held = cheapest.micro if cheapest else None
    return levels


def grouped(spans: Iterable[Span], key: Callable[[Span], K]) -> list[tuple[K, list[Span]]]:
    """``spans`` grouped by ``key``, in the order of the keys."""
    ordered = sorted(spans, key=key)  # type: ignore[arg-type]  # keys are tuples of text and numbers
    return [(name, list(found)) for name, found in groupby(ordered, key)]
