"""The community's reports. No index over their texts: what is erased must lie in one place only."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from app.storage.ddl import ddl_migration

ID = "2026-11-25T01:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "submissions"

STATEMENTS = (
    """CREATE TABLE submission (
        id VARCHAR(16) PRIMARY KEY NOT NULL, kind VARCHAR(12) NOT NULL, day VARCHAR(10) NOT NULL, receipt_hash VARCHAR(64) NOT NULL UNIQUE,
        state VARCHAR(10) NOT NULL, restricted INTEGER NOT NULL DEFAULT 0, body TEXT NOT NULL, fingerprint VARCHAR(64) NOT NULL UNIQUE,
        policy VARCHAR(10) NOT NULL, consent TEXT NOT NULL, ended_on VARCHAR(10), reason VARCHAR(300) NOT NULL DEFAULT '')""",
    "CREATE INDEX submission_by_state ON submission (state, kind)",
    """CREATE TABLE submission_contact (
        submission VARCHAR(16) PRIMARY KEY NOT NULL REFERENCES submission (id) ON DELETE CASCADE, address VARCHAR(254) NOT NULL)""",
    "CREATE INDEX submission_contact_by_address ON submission_contact (address)",
    """CREATE TABLE moderation (
        at INTEGER NOT NULL, submission VARCHAR(16) NOT NULL, kind VARCHAR(12) NOT NULL, action VARCHAR(12) NOT NULL, reason VARCHAR(300) NOT NULL)""",
)  # fmt: skip


async def forwards() -> MigrationManager:
    """Create the tables."""
    return ddl_migration(ID, DESCRIPTION, STATEMENTS)
