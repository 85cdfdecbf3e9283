"""The ledger of predictions: a chain of lines that hold nothing personal, and beside each what it says, gone with its report."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from app.storage.ddl import ddl_migration

ID = "2026-11-25T22:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "prediction ledger"

STATEMENTS = (
    """CREATE TABLE ledger_constants (
        digest VARCHAR(64) PRIMARY KEY NOT NULL, body TEXT NOT NULL)""",
    """CREATE TABLE ledger_line (
        line INTEGER PRIMARY KEY NOT NULL, day VARCHAR(10) NOT NULL, content VARCHAR(64) NOT NULL, hash VARCHAR(64) NOT NULL)""",
    """CREATE TABLE ledger_entry (
        line INTEGER PRIMARY KEY NOT NULL REFERENCES ledger_line (line),
        submission VARCHAR(16) NOT NULL REFERENCES submission (id) ON DELETE CASCADE, version INTEGER NOT NULL, body TEXT NOT NULL)""",
    "CREATE INDEX ledger_entry_by_submission ON ledger_entry (submission)",
)


async def forwards() -> MigrationManager:
    """Create the tables of the ledger."""
    return ddl_migration(ID, DESCRIPTION, STATEMENTS)
