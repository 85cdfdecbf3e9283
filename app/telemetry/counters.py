"""Anonymous counters: how often something happened on a page on a day. No row per visit, no address, no identifier."""

import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping

Key = tuple[str, str, str, int]
"""(UTC day, measure, page, bucket)."""

TIMES_MS = (50, 100, 200, 300, 500, 800, 1200, 2000, 3000, 5000, 8000, 15_000)
SHIFTS = (0, 10, 50, 100, 250, 500)
"""Upper edges of the buckets (the last bucket is open): layout shift in thousandths."""
ERRORS = (0, 1, 5)
Histogram = dict[int, int]
"""Bucket → count."""
MEASURES: Mapping[str, tuple[int, ...]] = {"load": TIMES_MS, "paint": TIMES_MS, "shift": SHIFTS, "errors": ERRORS}
"""Measure that a page reports once per view → the edges of its buckets; the bucket's number is reported."""
REQUESTS, DROPPED, SOURCE = "requests", "dropped", "source"
"""Requests by route and status class; rows that the access log dropped; attempts to fetch a source (bucket 1 for
failures)."""
FEW = 10
"""A count below this is shown as "fewer than 10"."""


class Counters:
    """Counts in memory until they are written; safe to use from the log's thread and the server's."""

    def __init__(self) -> None:
        self._counts: Counter[Key] = Counter()
        self._lock = threading.Lock()

    def add(self, counts: Mapping[Key, int]) -> None:
        """Add ``counts``."""
        with self._lock:
            self._counts.update(counts)

    def take(self) -> dict[Key, int]:
        """Everything counted since the last call; resets the counts."""
        with self._lock:
            taken, self._counts = dict(self._counts), Counter()
        return taken


def bucket(value: float, edges: tuple[int, ...]) -> int:
    """The number of the bucket that contains ``value``; the last one is open."""
    return bisect_left(edges, value)


def percentile(buckets: Mapping[int, int], edges: tuple[int, ...], share: float) -> int | None:
    """The upper edge of the bucket that contains the ``share`` quantile; ``None`` if that bucket is open, or if nothing
    was counted."""
    total, passed = sum(buckets.values()), 0
    for number in sorted(buckets):
        passed += buckets[number]
        if total and passed >= share * total:
            return edges[number] if number < len(edges) else None
    return None


def hidden(count: int) -> str:
    """A count for readers; a small one is shown only as small."""
    return f"{count:,}" if count >= FEW else f"fewer than {FEW}"
