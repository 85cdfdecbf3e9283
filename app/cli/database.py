"""Opening the database, for commands that read or change what the site stores."""

from app.core.errors import SettingError
from app.core.settings import PREFIX, Settings
from app.process import prepare
from app.storage import engine


def open_database(settings: Settings) -> None:
    """Prepare the data folder as starting the site does, and use its database.

    Raises :class:`SettingError` on a node that keeps no records: what such a command writes belongs on the one that
    does, where the journal of erasures lies.
    """
    if not settings.keeps_records:
        raise SettingError(
            f"{PREFIX}ROLE is {settings.role}: run this on the node whose role is records; it keeps the journal of "
            "erasures and the mail"
        )
    prepare.prepare(settings)
    engine.use(settings.database)
