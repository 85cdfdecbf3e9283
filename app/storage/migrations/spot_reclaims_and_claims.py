"""How often spot is taken, of an offer and by kind of machine; and what sources say that do not speak for a provider."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from app.storage.ddl import ddl_migration

ID = "2026-11-29T15:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "spot reclaims and claims"

STATEMENTS = (
    "ALTER TABLE offer ADD COLUMN reclaim_low INTEGER",
    "ALTER TABLE offer ADD COLUMN reclaim_high INTEGER",
    "ALTER TABLE offer ADD COLUMN reclaim_hours INTEGER",
    "ALTER TABLE offer ADD COLUMN reliability REAL",
    """CREATE TABLE spot_reclaim (
        id INTEGER PRIMARY KEY NOT NULL, source VARCHAR(60) NOT NULL, provider VARCHAR(60) NOT NULL,
        product VARCHAR(80) NOT NULL, region VARCHAR(80) NOT NULL, low INTEGER NOT NULL, high INTEGER,
        hours INTEGER NOT NULL, seen_at INTEGER NOT NULL, UNIQUE (provider, product, region))""",
    """CREATE TABLE source_claim (
        id INTEGER PRIMARY KEY NOT NULL, source VARCHAR(60) NOT NULL, provider VARCHAR(60) NOT NULL,
        gpu VARCHAR(60) NOT NULL, tier VARCHAR(12) NOT NULL, commitment_months INTEGER,
        usd_per_gpu_hour_micro INTEGER NOT NULL, seen_at INTEGER NOT NULL)""",
    "CREATE INDEX source_claim_by_provider ON source_claim (provider, gpu)",
)


async def forwards() -> MigrationManager:
    """Add the columns and the tables."""
    return ddl_migration(ID, DESCRIPTION, STATEMENTS)
