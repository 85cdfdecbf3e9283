"""The engine in use: SQLite's or PostgreSQL's. Piccolo's tables are declared with :data:`ENGINE`, which delegates to
it, because they are declared before the settings are read."""

from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from piccolo.engine.base import Engine

from app.storage import sqlite


class ChosenEngine(Engine[Any]):
    """Piccolo's engine of the database in use: SQLite's, until :func:`use` names a server of PostgreSQL."""

    def __init__(self) -> None:  # the one in use checks its own version
        self.driver: ModuleType = sqlite

    @property
    def in_use(self) -> Any:
        return self.driver.ENGINE

    @property
    def identity(self) -> str:
        """Changes with the database in use, and with a server that is found to have other data than before."""
        return str(self.in_use.identity)

    @property
    def engine_type(self) -> str:  # type: ignore[override]
        return str(self.in_use.engine_type)

    @property
    def current_transaction(self) -> Any:  # type: ignore[override]
        return self.in_use.current_transaction

    async def get_version(self) -> float:
        return float(await self.in_use.get_version())

    def get_version_sync(self) -> float:
        return float(self.in_use.get_version_sync())

    async def prep_database(self) -> None:
        await self.in_use.prep_database()

    async def batch(self, query: Any, batch_size: int = 100, node: str | None = None) -> Any:
        return await self.in_use.batch(query, batch_size, node)

    async def run_querystring(self, querystring: Any, in_pool: bool = True) -> Any:
        return await self.in_use.run_querystring(querystring, in_pool)

    def transform_response_to_dicts(self, results: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.in_use.transform_response_to_dicts(results)
        return found

    async def run_ddl(self, ddl: str, in_pool: bool = True) -> Any:
        return await self.in_use.run_ddl(ddl, in_pool)

    def transaction(self, *given: Any, **named: Any) -> Any:
        return self.in_use.transaction(*given, **named)

    def atomic(self) -> Any:
        return self.in_use.atomic()


ENGINE = ChosenEngine()


def use(database: Path | str) -> None:
    """Use a database: the path of a file, which SQLite keeps, or the ``postgres://`` URL of a server.

    Raises :class:`app.core.errors.DatabaseError` where the file's folder can't be made or written.
    """
    ENGINE.driver = sqlite if isinstance(database, Path) else import_module("app.storage.postgres")
    ENGINE.driver.use(database)
