"""Mail that could not be kept is set aside with its reason; letters that a limit holds back wait for their turn."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from app.storage.ddl import ddl_migration

ID = "2026-11-25T05:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "mail waiting"

STATEMENTS = (
    """CREATE TABLE mail_aside (
        place VARCHAR(80) NOT NULL, name VARCHAR(255) NOT NULL, at INTEGER NOT NULL, reason VARCHAR(200) NOT NULL, tries INTEGER NOT NULL DEFAULT 1, PRIMARY KEY (place, name))""",
    """CREATE TABLE mail_held (
        id VARCHAR(24) PRIMARY KEY NOT NULL, reference VARCHAR(12) NOT NULL REFERENCES privacy_case (reference) ON DELETE CASCADE,
        recipient VARCHAR(254) NOT NULL, held_at INTEGER NOT NULL, message BLOB NOT NULL)""",
    "CREATE INDEX mail_held_by_recipient ON mail_held (recipient)",
)


async def forwards() -> MigrationManager:
    """Create the tables."""
    return ddl_migration(ID, DESCRIPTION, STATEMENTS)
