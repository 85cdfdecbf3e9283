"""Plain SQL for tests: they read rows with their own statements, and not with those under test."""

import re
from collections.abc import Iterable, Sequence
from itertools import count
from typing import Any

from app.core.settings import Settings
from app.storage import engine
from app.storage.engine_in_use import ENGINE


def _marked(sql: str) -> str:
    """The statement with ``?`` replaced by the placeholder of the engine in use; no test has a ``?`` in a text."""
    if ENGINE.engine_type == "sqlite":
        return sql
    numbers = count(1)
    return re.sub(r"\?(\d*)", lambda mark: f"${mark[1] or next(numbers)}", sql)


async def tuples(sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """The rows of a statement with ``?`` for values."""
    _, found = await ENGINE.driver.read(_marked(sql), values)
    return [tuple(row) for row in found]


def rows(settings: Settings, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """The rows of a statement on an installation's database, whichever engine that has."""
    engine.use(settings.database)
    return engine.run(tuples(sql, *values))


async def write(sql: str, rows: Iterable[Sequence[Any]] = ((),)) -> None:
    """Run a statement for rows, inside the running transaction."""
    await ENGINE.driver.write(_marked(sql), rows)


async def execute(sql: str, *values: Any) -> None:
    """Run a statement once, inside the running transaction."""
    await ENGINE.driver.write(_marked(sql), [values])
