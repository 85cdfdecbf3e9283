"""The first tables: versions of the data, sources, offers, what was set aside, and daily prices."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from app.storage.ddl import ddl_migration

ID = "2026-11-23T20:30:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "first tables"

STATEMENTS = (
    """CREATE TABLE data_version (key VARCHAR(120) PRIMARY KEY NOT NULL, version INTEGER NOT NULL DEFAULT 0)""",
    """CREATE TABLE loaded_source (
        name VARCHAR(60) PRIMARY KEY NOT NULL, title VARCHAR(200) NOT NULL DEFAULT '',
        fetched_at INTEGER NOT NULL DEFAULT 0, offers INTEGER NOT NULL DEFAULT 0,
        set_aside INTEGER NOT NULL DEFAULT 0, error VARCHAR(500) NOT NULL DEFAULT '', error_at INTEGER)""",
    """CREATE TABLE offer (
        id VARCHAR(20) PRIMARY KEY NOT NULL, source VARCHAR(60) NOT NULL, provider VARCHAR(60) NOT NULL,
        gpu VARCHAR(60) NOT NULL, gpu_memory_gb INTEGER, gpu_count VARCHAR(12), gpu_count_number REAL,
        tier VARCHAR(12) NOT NULL, provider_tier VARCHAR(60) NOT NULL, commitment_months INTEGER,
        rank_group INTEGER NOT NULL, region VARCHAR(80) NOT NULL, country VARCHAR(2) NOT NULL,
        continent VARCHAR(20) NOT NULL, usd_per_gpu_hour_micro INTEGER NOT NULL,
        usd_per_instance_hour_micro INTEGER, derived VARCHAR(20) NOT NULL, currency VARCHAR(10) NOT NULL,
        quoted_amount VARCHAR(40) NOT NULL, quoted_per VARCHAR(20) NOT NULL,
        exchange_rate_date VARCHAR(10) NOT NULL, price_includes VARCHAR(60) NOT NULL,
        price_excludes VARCHAR(60) NOT NULL, product VARCHAR(160) NOT NULL, interconnect VARCHAR(40) NOT NULL,
        vcpus INTEGER, ram_gb INTEGER, remark VARCHAR(300) NOT NULL, source_url VARCHAR(300) NOT NULL,
        fetched_at INTEGER NOT NULL, price_since VARCHAR(10) NOT NULL, stale_at INTEGER NOT NULL,
        search_text TEXT NOT NULL)""",
    """CREATE TABLE offer_tally (
        id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, gpu VARCHAR(60) NOT NULL, gpu_memory_gb INTEGER,
        provider VARCHAR(60) NOT NULL, tier VARCHAR(12) NOT NULL, gpu_count VARCHAR(12),
        continent VARCHAR(20) NOT NULL, country VARCHAR(2) NOT NULL, region VARCHAR(80) NOT NULL,
        offers INTEGER NOT NULL)""",
    """CREATE TABLE set_aside (
        id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, source VARCHAR(60) NOT NULL, reference VARCHAR(80) NOT NULL,
        provider VARCHAR(80) NOT NULL, gpu VARCHAR(80) NOT NULL, tier VARCHAR(40) NOT NULL,
        price VARCHAR(40) NOT NULL, reason VARCHAR(30) NOT NULL, detail VARCHAR(300) NOT NULL)""",
    """CREATE TABLE price_point (
        id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, day VARCHAR(10) NOT NULL, provider VARCHAR(60) NOT NULL,
        gpu VARCHAR(60) NOT NULL, tier VARCHAR(12) NOT NULL, commitment_months INTEGER,
        region VARCHAR(80) NOT NULL, usd_per_gpu_hour_micro INTEGER NOT NULL, shipped INTEGER NOT NULL DEFAULT 0)""",
    "CREATE INDEX offer_by_rank ON offer (rank_group, usd_per_gpu_hour_micro, id)",
    "CREATE INDEX offer_by_gpu ON offer (gpu, rank_group, usd_per_gpu_hour_micro, id)",
    "CREATE INDEX offer_by_provider ON offer (provider, rank_group, usd_per_gpu_hour_micro, id)",
    "CREATE INDEX offer_by_tier ON offer (tier, gpu, usd_per_gpu_hour_micro, stale_at, provider)",
    "CREATE INDEX offer_by_seen ON offer (fetched_at)",
    "CREATE INDEX offer_by_source ON offer (source)",
    "CREATE INDEX offer_by_stale ON offer (stale_at)",
    "CREATE INDEX set_aside_by_source ON set_aside (source)",
    "CREATE INDEX price_point_by_gpu ON price_point (gpu, day)",
)  # fmt: skip


async def forwards() -> MigrationManager:
    """Create the tables and their indexes."""
    return ddl_migration(ID, DESCRIPTION, STATEMENTS)
