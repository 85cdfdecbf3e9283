"""Damaged rows: found by the types that the tables declare, named, and left out of what is read until they are mended.

A cell may hold anything after a fault of the disk or a manual change: SQLite does not enforce its types. One such cell
would make every statement fail that reads its row. Damaged rows are looked for when a read has failed, and once an
hour. They are hidden from the connection that pages are read over, by a temporary view in place of their table;
writing, purging and erasing still see them. Specific to SQLite.
"""

import contextlib
import re
import sqlite3
from collections.abc import Callable, Iterable
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import aiosqlite

MAX_INSTANT = 253_402_300_799
"""The last second of the year 9999."""
MAX_WHOLE = 2**53
"""Larger than any count or sum of ours."""
MOST = 1_000
"""The most damaged rows of a table that are left out; with more, the file has to be restored from a backup."""
_INSTANTS = frozenset(("at", "valid_from", "valid_to"))
_DAYS = frozenset(("day", "ended_on", "exchange_rate_date", "price_since", "last_modified"))
_OBJECTS = frozenset(
    ("loaded_source.left_out", "model.architecture", "submission.body", "ledger_entry.body", "ledger_constants.body")
)
"""Columns that hold a JSON object."""
_EMPTY_OBJECTS = frozenset(("model.architecture", "submission.body"))
"""Those of them that may hold nothing."""
_NUMBERS = frozenset(
    ("offer.gpu_count", "offer_tally.gpu_count", "offer_words.gpu_count", "offer.quoted_amount", "exchange_rate.usd")
)
"""Columns that hold the text of a number, which may be a fraction."""
_NUMBER = re.compile(r"\d{1,40}(\.\d{1,40})?(/[1-9]\d{0,8})?([eE][+-]?\d{1,3})?")
_KEPT_OUT = frozenset(("migration",))


class Damaged(NamedTuple):
    """A damaged row: its table, its number there, and the columns with impossible values."""

    table: str
    number: int
    columns: tuple[str, ...]

    def __str__(self) -> str:
        return f"row {self.number} of the table {self.table} is damaged ({', '.join(self.columns)})"


class _Column(NamedTuple):
    name: str
    type: str
    never_null: bool


def _columns(connection: sqlite3.Connection, table: str) -> list[_Column]:
    found = connection.execute(f'PRAGMA table_info("{table}")')
    return [_Column(name, kind.upper(), bool(never_null)) for _, name, kind, never_null, *_ in found]


def _fault(table: str, column: _Column) -> str:
    """The SQL condition of an impossible value in the column."""
    name, type_of = f'"{column.name}"', f'typeof("{column.name}")'
    null = "" if column.never_null else ", 'null'"
    if column.type.startswith(("INT", "BIGINT", "SMALLINT", "BOOL")):
        low, high = -MAX_WHOLE, MAX_WHOLE
        if column.name in _INSTANTS or column.name.endswith("_at"):
            low, high = 0, MAX_INSTANT
        return f"{type_of} NOT IN ('integer'{null}) OR {name} NOT BETWEEN {low} AND {high}"
    if column.type.startswith(("REAL", "DOUBLE", "FLOAT")):
        return f"{type_of} NOT IN ('real', 'integer'{null})"
    if column.type.startswith("BLOB"):
        return f"{type_of} NOT IN ('blob', 'text'{null})"
    if not column.type.startswith(("VARCHAR", "TEXT", "CHAR")):  # only text is checked further
        return f"{type_of} = 'null'" if column.never_null else "0"
    fault = f"{type_of} NOT IN ('text'{null}) OR garbled(CAST({name} AS BLOB))"
    if column.name in _DAYS:
        fault += f" OR ({name} <> '' AND date({name}) IS NOT {name})"
    full = f"{table}.{column.name}"
    if full in _NUMBERS:
        fault += f" OR ({name} <> '' AND no_number({name}))"
    if full in _OBJECTS:
        empty = f"{name} <> ''" if full in _EMPTY_OBJECTS else "1"
        fault += f" OR CASE WHEN json_valid({name}) THEN json_type({name}) <> 'object' ELSE {empty} END"
    return fault


def _any_fault(table: str, columns: Iterable[_Column]) -> str:
    return "coalesce(" + " OR ".join(f"({_fault(table, column)})" for column in columns) + ", 0)"


def _garbled(cell: bytes | None) -> bool:
    """True if a text is not UTF-8: reading it would fail."""
    try:
        (cell or b"").decode()
    except UnicodeDecodeError:
        return True
    return False


def _no_number(text: object) -> bool:
    """True if a text is no number."""
    return not isinstance(text, str) or not _NUMBER.fullmatch(text)


_FUNCTIONS: dict[str, Callable[[Any], bool]] = {"garbled": _garbled, "no_number": _no_number}


def find(path: Path) -> list[Damaged]:
    """Every damaged row of the database, table by table; empty if the file itself can't be read.

    Takes about a second for a hundred thousand offers.
    """
    found: list[Damaged] = []
    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection,
    ):
        for name, function in _FUNCTIONS.items():
            connection.create_function(name, 1, function, deterministic=True)
        tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
        for (table,) in connection.execute(tables).fetchall():
            if table not in _KEPT_OUT:
                with contextlib.suppress(
                    sqlite3.DatabaseError
                ):  # one unreadable table does not keep the others from being checked
                    found += _in_table(connection, table)
    return found


def _in_table(connection: sqlite3.Connection, table: str) -> list[Damaged]:
    columns = _columns(connection, table)
    asked = ", ".join(f"coalesce({_fault(table, column)}, 0)" for column in columns)
    rows = connection.execute(
        f'SELECT rowid, {asked} FROM "{table}" WHERE {_any_fault(table, columns)} LIMIT {MOST}'  # noqa: S608 -- names of ours
    )
    return [
        Damaged(table, number, tuple(column.name for column, bad in zip(columns, faults, strict=True) if bad))
        for number, *faults in rows
    ]


async def hide(connection: aiosqlite.Connection, rows: Iterable[Damaged]) -> None:
    """Hide ``rows`` from everything that is read over ``connection``, each as long as it is damaged. Rows that were
    hidden before and are not among them are read again."""
    for name, function in _FUNCTIONS.items():
        await connection.create_function(name, 1, function, deterministic=True)
    await connection.execute("PRAGMA query_only = 0")
    try:
        for view in await connection.execute_fetchall("SELECT name FROM temp.sqlite_master WHERE type = 'view'"):
            await connection.execute(f'DROP VIEW temp."{view["name"]}"')
        for table, those in groupby(rows, lambda row: row.table):
            numbers = ", ".join(str(row.number) for row in those)
            asked = await connection.execute_fetchall(f'PRAGMA main.table_info("{table}")')
            columns = [_Column(row["name"], row["type"].upper(), bool(row["notnull"])) for row in asked]
            await connection.execute(
                f'CREATE TEMP VIEW "{table}" AS SELECT t.rowid AS rowid, t.* FROM main."{table}" AS t '  # noqa: S608
                f"WHERE NOT (t.rowid IN ({numbers}) AND {_any_fault(table, columns)})"
            )
    finally:
        await connection.execute("PRAGMA query_only = 1")
