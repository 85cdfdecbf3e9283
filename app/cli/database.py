"""The database, for commands that read or change what the site holds."""

from app.core.settings import Settings
from app.process import prepare
from app.storage import engine


def open_database(settings: Settings) -> None:
    """Prepare the data folder as starting the site does, and use its database."""
    prepare.prepare(settings)
    engine.use(settings.database_path)
