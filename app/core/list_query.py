"""What the queries of lists share: each parameter given once, one canonical address, and a sort order that a second
click reverses. Pure."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import fields, replace
from typing import Any, ClassVar, Self

from app.core.addresses import encode
from app.core.errors import QueryError

ORDERS = ("asc", "desc")


class ListQuery:
    """The base of a frozen dataclass with the fields ``sort`` and ``order``, and ``page`` where there are pages."""

    __slots__ = ()
    PATH: ClassVar[str]
    USUAL_SORT: ClassVar[str]
    LARGEST_FIRST: ClassVar[Collection[str]]
    """The sort keys for which the largest value comes first unless an order is given."""
    sort: str
    order: str

    def filters(self) -> list[tuple[str, str]]:
        """(name, value) of every filter in the order of the address; an empty value filters nothing."""
        raise NotImplementedError

    @property
    def _usual_order(self) -> str:
        return "desc" if self.sort in self.LARGEST_FIRST else "asc"

    @property
    def descending(self) -> bool:
        """True if the largest value comes first."""
        return (self.order or self._usual_order) == "desc"

    def address(self) -> str:
        """The canonical address: parameters in a fixed order, defaults left out."""
        page = getattr(self, "page", 1)
        given = [
            *self.filters(),
            ("sort", "" if self.sort == self.USUAL_SORT else self.sort),
            ("order", "" if self.order == self._usual_order else self.order),
            ("page", str(page) if page > 1 else ""),
        ]
        pairs = [(name, value) for name, value in given if value]
        return f"{self.PATH}?{encode(pairs)}" if pairs else self.PATH

    def with_(self, **changes: Any) -> Self:
        """The same query with ``changes``, from its first page."""
        paged = any(field.name == "page" for field in fields(self))  # type: ignore[arg-type]
        return replace(self, **{**({"page": 1} if paged else {}), **changes})  # type: ignore[type-var]

    def by(self, sort: str) -> Self:
        """The query sorted by another key, or in the opposite order if it is already sorted by it."""
        if sort != self.sort:
            return self.with_(sort=sort, order="")
        return self.with_(order="asc" if self.descending else "desc")


def given_once(pairs: Iterable[tuple[str, str]], names: Collection[str]) -> dict[str, str]:
    """The non-empty values of ``names``, with white space normalised; other names are dropped.

    Raises :class:`QueryError` if a name has two different values.
    """
    given: dict[str, str] = {}
    for name, value in pairs:
        text = " ".join(value.split())
        if name not in names or not text:
            continue
        if given.get(name, text) != text:
            raise QueryError(name, f"{name} is given more than once.", f"Give {name} once.")
        given[name] = text
    return given


def one_of(name: str, value: str, choices: Sequence[str], hint: str = "", most: int = 6) -> None:
    """Raise :class:`QueryError` if ``value`` is not one of ``choices``, with ``hint`` or the first ``most`` choices."""
    if value not in choices:
        some = f"One of {', '.join(choices[:most])}{' …' if len(choices) > most else ''}."
        raise QueryError(name, f"{name}={value[:60]!r} is not known.", hint or some)
