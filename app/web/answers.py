"""What a handler is asked and what it answers. Handlers know nothing of caches."""

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from urllib.parse import parse_qsl

from litestar import Response

from app.core.settings import Settings

HTML = "text/html; charset=utf-8"
JSON = "application/json"


ROUTE: ContextVar[str] = ContextVar("route", default="")
"""The route of the page that is being rendered; empty for errors, which say nothing of themselves."""

MOVED = "public, max-age=0, s-maxage=60"
"""Caching of a redirect to a canonical address, as long as a page lives in a shared cache."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One question to a public address: its path, path parts, query pairs, and the second it is asked in."""

    path: str
    parts: Mapping[str, str]
    query_string: str
    now: int
    settings: Settings

    def pairs(self) -> list[tuple[str, str]]:
        """The query's (name, value) pairs, decoded; bytes that are no UTF-8 become replacement characters."""
        return parse_qsl(self.query_string, keep_blank_values=True, max_num_fields=None)

    def redirect_to_canonical(self, address: str) -> None:
        """Send the visitor to the canonical ``address`` if this is not it."""
        here = f"{self.path}?{self.query_string}" if self.query_string else self.path
        if here != address:
            raise MovedError(address)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a public address answers: the body, its type, and the instant until which time alone leaves it true.

    ``valid_until`` is in seconds since 1970, ``None`` for "for ever". ``shows`` adds keys of data to those
    declared with the address. ``immutable`` is for addresses that name their content's hash.
    """

    body: bytes
    media_type: str = HTML
    valid_until: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    shows: tuple[str, ...] = ()
    immutable: bool = False


def unkept(
    body: bytes, media_type: str = HTML, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response[bytes]:
    """An answer that no cache keeps, its type as given (Litestar would add a second charset to one that has its
    own)."""
    return Response(
        body, status_code=status, headers={"content-type": media_type, "cache-control": "no-store", **(headers or {})}
    )


class MovedError(Exception):
    """The canonical address of what was asked for is another."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.address = address
