"""A source keeps how many rows of its last answer were no offers of a GPU, and why."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from app.storage.ddl import ddl_migration

ID = "2026-11-25T06:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "rows left out"

STATEMENTS = ("ALTER TABLE loaded_source ADD COLUMN left_out TEXT NOT NULL DEFAULT '{}'",)


async def forwards() -> MigrationManager:
    """Add the column."""
    return ddl_migration(ID, DESCRIPTION, STATEMENTS)
