"""What a page reports about itself, once per view: its route, and a bucket each for load time, first paint, layout
shift and script errors."""

from typing import Any
from urllib.parse import parse_qsl

from litestar import Request, Response, post

from app.core import client_address, clock
from app.core.errors import QueryError
from app.core.units import HOUR_S
from app.telemetry.counters import MEASURES, Key
from app.web import same_origin
from app.web.rate_limit import RateLimit

LONGEST = 200
MOST_AN_HOUR = 200
"""More page views per hour than a reader has, and too few to move a quantile."""
HINT = "for example page=/prices&load=3&paint=2&shift=0&errors=0"


def read(body: bytes, pages: set[str], day: str) -> list[Key]:
    """The counters that a beacon raises. Raises :class:`QueryError` for anything but known pages and buckets."""
    try:
        said = dict(parse_qsl(body.decode("ascii"), strict_parsing=True, max_num_fields=len(MEASURES) + 1))
    except ValueError:
        raise QueryError("beacon", "is no form", HINT) from None
    if said.get("page") not in pages:
        raise QueryError("page", "is not a page of the site", HINT)
    keys = []
    for measure, edges in MEASURES.items():
        text = said.get(measure, "")
        if not (text.isascii() and text.isdigit() and len(text) <= 2 and int(text) <= len(edges)):
            raise QueryError(measure, f"is no bucket from 0 to {len(edges)}", HINT)
        keys.append((day, measure, said["page"], int(text)))
    return keys


@post("/beacon")
async def beacon(request: Request[Any, Any, Any]) -> Response[None]:
    """Count one view of a page; the sender's address is used only to keep one sender from counting for many."""
    same_origin.refuse_foreign(request.scope, request.app.state.settings)
    body = await same_origin.read_body(request, LONGEST)
    now = clock.timestamp()
    state = request.app.state
    keys = read(body, state.pages, f"{clock.from_timestamp(now):%Y-%m-%d}")
    address = client_address.of(request.scope, state.settings.trusted_proxies)
    if await state.limits.allows("beacon", state.beacon_limit, address, now):
        state.counters.add(dict.fromkeys(keys, 1))
    return Response(None, status_code=204, headers={"cache-control": "no-store"})


def limit() -> RateLimit:
    """How many views from one address are counted per hour."""
    return RateLimit(MOST_AN_HOUR, HOUR_S)
