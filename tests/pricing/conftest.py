"""A data folder of its own and a server of clouds, for tests that refresh."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.core.settings import Settings, load
from app.pricing.refresh.refresh_source import refresh
from app.storage import sqlite
from app.upstream.outcome import Outcome
from tests.database import tuples
from tests.fake_clouds import Clouds, clouds


@dataclass
class Refreshing:
    """The clouds, the settings that lead to them, and the database."""

    server: Clouds
    settings: Settings

    def __call__(self, name: str, *, accept: bool = False) -> Outcome:
        return sqlite.run(refresh(name, self.settings, accept=accept))

    def rows(self, sql: str, *arguments: Any) -> list[tuple[Any, ...]]:
        async def go() -> list[tuple[Any, ...]]:
            return await tuples(sql, *arguments)

        return sqlite.run(go())

    def versions(self) -> dict[str, int]:
        return dict(self.rows("SELECT key, version FROM data_version"))

    def raised(self, work: Callable[[], Any]) -> set[str]:
        """The keys that ``work`` raises."""
        before = self.versions()
        work()
        after = self.versions()
        return {key for key in after if after[key] != before.get(key)}


@pytest.fixture
def refreshing(tmp_path: Path, prepared_data: Path) -> Iterator[Refreshing]:
    shutil.copytree(prepared_data, tmp_path / "data")
    with clouds() as server:
        settings = load({**server.environment(), "INFERENCEBENCH_DATA_DIR": str(tmp_path / "data")})
        sqlite.use(settings.database_path)
        yield Refreshing(server, settings)
