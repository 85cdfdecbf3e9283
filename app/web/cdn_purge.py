"""Telling the CDNs in front which surrogate keys changed. Only workers and commands do so."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from app.core import logs
from app.core.http_client import Fetcher, FetchError, Limits
from app.core.settings import Settings
from app.core.units import MIB

KEYS_PER_REQUEST = 200
LIMITS = Limits(connect_s=3, read_s=5, total_s=10, max_bytes=MIB)
log = logs.get("edge")


async def purge(settings: Settings, keys: Iterable[str]) -> str:
    """Purge ``keys`` at each address of ``EDGE_PURGE_URL``. Returns what went wrong, or nothing.

    An edge that can't be reached serves its copies for at most a page's ``s-maxage``.
    """
    ordered = sorted(set(keys))
    faults = [await purge_at(url, settings.edge_purge_token, ordered) for url in settings.edge_purge_url if ordered]
    return "; ".join(fault for fault in faults if fault)


async def purge_at(url: str, token: str, keys: list[str]) -> str:
    """Purge ``keys`` at one address. Returns what went wrong, or nothing.

    The request is ``PURGE`` with the keys, separated by spaces, in ``Surrogate-Key`` and ``xkey-purge``, and with
    ``token``, if there is one, in ``Authorization``.
    """
    parts = urlsplit(url)
    path = parts.path + (f"?{parts.query}" if parts.query else "") or "/"
    login = {"authorization": token} if token else {}
    try:
        async with Fetcher(f"{parts.scheme}://{parts.netloc}", limits=LIMITS, own_network=True) as fetcher:
            for at in range(0, len(keys), KEYS_PER_REQUEST):
                words = " ".join(keys[at : at + KEYS_PER_REQUEST])
                await fetcher.read(path, method="PURGE", headers={**login, "surrogate-key": words, "xkey-purge": words})
    except FetchError as error:
        log.warning("purge failed", extra={"edge": parts.netloc.rpartition("@")[2], "why": str(error)})
        return str(error)
    return ""
