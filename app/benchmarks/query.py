"""What a reader asks of the measurements, typed, checked, with one canonical address. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.core.addresses import encode
from app.core.errors import QueryError

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
ORDERS = ("asc", "desc")


@dataclass(frozen=True, slots=True)
class BenchmarkQuery:
    """A checked question. Filters narrow together."""

    model: str = ""
    gpu: str = ""
    engine: str = ""
    precision: str = ""
    source: str = ""
    sort: str = "model"
    order: str = ""
    page: int = 1

    @property
    def descending(self) -> bool:
        return (self.order or ("desc" if SORTS[self.sort][2] else "asc")) == "desc"

    def address(self) -> str:
        """The canonical address."""
        usual = "desc" if SORTS[self.sort][2] else "asc"
        given = [(name, getattr(self, name)) for name in FILTERS]
        given += [
            ("sort", "" if self.sort == "model" else self.sort),
            ("order", "" if self.order in ("", usual) else self.order),
        ]
        pairs = [(name, value) for name, value in given if value] + (
            [("page", str(self.page))] if self.page > 1 else []
        )
        return f"/benchmarks?{encode(pairs)}" if pairs else "/benchmarks"

    def with_(self, **changes: Any) -> "BenchmarkQuery":
        """The same question with ``changes``, from its first page."""
        return replace(self, **{"page": 1, **changes})

    def by(self, sort: str) -> "BenchmarkQuery":
        """Sorted by another column, or the other way round where it already is."""
        if sort != self.sort:
            return self.with_(sort=sort, order="")
        return self.with_(order="asc" if self.descending else "desc")


def parse(pairs: Sequence[tuple[str, str]], choices: Mapping[str, Sequence[str]]) -> BenchmarkQuery:
    """Read the (name, value) pairs of an address; ``choices`` are the values of each filter.

    Raises :class:`QueryError`.
    """
    given: dict[str, Any] = {}
    for name, value in pairs:
        text = value.strip()
        if name in (*FILTERS, "sort", "order", "page") and text:
            if given.get(name, text) != text:
                raise QueryError(name, f"{name} is given more than once.", f"Give {name} once.")
            given[name] = text
    for name, known in (*((name, choices[name]) for name in FILTERS), ("sort", tuple(SORTS)), ("order", ORDERS)):
        if name in given and given[name] not in known:
            raise QueryError(
                name,
                f"{name}={given[name][:60]!r} is not known.",
                f"One of {', '.join(known[:6])}{' …' if len(known) > 6 else ''}.",
            )
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
