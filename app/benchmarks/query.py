"""What a reader asks of the measurements, typed, checked, with one canonical address. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.core.errors import QueryError
from app.core.list_query import ORDERS, ListQuery, given_once, one_of

PAGE_SIZE = 50
FILTERS = ("model", "gpu", "engine", "precision", "source")
SORTS: dict[str, tuple[str, Callable[[Mapping[str, Any]], Any], bool]] = {
    "model": ("Model", lambda row: row["model"].casefold(), False),
    "gpu": ("GPU", lambda row: row["gpu_name"], False),
    "load": ("Concurrency", lambda row: row["load"], False),
    "tpot": ("Per token", lambda row: row["tpot"] or float("inf"), False),
    "ttft": ("First token", lambda row: row["ttft"] or float("inf"), False),
    "error": ("Error", lambda row: abs(row["error"]), True),
    "day": ("Measured", lambda row: row["measured_on"], True),
}
"""Sort key → (heading, value, largest first unless asked otherwise)."""


@dataclass(frozen=True, slots=True)
class BenchmarkQuery(ListQuery):
    """A checked question. Filters narrow together."""

    model: str = ""
    gpu: str = ""
    engine: str = ""
    precision: str = ""
    source: str = ""
    sort: str = "model"
    order: str = ""
    page: int = 1

    PATH = "/benchmarks"
    USUAL_SORT = "model"
    LARGEST_FIRST = frozenset(key for key, (_, _, largest_first) in SORTS.items() if largest_first)

    def filters(self) -> list[tuple[str, str]]:
        return [(name, getattr(self, name)) for name in FILTERS]


def parse(pairs: Sequence[tuple[str, str]], choices: Mapping[str, Sequence[str]]) -> BenchmarkQuery:
    """Read the (name, value) pairs of an address; ``choices`` are the values of each filter.

    Raises :class:`QueryError`.
    """
    given: dict[str, Any] = dict(given_once(pairs, (*FILTERS, "sort", "order", "page")))
    for name, known in (*((name, choices[name]) for name in FILTERS), ("sort", tuple(SORTS)), ("order", ORDERS)):
        if name in given:
            one_of(name, given[name], known)
    if "page" in given:
        if not given["page"].isascii() or not given["page"].isdigit() or not 1 <= int(given["page"][:6]) <= 10_000:
            raise QueryError("page", f"page={given['page'][:20]!r} is no page.", "For example page=2.")
        given["page"] = int(given["page"])
    return BenchmarkQuery(**given)


def select(rows: Sequence[Mapping[str, Any]], query: BenchmarkQuery) -> list[Mapping[str, Any]]:
    """The rows that answer, in the asked order."""
    found = [
        row for row in rows if all(not getattr(query, name) or row[name] == getattr(query, name) for name in FILTERS)
    ]
    found.sort(key=SORTS[query.sort][1], reverse=query.descending)
    return found
