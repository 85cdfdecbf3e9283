"""Who asked most, and whose requests failed in bursts: a tally of log rows that can be sent and joined with others.

Pure: rows and numbers in, numbers out.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from app.telemetry.access_log_reader import LogRow

BURST = 20
"""So many failed requests of one address within a minute are called a burst."""
PART = 1_000
"""Addresses in one part of a tally."""


class Tally:
    """Requests by address: how many, how many failed, of which routes, and in which minutes they failed."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.minutes: Counter[tuple[str, int]] = Counter()
        self.routes: dict[str, Counter[str]] = {}

    def add(self, rows: Iterable[LogRow]) -> "Tally":
        """Count ``rows``."""
        for row in rows:
            self.asked[row.address] += 1
            self.routes.setdefault(row.address, Counter())[row.route] += 1
            if row.status >= 400:
                self.failed[row.address] += 1
                self.minutes[row.address, row.at // 60] += 1
        return self

    def parts(self) -> Iterator[list[Any]]:
        """The tally as lists that JSON can hold, each of :data:`PART` addresses at most."""
        minutes: dict[str, list[tuple[int, int]]] = {}
        for (address, minute), count in self.minutes.items():
            minutes.setdefault(address, []).append((minute, count))
        part: list[Any] = []
        for address, count in self.asked.items():
            part.append([address, count, self.failed[address], dict(self.routes[address]), minutes.get(address, [])])
            if len(part) == PART:
                yield part
                part = []
        if part:
            yield part

    def join(self, part: Iterable[Any]) -> None:
        """Add a part of another's tally."""
        for address, count, failed, routes, minutes in part:
            self.asked[address] += count
            self.failed[address] += failed
            self.routes.setdefault(address, Counter()).update(routes)
            for minute, failures in minutes:
                self.minutes[address, minute] += failures

    def bursts(self, most: int) -> list[tuple[tuple[str, int], int]]:
        """((address, minute), failures) of the worst bursts."""
        return [(pair, count) for pair, count in self.minutes.most_common(most) if count >= BURST]
