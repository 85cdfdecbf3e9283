"""The query of the list of models: typed, checked, with one canonical address. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from app.core.errors import QueryError
from app.core.list_query import ORDERS, ListQuery, given_once, one_of


class Sort(NamedTuple):
    """How the list can be sorted: by which column of a model's row, and whether the largest comes first."""

    column: str
    largest_first: bool


SORTS = {
    "name": Sort("name", False), "size": Sort("parameters", True), "active": Sort("active_parameters", True),
    "context": Sort("context", True), "family": Sort("family", False), "licence": Sort("licence", False),
    "downloads": Sort("downloads", True), "score": Sort("score", True),
}  # fmt: skip
"""Sort key of the address → how it sorts."""
SEPARATOR = "|"


@dataclass(frozen=True, slots=True)
class ModelQuery(ListQuery):
    """A checked query. ``score`` is benchmark, task and setup, joined."""

    q: str = ""
    family: str = ""
    score: str = ""
    sort: str = "size"
    order: str = ""

    PATH = "/models"
    USUAL_SORT = "size"
    LARGEST_FIRST = frozenset(key for key, sort in SORTS.items() if sort.largest_first)

    def filters(self) -> list[tuple[str, str]]:
        return [("q", self.q), ("family", self.family), ("score", self.score)]


def parse(pairs: Sequence[tuple[str, str]], families: Sequence[str], scores: Sequence[str]) -> ModelQuery:
    """Read the (name, value) pairs of an address; unknown names are dropped. Raises :class:`QueryError`."""
    given = given_once(pairs, ("q", "family", "score", "sort", "order"))
    if len(given.get("q", "")) > 100:
        raise QueryError("q", "The search is longer than 100 characters.", "For example q=qwen3.")
    for name, choices, most in (
        ("family", families, len(families)),
        ("sort", tuple(SORTS), len(SORTS)),
        ("order", ORDERS, len(ORDERS)),
        ("score", scores, 3),
    ):
        if name in given:
            one_of(name, given[name], choices, "" if choices else "No model has a score yet.", most)
    query = ModelQuery(**given)
    if query.sort == "score" and not query.score:
        raise QueryError(
            "sort", "Sorting by score needs a score.", "For example sort=score&score=…, or choose one on the page."
        )
    return query


def _searched(row: dict[str, Any]) -> list[str]:
    """What words are looked up in, each on its own: a word does not begin in a name and end in a licence."""
    return [row[column].casefold() for column in ("model", "family", "licence")]


def _is_in(word: str, row: dict[str, Any]) -> bool:
    bare = _bare(word) or word
    return any(word in text or bare in _bare(text) for text in _searched(row))


def _bare(text: str) -> str:
    """Only letters and digits, so that ``llama3.3`` finds ``Llama-3.3``."""
    return re.sub(r"[^a-z0-9]", "", text)


def select(rows: Sequence[dict[str, Any]], query: ModelQuery) -> list[dict[str, Any]]:
    """The rows that match the query, in its order; unknown values come last."""
    words = query.q.casefold().split()
    found = [
        row for row in rows
        if (not query.family or row["family"] == query.family)
        and all(_is_in(word, row) for word in words)
    ]  # fmt: skip
    column = SORTS[query.sort].column
    known = [row for row in found if row[column] not in (None, "")]
    rest = [row for row in found if row[column] in (None, "")]
    known.sort(key=lambda row: row["name"].casefold())
    known.sort(
        key=lambda row: row[column].casefold() if isinstance(row[column], str) else row[column],
        reverse=query.descending,
    )
    return known + sorted(rest, key=lambda row: row["name"].casefold())
