"""A server of PostgreSQL 15 or newer: transactions, locks, migrations, and getting deleted text out of its files.

What only PostgreSQL does is here and in the modules beside it whose names begin with ``postgres``; everything else goes
through Piccolo's tables and the templates of :mod:`app.storage.engine`. Imported only if a setting names a server.
"""

import asyncio
import contextlib
import hashlib
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import asyncpg

from app.core import logs
from app.core.errors import DatabaseAwayError, DatabaseError, DatabaseFullError
from app.storage import postgres_scrub, scopes
from app.storage.inspection import LEAST_VERSION
from app.storage.personal_tables import PERSONAL, SCHEMA
from app.storage.postgres_engine import AWAY, LOCK_S, SiteEngine, away_errors, connect, sound, where
from app.storage.postgres_watch import VersionWatch, raised

ENGINE = SiteEngine("")
ROW = "((ctid::text::point)[0]::bigint * 65536 + (ctid::text::point)[1]::bigint)"
"""The position of a row in its table's file, as a number; it changes when the row is updated or the file rewritten."""


def row_after(number: int) -> str:
    """The SQL condition of rows with larger numbers: a position is compared as it is, since a number computed of it
    would be computed for each row of the table, batch after batch."""
    return f"ctid > '{_position(max(number, 0))}'::tid"


def rows_among(numbers: list[int]) -> str:
    """The SQL condition of the rows with these numbers."""
    listed = ", ".join(f"'{_position(number)}'" for number in numbers)
    return f"ctid = ANY(ARRAY[{listed}]::tid[])"


def _position(number: int) -> str:
    return f"({number >> 16},{number & 0xFFFF})"


NO_TIME = {
    "instant": "{0} NOT BETWEEN 0 AND 253402300799",
    "day": "CASE WHEN {0} ~ '^(?!0000)[0-9][0-9][0-9][0-9]-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$' "
           "THEN substr({0}, 9)::int > extract(day FROM (substr({0}, 1, 7) || '-01')::date "
           "+ interval '1 month - 1 day') ELSE true END",
}  # fmt: skip
"""SQL condition of a column that holds no time: an instant (seconds) or the text of a day."""
AS_IT_LIES = "{0}"
MIGRATION_WAIT, MIGRATION_PAUSE_S, MIGRATION_TRIES = "300ms", 1.0, 600
UNLOCK_S = 2
log = logs.get("storage")


def use(url: str) -> None:
    """Point the engine at the server that ``url`` names."""
    global ENGINE  # noqa: PLW0603 -- Piccolo's engine has its address for good
    if ENGINE.url != url:
        ENGINE = SiteEngine(url)


def watch(url: str) -> VersionWatch:
    """A watch of the versions in the database at ``url``, which is in use."""
    return VersionWatch(url, lambda: ENGINE)


async def close() -> None:
    """Close the connections of the running loop."""
    await ENGINE.close_pool()


@contextlib.asynccontextmanager
async def transaction(*changed: str, scope: str = scopes.ALL) -> AsyncIterator[None]:
    """A writing transaction, all or nothing; on success the versions of the ``changed`` keys are raised with it.

    Writers of one ``scope`` follow one another, on however many nodes; one without a scope is alone. The locks are the
    transaction's: they go with it, also when its process is killed.
    """
    outer: Any = ENGINE.current_transaction.get()
    if outer is not None:
        if outer.scope not in {scope, scopes.ALL}:
            with away_errors():
                await outer.connection.execute(f"SELECT pg_advisory_xact_lock({lock_number(scope)})")
        yield
        outer.changed.update(changed)
        return
    current = ENGINE.transaction()
    async with _queue(scope):
        with away_errors():
            await current.__aenter__()
        current.scope = scope
        try:
            with away_errors():
                await _take_turn(current.connection, scope)
            yield
        except BaseException as error:
            await current.__aexit__(type(error), error, error.__traceback__)
            raise
        current.changed.update(changed)
        with away_errors():
            await current.__aexit__(None, None, None)
    raised(ENGINE.url, current.raised)


_QUEUES: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, asyncio.Lock]] = weakref.WeakKeyDictionary()


@contextlib.asynccontextmanager
async def _queue(scope: str) -> AsyncIterator[None]:
    """Writers of one process and scope queue here, where they hold no connection: waiting at the server's lock they
    would take all of the pool's, and no page could be read until it is free."""
    lock = _QUEUES.setdefault(asyncio.get_running_loop(), {}).setdefault(scope, asyncio.Lock())
    with away_errors():
        async with asyncio.timeout(LOCK_S):
            await lock.acquire()
    try:
        yield
    finally:
        lock.release()


async def _take_turn(connection: Any, scope: str) -> None:
    """Wait until no other transaction writes what this one does."""
    if scope == scopes.ALL:
        await connection.execute(f"SELECT pg_advisory_xact_lock({lock_number(scopes.ALL)})")
        return
    await connection.execute(f"SELECT pg_advisory_xact_lock_shared({lock_number(scopes.ALL)})")
    await connection.execute(f"SELECT pg_advisory_xact_lock({lock_number(scope)})")


def lock_number(name: str) -> int:
    """The number of the advisory lock called ``name``: 64 bits, with a sign."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8, person=b"inferencebench").digest(), signed=True)


async def raise_versions(keys: Iterable[str]) -> None:
    """Raise the version of each key with the running transaction."""
    _current().changed.update(keys)


def _current() -> Any:
    current = ENGINE.current_transaction.get()
    assert current is not None, "a write belongs inside transaction()"
    return current


async def write(sql: str, rows: Iterable[Sequence[Any]]) -> None:
    """Run one statement for many rows, inside the running transaction, without holding the rows in memory."""
    with away_errors():
        await _current().connection.executemany(sql, map(sound, rows))


async def read(sql: str, values: Sequence[Any]) -> tuple[tuple[str, ...] | None, list[Any]]:
    """(names of the columns, rows) of a statement, inside the running transaction if there is one; no names where
    there is no row."""
    found = await ENGINE.ask(sql, values)
    return (tuple(found[0].keys()) if found else None), found


@contextlib.asynccontextmanager
async def held(_: Path, name: str) -> AsyncIterator[None]:
    """Hold the lock ``name`` across all nodes; raises ``BlockingIOError`` if it is held already.

    The lock belongs to a connection: it is released when the process ends, is killed, or loses the server.
    """
    with away_errors():
        connection = await connect(ENGINE.url)
    try:
        with away_errors():
            got = await connection.fetchval(f"SELECT pg_try_advisory_lock({lock_number(name)})")
        if not got:
            raise BlockingIOError(f"{name} is under way in another process")
        try:
            yield
        finally:
            with contextlib.suppress(*AWAY):  # else the server lets go once it sees that the connection is gone
                await connection.execute(f"SELECT pg_advisory_unlock({lock_number(name)})", timeout=UNLOCK_S)
    finally:
        connection.terminate()


@contextlib.asynccontextmanager
async def alone() -> AsyncIterator[None]:
    """Hold the database while it is migrated, waiting for any other node that holds it."""
    with away_errors():
        connection = await connect(ENGINE.url)
    try:
        with away_errors():
            await connection.execute("SET lock_timeout = 0")
            await connection.execute(f"SELECT pg_advisory_lock({lock_number('migrations')})")
        yield
    finally:
        connection.terminate()


async def migrate(run_migrations: Callable[[str], Awaitable[None]]) -> None:
    """Bring the database up to date, all or nothing. Safe to run twice and, inside :func:`alone`, from many nodes.

    Nodes go on reading meanwhile: a change of a table waits for it :data:`MIGRATION_WAIT` at a time, since whoever
    reads after it would wait behind it, and begins again. Raises :class:`DatabaseError` where a table stays held.
    """
    with away_errors():
        try:
            version = int((await ENGINE.ask("SHOW server_version_num", ()))[0][0]) // 10_000
            if version < LEAST_VERSION:
                raise DatabaseError(f"{where(ENGINE.url)} is PostgreSQL {version}; version {LEAST_VERSION} is needed")
            if (encoding := (await ENGINE.ask("SHOW server_encoding", ()))[0][0]) != "UTF8":
                raise DatabaseError(f"{where(ENGINE.url)} has the encoding {encoding}; UTF8 is needed: create it with "
                                    "ENCODING 'UTF8' TEMPLATE template0")  # fmt: skip
            await ENGINE.ask(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}", ())
            for _ in range(MIGRATION_TRIES):
                try:
                    return await _migrate_once(run_migrations)
                except DatabaseAwayError as error:
                    if not isinstance(error.__cause__, asyncpg.LockNotAvailableError):
                        raise
                    log.warning("a table is held by another session, as pg_dump holds it; tried again")
                    await asyncio.sleep(MIGRATION_PAUSE_S)
            raise DatabaseError(f"{where(ENGINE.url)} can't be brought up to date while another session, such as "
                                "pg_dump, holds its tables; start again when that is done")  # fmt: skip
        except asyncpg.PostgresError as error:
            if isinstance(error, AWAY):
                raise
            raise DatabaseError(f"{where(ENGINE.url)} can't be used: {error}") from error


async def _migrate_once(run_migrations: Callable[[str], Awaitable[None]]) -> None:
    """One transaction, begun once no node of ours writes: a refresh holds its tables for many seconds."""
    async with ENGINE.transaction():
        await ENGINE.ask("SET LOCAL lock_timeout = 0", ())
        await ENGINE.ask(f"SELECT pg_advisory_xact_lock({lock_number(scopes.ALL)})", ())
        await ENGINE.ask(f"SET LOCAL lock_timeout = '{MIGRATION_WAIT}'", ())
        await run_migrations(where(ENGINE.url))
        await ENGINE.ask(postgres_scrub.NO_SAMPLES.format(schema=SCHEMA), ())


async def scrub(tries: int) -> bool:
    """Rewrite the personal tables, so that the text of deleted rows leaves their files, and end the log's segment.

    Plain VACUUM would leave that text in the files. Returns False if a reader blocked it each time.
    """
    with away_errors():
        connection = await connect(ENGINE.url)
        try:
            return await postgres_scrub.rewrite(connection, PERSONAL, SCHEMA, tries)
        finally:
            connection.terminate()


async def leave_out_damaged() -> bool:
    """False: the server enforces the types of columns, so no row is damaged."""
    return False


def whole(table: str) -> str:
    """The SQL name of a table; no row of it is hidden."""
    return table


def is_disk_full(error: BaseException) -> bool:
    """True if a write failed because the disk is full."""
    return isinstance(error, DatabaseFullError)
