"""The tables that sum up the offers, written with them by :mod:`app.pricing.offers.summary_store`: pages read these
and a page's rows, never every offer. Money is integer micro-dollars, instants are seconds since 1970."""

from piccolo.columns import BigInt, DoublePrecision, Integer, Serial, Text, Varchar
from piccolo.table import Table

from app.storage.engine import ENGINE


class OfferTally(Table, db=ENGINE, tablename="offer_tally"):
    """The number of a source's offers with each combination of filter values; rewritten with every change of them."""

    id = Serial(primary_key=True)
    source = Varchar(length=60)
    gpu = Varchar(length=60)
    gpu_memory_gb = Integer(null=True, default=None)
    provider = Varchar(length=60)
    tier = Varchar(length=12)
    commitment_months = Integer(null=True, default=None)
    gpu_count = Varchar(length=12, null=True, default=None)
    continent = Varchar(length=20)
    country = Varchar(length=2)
    region = Varchar(length=80)
    stock = Varchar(length=3)
    offers = Integer()


class OfferWords(Table, db=ENGINE, tablename="offer_words"):
    """The same by the text too in which words are looked up: for searches that filters can't express. Nearly as many
    rows as offers where each machine has its own name, but a tenth as wide."""

    id = Serial(primary_key=True)
    source = Varchar(length=60)
    search_text = Text()
    gpu = Varchar(length=60)
    gpu_memory_gb = Integer(null=True, default=None)
    provider = Varchar(length=60)
    tier = Varchar(length=12)
    commitment_months = Integer(null=True, default=None)
    gpu_count = Varchar(length=12, null=True, default=None)
    continent = Varchar(length=20)
    country = Varchar(length=2)
    region = Varchar(length=80)
    stock = Varchar(length=3)
    offers = Integer()


class OfferKind(Table, db=ENGINE, tablename="offer_kind"):
    """A source's offers of one kind, which turn stale at the same second: how many, their lowest and highest price,
    the id of the ``cheapest`` (of equal ones the first), and when the first and the last of them was seen.

    What is fresh changes with time and no write, so that the second is part of the kind.
    """

    id = Serial(primary_key=True)
    source = Varchar(length=60)
    provider = Varchar(length=60)
    gpu = Varchar(length=60)
    tier = Varchar(length=12)
    commitment_months = Integer(null=True, default=None)
    gpu_count_number = DoublePrecision(null=True, default=None)
    stock = Varchar(length=3)
    reclaim_low = Integer(null=True, default=None)
    reclaim_high = Integer(null=True, default=None)
    reclaim_hours = Integer(null=True, default=None)
    stale_at = BigInt()
    offers = Integer()
    low_micro = BigInt()
    high_micro = BigInt()
    cheapest = Varchar(length=20)
    first_seen_at = BigInt()
    last_seen_at = BigInt()


class OfferExtras(Table, db=ENGINE, tablename="offer_extras"):
    """What a source's offers of one provider say of extras: which parts their price includes and excludes, the prices
    of disk and traffic, the remark where it prices the host (else empty), and on how many ``offers``. Of these,
    ``hosts`` state their host: ``vcpus`` and ``ram_gb`` are summed over them, for a GPU each."""

    id = Serial(primary_key=True)
    source = Varchar(length=60)
    provider = Varchar(length=60)
    price_includes = Varchar(length=60)
    price_excludes = Varchar(length=60)
    disk_usd_per_gb_month_micro = BigInt(null=True, default=None)
    traffic_usd_per_gb_micro = BigInt(null=True, default=None)
    remark = Varchar(length=300)
    offers = Integer()
    hosts = Integer()
    vcpus = DoublePrecision()
    ram_gb = DoublePrecision()


class StripRow(Table, db=ENGINE, tablename="price_strip"):
    """The prices of a GPU and tier, without visitors' reports, as a strip shows them: see
    :class:`app.pricing.offers.price_strip.Spread`. ``ticks`` are prices in micro-dollars, with blanks between."""

    gpu = Varchar(length=60)
    tier = Varchar(length=12)
    offers = Integer()
    prices = Integer()
    low_micro = BigInt()
    median_micro = BigInt()
    high_micro = BigInt()
    ticks = Text()
