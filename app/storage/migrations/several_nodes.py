"""What several nodes share: when each policy version was first shown, and what each edge was told."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from app.storage.ddl import ddl_migration

ID = "2026-11-29T19:40:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "several nodes"

STATEMENTS = (
    "CREATE TABLE policy_shown (name VARCHAR(160) PRIMARY KEY NOT NULL, at INTEGER NOT NULL)",
    """CREATE TABLE edge_purge (
        edge VARCHAR(16) NOT NULL, key VARCHAR(120) NOT NULL, version INTEGER NOT NULL, again_at INTEGER NOT NULL,
        PRIMARY KEY (edge, key))""",
    """CREATE TABLE edge_fault (
        edge VARCHAR(16) PRIMARY KEY NOT NULL, since INTEGER NOT NULL, why VARCHAR(300) NOT NULL)""",
)


async def forwards() -> MigrationManager:
    """Create the tables."""
    return ddl_migration(ID, DESCRIPTION, STATEMENTS)
