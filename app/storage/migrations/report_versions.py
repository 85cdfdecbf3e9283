"""A report has a version that each correction raises, and remembers which of them the operator saw."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from app.storage.ddl import ddl_migration

ID = "2026-11-25T04:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "report versions"

STATEMENTS = (
    """CREATE TABLE submission_version (
        submission VARCHAR(16) PRIMARY KEY NOT NULL REFERENCES submission (id) ON DELETE CASCADE, version INTEGER NOT NULL DEFAULT 1,
        seen_version INTEGER)""",
    """CREATE TABLE case_erasure (
        reference VARCHAR(12) NOT NULL REFERENCES privacy_case (reference) ON DELETE CASCADE, what VARCHAR(60) NOT NULL,
        place VARCHAR(80) NOT NULL DEFAULT '', name VARCHAR(255) NOT NULL, gone_at INTEGER, PRIMARY KEY (reference, what, place, name))""",
)


async def forwards() -> MigrationManager:
    """Create the table of versions, and the list of what a case erases."""
    return ddl_migration(ID, DESCRIPTION, STATEMENTS)
