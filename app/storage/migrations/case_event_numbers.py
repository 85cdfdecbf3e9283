"""What happened in a case has a number in it, so that events of one second keep their order, and a decision of
moderation one of its own."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from app.storage.ddl import OfOlderFiles, ddl_migration

ID = "2026-11-29T15:20:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "numbers of events"

STATEMENTS = (
    "ALTER TABLE case_event ADD COLUMN number INTEGER NOT NULL DEFAULT 0",
    OfOlderFiles("""UPDATE case_event SET number = (
        SELECT count(*) FROM case_event e WHERE e.reference = case_event.reference AND e.rowid < case_event.rowid)"""),
    "DROP INDEX case_event_by_reference",
    "CREATE UNIQUE INDEX case_event_by_number ON case_event (reference, number)",
    """CREATE TABLE numbered (
        id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, at INTEGER NOT NULL, submission VARCHAR(16) NOT NULL,
        kind VARCHAR(12) NOT NULL, action VARCHAR(12) NOT NULL, reason VARCHAR(300) NOT NULL)""",
    OfOlderFiles("""INSERT INTO numbered (id, at, submission, kind, action, reason)
        SELECT rowid, at, submission, kind, action, reason FROM moderation"""),
    "DROP TABLE moderation",
    "ALTER TABLE numbered RENAME TO moderation",
)


async def forwards() -> MigrationManager:
    """Number what there is in the order in which it was written."""
    return ddl_migration(ID, DESCRIPTION, STATEMENTS)
