"""The tables of the house, for Piccolo's migrations."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from app.database import DataVersion
from app.pricing.tables import LoadedSource, OfferRow, OfferTally, PricePointRow, SetAsideRow

APP_CONFIG = AppConfig(
    app_name="inferencebench",
    migrations_folder_path=str(Path(__file__).parent / "migrations"),
    table_classes=[DataVersion, LoadedSource, OfferRow, OfferTally, PricePointRow, SetAsideRow],
    migration_dependencies=[],
    commands=[],
)
