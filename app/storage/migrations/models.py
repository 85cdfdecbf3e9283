"""Models, their evaluation results and measured speeds."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from app.storage.ddl import ddl_migration

ID = "2026-11-24T00:20:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "models"

STATEMENTS = (
    """CREATE TABLE model (
        slug VARCHAR(160) PRIMARY KEY NOT NULL, model VARCHAR(160) NOT NULL, name VARCHAR(120) NOT NULL,
        family VARCHAR(60) NOT NULL, based_on VARCHAR(160) NOT NULL, architecture TEXT NOT NULL, parameters INTEGER,
        active_parameters INTEGER, file_parameters INTEGER, context INTEGER, precision VARCHAR(10) NOT NULL,
        licence VARCHAR(60) NOT NULL, gated VARCHAR(10) NOT NULL, downloads INTEGER, last_modified VARCHAR(10) NOT NULL,
        from_hub INTEGER NOT NULL DEFAULT 0, fault VARCHAR(300) NOT NULL, fetched_at INTEGER)""",
    """CREATE TABLE evaluation (
        id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, slug VARCHAR(160) NOT NULL, benchmark VARCHAR(120) NOT NULL,
        task VARCHAR(120) NOT NULL, setup VARCHAR(120) NOT NULL, value REAL NOT NULL, day VARCHAR(10) NOT NULL,
        source_name VARCHAR(120) NOT NULL, source_url VARCHAR(300) NOT NULL, verified INTEGER NOT NULL DEFAULT 0)""",
    """CREATE TABLE measured_speed (
        id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, slug VARCHAR(160) NOT NULL, model VARCHAR(160) NOT NULL,
        gpu VARCHAR(60) NOT NULL, gpu_count INTEGER NOT NULL, engine VARCHAR(40) NOT NULL,
        engine_version VARCHAR(40) NOT NULL, precision VARCHAR(20) NOT NULL, attention VARCHAR(40) NOT NULL,
        input_tokens INTEGER, output_tokens INTEGER, concurrency INTEGER, ttft_ms REAL, tpot_ms REAL,
        output_tokens_per_s REAL, file VARCHAR(160) NOT NULL)""",
    "CREATE INDEX evaluation_by_slug ON evaluation (slug)",
    "CREATE INDEX evaluation_by_benchmark ON evaluation (benchmark, task, setup)",
    "CREATE INDEX measured_speed_by_slug ON measured_speed (slug)",
)  # fmt: skip


async def forwards() -> MigrationManager:
    """Create the tables; the shipped models are loaded into them at the same start."""
    return ddl_migration(ID, DESCRIPTION, STATEMENTS)
