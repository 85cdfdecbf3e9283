"""The tables of prices. Money is integer micro-dollars, instants are seconds since 1970, days ISO dates."""

from piccolo.columns import BigInt, Boolean, DoublePrecision, Integer, Serial, Text, Varchar
from piccolo.table import Table

from app.storage.engine import ENGINE


class OfferRow(Table, db=ENGINE, tablename="offer"):
    """One current offer. ``rank_group`` separates terms: 0 on demand and spot, else months, 9999 unknown."""

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
    """How often spot machines of a kind are reclaimed in a region: ``low`` to ``high`` per cent within ``hours``."""

    source = Varchar(length=60)
    provider = Varchar(length=60)
    product = Varchar(length=80)
    region = Varchar(length=80)
    low = Integer()
    high = Integer(null=True, default=None)
    hours = Integer()
    seen_at = BigInt()


class ClaimRow(Table, db=ENGINE, tablename="source_claim"):
    """The lowest price that a source states for a provider whose prices are taken from a better source, kept for
    comparison."""

    source = Varchar(length=60)
    provider = Varchar(length=60)
    gpu = Varchar(length=60)
    tier = Varchar(length=12)
    commitment_months = Integer(null=True, default=None)
    usd_per_gpu_hour_micro = BigInt()
    seen_at = BigInt()


class SetAsideRow(Table, db=ENGINE, tablename="set_aside"):
    """A row of a source's answer that is not shown, with the reason."""

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
    """A source's last answer if it had far fewer offers of a provider than before: how many, and the number of such
    answers in a row."""

    source = Varchar(length=60)
    provider = Varchar(length=60)
    offers = Integer()
    times = Integer()


class HeldPriceRow(Table, db=ENGINE, tablename="held_price"):
    """A price that changed more than tenfold and is not shown until the next fetch confirms it."""

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
    """A price series: the offer that a history of prices belongs to. ``commitment_months`` 0 is a term of unknown
    length."""

    id = Serial(primary_key=True)
    offer = Varchar(length=40)
    provider = Varchar(length=60)
    gpu = Varchar(length=60)
    tier = Varchar(length=12)
    commitment_months = Integer(null=True, default=None)
    region = Varchar(length=80)


class SpanRow(Table, db=ENGINE, tablename="price_span"):
    """A price of a series, valid from one second until another; without an end it is still valid. An unchanged price
    writes nothing."""

    series = Integer()
    valid_from = BigInt()
    valid_to = BigInt(null=True, default=None)
    usd_per_gpu_hour_micro = BigInt()


class ProviderLowRow(Table, db=ENGINE, tablename="provider_low"):
    """A provider's lowest price of a GPU and tier over time, valid from one second until another; without an end it is
    still valid. ``part`` is 1 for slices of a GPU, 0 for whole ones. Of a day, the last price is kept."""

    id = Serial(primary_key=True)
    gpu = Varchar(length=60)
    tier = Varchar(length=12)
    provider = Varchar(length=60)
    part = Integer()
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


class LevelDayRow(Table, db=ENGINE, tablename="price_level_day"):
    """The levels of a GPU and tier on one UTC day, counted in days from 1970: when the last began, the lowest price,
    and the lowest in stock."""

    id = Serial(primary_key=True)
    gpu = Varchar(length=60)
    tier = Varchar(length=12)
    day = Integer()
    last_at = BigInt()
    low_micro = BigInt(null=True, default=None)
    in_stock_micro = BigInt(null=True, default=None)


class SurvivalCurveRow(Table, db=ENGINE, tablename="survival_curve"):
    """The survival curve of a provider's, or a pool's, prices of a tier, from the history up to the second ``until``.
    ``steps`` is a JSON list of pairs: an age in days, and the share of prices that is unchanged from then on."""

    id = Serial(primary_key=True)
    provider = Varchar(length=60)
    tier = Varchar(length=12)
    until = BigInt()
    prices = Integer()
    changes = Integer()
    longest = DoublePrecision()
    steps = Text()


class SurvivalScoreRow(Table, db=ENGINE, tablename="survival_score"):
    """How the claims of a past month turned out, see :class:`app.pricing.history.survival.Score`."""

    id = Serial(primary_key=True)
    month = Varchar(length=10)
    own = Boolean()
    claims = Integer()
    said = DoublePrecision()
    stood = DoublePrecision()
    brier = DoublePrecision()
