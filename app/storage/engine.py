"""The one way to the database: statements as ``{}`` templates, rows as records with names.

A statement that Piccolo's tables can't express is text in a module called ``store``, with ``{}`` for each value: the
engine in use puts its own placeholder there (``?`` in SQLite, ``$1`` in PostgreSQL), and values never become part of
the text. What only one engine does is in :mod:`app.storage.sqlite` and :mod:`app.storage.postgres`, which nothing
outside this folder imports.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import starmap
from pathlib import Path
from string import Formatter
from typing import Any, Protocol, TypeVar

from piccolo.columns import BigInt, Varchar
from piccolo.querystring import QueryString
from piccolo.table import Table

from app.core.errors import DatabaseAwayError
from app.storage import scopes, sqlite
from app.storage.ddl import run_migrations
from app.storage.engine_in_use import ENGINE, use

__all__ = [
    "ENGINE", "UNAVAILABLE", "DataVersion", "VersionWatch", "alone", "as_it_lies", "close", "data_versions",
    "despite_damage", "execute", "execute_many", "fetch", "fetch_column", "fetch_one", "fetch_pairs", "fetch_rows",
    "fetch_value", "find_left_out", "held", "in_turn", "insert_many", "is_disk_full", "leave_out_damaged",
    "left_out", "marks", "migrate", "no_time", "raise_versions", "run", "scrub", "transaction",
    "use", "watch", "whole",
]  # fmt: skip
UNAVAILABLE = (sqlite3.OperationalError, DatabaseAwayError)
"""Errors that mean that the database can't be read or written now, as on a full disk: no fault of the data."""
R = TypeVar("R")
TURN_S = 0.2
TRIES = 50
"""How often a scrub tries while a reader blocks it; each try takes a tenth of a second or more."""


class DataVersion(Table, db=ENGINE, tablename="data_version"):
    """A version for each key of data that pages show; every change of the data raises it."""

    key = Varchar(length=120, primary_key=True)
    version = BigInt()


class VersionWatch(Protocol):
    """Notices writes to the database, by any process, and knows the version of every key."""

    lineage: int
    """Rises when the database is found to have other data than before: equal versions then mean nothing."""

    def start(self) -> None:
        """Keep reading the versions while the running loop runs, if the engine needs that."""

    def versions(self) -> dict[str, int] | None:
        """Key → version of every key; the same object until something changes. ``None`` if it was read too long ago."""

    async def look(self, *, surely: bool = False) -> dict[str, int]:
        """The versions, read now. Raises :class:`DatabaseAwayError`; at once if it just did and is not ``surely``."""

    def last_known(self) -> tuple[dict[str, int], float] | None:
        """The last versions and how many seconds ago they were read, while the database can't be reached."""

    async def written(self) -> int:
        """A number that changes with any write to the database by another connection."""

    def close(self) -> None:
        """Stop watching."""


def watch(database: Path | str) -> VersionWatch:
    """A watch of the database that :func:`use` was given."""
    found: VersionWatch = ENGINE.driver.watch(str(database))
    return found


def _compiled(template: str) -> str:
    """``template`` as the engine in use takes it."""
    return _compiled_for(ENGINE.engine_type, template)


@lru_cache(maxsize=1024)
def _compiled_for(engine_type: str, template: str) -> str:
    count = sum(field is not None for _, field, _, _ in Formatter().parse(template))
    sql, _ = QueryString(template, *[None] * count).compile_string(engine_type)
    return sql


def transaction(*changed: str, scope: str = scopes.ALL) -> contextlib.AbstractAsyncContextManager[None]:
    """A writing transaction, all or nothing; on success the versions of the ``changed`` keys are raised with it.

    Transactions of different ``scope`` (:mod:`app.storage.scopes`) may run at the same time if the engine allows more
    than one writer.
    """
    begun: contextlib.AbstractAsyncContextManager[None] = ENGINE.driver.transaction(*changed, scope=scope)
    return begun


async def raise_versions(keys: Iterable[str]) -> None:
    """Raise the version of each key, with the running transaction."""
    await ENGINE.driver.raise_versions(keys)


def held(folder: Path, name: str) -> contextlib.AbstractAsyncContextManager[None]:
    """Hold the lock ``name`` across all nodes; raises ``BlockingIOError`` if it is held already.

    With SQLite, which has one node, the lock is a file in ``folder``. A killed process releases its locks.
    """
    taken: contextlib.AbstractAsyncContextManager[None] = ENGINE.driver.held(folder, name)
    return taken


@contextlib.asynccontextmanager
async def in_turn(folder: Path, name: str) -> AsyncIterator[None]:
    """Hold the lock ``name`` as :func:`held`, but wait for whoever holds it."""
    while True:
        async with contextlib.AsyncExitStack() as stack:
            try:
                await stack.enter_async_context(held(folder, name))
            except BlockingIOError:
                await asyncio.sleep(TURN_S)
                continue
            yield
            return


def alone() -> contextlib.AbstractAsyncContextManager[None]:
    """Hold the database while it is brought up to date, waiting for whichever process holds it."""
    taken: contextlib.AbstractAsyncContextManager[None] = ENGINE.driver.alone()
    return taken


async def migrate() -> None:
    """Bring the database up to date. Safe to run twice and, inside :func:`alone`, from many processes at once.

    Raises :class:`app.core.errors.DatabaseError`.
    """
    await ENGINE.driver.migrate(run_migrations)


def run(work: Coroutine[Any, Any, R]) -> R:
    """Run a coroutine that uses the database from synchronous code, and close what it left open."""

    async def go() -> R:
        try:
            return await work
        finally:
            await close()

    return asyncio.run(go())


def is_disk_full(error: BaseException) -> bool:
    """True if a write failed because the disk is full."""
    return sqlite.is_disk_full(error) or bool(ENGINE.driver.is_disk_full(error))


def no_time(counts: str, column: str) -> str:
    """The SQL condition of a column that holds no time; ``counts`` is ``instant`` (seconds) or ``day`` (text)."""
    return str(ENGINE.driver.NO_TIME[counts].format(column))


def whole(table: str) -> str:
    """The SQL name of a table with its damaged rows, for erasing: rows that can't be read have to go too."""
    return str(ENGINE.driver.whole(table))


def as_it_lies(column: str) -> str:
    """The SQL expression of a column without its declared type, so that a damaged value can be read as it is."""
    return str(ENGINE.driver.AS_IT_LIES.format(column))


def marks(values: Sequence[Any]) -> str:
    """``{}, {}, {}``: a placeholder for each of ``values``, for ``IN (…)``."""
    return ", ".join("{}" for _ in values)


async def fetch(record: Callable[..., R], template: str, *values: Any) -> list[R]:
    """The rows of a statement, each as a ``record``, inside the running transaction if there is one.

    ``record`` is a class whose fields have the names of the statement's columns, in their order: a NamedTuple or a
    dataclass. Raises ``TypeError`` where the names differ, so that no value is taken for another.
    """
    names, found = await ENGINE.driver.read(_compiled(template), values)
    if names is not None and names != record.__match_args__:  # type: ignore[attr-defined]
        raise TypeError(f"{record} has not the columns {', '.join(names)}")
    return list(starmap(record, found))


async def fetch_one(record: Callable[..., R], template: str, *values: Any) -> R | None:
    """The first row of a statement as a ``record``, as :func:`fetch`; None where there is none."""
    found = await fetch(record, template, *values)
    return found[0] if found else None


async def fetch_rows(template: str, *values: Any) -> list[dict[str, Any]]:
    """The rows of a statement, each as column → value, for rows that are passed on as they are."""
    names, found = await ENGINE.driver.read(_compiled(template), values)
    return [dict(zip(names, row, strict=True)) for row in found]


async def fetch_column(template: str, *values: Any) -> list[Any]:
    """The values of a statement of one column."""
    _, found = await ENGINE.driver.read(_compiled(template), values)
    return [only for (only,) in found]


async def fetch_value(template: str, *values: Any) -> Any:
    """The only value in the first row of a statement; ``None`` if there is no row."""
    found = await fetch_column(template, *values)
    return found[0] if found else None


async def fetch_pairs(template: str, *values: Any) -> dict[Any, Any]:
    """First column → second, of a statement with two columns."""
    _, found = await ENGINE.driver.read(_compiled(template), values)
    return dict(found)


async def execute(template: str, *values: Any) -> None:
    """Run one statement inside the running transaction."""
    await execute_many(template, [values])


async def execute_many(template: str, many: Iterable[Sequence[Any]]) -> None:
    """Run one statement for the values of each of ``many`` rows, inside the running transaction.

    They are taken one by one and not held in memory.
    """
    await ENGINE.driver.write(_compiled(template), many)


async def insert_many(table: type[Table], columns: Sequence[str], many: Iterable[Sequence[Any]]) -> None:
    """Insert any number of rows into ``table``; ten times as fast as with one object for each row."""
    names = ", ".join(f'"{column}"' for column in columns)
    await execute_many(f'INSERT INTO "{table._meta.tablename}" ({names}) VALUES ({marks(columns)})', many)  # noqa: S608


async def scrub(tries: int = TRIES) -> bool:
    """Remove the text of deleted rows from every file of the database, retrying while a reader blocks it.

    Returns False if a reader still blocks it after ``tries``; the next purge tries again.
    """
    return bool(await ENGINE.driver.scrub(tries))


_AT_DAMAGE = (ValueError, TypeError, ArithmeticError, LookupError, AttributeError, AssertionError, OSError,
              sqlite3.OperationalError)  # fmt: skip
"""Errors that a damaged row may cause, here or where its values are used."""


async def leave_out_damaged() -> bool:
    """Look for damaged rows and hide them from reads; True if a row was hidden that was not before.

    Always False with PostgreSQL, which enforces the types of columns.
    """
    return bool(await ENGINE.driver.leave_out_damaged())


async def despite_damage(work: Callable[[], Awaitable[R]]) -> R:
    """The result of ``work``; if it fails because of a damaged row, its result without that row."""
    try:
        return await work()
    except _AT_DAMAGE:
        if not await leave_out_damaged():
            raise
        return await work()


def left_out() -> list[str]:
    """The damaged rows that this process hides from reads, in words for the operator."""
    return [f"{row}; it is left out until it is mended or restored from a backup" for row in ENGINE.in_use.left_out]


async def find_left_out() -> list[str]:
    """Look for damaged rows, hide them from reads outside transactions, and return all of them in words for the
    operator."""
    await leave_out_damaged()
    return left_out()


async def close() -> None:
    """Close the connections of the running loop; the next read opens them again."""
    await ENGINE.driver.close()


async def data_versions(names: Mapping[str, str]) -> list[tuple[str, str]]:
    """(name, "version N") for each key in ``names`` (key → name), and for the tables' last migration."""
    found = await fetch_pairs("SELECT key, version FROM data_version")
    tables = await fetch_value("SELECT max(name) FROM migration")
    return [*((name, f"version {found.get(key, 0):,}") for key, name in names.items()), ("tables", str(tables))]
