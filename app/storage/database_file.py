"""The database as a file, inspected or copied while the site may be running. Specific to SQLite."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from app.core.errors import DatabaseError


class UnreadableFileError(DatabaseError):
    """The file is not a database, is damaged, or can't be opened; the text is SQLite's own."""


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A read-only connection, closed at the end. Raises :class:`UnreadableFileError`."""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise UnreadableFileError(str(error)) from None


def migrations_done(path: Path) -> set[str]:
    """The ids of the migrations that ran on the file."""
    with _reading(path) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM migration")}


def count(path: Path, table: str) -> int:
    """How many rows a table has."""
    with _reading(path) as connection:
        return int(connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0])  # noqa: S608 -- names of ours


def total(path: Path, table: str, column: str) -> int:
    """The sum of a column of whole numbers."""
    with _reading(path) as connection:
        return int(connection.execute(f'SELECT total("{column}") FROM "{table}"').fetchone()[0])  # noqa: S608


def values(path: Path, table: str, column: str, where: str = "", *given: str) -> set[str]:
    """The values of a column, of rows that match ``where``, with ``?`` for each of ``given``; empty if the file has no
    such table yet."""
    with _reading(path) as connection:
        tables = connection.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (table,))
        if not tables.fetchone():
            return set()
        asked = f'SELECT "{column}" FROM "{table}"' + (f" WHERE {where}" if where else "")  # noqa: S608 -- names of ours
        return {value for (value,) in connection.execute(asked, given)}


def fault(path: Path) -> str:
    """The result of SQLite's integrity check of the file, ``""`` if it is sound."""
    with _reading(path) as connection:
        said = str(connection.execute("PRAGMA quick_check").fetchone()[0])
    return "" if said == "ok" else said


def copy(path: Path, target: Path) -> None:
    """Copy the database, whose site may go on running: a consistent snapshot in one file.

    Raises :class:`UnreadableFileError`.
    """
    try:
        with _reading(path) as source, contextlib.closing(sqlite3.connect(target)) as made:
            source.backup(made)  # all pages in one read transaction: writers go on, and none of theirs is half in it
            made.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        raise UnreadableFileError(str(error)) from None


def use_write_ahead_log(path: Path) -> None:
    """Switch the file to the write-ahead log that the site needs, leaving no file beside it. Raises
    :class:`UnreadableFileError`."""
    try:
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
    except sqlite3.Error as error:
        raise UnreadableFileError(str(error)) from None
    for suffix in BESIDE:
        Path(f"{path}{suffix}").unlink(missing_ok=True)


BESIDE = ("-wal", "-shm")
"""Suffixes of the files that SQLite keeps beside a database in use."""


def put(made: Path, path: Path) -> None:
    """Replace a database file by another, and delete the files that SQLite kept beside the old one."""
    for suffix in BESIDE:
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    made.replace(path)
