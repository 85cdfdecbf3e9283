"""Anonymous counters, and the purge's own record."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from app.storage.ddl import ddl_migration

ID = "2026-11-25T00:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "telemetry"

STATEMENTS = (
    """CREATE TABLE daily_counter (
        day VARCHAR(10) NOT NULL, measure VARCHAR(12) NOT NULL, page VARCHAR(80) NOT NULL, bucket INTEGER NOT NULL,
        count INTEGER NOT NULL, PRIMARY KEY (day, measure, page, bucket))""",
    """CREATE TABLE purge_run (
        kind VARCHAR(30) PRIMARY KEY NOT NULL, ran_at INTEGER NOT NULL, erased INTEGER NOT NULL)""",
)  # fmt: skip


async def forwards() -> MigrationManager:
    """Create the tables."""
    return ddl_migration(ID, DESCRIPTION, STATEMENTS)
