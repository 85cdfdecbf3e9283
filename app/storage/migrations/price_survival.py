"""How long prices last, computed once a day: the curves by provider and tier, and how claims of past months held."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from app.storage.ddl import ddl_migration

ID = "2026-11-29T20:30:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "price survival"

STATEMENTS = (
    """CREATE TABLE survival_curve (
        id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, provider VARCHAR(60) NOT NULL, tier VARCHAR(12) NOT NULL,
        until INTEGER NOT NULL, prices INTEGER NOT NULL, changes INTEGER NOT NULL, longest REAL NOT NULL,
        steps TEXT NOT NULL, UNIQUE (provider, tier))""",
    """CREATE TABLE survival_score (
        id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, month VARCHAR(10) NOT NULL, own BOOLEAN NOT NULL,
        claims INTEGER NOT NULL, said REAL NOT NULL, stood REAL NOT NULL, brier REAL NOT NULL)""",
)  # fmt: skip


async def forwards() -> MigrationManager:
    """Create the tables."""
    return ddl_migration(ID, DESCRIPTION, STATEMENTS)
