"""When stock came back: what a watch of prices tells."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from app.storage.ddl import ddl_migration

ID = "2026-11-29T15:10:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "stock returns"

STATEMENTS = (
    """CREATE TABLE stock_return (
        id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, at INTEGER NOT NULL, offer VARCHAR(40) NOT NULL,
        provider VARCHAR(60) NOT NULL, gpu VARCHAR(60) NOT NULL, tier VARCHAR(12) NOT NULL, commitment_months INTEGER,
        region VARCHAR(80) NOT NULL, usd_per_gpu_hour_micro INTEGER NOT NULL)""",
    "CREATE INDEX stock_return_by_at ON stock_return (at)",
)  # fmt: skip


async def forwards() -> MigrationManager:
    """Create the table."""
    return ddl_migration(ID, DESCRIPTION, STATEMENTS)
