"""The tables of prices. Money is integer micro-dollars, instants are seconds since 1970, days ISO dates."""

from piccolo.columns import BigInt, Boolean, DoublePrecision, Integer, Serial, Text, Varchar
from piccolo.table import Table

from app.storage.engine import ENGINE


class OfferRow(Table, db=ENGINE, tablename="offer"):
    """One current offer. ``rank_group`` keeps terms apart: 0 on demand and spot, else months, 9999 unknown."""

    id = Varchar(length=20, primary_key=True)
    source = Varchar(length=60)
    provider = Varchar(length=60)
    gpu = Varchar(length=60)
    gpu_memory_gb = Integer(null=True, default=None)
    gpu_count = Varchar(length=12, null=True, default=None)
    gpu_count_number = DoublePrecision(null=True, default=None)
    tier = Varchar(length=12)
    provider_tier = Varchar(length=60)
    commitment_months = Integer(null=True, default=None)
    rank_group = Integer()
    region = Varchar(length=80)
    country = Varchar(length=2)
    continent = Varchar(length=20)
    usd_per_gpu_hour_micro = BigInt()
    usd_per_instance_hour_micro = BigInt(null=True, default=None)
    derived = Varchar(length=20)
    currency = Varchar(length=10)
    quoted_amount = Varchar(length=40)
    quoted_per = Varchar(length=20)
    exchange_rate_date = Varchar(length=10)
    price_includes = Varchar(length=60)
    price_excludes = Varchar(length=60)
    product = Varchar(length=160)
    interconnect = Varchar(length=40)
    vcpus = Integer(null=True, default=None)
    ram_gb = Integer(null=True, default=None)
    remark = Varchar(length=300)
    source_url = Varchar(length=300)
    fetched_at = BigInt()
    price_since = Varchar(length=10)
    stale_at = BigInt()
    search_text = Text()
    stock = Varchar(length=3)
    disk_gb = Integer(null=True, default=None)
    disk_usd_per_gb_month_micro = BigInt(null=True, default=None)
    traffic_usd_per_gb_micro = BigInt(null=True, default=None)
    min_nodes = Integer(null=True, default=None)
    reclaim_low = Integer(null=True, default=None)
    reclaim_high = Integer(null=True, default=None)
    reclaim_hours = Integer(null=True, default=None)
    reliability = DoublePrecision(null=True, default=None)


class ReclaimRow(Table, db=ENGINE, tablename="spot_reclaim"):
    """How often spot machines of a kind are taken back in a region: a band in per cent within so many hours."""

    source = Varchar(length=60)
    provider = Varchar(length=60)
    product = Varchar(length=80)
    region = Varchar(length=80)
    low = Integer()
    high = Integer(null=True, default=None)
    hours = Integer()
    seen_at = BigInt()


class ClaimRow(Table, db=ENGINE, tablename="source_claim"):
    """The lowest price that a source states of a provider for whom a better source speaks, kept to be compared."""

    source = Varchar(length=60)
    provider = Varchar(length=60)
    gpu = Varchar(length=60)
    tier = Varchar(length=12)
    commitment_months = Integer(null=True, default=None)
    usd_per_gpu_hour_micro = BigInt()
    seen_at = BigInt()


class OfferTally(Table, db=ENGINE, tablename="offer_tally"):
    """How many offers there are of each combination that filters choose by; made anew with every write."""

    id = Serial(primary_key=True)
    gpu = Varchar(length=60)
    gpu_memory_gb = Integer(null=True, default=None)
    provider = Varchar(length=60)
    tier = Varchar(length=12)
    gpu_count = Varchar(length=12, null=True, default=None)
    continent = Varchar(length=20)
    country = Varchar(length=2)
    region = Varchar(length=80)
    stock = Varchar(length=3)
    offers = Integer()


class SetAsideRow(Table, db=ENGINE, tablename="set_aside"):
    """A row that a source stated and that is not shown, with its reason."""

    id = Serial(primary_key=True)
    source = Varchar(length=60)
    reference = Varchar(length=80)
    provider = Varchar(length=80)
    gpu = Varchar(length=80)
    tier = Varchar(length=40)
    price = Varchar(length=40)
    reason = Varchar(length=30)
    detail = Varchar(length=300)


class SmallAnswerRow(Table, db=ENGINE, tablename="small_answer"):
    """How often in a row a source stated far fewer offers of a provider than are kept, and how many."""

    source = Varchar(length=60)
    provider = Varchar(length=60)
    offers = Integer()
    times = Integer()


class HeldPriceRow(Table, db=ENGINE, tablename="held_price"):
    """A price that moved by more than ten times and waits for the next fetch to confirm it."""

    id = Varchar(length=20, primary_key=True)
    source = Varchar(length=60)
    usd_per_gpu_hour_micro = BigInt()


class ExchangeRateRow(Table, db=ENGINE, tablename="exchange_rate"):
    """Dollars for one unit of a currency, as decimal text, with the publisher's day."""

    currency = Varchar(length=3, primary_key=True)
    usd = Varchar(length=30)
    day = Varchar(length=10)
    fetched_at = BigInt()


class SeriesRow(Table, db=ENGINE, tablename="price_series"):
    """What a history of prices belongs to: one offer. ``commitment_months`` 0 is a term of unknown length."""

    id = Serial(primary_key=True)
    offer = Varchar(length=40)
    provider = Varchar(length=60)
    gpu = Varchar(length=60)
    tier = Varchar(length=12)
    commitment_months = Integer(null=True, default=None)
    region = Varchar(length=80)


class SpanRow(Table, db=ENGINE, tablename="price_span"):
    """A price of a series from one second to another; no end is "still". An unchanged price writes nothing."""

    series = Integer()
    valid_from = BigInt()
    valid_to = BigInt(null=True, default=None)
    usd_per_gpu_hour_micro = BigInt()


class MoveRow(Table, db=ENGINE, tablename="price_move"):
    """A provider's lowest price of a GPU, tier, term and region that moved by the threshold or more."""

    id = Serial(primary_key=True)
    at = BigInt()
    provider = Varchar(length=60)
    gpu = Varchar(length=60)
    tier = Varchar(length=12)
    commitment_months = Integer(null=True, default=None)
    region = Varchar(length=80)
    before_micro = BigInt()
    after_micro = BigInt()


class StockReturnRow(Table, db=ENGINE, tablename="stock_return"):
    """An offer that was out of stock and is in stock again, with its price then."""

    id = Serial(primary_key=True)
    at = BigInt()
    offer = Varchar(length=40)
    provider = Varchar(length=60)
    gpu = Varchar(length=60)
    tier = Varchar(length=12)
    commitment_months = Integer(null=True, default=None)
    region = Varchar(length=80)
    usd_per_gpu_hour_micro = BigInt()


class LevelRow(Table, db=ENGINE, tablename="price_level"):
    """From ``at`` on, the lowest price of a GPU and tier, the median over providers' lowest, and the lowest in stock.

    Written only when one of them changes; ``None`` is "nothing known", or nothing in stock.
    """

    gpu = Varchar(length=60)
    tier = Varchar(length=12)
    at = BigInt()
    low_micro = BigInt(null=True, default=None)
    median_micro = BigInt(null=True, default=None)
    in_stock_micro = BigInt(null=True, default=None)


class SurvivalCurveRow(Table, db=ENGINE, tablename="survival_curve"):
    """How long a provider's prices of a tier last, from what was known up to the second ``until``; no provider: all
    providers' together. ``steps`` is a JSON list of pairs: an age in days, and the share that stands from then on."""

    id = Serial(primary_key=True)
    provider = Varchar(length=60)
    tier = Varchar(length=12)
    until = BigInt()
    prices = Integer()
    changes = Integer()
    longest = DoublePrecision()
    steps = Text()


class SurvivalScoreRow(Table, db=ENGINE, tablename="survival_score"):
    """How claims of a past month held, see :class:`app.pricing.history.survival.Score`."""

    id = Serial(primary_key=True)
    month = Varchar(length=10)
    own = Boolean()
    claims = Integer()
    said = DoublePrecision()
    stood = DoublePrecision()
    brier = DoublePrecision()
