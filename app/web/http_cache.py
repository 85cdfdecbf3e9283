"""Headers for HTTP caches: validators (RFC 9110) and how long an answer stays fresh (RFC 9111). Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from app.core.units import DAY_S

SHARED_LIFE_S = 60
STALE_WHILE_REVALIDATE_S = 60
STALE_IF_ERROR_S = DAY_S
ERROR_STEP_S = 600
"""How long an edge may serve an answer while we fail is told in steps of so many seconds."""
IMMUTABLE = [("cache-control", "public, max-age=31536000, immutable"), ("vary", "Accept-Encoding")]


def etag(digest: str, coding: str) -> str:
    """A strong validator from the content's hash and the coding; the same for everyone."""
    return f'"{digest}"' if coding == "identity" else f'"{digest}-{coding}"'


def matches(if_none_match: str, etag: str) -> bool:
    """True if a request's ``If-None-Match`` contains ``etag`` (weak comparison, RFC 9110, section 13.1.2)."""
    if if_none_match.strip() == "*":
        return True
    return etag in [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]


@dataclass(frozen=True, slots=True)
class Life:
    """How long an edge may serve an answer, in seconds: while fresh, then while revalidating, then while we are
    down."""

    shared: int
    while_revalidating: int
    if_error: int


def life(valid_until: int | None, now: int) -> Life:
    """The life of an answer; nothing is served past ``valid_until``, even by an edge that can't reach us."""
    if valid_until is None:
        return Life(SHARED_LIFE_S, STALE_WHILE_REVALIDATE_S, STALE_IF_ERROR_S)
    left = max(0, valid_until - now)
    shared = min(SHARED_LIFE_S, left)
    if_error = min(STALE_IF_ERROR_S, left - shared)
    if if_error > ERROR_STEP_S:  # a header that changes by the second would make equal answers differ
        if_error -= if_error % ERROR_STEP_S
    return Life(shared, min(STALE_WHILE_REVALIDATE_S, left - shared), if_error)


def as_old(head: Iterable[tuple[bytes, bytes]], age_s: int) -> list[tuple[bytes, bytes]]:
    """The headers of an answer that may be out of date, because what it shows can't be asked for now.

    It says so (``Age``, and ``Cache-Status`` of RFC 9211 with a negative life), and an edge keeps it for a second only.
    """
    changed = (b"cache-control", b"cdn-cache-control")
    return [
        *(pair for pair in head if pair[0] not in changed),
        (b"cache-control", b"public, max-age=0, must-revalidate, s-maxage=1"),
        (b"cdn-cache-control", b"public, max-age=1"),
        (b"age", str(age_s).encode()),
        (b"cache-status", f'InferenceBench; hit; ttl=-{max(1, age_s)}; detail="the database is away"'.encode()),
    ]


def cache_headers(span: Life, shows: Iterable[str]) -> list[tuple[str, str]]:
    """The headers that tell browsers, and edges separately, how long an answer is fresh and which version keys it
    shows."""
    return [
        ("cache-control", f"public, max-age=0, must-revalidate, s-maxage={span.shared}"),
        ("cdn-cache-control", (f"public, max-age={span.shared}, stale-while-revalidate={span.while_revalidating}, "
                              f"stale-if-error={span.if_error}")),
        ("surrogate-key", " ".join(shows)),
        ("vary", "Accept-Encoding"),
    ]  # fmt: skip
