"""Summaries of the offers, and each provider's lowest price over time: what pages read instead of every offer."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from app.storage.ddl import ddl_migration

ID = "2026-11-30T15:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "summaries of offers"

STATEMENTS = (
    "ALTER TABLE offer_tally ADD COLUMN source VARCHAR(60) NOT NULL DEFAULT ''",
    "ALTER TABLE offer_tally ADD COLUMN commitment_months INTEGER",
    "CREATE INDEX offer_tally_by_source ON offer_tally (source)",
    """CREATE TABLE offer_words (
        id INTEGER PRIMARY KEY NOT NULL, source VARCHAR(60) NOT NULL, search_text TEXT NOT NULL,
        gpu VARCHAR(60) NOT NULL, gpu_memory_gb INTEGER, provider VARCHAR(60) NOT NULL, tier VARCHAR(12) NOT NULL,
        commitment_months INTEGER, gpu_count VARCHAR(12), continent VARCHAR(20) NOT NULL, country VARCHAR(2) NOT NULL,
        region VARCHAR(80) NOT NULL, stock VARCHAR(3) NOT NULL, offers INTEGER NOT NULL)""",
    "CREATE INDEX offer_words_by_source ON offer_words (source)",
    "CREATE INDEX offer_by_words ON offer (search_text)",
    """CREATE TABLE offer_kind (
        id INTEGER PRIMARY KEY NOT NULL, source VARCHAR(60) NOT NULL, provider VARCHAR(60) NOT NULL,
        gpu VARCHAR(60) NOT NULL, tier VARCHAR(12) NOT NULL, commitment_months INTEGER, gpu_count_number REAL,
        stock VARCHAR(3) NOT NULL, reclaim_low INTEGER, reclaim_high INTEGER, reclaim_hours INTEGER, stale_at INTEGER NOT NULL,
        offers INTEGER NOT NULL, low_micro INTEGER NOT NULL, high_micro INTEGER NOT NULL,
        cheapest VARCHAR(20) NOT NULL, first_seen_at INTEGER NOT NULL, last_seen_at INTEGER NOT NULL)""",
    "CREATE INDEX offer_kind_by_source ON offer_kind (source)",
    """CREATE TABLE offer_extras (
        id INTEGER PRIMARY KEY NOT NULL, source VARCHAR(60) NOT NULL, provider VARCHAR(60) NOT NULL,
        price_includes VARCHAR(60) NOT NULL, price_excludes VARCHAR(60) NOT NULL, disk_usd_per_gb_month_micro INTEGER,
        traffic_usd_per_gb_micro INTEGER, remark VARCHAR(300) NOT NULL, offers INTEGER NOT NULL,
        hosts INTEGER NOT NULL, vcpus REAL NOT NULL, ram_gb REAL NOT NULL)""",
    "CREATE INDEX offer_extras_by_source ON offer_extras (source)",
    """CREATE TABLE price_strip (
        id INTEGER PRIMARY KEY NOT NULL, gpu VARCHAR(60) NOT NULL, tier VARCHAR(12) NOT NULL, offers INTEGER NOT NULL,
        prices INTEGER NOT NULL, low_micro INTEGER NOT NULL, median_micro INTEGER NOT NULL, high_micro INTEGER NOT NULL,
        ticks TEXT NOT NULL, UNIQUE (gpu, tier))""",
    """CREATE TABLE provider_low (
        id INTEGER PRIMARY KEY NOT NULL, gpu VARCHAR(60) NOT NULL, tier VARCHAR(12) NOT NULL,
        provider VARCHAR(60) NOT NULL, part INTEGER NOT NULL, valid_from INTEGER NOT NULL, valid_to INTEGER,
        usd_per_gpu_hour_micro INTEGER NOT NULL)""",
    "CREATE INDEX provider_low_by_gpu ON provider_low (gpu, tier, provider, part)",
    "CREATE INDEX price_series_by_provider ON price_series (provider, gpu, tier)",
    "CREATE INDEX offer_by_region ON offer (region, rank_group, usd_per_gpu_hour_micro, id)",
    "CREATE INDEX offer_by_tier_and_rank ON offer (tier, rank_group, usd_per_gpu_hour_micro, id)",
    """CREATE TABLE price_level_day (
        id INTEGER PRIMARY KEY NOT NULL, gpu VARCHAR(60) NOT NULL, tier VARCHAR(12) NOT NULL, day INTEGER NOT NULL,
        last_at INTEGER NOT NULL, low_micro INTEGER, in_stock_micro INTEGER, UNIQUE (gpu, tier, day))""",
    "INSERT INTO price_level_day (gpu, tier, day, last_at, low_micro, in_stock_micro) SELECT gpu, tier, at / 86400, "
    "max(at), min(low_micro), min(CASE WHEN in_stock_micro >= 0 THEN in_stock_micro END) FROM price_level "
    "GROUP BY 1, 2, 3",
    "CREATE INDEX price_span_by_begin ON price_span (valid_from)",
    "CREATE INDEX price_span_by_end ON price_span (valid_to)",
    "CREATE INDEX price_span_open ON price_span (series) WHERE valid_to IS NULL",
)  # fmt: skip


async def forwards() -> MigrationManager:
    """Create the tables; the same start fills them from the offers and the history that there are."""
    return ddl_migration(ID, DESCRIPTION, STATEMENTS)
