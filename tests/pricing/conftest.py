"""A data folder of its own and a server of clouds, for tests that refresh."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.core.settings import Settings, load
from app.pricing.refresh.refresh_source import refresh
from app.storage import engine
from app.upstream.outcome import Outcome
from tests.conftest import Shipped
from tests.database import tuples
from tests.fake_clouds import Clouds, clouds


@dataclass
class Refreshing:
    """The clouds, the settings that lead to them, and the database."""

    server: Clouds
    settings: Settings

    def __call__(self, name: str, *, accept: bool = False) -> Outcome:
        return engine.run(refresh(name, self.settings, accept=accept))

    def rows(self, sql: str, *arguments: Any) -> list[tuple[Any, ...]]:
        async def go() -> list[tuple[Any, ...]]:
            return await tuples(sql, *arguments)

        return engine.run(go())

    def versions(self) -> dict[str, int]:
        return dict(self.rows("SELECT key, version FROM data_version"))

    def raised(self, work: Callable[[], Any]) -> set[str]:
        """The keys that ``work`` raises."""
        before = self.versions()
        work()
        after = self.versions()
        return {key for key in after if after[key] != before.get(key)}


@pytest.fixture
def refreshing(tmp_path: Path, shipped: Shipped) -> Iterator[Refreshing]:
    with clouds() as server:
        settings = load({**server.environment(), **shipped(tmp_path / "data")})
        engine.use(settings.database)
        yield Refreshing(server, settings)
