"""Rows with a retention limit, and the record of the purge. Instants are seconds since 1970."""

from collections.abc import Mapping
from typing import NamedTuple

from app.core.retention import Aged
from app.storage.engine import as_it_lies, execute, execute_many, fetch, fetch_column, fetch_value, no_time, whole
from app.storage.row_numbers import is_after, is_among, place_of_row

CLOCK = "clock"
"""Stands in the record of purges while stamps lie in the future: since when that was seen, and by how many seconds."""


class Run(NamedTuple):
    """The last purge of a kind of data, and how many things it erased."""

    kind: str
    ran_at: int
    erased: int


class Started(NamedTuple):
    """The number of rows whose limit counts from ``start``: a second, or the text of a UTC day."""

    start: int | str
    rows: int


class AgedRow(NamedTuple):
    """A row's number in its table, and from when its limit counts: a second, or the text of a UTC day."""

    number: int
    start: int | str


def _where(aged: Aged) -> str:
    """The SQL condition of the rows with this limit. Names and conditions come from the retention table."""
    set_at = f"{aged.column} IS NOT NULL AND CAST({aged.column} AS TEXT) <> ''"
    return f"{set_at} AND {aged.where}" if aged.where else set_at


async def runs() -> dict[str, Run]:
    """Kind → its last purge."""
    return {run.kind: run for run in await fetch(Run, "SELECT kind, ran_at, erased FROM purge_run")}


async def first_run() -> int | None:
    """The second of the oldest among the last purges of the kinds; None before the first purge."""
    found = await fetch_value("SELECT min(ran_at) FROM purge_run WHERE kind <> {}", CLOCK)
    return None if found is None else int(found)


async def record_runs(gone: dict[str, int], ran_at: int) -> None:
    """Record a purge, kind → how many things were erased, inside the running transaction."""
    await execute_many(
        "INSERT INTO purge_run (kind, ran_at, erased) VALUES ({}, {}, {}) ON CONFLICT (kind) DO UPDATE "
        "SET ran_at = excluded.ran_at, erased = excluded.erased",
        [(name, ran_at, count) for name, count in gone.items()],
    )


async def started(aged: Aged) -> list[Started]:
    """The rows with this limit, counted by start."""
    return await fetch(
        Started,
        f"SELECT {as_it_lies(aged.column)} AS start, count(*) AS rows FROM {whole(aged.table)} "  # noqa: S608
        f"WHERE {_where(aged)} GROUP BY 1",
    )


def _due(aged: Aged) -> str:
    """The SQL condition of rows whose limit counts from a time or earlier, or whose time can't be read."""
    return f"{_where(aged)} AND ({aged.column} <= {{}} OR {no_time(aged.counts, aged.column)})"


async def aged_rows(aged: Aged, latest: int | str, after: int, most: int) -> list[AgedRow]:
    """At most ``most`` rows whose limit counts from ``latest`` or earlier, or whose time can't be read, with numbers
    above ``after``, by number."""
    return await fetch(
        AgedRow,
        f"SELECT {place_of_row()} AS number, {as_it_lies(aged.column)} AS start FROM {whole(aged.table)} "  # noqa: S608
        f"WHERE {_due(aged)} AND {is_after(after)} ORDER BY 1 LIMIT {{}}",
        latest, most,
    )  # fmt: skip


async def delete_rows(aged: Aged, latest: int | str, numbers: list[int]) -> None:
    """Delete rows by their numbers, inside the running transaction, but only those still due: another row may have the
    number by now."""
    await execute(f"DELETE FROM {aged.table} WHERE {_due(aged)} AND {is_among(numbers)}", latest)  # noqa: S608


async def copies_stored() -> list[int | str]:
    """When each copy of mail was stored; a damaged value is returned as it is."""
    return await fetch_column(f"SELECT {as_it_lies('stored_at')} FROM {whole('mail_copy')}")  # noqa: S608


async def forget_run(kind: str) -> None:
    """Delete the record of the last purge of a kind of data."""
    await execute("DELETE FROM purge_run WHERE kind = {}", kind)


async def newest_stamp(columns: Mapping[str, tuple[str, ...]]) -> int | None:
    """The latest second in these columns of these tables; None where they hold none."""
    found = [
        await fetch_value(f"SELECT max({column}) FROM {table} WHERE NOT ({no_time('instant', column)})")  # noqa: S608
        for table, named in columns.items()
        for column in named
    ]
    return max((int(one) for one in found if one is not None), default=None)


async def shift_stamps(table: str, column: str, after: int, seconds: int) -> None:
    """Move the seconds in a column that are later than ``after`` back by ``seconds``, inside the running
    transaction."""
    await execute(
        f"UPDATE {table} SET {column} = {column} - {{}} WHERE {column} > {{}} "  # noqa: S608
        f"AND NOT ({no_time('instant', column)})",
        seconds, after,
    )  # fmt: skip


async def end_future_days(table: str, column: str, today: str, tomorrow: str) -> None:
    """Put days after tomorrow back to today, inside the running transaction."""
    await execute(f"UPDATE {table} SET {column} = {{}} WHERE {column} > {{}}", today, tomorrow)  # noqa: S608


async def drop_future_days(table: str, column: str, tomorrow: str) -> None:
    """Delete the rows of days after tomorrow, inside the running transaction."""
    await execute(f"DELETE FROM {table} WHERE {column} > {{}}", tomorrow)  # noqa: S608
