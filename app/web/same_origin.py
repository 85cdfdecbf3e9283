"""Checks that posts come from our own pages, by ``Sec-Fetch-Site`` and ``Origin``, without a token or cookie.

Also bounds their size.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from litestar import Request

from app.core.client_address import header
from app.core.errors import ForbiddenError, TooLargeError
from app.core.settings import Settings


def refuse_foreign(scope: Mapping[str, Any], settings: Settings) -> None:
    """Raise :class:`ForbiddenError` for a post that another site's page made a browser send.

    Browsers state where a request comes from; a request that does not comes from a program and is allowed.
    """
    site = header(scope, b"sec-fetch-site")
    if site in ("same-origin", "none"):
        return
    said = header(scope, b"origin")
    if site or (said and not _ours(said, scope, settings)):
        raise ForbiddenError(
            "This was sent from a page of another site, so nothing was done. Please open the page here and send it "
            "again."
        )


def _ours(said: str, scope: Mapping[str, Any], settings: Settings) -> bool:
    return said == settings.base_url or (urlsplit(said).netloc or "-") == header(scope, b"host")


async def read_body(request: Request[Any, Any, Any], most: int) -> bytes:
    """The body, of at most ``most`` bytes; raises :class:`TooLargeError` before more than that is read."""
    kept = bytearray()
    async for chunk in request.stream():
        kept += chunk
        if len(kept) > most:
            raise TooLargeError(f"That is more than {most:,} bytes.")
    return bytes(kept)
