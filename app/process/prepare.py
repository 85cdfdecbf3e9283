"""Preparing the data folder: the database, its migrations and the shipped snapshot."""

import os
import re
from pathlib import Path

from app.core import data_folder
from app.core.settings import Settings
from app.storage import database_file, inspection, migrations

os.environ.setdefault("PICCOLO_CONF", "app.storage.piccolo_conf")

MIGRATIONS = Path(migrations.__file__).parent
_FILLED = ("loaded_source", "provider_low")
"""Tables that a start fills; the second also from what an older version left."""


def prepare(settings: Settings) -> bool:
    """Bring the data folder up to date, one process at a time. True if the snapshot was loaded now.

    A folder that is already up to date is left alone, without importing the code that would change it, so that the site
    starts sooner.
    """
    data_folder.make_private(settings.data_dir)
    data_folder.use(settings.data_dir)
    data_folder.sweep(settings.data_dir)
    for part in (
        ()
        if not settings.keeps_records
        else ("inbox/new", "inbox/cur", "inbox/tmp", "outbox/new", "outbox/cur", "outbox/tmp")
    ):
        (settings.data_dir / "mail" / part).mkdir(
            parents=True, exist_ok=True
        )  # so that delivery can be pointed at them
    if is_ready(settings.database):
        _replay(settings)
        return False
    from app.storage import engine

    engine.use(settings.database)
    loaded = engine.run(_prepare())
    data_folder.make_private(settings.data_dir)
    _replay(settings)
    return loaded


def _replay(settings: Settings) -> None:
    """Erase again what the journal lists as erased, in case an older database was restored."""
    from app.submissions import erasure_journal

    back = erasure_journal.risen(settings.data_dir, settings.database)
    if back:
        from app.privacy.fulfilment import erase_again
        from app.storage import engine

        async def again() -> None:
            async with engine.alone():
                await erase_again.erase_again(settings, back)

        engine.use(settings.database)
        engine.run(again())


async def _prepare() -> bool:
    from app.models.hub.seed import load_models
    from app.pricing.snapshot.load import load_shipped
    from app.storage import engine

    async with engine.alone():
        await engine.migrate()
        await load_models()
        return await load_shipped()


def is_ready(database: Path | str) -> bool:
    """True if every migration has run on the database, a source is loaded, and the summaries include every offer."""
    try:
        if not migration_ids() <= inspection.migrations_done(database):
            return False
        offers, summed = inspection.count(database, "offer"), inspection.total(database, "offer_kind", "offers")
        return offers == summed and all(inspection.count(database, table) > 0 for table in _FILLED)
    except database_file.UnreadableFileError:
        return False


def migration_ids() -> set[str]:
    """The ids of the migrations in this software."""
    texts = (path.read_text(encoding="utf-8") for path in MIGRATIONS.glob("*.py"))
    return {match[1] for text in texts if (match := re.search(r'^ID = "(.+)"$', text, re.MULTILINE))}
