"""The query of the table of measurements: typed, checked, with one canonical address. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from app.core.errors import QueryError
from app.core.list_query import ORDERS, ListQuery, given_once, one_of

PAGE_SIZE = 50
FILTERS = ("model", "gpu", "engine", "precision", "source")


class Sort(NamedTuple):
    """How the table can be sorted: the column's heading, a row's sort value, and whether the largest comes first."""

    heading: str
    value: Callable[[Mapping[str, Any]], Any]
    largest_first: bool


SORTS = {
    "model": Sort("Model", lambda row: row["model"].casefold(), False),
    "gpu": Sort("GPU", lambda row: row["gpu_name"], False),
    "load": Sort("Concurrency", lambda row: row["load"], False),
    "tpot": Sort("Per token", lambda row: row["tpot"] or float("inf"), False),
    "ttft": Sort("First token", lambda row: row["ttft"] or float("inf"), False),
    "error": Sort("Error", lambda row: abs(row["error"]), True),
    "day": Sort("Measured", lambda row: row["measured_on"], True),
}
"""Sort key of the address → how it sorts."""


@dataclass(frozen=True, slots=True)
class BenchmarkQuery(ListQuery):
    """A checked query. Each filter narrows the result further."""

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
    LARGEST_FIRST = frozenset(key for key, sort in SORTS.items() if sort.largest_first)

    def filters(self) -> list[tuple[str, str]]:
        return [(name, getattr(self, name)) for name in FILTERS]


def parse(pairs: Sequence[tuple[str, str]], choices: Mapping[str, Sequence[str]]) -> BenchmarkQuery:
    """Read the (name, value) pairs of an address; ``choices`` maps each filter to its possible values.

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
    """The rows that match the query, in its order."""
    found = [
        row for row in rows if all(not getattr(query, name) or row[name] == getattr(query, name) for name in FILTERS)
    ]
    found.sort(key=SORTS[query.sort].value, reverse=query.descending)
    return found
