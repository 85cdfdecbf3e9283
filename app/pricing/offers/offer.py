"""The forms of an offer: raw as a source states it, normalised, and set aside with the reason."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

COMMUNITY = "community"
"""The ``source`` of prices that visitors report: they are shown beside the providers' own, never instead of them. Also
the version key of the pages that show them.
"""


class Tier(StrEnum):
    """How an offer is sold. ``SPOT`` may be interrupted; ``RESERVED`` binds for a term."""

    ON_DEMAND = "on-demand"
    SPOT = "spot"
    RESERVED = "reserved"


class Per(StrEnum):
    """What a quoted amount buys."""

    GPU_HOUR = "gpu-hour"
    INSTANCE_HOUR = "instance-hour"


@dataclass(frozen=True, slots=True)
class RawOffer:
    """An offer as its source states it, in the source's own words and units.

    Amounts are per hour in ``currency``: of one GPU, of the instance, or both; strings and numbers alike.
    ``commitment_months`` is a number, or ``None`` for "read it from the tier", or ``0`` for "a term is binding but
    the source does not say which". ``price_includes`` and ``price_excludes`` are parts joined by ``+``: ``gpu``,
    ``host``, ``disk``, ``traffic``. ``fetched_at`` is seconds since 1970, ``price_since`` an ISO date. ``stock`` is
    ``in``, ``out`` or empty for "not stated"; ``disk_gb`` is included in the price; ``reliability`` is the share of
    time, 0 to 1, for which the machine could be reached. ``fault`` says why the row could not be read at all,
    ``not_in_force`` why the price is not valid now, ``not_an_offer`` why nobody can rent it at that price.
    """

    source: str
    provider: str
    gpu: str
    tier: str
    amount_per_gpu_hour: object = None
    amount_per_instance_hour: object = None
    currency: str = "USD"
    gpu_memory_gb: object = None
    gpu_count: object = None
    interconnect: str = ""
    interruptible: bool = False
    commitment_months: int | None = None
    region: str = ""
    product: str = ""
    vcpus: object = None
    ram_gb: object = None
    price_includes: str = ""
    price_excludes: str = ""
    remark: str = ""
    estimated: bool = False
    source_url: str = ""
    fetched_at: int = 0
    price_since: str = ""
    reference: str = ""
    stock: str = ""
    disk_gb: object = None
    disk_usd_per_gb_month: object = None
    traffic_usd_per_gb: object = None
    min_nodes: object = None
    reliability: object = None
    fault: str = ""
    not_in_force: str = ""
    not_an_offer: str = ""


@dataclass(frozen=True, slots=True)
class Rate:
    """USD for one unit of a currency on a day (ISO date)."""

    usd: Decimal
    day: str


@dataclass(frozen=True, slots=True)
class Offer:
    """A normalised offer. Money is in micro-dollars; ``None`` is "not known".

    ``gpu_count`` may be a fraction of a GPU. ``derived`` names the price that was computed from the other and the
    count, or is empty. ``stock`` is ``in``, ``out`` or empty; ``disk_gb``, ``min_nodes`` and the prices of further disk
    and traffic are kept if stated. ``stale_at`` is the second from which the price counts as stale. For spot,
    ``reclaim_low`` to ``reclaim_high`` per cent of such machines are reclaimed within ``reclaim_hours`` hours (no upper
    bound: ``None``); ``reliability`` is the share of time, 0 to 1, for which the host was reachable.
    """

    id: str
    source: str
    provider: str
    gpu: str
    gpu_count: Fraction | None
    tier: Tier
    provider_tier: str
    commitment_months: int | None
    region: str
    country: str
    continent: str
    usd_per_gpu_hour_micro: int
    usd_per_instance_hour_micro: int | None
    derived: str
    currency: str
    quoted_amount: str
    quoted_per: str
    exchange_rate_date: str
    price_includes: str
    price_excludes: str
    product: str
    interconnect: str
    vcpus: int | None
    ram_gb: int | None
    remark: str
    source_url: str
    fetched_at: int
    price_since: str
    stale_at: int
    stock: str = ""
    disk_gb: int | None = None
    disk_usd_per_gb_month_micro: int | None = None
    traffic_usd_per_gb_micro: int | None = None
    min_nodes: int | None = None
    reclaim_low: int | None = None
    reclaim_high: int | None = None
    reclaim_hours: int | None = None
    reliability: float | None = None


class Reason(StrEnum):
    """Why a raw offer was set aside."""

    UNKNOWN_PROVIDER = "unknown-provider"
    UNKNOWN_GPU = "unknown-gpu"
    MEMORY_CONTRADICTS = "memory-contradicts"
    UNKNOWN_TIER = "unknown-tier"
    NOT_A_PRICE = "not-a-price"
    ZERO_PRICE = "zero-price"
    NEGATIVE_PRICE = "negative-price"
    PRICES_DISAGREE = "prices-disagree"
    BAD_COUNT = "bad-count"
    NO_EXCHANGE_RATE = "no-exchange-rate"
    BAD_DATE = "bad-date"
    ESTIMATED = "estimated"
    ABSURD = "absurd"
    UNREADABLE = "unreadable"
    HELD = "held"
    NOT_AUTHORITY = "not-authority"
    NOT_IN_FORCE = "not-in-force"
    NOT_AN_OFFER = "not-an-offer"
    DUPLICATE = "duplicate"
    SUPERSEDED = "superseded"


REASONS: dict[Reason, str] = {
    Reason.UNKNOWN_PROVIDER: "The provider is not in the catalogue.",
    Reason.UNKNOWN_GPU: "No accelerator of this name is in the catalogue.",
    Reason.MEMORY_CONTRADICTS: "The stated memory is not that of the named card; either of the two may be wrong.",
    Reason.UNKNOWN_TIER: "Not stated whether it is on demand, spot or reserved.",
    Reason.NOT_A_PRICE: "The price is missing or not a number.",
    Reason.ZERO_PRICE: "A price of zero: a placeholder.",
    Reason.NEGATIVE_PRICE: "A price below zero.",
    Reason.PRICES_DISAGREE: "The price per GPU and the price per instance contradict each other.",
    Reason.BAD_COUNT: "The number of GPUs is not a number above zero.",
    Reason.NO_EXCHANGE_RATE: "Quoted in a currency without a dated exchange rate.",
    Reason.BAD_DATE: "The date is missing or lies in the future.",
    Reason.ESTIMATED: "Estimated or approximate, not quoted by the provider.",
    Reason.NOT_IN_FORCE: "Valid at another time: in the future, ended, or superseded by a later price.",
    Reason.NOT_AN_OFFER: "Not a price anyone can rent at: a statistic, part of a price, or not sold that way.",
    Reason.ABSURD: "More than 20 times, or less than a twentieth of, the GPU's median price.",
    Reason.UNREADABLE: "Required values are missing or in an unknown form.",
    Reason.HELD: "Changed more than tenfold since the last fetch; shown once another fetch confirms it.",
    Reason.NOT_AUTHORITY: "A more authoritative source covers this provider.",
    Reason.DUPLICATE: "The same offer is already listed.",
    Reason.SUPERSEDED: "A later list has the same offer, or a higher lowest price for that provider.",
}
"""What each reason means, for a reader."""


@dataclass(frozen=True, slots=True)
class SetAside:
    """A raw offer that is not shown, with the reason and what exactly was wrong."""

    raw: RawOffer
    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Batch:
    """The result of normalising: every raw offer is in exactly one of the two lists."""

    offers: tuple[Offer, ...]
    set_aside: tuple[SetAside, ...]
