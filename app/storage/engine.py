"""The one way to the database: statements as ``{}`` templates, rows as records with names.

A statement that Piccolo's tables can't say stands as text in a module called ``store``, with ``{}`` where a value
goes: the engine in use puts its own mark there (``?`` in SQLite), and values never become part of the text. What only
one engine does stands in :mod:`app.storage.sqlite`, which nothing outside this folder imports.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import starmap
from string import Formatter
from typing import Any, TypeVar

from piccolo.columns import BigInt, Varchar
from piccolo.querystring import QueryString
from piccolo.table import Table

from app.storage import sqlite, write_ahead_log
from app.storage.sqlite import (
    ENGINE,
    NO_TIME,
    REFUSED,
    ROW,
    UNAVAILABLE,
    as_it_lies,
    is_disk_full,
    leave_out_damaged,
    migrate,
    raise_versions,
    run,
    transaction,
    use,
    whole,
)
from app.storage.version_watch import VersionWatch

__all__ = [
    "ENGINE", "NO_TIME", "REFUSED", "ROW", "UNAVAILABLE", "DataVersion", "VersionWatch", "as_it_lies", "close",
    "data_versions", "despite_damage", "execute", "execute_many", "fetch", "fetch_column", "fetch_one",
    "fetch_pairs", "fetch_rows", "fetch_value", "insert_many", "is_disk_full", "leave_out_and_tell",
    "leave_out_damaged", "left_out", "marks", "migrate", "raise_versions", "run", "scrub", "transaction", "use",
    "whole",
]  # fmt: skip
R = TypeVar("R")


class DataVersion(Table, db=ENGINE, tablename="data_version"):
    """One counter for each thing that pages show: a write to it raises it."""

    key = Varchar(length=120, primary_key=True)
    version = BigInt()


@lru_cache(maxsize=1024)
def _compiled(template: str) -> str:
    """``template`` as the engine in use takes it."""
    count = sum(field is not None for _, field, _, _ in Formatter().parse(template))
    sql, _ = QueryString(template, *[None] * count).compile_string(ENGINE.engine_type)
    return sql


def marks(values: Sequence[Any]) -> str:
    """``{}, {}, {}``: a mark for each value of a list, for ``IN (…)``."""
    return ", ".join("{}" for _ in values)


async def fetch(record: Callable[..., R], template: str, *values: Any) -> list[R]:
    """The rows of a statement, each as a ``record``, inside the running transaction if there is one.

    ``record`` is a class whose fields have the names of the statement's columns, in their order: a NamedTuple or a
    dataclass. Raises ``TypeError`` where the names differ, so that no value is taken for another.
    """
    names, found = await sqlite.read(_compiled(template), values)
    if names != record.__match_args__:  # type: ignore[attr-defined]
        raise TypeError(f"{record} has not the columns {', '.join(names)}")
    return list(starmap(record, found))


async def fetch_one(record: Callable[..., R], template: str, *values: Any) -> R | None:
    """The first row of a statement as a ``record``, as :func:`fetch`; None where there is none."""
    found = await fetch(record, template, *values)
    return found[0] if found else None


async def fetch_rows(template: str, *values: Any) -> list[dict[str, Any]]:
    """The rows of a statement, each as column → value, for what is handed on as it is."""
    names, found = await sqlite.read(_compiled(template), values)
    return [dict(zip(names, row, strict=True)) for row in found]


async def fetch_column(template: str, *values: Any) -> list[Any]:
    """The values of a statement of one column."""
    _, found = await sqlite.read(_compiled(template), values)
    return [only for (only,) in found]


async def fetch_value(template: str, *values: Any) -> Any:
    """The one value that a statement has in its first row; None where there is no row."""
    found = await fetch_column(template, *values)
    return found[0] if found else None


async def fetch_pairs(template: str, *values: Any) -> dict[Any, Any]:
    """First column → second, of a statement of two columns."""
    _, found = await sqlite.read(_compiled(template), values)
    return dict(found)


async def execute(template: str, *values: Any) -> None:
    """Run one statement inside the running transaction."""
    await execute_many(template, [values])


async def execute_many(template: str, many: Iterable[Sequence[Any]]) -> None:
    """Run one statement for the values of each of ``many`` rows, inside the running transaction.

    They are taken one by one and not held in memory.
    """
    await sqlite.write(_compiled(template), many)


async def insert_many(table: type[Table], columns: Sequence[str], many: Iterable[Sequence[Any]]) -> None:
    """Insert many rows into ``table``; ten times as quick as one object a row, and for any number of rows."""
    names = ", ".join(f'"{column}"' for column in columns)
    await execute_many(f'INSERT INTO "{table._meta.tablename}" ({names}) VALUES ({marks(columns)})', many)  # noqa: S608


async def scrub(tries: int = write_ahead_log.TRIES) -> bool:
    """Remove the text of deleted rows from every file of the database, retrying while a reader blocks it.

    Returns False if a reader still blocked it after so many tries; the next purge tries again.
    """
    return await write_ahead_log.empty_log(tries)


_AT_DAMAGE = (ValueError, TypeError, ArithmeticError, LookupError, AttributeError, AssertionError, OSError,
              *sqlite.UNAVAILABLE)  # fmt: skip
"""What reading a damaged row raises, here or where its values are used."""


async def despite_damage(work: Callable[[], Awaitable[R]]) -> R:
    """What ``work`` comes to; where it fails at a damaged row, what it comes to without that row."""
    try:
        return await work()
    except _AT_DAMAGE:
        if not await leave_out_damaged():
            raise
        return await work()


def left_out() -> list[str]:
    """The damaged rows that this process leaves out of what it reads, for the operator."""
    return [f"{row}; it is left out until it is mended or restored from a backup" for row in ENGINE.left_out]


async def leave_out_and_tell() -> list[str]:
    """Leave damaged rows out of what is read outside transactions from now on; all of them, for the operator."""
    if ENGINE.path:
        await leave_out_damaged()
    return left_out()


async def close() -> None:
    """Close what is kept open for reading; the next read opens it again."""
    await ENGINE.close_reader()


async def data_versions(names: Mapping[str, str]) -> list[tuple[str, str]]:
    """(name, "version N") of the keys of ``names``, and of the tables."""
    found = await fetch_pairs("SELECT key, version FROM data_version")
    tables = await fetch_value("SELECT max(name) FROM migration")
    return [*((name, f"version {found.get(key, 0):,}") for key, name in names.items()), ("tables", str(tables))]
