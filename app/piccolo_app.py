"""The tables of the house, for Piccolo's migrations."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from app.database import DataVersion
from app.models.tables import EvaluationRow, ModelRow, SpeedRow
from app.pricing.tables import (
    ExchangeRateRow,
    HeldPriceRow,
    LevelRow,
    LoadedSource,
    MoveRow,
    OfferRow,
    OfferTally,
    SeriesRow,
    SetAsideRow,
    SmallAnswerRow,
    SpanRow,
)

APP_CONFIG = AppConfig(
    app_name="inferencebench",
    migrations_folder_path=str(Path(__file__).parent / "migrations"),
    table_classes=[
        DataVersion,
        EvaluationRow,
        ModelRow,
        SpeedRow,
        ExchangeRateRow,
        HeldPriceRow,
        LevelRow,
        LoadedSource,
        MoveRow,
        OfferRow,
        OfferTally,
        SeriesRow,
        SetAsideRow,
        SmallAnswerRow,
        SpanRow,
    ],
    migration_dependencies=[],
    commands=[],
)
