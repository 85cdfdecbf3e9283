"""Notices what any node writes to PostgreSQL, and knows the version of every key.

A notification sent by the writing transaction wakes the node. The table of versions is also read every second, because
notifications are lost with a connection. When the last reading is older than :data:`OLDEST_S`, there are no versions.
"""

import asyncio
import contextlib
import weakref
from collections.abc import Callable
from time import monotonic
from typing import Any

import asyncpg

from app.core import logs
from app.core.errors import DatabaseAwayError
from app.storage.postgres_engine import CHANNEL, SiteEngine, connect, where

EVERY_S, OLDEST_S = 1.0, 3.0
LONGEST_READ_S = 2.0
SHORTEST_WAIT_S, LONGEST_WAIT_S = 0.1, 1.0
"""Seconds to wait before the server is asked again after a lost connection: the first and the longest wait."""
ASKED = "SELECT key, version FROM data_version"
WHICH = (
    "SELECT format('%s %s %s', (SELECT system_identifier FROM pg_control_system()), (SELECT timeline_id FROM "
    "pg_control_checkpoint()), (SELECT oid FROM pg_database WHERE datname = current_database()))"
)
"""Which data a server has: another server, another history after a failover, and a database that was made anew differ
in one of these."""
log = logs.get("storage")


class VersionWatch:
    """The versions as last read. After :meth:`start` they are read continuously; without it, each :meth:`look` reads
    them."""

    def __init__(self, url: str, engine: Callable[[], SiteEngine]) -> None:
        self.url = url
        self._engine = engine
        self._versions: dict[str, int] = {}
        self._read_at = self._tried_at = float("-inf")
        self._away = False
        self._which = ""
        self._task: asyncio.Task[None] | None = None
        self._woken = asyncio.Event()
        _WATCHES.add(self)

    @property
    def lineage(self) -> int:
        return self._engine().lineage

    def start(self) -> None:
        """Keep reading the versions while the running loop runs."""
        self._task = asyncio.get_running_loop().create_task(self._follow())

    def versions(self) -> dict[str, int] | None:
        """Key → version of every key ever written; the same object until something changes. ``None`` if the last
        reading is too old to rely on."""
        if self._task is None or monotonic() - self._read_at > OLDEST_S:
            return None
        return self._versions

    def last_known(self) -> tuple[dict[str, int], float] | None:
        """The last reading and its age in seconds, while the server can't be reached; ``None`` while it can."""
        return (self._versions, monotonic() - self._read_at) if self._away and self._versions else None

    async def look(self, *, surely: bool = False) -> dict[str, int]:
        """Read the versions now. Raises :class:`DatabaseAwayError`, at once if the server was just found to be away,
        unless it is ``surely`` to be asked."""
        if not surely and self._away and monotonic() - self._tried_at < EVERY_S:
            raise DatabaseAwayError(f"{where(self.url)} can't be reached")
        try:
            async with asyncio.timeout(LONGEST_READ_S):
                rows = await self._engine().ask(ASKED, ())
        except (DatabaseAwayError, TimeoutError) as error:
            self._lost()
            raise DatabaseAwayError(f"{where(self.url)} can't be reached") from error
        return self._read(rows)

    async def written(self) -> int:
        """A number that changes with any write to the server."""
        found = await self._engine().ask("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0') AS at", ())
        return int(found[0]["at"])

    def _read(self, rows: Any) -> dict[str, int]:
        fresh = dict(rows)
        if any(fresh.get(key, 0) < version for key, version in self._versions.items()):
            self._replaced()
        if fresh != self._versions:
            self._versions = fresh
        if self._away:
            log.info("the database is back")
        self._away, self._read_at = False, monotonic()
        return self._versions

    def _replaced(self) -> None:
        """The server has other data than before, as after a failover or a restore: the same version of a key may now
        stand for something else."""
        self._engine().lineage += 1
        log.warning("the database has other data than before; every page is prepared anew")

    async def _recognise(self, connection: Any) -> None:
        with contextlib.suppress(asyncpg.InsufficientPrivilegeError):
            which = str(await connection.fetchval(WHICH, timeout=LONGEST_READ_S))
            if self._which not in ("", which):
                self._replaced()
            self._which = which

    def _lost(self) -> None:
        self._tried_at = monotonic()
        if not self._away:
            self._away = True
            log.error("the database can't be reached; prepared pages are served on, marked as old")

    def raised(self, changed: dict[str, int]) -> None:
        """Take over versions that a transaction of this process raised."""
        newer = {key: version for key, version in changed.items() if version > self._versions.get(key, 0)}
        if newer:
            self._versions = {**self._versions, **newer}

    async def _follow(self) -> None:
        wait = SHORTEST_WAIT_S
        while True:
            connection, was_read = None, False
            try:
                connection = await connect(self.url)
                await self._recognise(connection)
                await connection.add_listener(CHANNEL, lambda *_: self._woken.set())
                wait = SHORTEST_WAIT_S
                while True:
                    self._woken.clear()
                    self._read(await connection.fetch(ASKED, timeout=LONGEST_READ_S))
                    was_read = True
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._woken.wait(), EVERY_S)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                if not was_read:
                    self._lost()
            finally:
                if connection is not None:
                    connection.terminate()
            await asyncio.sleep(wait)
            if not was_read:  # else this connection alone may have been ended: nothing is said before another one fails
                wait = min(LONGEST_WAIT_S, wait * 2)

    def close(self) -> None:
        """Stop reading."""
        _WATCHES.discard(self)
        if self._task is not None:
            with contextlib.suppress(RuntimeError):  # its loop is closed already
                self._task.cancel()
            self._task = None


_WATCHES: weakref.WeakSet[VersionWatch] = weakref.WeakSet()


def raised(url: str, changed: dict[str, int]) -> None:
    """Tell the watches of this process of versions that its own transaction raised at ``url``: they need not wait for
    the notification."""
    for watch in list(_WATCHES):
        if watch.url == url:
            watch.raised(changed)
