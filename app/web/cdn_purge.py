"""Telling the CDN which surrogate keys changed. Only workers and commands do so."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from app.core import logs
from app.core.http_client import Fetcher, FetchError, Limits
from app.core.settings import Settings

KEYS_PER_REQUEST = 200


async def purge(settings: Settings, keys: Iterable[str]) -> str:
    """Purge ``keys`` at ``EDGE_PURGE_URL``, if one is set. Returns what went wrong, or nothing.

    The request is ``PURGE`` with the keys, separated by spaces, in ``Surrogate-Key`` and ``xkey-purge``. An edge that
    can't be told serves what it has for at most a page's ``s-maxage``.
    """
    ordered = sorted(set(keys))
    if not settings.edge_purge_url or not ordered:
        return ""
    parts = urlsplit(settings.edge_purge_url)
    path = parts.path + (f"?{parts.query}" if parts.query else "") or "/"
    try:
        limits = Limits(connect_s=3, read_s=5, total_s=10, max_bytes=2**20)
        async with Fetcher(f"{parts.scheme}://{parts.netloc}", limits=limits, own_network=True) as fetcher:
            for at in range(0, len(ordered), KEYS_PER_REQUEST):
                words = " ".join(ordered[at : at + KEYS_PER_REQUEST])
                await fetcher.read(path, method="PURGE", headers={"surrogate-key": words, "xkey-purge": words})
    except FetchError as error:
        logs.get("edge").warning("purge failed", extra={"why": str(error), "keys": len(ordered)})
        return str(error)
    return ""
