"""Copying a SQLite file into a database on PostgreSQL: every row of every table, compared afterwards.

Copying and comparing are one transaction: a copy that is interrupted, or differs, leaves the target as it was.
"""

import contextlib
import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg

from app.core.errors import DatabaseError
from app.storage import damaged_rows
from app.storage.postgres_engine import away_errors, connect, where

PAGE = 5_000
MOST_NAMED = 5
_OF_THE_ENGINE = frozenset(("migration",))


class Copied(NamedTuple):
    """A copied table: its number of rows and their digest, which are the same on both sides."""

    table: str
    rows: int
    digest: str


class _Column(NamedTuple):
    name: str
    type: str


async def move(path: Path, url: str, tell: Callable[[str, int], None]) -> list[Copied]:
    """Copy the tables of the file ``path`` to the migrated database at ``url``; ``tell`` is called with (table, rows so
    far).

    Nothing may write to the file meanwhile. Raises :class:`app.core.errors.DatabaseError` if the target has rows
    already, if the file has damaged rows, or if a copied table differs.
    """
    if rows := damaged_rows.find(path):
        named = "; ".join(str(row) for row in rows[:MOST_NAMED])
        raise DatabaseError(f"{len(rows)} rows can't be moved as they are: {named}. Mend or erase them first")
    with away_errors(), contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as source:
        source.execute("BEGIN")
        connection = await connect(url)
        try:
            await connection.execute("SET lock_timeout = 0")
            async with connection.transaction():
                return [await _copy(source, connection, table, url, tell) for table in await _order(connection)]
        except asyncpg.DataError as error:
            raise DatabaseError(f"a value can't be kept by PostgreSQL: {error}") from None
        finally:
            connection.terminate()


async def _order(connection: Any) -> list[str]:
    """Every table of ours, tables that others reference first."""
    found = await connection.fetch(
        "SELECT c.relname AS name, array_remove(array_agg(r.relname), NULL) AS needs FROM pg_class c "
        "JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = ANY(current_schemas(false)) "
        "LEFT JOIN pg_constraint f ON f.conrelid = c.oid AND f.contype = 'f' "
        "LEFT JOIN pg_class r ON r.oid = f.confrelid WHERE c.relkind = 'r' GROUP BY 1 ORDER BY 1"
    )
    needs = {name: set(wanted) for name, wanted in found if name not in _OF_THE_ENGINE}
    order: list[str] = []
    while needs:
        ready = [name for name, wanted in needs.items() if wanted <= set(order)]
        order += ready
        for name in ready:
            del needs[name]
    return order


async def _columns(connection: Any, table: str) -> list[_Column]:
    asked = (
        "SELECT attname AS name, format_type(atttypid, NULL) AS type FROM pg_attribute "
        "WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
    )
    return [_Column(*row) for row in await connection.fetch(asked, table)]


async def _copy(
    source: sqlite3.Connection, connection: Any, table: str, url: str, tell: Callable[[str, int], None]
) -> Copied:
    if await connection.fetchval(f'SELECT EXISTS (SELECT 1 FROM "{table}")'):  # noqa: S608 -- names of ours
        raise DatabaseError(f"{where(url)} is not empty: {table} has rows; name an empty database")
    columns = await _columns(connection, table)
    names = [column.name for column in columns]
    listed = ", ".join(f'"{name}"' for name in names)
    left, arrived = Digest(), Digest()
    cursor = source.execute(f'SELECT {listed} FROM "{table}"')  # noqa: S608 -- names of ours
    while page := cursor.fetchmany(PAGE):
        rows = [_as_kept(row, columns) for row in page]
        left.add(rows)
        await connection.copy_records_to_table(table, records=rows, columns=names)
        tell(table, left.rows)
    async for row in connection.cursor(f'SELECT {listed} FROM "{table}"', prefetch=PAGE):  # noqa: S608
        arrived.add((tuple(row),))
    if (left.rows, left.hex) != (arrived.rows, arrived.hex):
        raise DatabaseError(
            f"{table} did not arrive as it left: {left.rows:,} rows of digest {left.hex[:16]}, "
            f"then {arrived.rows:,} of {arrived.hex[:16]}; nothing was kept"
        )
    for name in names:
        if await connection.fetchval("SELECT pg_get_serial_sequence($1, $2)", table, name):
            await connection.execute(
                f"SELECT setval(pg_get_serial_sequence('{table}', '{name}'), "  # noqa: S608 -- names of ours
                f'coalesce((SELECT max("{name}") FROM "{table}"), 0) + 1, false)'
            )
    return Copied(table, left.rows, left.hex)


def _as_kept(row: Iterable[Any], columns: list[_Column]) -> tuple[Any, ...]:
    return tuple(_of_type(value, column.type) for value, column in zip(row, columns, strict=True))


def _of_type(value: Any, kind: str) -> Any:
    """A value as PostgreSQL stores it: SQLite has no booleans, and may store text in a column for bytes."""
    if value is None:
        return None
    if kind == "boolean":
        return bool(value)
    if kind == "double precision":
        return float(value)
    if kind == "bytea" and isinstance(value, str):
        return value.encode()
    return value


class Digest:
    """The number of rows and the sum of their hashes: the same for the same rows in any order."""

    def __init__(self) -> None:
        self.rows = self._sum = 0

    def add(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Add rows."""
        for row in rows:
            self.rows += 1
            self._sum += int.from_bytes(hashlib.sha256(repr(row).encode()).digest())

    @property
    def hex(self) -> str:
        return f"{self._sum % 2**256:064x}"


def rows_in(path: Path) -> Iterator[tuple[str, int]]:
    """(table, rows) of the file."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as source:
        tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
        for (table,) in source.execute(tables).fetchall():
            yield table, int(source.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0])  # noqa: S608
