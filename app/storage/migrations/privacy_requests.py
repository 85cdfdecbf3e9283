"""Privacy requests: cases, their correspondence, mail to send, and which copies lie in which mailbox."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from app.storage.ddl import ddl_migration

ID = "2026-11-25T02:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "requests"

STATEMENTS = (
    """CREATE TABLE privacy_case (
        reference VARCHAR(12) PRIMARY KEY NOT NULL, kind VARCHAR(16) NOT NULL, proposed VARCHAR(16) NOT NULL, law VARCHAR(8) NOT NULL,
        received_at INTEGER NOT NULL, deadline_at INTEGER NOT NULL, extended VARCHAR(300) NOT NULL DEFAULT '', state VARCHAR(24) NOT NULL,
        address VARCHAR(254) NOT NULL, way VARCHAR(80) NOT NULL, verified_at INTEGER, proof VARCHAR(300) NOT NULL DEFAULT '',
        code_hash VARCHAR(64) NOT NULL DEFAULT '', wrong_codes INTEGER NOT NULL DEFAULT 0, answered_at INTEGER, resolved_at INTEGER,
        last_heard_at INTEGER NOT NULL, reason VARCHAR(300) NOT NULL DEFAULT '')""",
    "CREATE INDEX privacy_case_by_address ON privacy_case (address)",
    """CREATE TABLE correspondence (
        id INTEGER PRIMARY KEY, reference VARCHAR(12) NOT NULL REFERENCES privacy_case (reference) ON DELETE CASCADE, at INTEGER NOT NULL,
        direction VARCHAR(3) NOT NULL, message_key VARCHAR(64) NOT NULL UNIQUE, message_id VARCHAR(300) NOT NULL, sender VARCHAR(254) NOT NULL,
        subject VARCHAR(300) NOT NULL, body TEXT NOT NULL, checks VARCHAR(100) NOT NULL, note VARCHAR(300) NOT NULL)""",
    "CREATE INDEX correspondence_by_reference ON correspondence (reference)",
    "CREATE INDEX correspondence_by_message_id ON correspondence (message_id)",
    """CREATE TABLE case_event (
        reference VARCHAR(12) NOT NULL REFERENCES privacy_case (reference) ON DELETE CASCADE, at INTEGER NOT NULL, what VARCHAR(300) NOT NULL)""",
    "CREATE INDEX case_event_by_reference ON case_event (reference)",
    """CREATE TABLE mail_out (
        id VARCHAR(24) PRIMARY KEY NOT NULL, reference VARCHAR(12) REFERENCES privacy_case (reference) ON DELETE CASCADE, recipient VARCHAR(254) NOT NULL,
        automatic INTEGER NOT NULL, created_at INTEGER NOT NULL, tried_at INTEGER, sent_at INTEGER, tries INTEGER NOT NULL DEFAULT 0, message BLOB NOT NULL)""",
    "CREATE INDEX mail_out_by_created ON mail_out (created_at)",
    """CREATE TABLE mail_copy (
        place VARCHAR(80) NOT NULL, name VARCHAR(255) NOT NULL, reference VARCHAR(12) NOT NULL, stored_at INTEGER NOT NULL, PRIMARY KEY (place, name))""",
)  # fmt: skip


async def forwards() -> MigrationManager:
    """Create the tables."""
    return ddl_migration(ID, DESCRIPTION, STATEMENTS)
