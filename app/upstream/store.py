"""The table of sources: how the last attempt to fetch each of them went."""

from typing import Any

from app.storage.engine import fetch_value
from app.upstream.tables import LoadedSource


async def recorded_error(name: str) -> str | None:
    """The error recorded for a source, ``""`` if there is none; ``None`` if the source was never recorded."""
    found = await fetch_value("SELECT error FROM loaded_source WHERE name = {}", name)
    return None if found is None else str(found)


async def is_recorded(name: str) -> bool:
    """True if a source was fetched or loaded before."""
    return bool(await LoadedSource.exists().where(LoadedSource.name == name).run())


async def last_tries() -> dict[str, int | None]:
    """Source → the second of the last attempt to fetch it, ``None`` for a source that only shipped."""
    found = await LoadedSource.select(LoadedSource.name, LoadedSource.tried_at).run()
    return {row["name"]: row["tried_at"] for row in found}


async def record_failure(name: str, title: str, error: str, now: int) -> None:
    """Record a failure at ``now``, inside the running transaction; what the source brought before stays."""
    if await is_recorded(name):
        values: dict[Any, Any] = {"error": error, "error_at": now, "tried_at": now}
        await LoadedSource.update(values).where(LoadedSource.name == name).run()
    else:
        await LoadedSource.insert(_row(name, title, error=error, error_at=now, tried_at=now, live=False)).run()


async def record_answer(name: str, title: str, now: int) -> None:
    """Record a good answer from a source that brings no offers, inside the running transaction."""
    await LoadedSource.delete().where(LoadedSource.name == name).run()
    await LoadedSource.insert(_row(name, title, fetched_at=now, tried_at=now, live=True)).run()


def _row(name: str, title: str, **values: object) -> LoadedSource:
    row = LoadedSource(name=name, title=title, fetched_at=0, offers=0, set_aside=0, error="", error_at=None)
    for column, value in values.items():
        setattr(row, column, value)
    return row
