"""Live prices: stock and extras of an offer, what waits to be believed, exchange rates, and history as changes."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from app.storage.ddl import ddl_migration

ID = "2026-11-23T23:40:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "live prices"

STATEMENTS = (
    "ALTER TABLE loaded_source ADD COLUMN tried_at INTEGER",
    "ALTER TABLE loaded_source ADD COLUMN live INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE offer ADD COLUMN stock VARCHAR(3) NOT NULL DEFAULT ''",
    "ALTER TABLE offer ADD COLUMN disk_gb INTEGER",
    "ALTER TABLE offer ADD COLUMN disk_usd_per_gb_month_micro INTEGER",
    "ALTER TABLE offer ADD COLUMN traffic_usd_per_gb_micro INTEGER",
    "ALTER TABLE offer ADD COLUMN min_nodes INTEGER",
    "ALTER TABLE offer_tally ADD COLUMN stock VARCHAR(3) NOT NULL DEFAULT ''",
    """CREATE TABLE small_answer (
        id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, source VARCHAR(60) NOT NULL, provider VARCHAR(60) NOT NULL,
        offers INTEGER NOT NULL, times INTEGER NOT NULL, UNIQUE (source, provider))""",
    """CREATE TABLE held_price (
        id VARCHAR(20) PRIMARY KEY NOT NULL, source VARCHAR(60) NOT NULL, usd_per_gpu_hour_micro INTEGER NOT NULL)""",
    """CREATE TABLE exchange_rate (
        currency VARCHAR(3) PRIMARY KEY NOT NULL, usd VARCHAR(30) NOT NULL, day VARCHAR(10) NOT NULL,
        fetched_at INTEGER NOT NULL)""",
    """CREATE TABLE price_series (
        id INTEGER PRIMARY KEY NOT NULL, offer VARCHAR(40) NOT NULL UNIQUE, provider VARCHAR(60) NOT NULL,
        gpu VARCHAR(60) NOT NULL, tier VARCHAR(12) NOT NULL, commitment_months INTEGER, region VARCHAR(80) NOT NULL)""",
    """CREATE TABLE price_span (
        id INTEGER PRIMARY KEY NOT NULL, series INTEGER NOT NULL, valid_from INTEGER NOT NULL, valid_to INTEGER,
        usd_per_gpu_hour_micro INTEGER NOT NULL)""",
    """CREATE TABLE price_move (
        id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, at INTEGER NOT NULL, provider VARCHAR(60) NOT NULL,
        gpu VARCHAR(60) NOT NULL, tier VARCHAR(12) NOT NULL, commitment_months INTEGER, region VARCHAR(80) NOT NULL,
        before_micro INTEGER NOT NULL, after_micro INTEGER NOT NULL)""",
    """CREATE TABLE price_level (
        id INTEGER PRIMARY KEY NOT NULL, gpu VARCHAR(60) NOT NULL, tier VARCHAR(12) NOT NULL, at INTEGER NOT NULL,
        low_micro INTEGER, median_micro INTEGER, in_stock_micro INTEGER)""",
    "CREATE INDEX price_span_by_series ON price_span (series, valid_from)",
    "CREATE INDEX price_series_by_gpu ON price_series (gpu)",
    "CREATE INDEX price_move_by_at ON price_move (at)",
    "CREATE INDEX price_move_by_gpu ON price_move (gpu, at)",
    "CREATE UNIQUE INDEX price_level_by_gpu ON price_level (gpu, tier, at)",
    "DROP TABLE price_point",
)  # fmt: skip


async def forwards() -> MigrationManager:
    """Create the tables; the shipped history is loaded into them at the same start."""
    return ddl_migration(ID, DESCRIPTION, STATEMENTS)
