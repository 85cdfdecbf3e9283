"""Content codings: which one a request accepts, and how a body is encoded. Pure."""

import gzip
from functools import lru_cache

import brotli
import zstandard

CODINGS = ("br", "zstd", "gzip", "identity")
"""The codings we prepare, best first."""


@lru_cache(maxsize=512)
def negotiate(accept: str) -> str | None:
    """The best coding that ``Accept-Encoding`` allows (RFC 9110, section 12.5.3); ``None`` if it allows none.

    Ties are broken by our own order. An absent header is passed as an empty string and means identity, which every
    client can read.
    """
    weights = _weights(accept)
    star = weights.get("*")
    best: tuple[float, int, str] | None = None
    for rank, coding in enumerate(CODINGS):
        weight = weights.get(coding, star)
        if weight is None:
            weight = 0.0001 if coding == "identity" else 0.0
        if weight > 0 and (best is None or (weight, -rank) > best[:2]):
            best = (weight, -rank, coding)
    return best[2] if best else None


def _weights(accept: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for part in accept[:1000].lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        if name:
            found["gzip" if name == "x-gzip" else name] = _weight(parameters)
    return found


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.replace(" ", "").startswith("q="):
            try:
                return min(1.0, max(0.0, float(parameter.replace(" ", "")[2:])))
            except ValueError:
                return 0.0
    return 1.0


def encode(body: bytes, coding: str, *, best: bool = False) -> bytes:
    """``body`` in ``coding``; ``best`` is for what is compressed once in the life of the process."""
    if coding == "br":
        return bytes(brotli.compress(body, quality=11 if best else 5))
    if coding == "zstd":
        return zstandard.ZstdCompressor(level=19 if best else 6).compress(body)
    if coding == "gzip":
        return gzip.compress(body, compresslevel=9 if best else 6, mtime=0)
    return body
