"""What a reader asks of the list of models, typed, checked, with one canonical address. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.core.addresses import encode
from app.core.errors import QueryError

SORTS = {
    "name": ("name", False), "size": ("parameters", True), "active": ("active_parameters", True),
    "context": ("context", True),
    "family": ("family", False), "licence": ("licence", False), "downloads": ("downloads", True),
    "score": ("score", True),
}  # fmt: skip
"""Sort key → (what it sorts by, largest first unless asked otherwise)."""
ORDERS = ("asc", "desc")
SEPARATOR = "|"


@dataclass(frozen=True, slots=True)
class ModelQuery:
    """A checked question to the list. ``score`` is benchmark, task and setup, joined."""

    q: str = ""
    family: str = ""
    score: str = ""
    sort: str = "size"
    order: str = ""

    @property
    def descending(self) -> bool:
        return (self.order or ("desc" if SORTS[self.sort][1] else "asc")) == "desc"

    def address(self) -> str:
        """The canonical address."""
        usual = "desc" if SORTS[self.sort][1] else "asc"
        given = (("q", self.q), ("family", self.family), ("score", self.score),
                 ("sort", "" if self.sort == "size" else self.sort),
                 ("order", "" if self.order in ("", usual) else self.order))  # fmt: skip
        pairs = [(name, value) for name, value in given if value]
        return f"/models?{encode(pairs)}" if pairs else "/models"

    def by(self, sort: str) -> "ModelQuery":
        """The same question sorted by another column, or the other way round where it already is."""
        if sort != self.sort:
            return replace(self, sort=sort, order="")
        return replace(self, order="asc" if self.descending else "desc")


def parse(pairs: Sequence[tuple[str, str]], families: Sequence[str], scores: Sequence[str]) -> ModelQuery:
    """Read the (name, value) pairs of an address; unknown names are dropped. Raises :class:`QueryError`."""
    given: dict[str, str] = {}
    for name, value in pairs:
        text = " ".join(value.split())
        if name in ("q", "family", "score", "sort", "order") and text:
            if given.get(name, text) != text:
                raise QueryError(name, f"{name} is given more than once.", f"Give {name} once.")
            given[name] = text
    if len(given.get("q", "")) > 100:
        raise QueryError("q", "A search of over 100 characters.", "For example q=qwen3.")
    known = (
        ("family", families, families),
        ("sort", tuple(SORTS), tuple(SORTS)),
        ("order", ORDERS, ORDERS),
        ("score", scores, scores[:3]),
    )
    for name, choices, shown in known:
        if name in given and given[name] not in choices:
            hint = f"One of {', '.join(shown)}." if shown else "No model has a score yet."
            raise QueryError(name, f"{name}={given[name][:60]!r} is not known.", hint)
    query = ModelQuery(**given)
    if query.sort == "score" and not query.score:
        raise QueryError(
            "sort", "Sorting by score needs a score.", "For example sort=score&score=…, or choose one on the page."
        )
    return query


def _searched(row: dict[str, Any]) -> str:
    return f"{row['model']} {row['family']} {row['licence']}".casefold()


def _bare(text: str) -> str:
    """Letters and figures alone, so that ``llama3.3`` finds ``Llama-3.3``."""
    return re.sub(r"[^a-z0-9]", "", text)


def select(rows: Sequence[dict[str, Any]], query: ModelQuery) -> list[dict[str, Any]]:
    """The rows that answer, in the asked order; what is not known comes last."""
    words = query.q.casefold().split()
    found = [
        row for row in rows
        if (not query.family or row["family"] == query.family)
        and all(word in _searched(row) or (_bare(word) or word) in _bare(_searched(row)) for word in words)
    ]  # fmt: skip
    column = SORTS[query.sort][0]
    known = [row for row in found if row[column] not in (None, "")]
    rest = [row for row in found if row[column] in (None, "")]
    known.sort(key=lambda row: row["name"].casefold())
    known.sort(
        key=lambda row: row[column].casefold() if isinstance(row[column], str) else row[column],
        reverse=query.descending,
    )
    return known + sorted(rest, key=lambda row: row["name"].casefold())
