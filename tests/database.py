"""Plain SQL for tests: they look at rows with statements of their own, and not with those they are to prove."""

from collections.abc import Iterable, Sequence
from typing import Any

from app.storage import sqlite


async def tuples(sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """The rows of a statement in SQLite's own words."""
    _, found = await sqlite.read(sql, values)
    return found


async def write(sql: str, rows: Iterable[Sequence[Any]] = ((),)) -> None:
    """Run a statement for rows, inside the running transaction."""
    await sqlite.write(sql, rows)


async def execute(sql: str, *values: Any) -> None:
    """Run a statement once, inside the running transaction."""
    await sqlite.write(sql, [values])
