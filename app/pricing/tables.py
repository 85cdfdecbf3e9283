"""The tables of prices. Money is integer micro-dollars, instants are seconds since 1970, days ISO dates."""

from piccolo.columns import BigInt, Boolean, Integer, Real, Serial, Text, Varchar
from piccolo.table import Table

from app.database import ENGINE


class LoadedSource(Table, db=ENGINE, tablename="loaded_source"):
    """A source of prices: when it was last read well, what came, and what went wrong since."""

    name = Varchar(length=60, primary_key=True)
    title = Varchar(length=200)
    fetched_at = BigInt()
    offers = Integer()
    set_aside = Integer()
    error = Varchar(length=500)
    error_at = BigInt(null=True, default=None)


class OfferRow(Table, db=ENGINE, tablename="offer"):
    """One current offer. ``rank_group`` keeps terms apart: 0 on demand and spot, else months, 9999 unknown."""

    id = Varchar(length=20, primary_key=True)
    source = Varchar(length=60)
    provider = Varchar(length=60)
    gpu = Varchar(length=60)
    gpu_memory_gb = Integer(null=True, default=None)
    gpu_count = Varchar(length=12, null=True, default=None)
    gpu_count_number = Real(null=True, default=None)
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


class PricePointRow(Table, db=ENGINE, tablename="price_point"):
    """A price per GPU-hour on a day. ``commitment_months`` 0 is a binding term of unknown length."""

    id = Serial(primary_key=True)
    day = Varchar(length=10)
    provider = Varchar(length=60)
    gpu = Varchar(length=60)
    tier = Varchar(length=12)
    commitment_months = Integer(null=True, default=None)
    region = Varchar(length=80)
    usd_per_gpu_hour_micro = BigInt()
    shipped = Boolean(default=False)
