"""The types of what the price addresses take and answer: rows are built from them, and the API's description too."""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from app.core import clock
from app.core.money import to_decimal
from app.pricing.history.survival_curves import UNKNOWN, Lasting
from app.pricing.offers.offer import Tier
from app.pricing.offers.price_query import MEANINGS, MOST_MEMORY_GB, MOST_MONTHS, MOST_USD, ORDERS, SORTS, STOCKS
from app.pricing.offers.store import Row

MAX_LIMIT = 1000
"""The most rows in one JSON answer."""


def _filter(name: str, **limits: Any) -> Meta:
    """The meaning and example of a parameter, from the one list of them, with further limits."""
    meaning, example = MEANINGS[name]
    return Meta(description=meaning, examples=[example], **limits)


def _one_of(options: Mapping[str, object] | tuple[str, ...] | type[Tier]) -> dict[str, Any]:
    return {"enum": [str(option) for option in options]}


class PriceFilters(Struct, kw_only=True):
    """The parameters of every price address. Values of the same filter are alternatives; different filters narrow the
    result."""

    gpu: Annotated[list[str], _filter("gpu")] = []
    provider: Annotated[list[str], _filter("provider")] = []
    region: Annotated[list[str], _filter("region")] = []
    tier: Annotated[list[Annotated[str, Meta(extra_json_schema=_one_of(Tier))]], _filter("tier")] = []
    commitment_months: Annotated[int, _filter("commitment_months", ge=1, le=MOST_MONTHS)] | None = None
    stock: Annotated[str | None, _filter("stock", extra_json_schema=_one_of(STOCKS))] = None
    min_memory_gb: Annotated[int, _filter("min_memory_gb", ge=1, le=MOST_MEMORY_GB)] | None = None
    max_usd: Annotated[float, _filter("max_usd", gt=0, le=MOST_USD)] | None = None
    gpu_count: Annotated[str | None, _filter("gpu_count")] = None
    q: Annotated[str | None, _filter("q")] = None
    sort: Annotated[str, _filter("sort", extra_json_schema=_one_of(SORTS))] = "price"
    order: Annotated[str, _filter("order", extra_json_schema=_one_of(ORDERS))] = "asc"


class Paging(Struct, kw_only=True):
    """The parameters of an address that answers one page at a time."""

    limit: Annotated[
        int, Meta(description=f"rows per response, from 1 to {MAX_LIMIT:,}", ge=1, le=MAX_LIMIT, examples=[100])
    ] = MAX_LIMIT
    cursor: Annotated[
        str | None, Meta(description="where this page of rows starts: from the field next of the previous response")
    ] = None


class AsOf(Struct, kw_only=True):
    """The parameter of an address that can also answer for the past."""

    as_of: Annotated[
        str | None,
        Meta(
            description="a past day (UTC), not the running one: the market as known at the end of it; offers withdrawn "
            "since have only the fields that the history keeps",
            examples=["2026-09-01"],
            extra_json_schema={"format": "date"},
        ),
    ] = None


class Offer(Struct, kw_only=True):
    """One row, in the order of the CSV's columns. Null, and an empty cell in CSV, means "not known"."""

    provider: Annotated[str, Meta(description="Slug of the provider.")]
    gpu: Annotated[str, Meta(description="Slug of the GPU.")]
    gpu_count: Annotated[Decimal | None, Meta(description="GPUs in the instance; may be a fraction of a card.")]
    tier: Annotated[str, Meta(description="on-demand, spot or reserved.", extra_json_schema=_one_of(Tier))]
    region: Annotated[str | None, Meta(description="The provider's own region name.")]
    usd_per_gpu_hour: Annotated[Decimal, Meta(description="US dollars per GPU-hour.")]
    usd_per_instance_hour: Annotated[Decimal | None, Meta(description="US dollars per instance-hour.")]
    fetched_at: Annotated[
        str, Meta(description="When it was last confirmed (UTC).", extra_json_schema={"format": "date-time"})
    ]
    stale: Annotated[bool, Meta(description="True once it is older than its source's freshness limit.")]
    source: Annotated[str, Meta(description="Name of the source; history for a past price kept without one.")]
    commitment_months: Annotated[int | None, Meta(description="Months of commitment of a reserved price.")]
    price_includes: Annotated[
        str | None, Meta(description="What the price includes: gpu, host, disk, traffic, joined by +.")
    ]
    currency: Annotated[str | None, Meta(description="Currency it was quoted in.")]
    quoted_amount: Annotated[Decimal | None, Meta(description="The quoted amount, in that currency.")]
    quoted_per: Annotated[str | None, Meta(description="What the quoted amount buys: gpu-hour or instance-hour.")]
    exchange_rate_date: Annotated[str | None, Meta(description="Day of the exchange rate, where one was used.")]
    price_since: Annotated[str | None, Meta(description="The day since which this price has been observed.")]
    country: Annotated[str | None, Meta(description="ISO 3166 code of the region's country, in lower case.")]
    gpu_memory_gb: Annotated[int | None, Meta(description="Memory of one GPU in GB.")]
    provider_tier: Annotated[str | None, Meta(description="The provider's own name of the tier.")]
    price_excludes: Annotated[str | None, Meta(description="What is billed on top, in the same form.")]
    product: Annotated[str | None, Meta(description="The provider's own name of the product.")]
    interconnect: Annotated[str | None, Meta(description="Interconnect, as the source states it.")]
    vcpus: Annotated[int | None, Meta(description="Virtual CPUs of the instance.")]
    ram_gb: Annotated[int | None, Meta(description="Memory of the instance in GB.")]
    derived: Annotated[
        str | None, Meta(description="Which of the two prices was computed from the other and the number of GPUs.")
    ]
    remark: Annotated[str | None, Meta(description="The source's other remarks on the price.")]
    source_url: Annotated[str | None, Meta(description="Address of the page or API that states it.")]
    stock: Annotated[str | None, Meta(description="in or out, if the source states it.")]
    disk_gb: Annotated[int | None, Meta(description="GB of disk included in the price, where stated.")]
    disk_usd_per_gb_month: Annotated[
        Decimal | None, Meta(description="US dollars per additional GB-month of disk, where stated.")
    ]
    traffic_usd_per_gb: Annotated[Decimal | None, Meta(description="US dollars per GB of egress, where stated.")]
    min_nodes: Annotated[int | None, Meta(description="The smallest number of instances sold together, where stated.")]
    id: Annotated[str, Meta(description="Identifier of the offer.")]
    reclaim_low: Annotated[
        int | None, Meta(description="Spot: lower end, in percent, of the published band of such machines reclaimed.")
    ]
    reclaim_high: Annotated[
        int | None, Meta(description="Spot: upper end of that band, in percent; null where it is open.")
    ]
    reclaim_hours: Annotated[
        int | None, Meta(description="Spot: the period of that band in hours: 730 for a month, 1 for an hour.")
    ]
    reliability: Annotated[
        float | None, Meta(description="Fraction of time, 0 to 1, for which the host was reachable, where stated.")
    ]
    still_stands: Annotated[
        float | None,
        Meta(
            description="The chance, 0 to 1, that it still is this price today, from how long such prices lasted; null "
            "on the day it was seen, and where that is not known."
        ),
    ]


class Prices(Struct, kw_only=True):
    """A page of offers, and the address of the next page."""

    count: Annotated[int, Meta(description="Number of offers that match the filters, over all pages.")]
    offers: list[Offer]
    next: Annotated[str | None, Meta(description="Address of the following rows; null at the end.")]
    as_of: Annotated[
        str | UnsetType,
        Meta(description="The past day whose end these rows describe; absent for the current market."),
    ] = UNSET
    note: Annotated[str | UnsetType, Meta(description="What a historical response contains.")] = UNSET


COLUMNS = Offer.__struct_fields__
"""The names of every column, in the order of the CSV."""
_COMPUTED = {"gpu_count", "usd_per_gpu_hour", "usd_per_instance_hour", "fetched_at", "stale", "quoted_amount",
             "disk_usd_per_gb_month", "traffic_usd_per_gb", "still_stands"}  # fmt: skip
_AS_STORED = tuple(name for name in COLUMNS if name not in _COMPUTED)


def offer_of(row: Row, now: int, curves: Lasting = UNKNOWN) -> Offer:
    """An offer of the database as it is published at ``now`` (seconds since 1970): dollars instead of
    micro-dollars, an instant instead of seconds, ``None`` where the database holds an empty text. ``curves`` tell how
    long such prices last."""
    chance = curves.chance(row, now)
    as_stored: dict[str, Any] = {name: row[name] if row[name] != "" else None for name in _AS_STORED}
    return Offer(
        **as_stored,
        gpu_count=_decimal(row["gpu_count"]),
        usd_per_gpu_hour=to_decimal(row["usd_per_gpu_hour_micro"]),
        usd_per_instance_hour=_usd(row["usd_per_instance_hour_micro"]),
        fetched_at=clock.from_timestamp(row["fetched_at"]).strftime("%Y-%m-%dT%H:%M:%SZ"),
        stale=row["stale_at"] <= now,
        quoted_amount=Decimal(row["quoted_amount"]) if row["quoted_amount"] else None,
        disk_usd_per_gb_month=_usd(row["disk_usd_per_gb_month_micro"]),
        traffic_usd_per_gb=_usd(row["traffic_usd_per_gb_micro"]),
        still_stands=round(chance.share, 4) if chance and not chance.at_most else None,
    )


def _usd(micro: int | None) -> Decimal | None:
    return None if micro is None else to_decimal(micro)


def _decimal(count: str | None) -> Decimal | None:
    """A number of GPUs (stored as a fraction) as a decimal, to six places if it is not a whole number."""
    if count is None:
        return None
    exact = Fraction(count)
    decimal = Decimal(exact.numerator)
    return decimal if exact.denominator == 1 else round(decimal / exact.denominator, 6)
