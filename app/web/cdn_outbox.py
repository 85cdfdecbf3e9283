"""Telling the edges in front of every change, whoever made it: the worker does so, within a second.

The versions of what pages show are raised in the transaction that changes the data, and so are the outbox: a key whose
version is another than the edge was told of is what has to be sent. Nothing can get lost between the two, and several
changes of a key are one purge.

Each change is told twice. A node may have prepared a page shortly before it noticed, and an edge may have taken that
page after the first purge; :data:`AGAIN_S` later no node serves such a page any more, and the second purge removes it.
"""

import asyncio
import hashlib
from urllib.parse import urlsplit

from app.core import clock, logs
from app.core.settings import Settings
from app.storage import edge_store
from app.web import cdn_purge

EVERY_S = 0.5
AGAIN_S = 5
"""Longer than a node serves what it prepared without having read the versions anew (3 s), and a slow answer takes."""
SHORTEST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
log = logs.get("edge")


def name_of(url: str) -> str:
    """What an edge is called in the database: its address may hold a password."""
    return hashlib.sha256(url.encode()).hexdigest()[:16]


async def keep_edges_current(settings: Settings) -> None:
    """Purge what changes at each edge, until cancelled. An edge that can't be reached does not delay the others."""
    await asyncio.gather(*(_keep_edge_current(url, settings.edge_purge_token) for url in settings.edge_purge_url))


async def _keep_edge_current(url: str, token: str) -> None:
    wait = SHORTEST_WAIT_S
    while True:
        try:
            fault = await tell(url, token)
        except Exception as error:  # a database that is away or busy: the changes stay where they are
            fault = type(error).__name__
            log.warning("what an edge has to be told of could not be read or noted", extra={"why": fault})
        await asyncio.sleep(wait if fault else EVERY_S)
        wait = min(LONGEST_WAIT_S, wait * 2) if fault else SHORTEST_WAIT_S


async def tell(url: str, token: str) -> str:
    """Purge at one edge what it has not been told of yet. Returns what went wrong, ``""`` if nothing."""
    edge, now = name_of(url), clock.timestamp()
    found = await edge_store.changes(edge, now)
    if not found:
        return ""
    if fault := await cdn_purge.purge_at(url, token, [one.key for one in found]):
        await edge_store.failed(edge, now, fault)
    else:
        await edge_store.mark_purged(edge, found, clock.timestamp() + AGAIN_S)
    return fault


async def troubles(settings: Settings) -> list[str]:
    """The edges that can't be told, in words for the operator, without their passwords."""
    hosts = {name_of(url): urlsplit(url).netloc.rpartition("@")[2] for url in settings.edge_purge_url}
    return [
        f"the edge {hosts[one.edge]} can't be told of changes since {clock.from_timestamp(one.since):%Y-%m-%d %H:%M} "
        f"UTC ({one.why}); it shows pages up to a minute old"
        for one in await edge_store.faults()
        if one.edge in hosts
    ]
