"""Inspecting a database from outside, without an engine: before it is migrated, and for ``doctor``."""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from app.core.errors import DatabaseError
from app.storage import database_file

LEAST_VERSION = 15
"""The oldest supported version of PostgreSQL."""


def migrations_done(database: Path | str) -> set[str]:
    """The ids of the migrations that ran on the database."""
    if isinstance(database, Path):
        return database_file.migrations_done(database)
    return {name for (name,) in _ask(database, "SELECT name FROM migration")}


def count(database: Path | str, table: str) -> int:
    """The number of rows of a table; 0 if the server has no such table yet."""
    if isinstance(database, Path):
        return database_file.count(database, table)
    return sum(number for (number,) in _ask(database, f'SELECT count(*) FROM "{table}"'))  # noqa: S608 -- names of ours


def total(database: Path | str, table: str, column: str) -> int:
    """The sum of a column of whole numbers."""
    if isinstance(database, Path):
        return database_file.total(database, table, column)
    return sum(int(number or 0) for (number,) in _ask(database, f'SELECT sum("{column}") FROM "{table}"'))  # noqa: S608


def values(database: Path | str, table: str, column: str, where: str = "", *given: str) -> set[str]:
    """The values of a column, of rows that match ``where``, with ``?`` for each of ``given``; empty if the database has
    no such table yet."""
    if isinstance(database, Path):
        return database_file.values(database, table, column, where, *given)
    for number, _ in enumerate(given, 1):
        where = where.replace("?", f"${number}", 1)
    asked = f'SELECT "{column}" FROM "{table}"' + (f" WHERE {where}" if where else "")  # noqa: S608 -- names of ours
    return {value for (value,) in _ask(database, asked, *given)}


def tables_that_hold(url: str, tables: Iterable[str], texts: Iterable[str]) -> list[str]:
    """Those of ``tables`` on the server at ``url`` with a row in whose text one of ``texts`` stands, in any case of
    letters; of columns of bytes the text is their hexadecimal digits."""
    wanted = list(texts)
    marks = [f"${number}::text" for number, _ in enumerate(wanted, 1)]
    found = " OR ".join(f"strpos(lower(one::text), lower({mark})) > 0" for mark in marks)
    asked = " UNION ALL ".join(f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM \"{table}\" AS one WHERE {found})"  # noqa: S608 -- names of ours
                               for table in tables)  # fmt: skip
    return [name for (name,) in _ask(url, asked, *wanted)]


def server_version(url: str) -> str:
    """The version of the server at ``url``. Raises :class:`app.core.errors.DatabaseAwayError`."""
    ((version,),) = _ask(url, "SHOW server_version")
    return str(version)


def copies_kept_by(url: str) -> list[str]:
    """The settings of the server at ``url`` that keep erased text in its log for longer than necessary, each as a
    sentence."""
    found = dict(_ask(url, _LOG_SETTINGS))
    ((may_end, may_check),) = _ask(url, _LOG_RIGHTS)
    said = {
        "wal_recycle is on: old parts of the log keep what they hold until they are written over; set it off":
            found["wal_recycle"] == "on",
        "this user may not end a part of the log: GRANT EXECUTE ON FUNCTION pg_switch_wal() to it": not may_end,
        "this user may not ask for a checkpoint: GRANT pg_checkpoint to it": not may_check,
    }  # fmt: skip
    return [text for text, holds in said.items() if holds]


_LOG_SETTINGS = "SELECT name, setting FROM pg_settings WHERE name = 'wal_recycle'"
_LOG_RIGHTS = "SELECT has_function_privilege('pg_switch_wal()', 'EXECUTE'), pg_has_role('pg_checkpoint', 'MEMBER')"


def _ask(url: str, sql: str, *given: str) -> list[Any]:
    """The rows of a statement on the server at ``url``; none if a table does not exist yet."""
    import asyncpg

    from app.storage.postgres_engine import away_errors, connect, where

    async def go() -> list[Any]:
        with away_errors():
            connection = await connect(url)
            try:
                return list(await connection.fetch(sql, *given))
            except asyncpg.UndefinedTableError:
                return []
            finally:
                connection.terminate()

    try:
        return asyncio.run(go())
    except asyncpg.PostgresError as error:
        raise DatabaseError(f"{where(url)} can't be used: {error}") from None
