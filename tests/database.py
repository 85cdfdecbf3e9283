"""Plain SQL for tests: they read rows with their own statements, and not with those under test."""

import re
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from app.core.settings import Settings
from app.storage import engine
from app.storage.engine_in_use import ENGINE
from tests import postgres


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


def beside(settings: Settings, sql: str) -> list[str]:
    """The first column of a statement's rows, as text and as another process sees them, while the loop runs."""
    if settings.database_url:
        within = "SET search_path TO public, personal; "
        return postgres.server().sql(within + sql, _name(settings.database_url)).splitlines()
    with closing(sqlite3.connect(settings.database_path)) as connection:
        return [str(row[0]) for row in connection.execute(sql)]


def dump(settings: Settings) -> list[bytes]:
    """A dump of the database on PostgreSQL; nothing with SQLite, whose file lies in the data folder."""
    return [postgres.server().dump(_name(settings.database_url))] if settings.database_url else []


@contextmanager
def opened(settings: Settings) -> Iterator[None]:
    """Another process has the database open meanwhile."""
    if settings.database_url:
        yield
        return
    with closing(sqlite3.connect(settings.database_path)) as connection:
        connection.execute("SELECT count(*) FROM submission").fetchone()
        yield


@contextmanager
def away(settings: Settings) -> Iterator[None]:
    """Nobody can reach the database meanwhile: its file is elsewhere, or its server takes no connection."""
    if settings.database_url:
        postgres.server().close(_name(settings.database_url))
        yield
        postgres.server().reopen(_name(settings.database_url))
        return
    path = settings.database_path
    path.rename(path.with_name("away.sqlite"))
    yield
    path.with_name("away.sqlite").rename(path)


class Copy:
    """A copy of an installation's database as it is now, such as a backup, which may take its place again."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._settings, self._path = settings, folder / "backup.sqlite"
        if settings.database_url:
            self._made = _name(postgres.server().database(_name(settings.database_url)))
        else:
            self._path.unlink(missing_ok=True)
            with closing(sqlite3.connect(settings.database_path)) as live, closing(sqlite3.connect(self._path)) as kept:
                live.backup(kept)

    def restore(self) -> None:
        """Put the copy in the database's place; nothing may be connected to it."""
        if self._settings.database_url:
            postgres.server().replace(_name(self._settings.database_url), self._made)
            return
        for suffix in ("-wal", "-shm"):
            Path(f"{self._settings.database_path}{suffix}").unlink(missing_ok=True)
        shutil.copy(self._path, self._settings.database_path)


def _name(url: str) -> str:
    """The name of the database at ``url``."""
    return url.rsplit("/", 1)[1]
