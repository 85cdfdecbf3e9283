"""All tables, for Piccolo's migrations."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from app.models.tables import EvaluationRow, ModelRow, SpeedRow
from app.policies.tables import ShownRow
from app.pricing.offers.summary_tables import OfferExtras, OfferKind, OfferTally, OfferWords, StripRow
from app.pricing.offers.tables import (
    ClaimRow,
    ExchangeRateRow,
    HeldPriceRow,
    LevelDayRow,
    LevelRow,
    MoveRow,
    OfferRow,
    ProviderLowRow,
    ReclaimRow,
    SeriesRow,
    SetAsideRow,
    SmallAnswerRow,
    SpanRow,
    StockReturnRow,
    SurvivalCurveRow,
    SurvivalScoreRow,
)
from app.privacy.mail.tables import AsideRow, CopyRow, HeldLetterRow, LetterRow
from app.privacy.requests.tables import CaseRow, CorrespondenceRow, ErasureRow, EventRow
from app.privacy.retention.tables import PurgeRunRow
from app.storage import migrations
from app.storage.edge_store import EdgeFaultRow, EdgePurgeRow
from app.storage.engine import DataVersion
from app.submissions.tables import (
    ConstantsRow,
    ContactRow,
    EntryRow,
    LineRow,
    ModerationRow,
    SubmissionRow,
    VersionRow,
)
from app.telemetry.tables import CounterRow, QuestionKeyRow
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
        LevelDayRow,
        LevelRow,
        LoadedSource,
        MoveRow,
        OfferExtras,
        OfferKind,
        OfferRow,
        OfferTally,
        OfferWords,
        ProviderLowRow,
        ReclaimRow,
        SeriesRow,
        SetAsideRow,
        SmallAnswerRow,
        SpanRow,
        StockReturnRow,
        StripRow,
        SurvivalCurveRow,
        SurvivalScoreRow,
        AsideRow,
        CaseRow,
        ConstantsRow,
        ContactRow,
        CopyRow,
        CorrespondenceRow,
        CounterRow,
        EntryRow,
        ErasureRow,
        EventRow,
        HeldLetterRow,
        LetterRow,
        LineRow,
        ModerationRow,
        PurgeRunRow,
        QuestionKeyRow,
        SubmissionRow,
        VersionRow,
        ShownRow,
        EdgeFaultRow,
        EdgePurgeRow,
    ],
    migration_dependencies=[],
    commands=[],
)
