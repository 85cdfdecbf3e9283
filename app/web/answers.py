"""What a handler receives and what it returns. Handlers know nothing about caches."""

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from urllib.parse import parse_qsl

from litestar import Response

from app.core.settings import Settings

HTML = "text/html; charset=utf-8"
JSON = "application/json"


ROUTE: ContextVar[str] = ContextVar("route", default="")
"""The route of the page being rendered; empty for error pages, which report no measurements."""

MOVED = "public, max-age=0, s-maxage=60"
"""The caching of a redirect to a canonical address: as long as a page lives in a shared cache."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One request for a public address: its path, path parameters, query string, and the second it arrived."""

    path: str
    parts: Mapping[str, str]
    query_string: str
    now: int
    settings: Settings

    def pairs(self) -> list[tuple[str, str]]:
        """The query's (name, value) pairs, decoded; bytes that are not UTF-8 become replacement characters."""
        return parse_qsl(self.query_string, keep_blank_values=True, max_num_fields=None)

    def redirect_to_canonical(self, address: str) -> None:
        """Redirect to the canonical ``address`` unless it is this one. Raises :class:`MovedError`."""
        here = f"{self.path}?{self.query_string}" if self.query_string else self.path
        if here != address:
            raise MovedError(address)


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a public address: the body, its type, and the instant until which it stays true if no data changes.

    ``valid_until`` is in seconds since 1970, ``None`` for "for ever". ``shows`` adds version keys to those declared
    with the address. ``immutable`` is for addresses that contain a hash of their content.
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
    """An answer that no cache may keep, with exactly the given content type (Litestar would add a second charset to one
    that already has one)."""
    return Response(
        body, status_code=status, headers={"content-type": media_type, "cache-control": "no-store", **(headers or {})}
    )


class MovedError(Exception):
    """The requested address is not the canonical one."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.address = address
