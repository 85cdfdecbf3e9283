"""The tables of models. Instants are seconds since 1970, days ISO dates."""

from piccolo.columns import BigInt, Boolean, DoublePrecision, Integer, Serial, Text, Varchar
from piccolo.table import Table

from app.storage.engine import ENGINE


class ModelRow(Table, db=ENGINE, tablename="model"):
    """A tracked model. ``architecture`` is JSON, empty if the configuration could not be read; ``fault`` says why.

    ``file_parameters`` is the number of values in its weight files, as the Hub counts them: packed formats hold several
    parameters per value. ``from_hub`` is true once the Hub has answered; until then the facts are those that shipped.
    """

    slug = Varchar(length=160, primary_key=True)
    model = Varchar(length=160)
    name = Varchar(length=120)
    family = Varchar(length=60)
    based_on = Varchar(length=160)
    architecture = Text()
    parameters = BigInt(null=True, default=None)
    active_parameters = BigInt(null=True, default=None)
    file_parameters = BigInt(null=True, default=None)
    context = BigInt(null=True, default=None)
    precision = Varchar(length=10)
    licence = Varchar(length=60)
    gated = Varchar(length=10)
    downloads = BigInt(null=True, default=None)
    last_modified = Varchar(length=10)
    from_hub = Boolean(default=False)
    fault = Varchar(length=300)
    fetched_at = BigInt(null=True, default=None)


class EvaluationRow(Table, db=ENGINE, tablename="evaluation"):
    """One evaluation result of a model, as its repository states it. ``setup`` separates different ways of running a
    benchmark."""

    id = Serial(primary_key=True)
    slug = Varchar(length=160)
    benchmark = Varchar(length=120)
    task = Varchar(length=120)
    setup = Varchar(length=120)
    value = DoublePrecision()
    day = Varchar(length=10)
    source_name = Varchar(length=120)
    source_url = Varchar(length=300)
    verified = Boolean(default=False)


class SpeedRow(Table, db=ENGINE, tablename="measured_speed"):
    """One measured run from the Hub's own leaderboard. Times in milliseconds, rates in tokens per second."""

    id = Serial(primary_key=True)
    slug = Varchar(length=160)
    model = Varchar(length=160)
    gpu = Varchar(length=60)
    gpu_count = Integer()
    engine = Varchar(length=40)
    engine_version = Varchar(length=40)
    precision = Varchar(length=20)
    attention = Varchar(length=40)
    input_tokens = Integer(null=True, default=None)
    output_tokens = Integer(null=True, default=None)
    concurrency = Integer(null=True, default=None)
    ttft_ms = DoublePrecision(null=True, default=None)
    tpot_ms = DoublePrecision(null=True, default=None)
    output_tokens_per_s = DoublePrecision(null=True, default=None)
    file = Varchar(length=160)
