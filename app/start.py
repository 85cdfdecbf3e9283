"""Making the data folder ready: the database, its migrations and the shipped snapshot."""

import asyncio
import os

from app import database
from app.settings import Settings

os.environ.setdefault("PICCOLO_CONF", "app.piccolo_conf")


def prepare(settings: Settings) -> bool:
    """Bring the data folder up to date, one process at a time. True if the snapshot was loaded now."""
    database.use(settings.database_path)
    with database.exclusive(settings.database_path):
        return asyncio.run(_prepare())


async def _prepare() -> bool:
    from app.pricing.importer import load_shipped

    try:
        await database.migrate()
        return await load_shipped()
    finally:
        await database.ENGINE.close_reader()
