"""The SQLite file: its pragmas, its transactions, migrations at start, and the versions of what it holds.

What only SQLite does is here; everything else goes through Piccolo's tables.
"""

import asyncio
import contextlib
import errno
import os
import sqlite3
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import aiosqlite
from piccolo.engine.sqlite import SQLiteEngine, TransactionType, dict_factory
from piccolo.table import Table

from app.core import clock, logs
from app.core.errors import DatabaseError
from app.storage import damaged_rows, locks, write_ahead_log
from app.storage.damaged_rows import MAX_INSTANT
from app.storage.version_watch import VersionWatch

log = logs.get("storage")

BUSY_TIMEOUT_S = 10
LOOK_EVERY_S = 10
_WRITE_PRAGMAS = ("PRAGMA foreign_keys = 1", f"PRAGMA busy_timeout = {BUSY_TIMEOUT_S * 1000}",
                  "PRAGMA synchronous = NORMAL", "PRAGMA secure_delete = ON")  # fmt: skip


@contextlib.asynccontextmanager
async def closing(connection: aiosqlite.Connection) -> AsyncIterator[aiosqlite.Connection]:
    """Close ``connection`` at the end, whatever happened."""
    try:
        yield connection
    finally:
        await connection.close()


class SiteEngine(SQLiteEngine):
    """Piccolo's engine with our pragmas on every connection, and one permanent connection for reads.

    Piccolo opens a connection for each query; reads here share one, which saves the time of opening it. Writes always
    run inside :func:`transaction`.
    """

    def __init__(self) -> None:
        super().__init__(path="", timeout=BUSY_TIMEOUT_S)
        self._reader: aiosqlite.Connection | None = None
        self._reader_loop: asyncio.AbstractEventLoop | None = None
        self._reader_lock: asyncio.Lock | None = None
        self.left_out: list[damaged_rows.Damaged] = []
        self.looked_at = 0

    @property
    def identity(self) -> str:
        """The path of the file."""
        return str(self.path)

    async def get_connection(self) -> aiosqlite.Connection:
        return await self._open(_WRITE_PRAGMAS)

    async def _open(self, pragmas: Iterable[str]) -> aiosqlite.Connection:
        """A connection with ``pragmas``; it is closed if they fail.

        Its thread is a daemon, so that the process can end even if a task was cancelled before it could close the
        connection.
        """
        connection = aiosqlite.connect(**self.connection_kwargs)
        connection._thread.daemon = True
        await connection
        try:
            connection.row_factory = dict_factory  # type: ignore[assignment]
            for pragma in pragmas:
                await connection.execute(pragma)
        except BaseException:
            await connection.close()
            raise
        return connection

    async def _run_in_new_connection(
        self, query: str, args: list[Any] | None = None, query_type: str = "generic", table: type[Table] | None = None
    ) -> list[dict[str, Any]]:
        if not query.lstrip().upper().startswith(("SELECT", "WITH")):
            async with closing(await self.get_connection()) as connection:
                return await self._fetch(connection, query, args)
        return await self._fetch(await self._kept_reader(), query, args)

    async def _fetch(
        self, connection: aiosqlite.Connection, query: str, args: list[Any] | None
    ) -> list[dict[str, Any]]:
        async with connection.execute(query, args or []) as cursor:
            return list(await cursor.fetchall())  # type: ignore[arg-type]

    async def _kept_reader(self) -> aiosqlite.Connection:
        loop = asyncio.get_running_loop()
        if self._reader_loop is not loop:
            self._reader, self._reader_loop, self._reader_lock = None, loop, asyncio.Lock()
        assert self._reader_lock is not None
        async with self._reader_lock:
            if self._reader is None:
                self._reader = await self._open(("PRAGMA query_only = 1",))
                if self.left_out:
                    await damaged_rows.hide(self._reader, self.left_out)
            return self._reader

    async def leave_out(self, rows: list[damaged_rows.Damaged]) -> None:
        """Hide these damaged rows, and no others, from reads outside transactions."""
        self.left_out = rows
        await damaged_rows.hide(await self._kept_reader(), rows)

    async def close_reader(self) -> None:
        """Close the permanent connection; the next read opens a new one."""
        if self._reader is not None and self._reader_loop is asyncio.get_running_loop():
            await self._reader.close()
        self._reader, self._reader_loop = None, None


ENGINE = SiteEngine()


async def leave_out_damaged() -> bool:
    """Look for damaged rows and hide them from reads outside transactions; each is logged once.

    True if a row was hidden that was not before, so that what failed may succeed now. Looks at most once in
    :data:`LOOK_EVERY_S` seconds, so that failures with another cause cost little.
    """
    if not ENGINE.path or abs(clock.timestamp() - ENGINE.looked_at) < LOOK_EVERY_S:
        return False
    ENGINE.looked_at = clock.timestamp()
    rows = await asyncio.to_thread(damaged_rows.find, Path(ENGINE.path))
    new = [row for row in rows if row not in ENGINE.left_out]
    if rows != ENGINE.left_out:
        await ENGINE.leave_out(rows)
    for row in new:
        log.error("a stored row is damaged and left out", extra={"table": row.table, "row": row.number,
                                                                 "columns": row.columns})  # fmt: skip
    return bool(new)


_WRITERS: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = weakref.WeakKeyDictionary()


@contextlib.asynccontextmanager
async def transaction(*changed: str, scope: str = "") -> AsyncIterator[None]:
    """A writing transaction, all or nothing; on success the versions of the ``changed`` keys are raised with it.

    The ``scope`` makes no difference here: a file has one writer at a time.
    """
    async with _one_writer():
        nested = ENGINE.current_transaction.get() is not None  # then the outer one owns the connection and commits
        mine: aiosqlite.Connection | None = None
        try:
            async with ENGINE.transaction(transaction_type=TransactionType.immediate) as current:
                if not nested:
                    mine = current.connection
                yield
                await raise_versions(changed)
        except BaseException:
            if mine is not None:  # a commit or rollback that fails, as on a full disk, leaves it open
                ENGINE.current_transaction.set(None)
                with contextlib.suppress(Exception):
                    await mine.close()
            raise


@contextlib.asynccontextmanager
async def _one_writer() -> AsyncIterator[None]:
    """Writers of one process queue here instead of at the file's lock, which gives up after :data:`BUSY_TIMEOUT_S`;
    nested ones pass."""
    if ENGINE.current_transaction.get() is not None:
        yield
        return
    loop = asyncio.get_running_loop()
    async with _WRITERS.setdefault(loop, asyncio.Lock()):
        yield


async def raise_versions(keys: Iterable[str]) -> None:
    """Raise the version of each key, inside the running transaction."""
    rows = [(key,) for key in dict.fromkeys(keys)]
    if rows:
        await write(
            "INSERT INTO data_version (key, version) VALUES (?, 1) ON CONFLICT (key) DO UPDATE "
            "SET version = data_version.version + 1",
            rows,
        )


async def write(sql: str, rows: Iterable[Sequence[Any]]) -> None:
    """Run one statement for many rows, inside the running transaction, without holding the rows in memory."""
    current = ENGINE.current_transaction.get()
    assert current is not None, "a write belongs inside transaction()"
    await current.connection.executemany(sql, rows)


async def read(sql: str, values: Sequence[Any]) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """(names of the columns, rows) of a statement, inside the running transaction if there is one."""
    current = ENGINE.current_transaction.get()
    connection = current.connection if current is not None else await ENGINE._kept_reader()
    async with connection.execute(sql, values) as cursor:
        cursor.row_factory = None  # Piccolo's makes a dictionary of each row, which takes longer than reading it
        rows: Any = await cursor.fetchall()
        return tuple(column[0] for column in cursor.description or ()), rows


ROW = "rowid"
"""The column in which a row of any table has its number."""


def row_after(number: int) -> str:
    """The SQL condition of rows with larger numbers."""
    return f"{ROW} > {number}"


def rows_among(numbers: list[int]) -> str:
    """The SQL condition of the rows with these numbers."""
    return f"{ROW} IN ({', '.join(map(str, numbers))})"


NO_TIME = {
    "instant": f"typeof({{0}}) <> 'integer' OR {{0}} NOT BETWEEN 0 AND {MAX_INSTANT}",
    "day": "date({0}) IS NOT {0}",
}
"""SQL condition of a column that holds no time: an instant (seconds) or the text of a day. A damaged file may hold
anything anywhere."""
AS_IT_LIES = "+{0}"
"""SQL expression of a column without its declared type: Piccolo fails to read a value that is not of that type."""


def whole(table: str) -> str:
    """The SQL name of a table with its damaged rows, which erasing has to include."""
    return f'main."{table}"'


def is_disk_full(error: BaseException) -> bool:
    """True if a write failed because the disk is full."""
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", None) in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR) or "full" in str(
            error
        )
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def use(path: Path) -> None:
    """Point the engine at the database file ``path``; its folder is made when missing."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise DatabaseError(f"the data folder {path.parent} can't be made: {error.strerror}") from error
    if not os.access(path.parent, os.W_OK):
        raise DatabaseError(f"the data folder {path.parent} can't be written; set INFERENCEBENCH_DATA_DIR to another")
    if ENGINE.path != str(path):
        ENGINE.left_out = []  # those were rows of another file
    ENGINE.path = str(path)


@contextlib.asynccontextmanager
async def alone() -> AsyncIterator[None]:
    """Hold the file while it is migrated, waiting for any other process that holds it."""
    with locks.exclusive(Path(ENGINE.path)):
        yield


@contextlib.asynccontextmanager
async def held(folder: Path, name: str) -> AsyncIterator[None]:
    """Hold the lock ``name``; raises ``BlockingIOError`` if another process holds it."""
    with locks.held(folder, name):
        yield


async def scrub(tries: int) -> bool:
    """Empty the write-ahead log; False if a reader blocked it each time."""
    return await write_ahead_log.empty_log(ENGINE.get_connection, tries)


async def close() -> None:
    """Close the permanent connection for reads; the next read opens it again."""
    await ENGINE.close_reader()


async def migrate(run_migrations: Callable[[str], Awaitable[None]]) -> None:
    """Bring the file up to date. Safe to run twice and, inside :func:`alone`, from two processes at once."""
    try:
        async with closing(await ENGINE.get_connection()) as connection:
            await connection.execute("PRAGMA journal_mode = WAL")
        await run_migrations(ENGINE.path)
    except sqlite3.DatabaseError as error:
        raise DatabaseError(f"{ENGINE.path} can't be used as the database: {error}") from error


def watch(path: str) -> VersionWatch:
    """A watch of the versions in the file."""
    return VersionWatch(path)
