"""The tables of the house, for Piccolo's migrations."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from app.models.tables import EvaluationRow, ModelRow, SpeedRow
from app.pricing.offers.tables import (
    ClaimRow,
    ExchangeRateRow,
    HeldPriceRow,
    LevelRow,
    MoveRow,
    OfferRow,
    OfferTally,
    ReclaimRow,
    SeriesRow,
    SetAsideRow,
    SmallAnswerRow,
    SpanRow,
    StockReturnRow,
)
from app.storage import migrations
from app.storage.sqlite import DataVersion
from app.upstream.tables import LoadedSource

APP_CONFIG = AppConfig(
    app_name="inferencebench",
    migrations_folder_path=str(Path(migrations.__file__).parent),
    table_classes=[
        DataVersion,
        EvaluationRow,
        ModelRow,
        SpeedRow,
        ClaimRow,
        ExchangeRateRow,
        HeldPriceRow,
        LevelRow,
        LoadedSource,
        MoveRow,
        OfferRow,
        OfferTally,
        ReclaimRow,
        SeriesRow,
        SetAsideRow,
        SmallAnswerRow,
        SpanRow,
        StockReturnRow,
    ],
    migration_dependencies=[],
    commands=[],
)
