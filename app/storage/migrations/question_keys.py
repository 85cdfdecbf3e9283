"""The keys under which nodes seal what they ask each other over the shared queue."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from app.storage.ddl import ddl_migration

ID = "2026-11-29T23:20:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "question keys"

STATEMENTS = (
    "CREATE TABLE question_key (id VARCHAR(24) PRIMARY KEY NOT NULL, key BLOB NOT NULL, until INTEGER NOT NULL)",
)


async def forwards() -> MigrationManager:
    """Create the table."""
    return ddl_migration(ID, DESCRIPTION, STATEMENTS)
