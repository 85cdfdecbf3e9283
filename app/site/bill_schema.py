"""The types of the question and answer of a monthly bill: answers are built from them, and the API's description
too."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, NamedTuple

from msgspec import Meta, Struct

from app.core.money import to_decimal
from app.pricing.offers import bill


class Limit(NamedTuple):
    """The least and the most that a parameter may be, and what it is if left out."""

    least: int
    most: int
    default: int


LIMITS = {"gpus": Limit(1, 1024, 1), "disk": Limit(0, 100_000, 100), "traffic": Limit(0, 1_000_000, 0)}
"""Parameter → its limit: GPUs in all, GB of disk per machine, GB of outgoing traffic a month."""


def _limited(name: str, meaning: str, example: int) -> Meta:
    """The description of the parameter ``name``, with its limits."""
    return Meta(description=meaning, ge=LIMITS[name].least, le=LIMITS[name].most, examples=[example])


class BillFilters(Struct, kw_only=True):
    """The parameters of ``/api/bill``."""

    gpu: Annotated[
        list[str], Meta(description="GPUs, by slug; H100 SXM if none is named", examples=["h100-sxm-80gb"])
    ] = []
    provider: Annotated[list[str], Meta(description="one or more providers, by slug", examples=["verda"])] = []
    region: Annotated[
        list[str], Meta(description="countries (ISO code), continents, a provider's own region name", examples=["us"])
    ] = []
    tier: Annotated[list[str], Meta(description="on-demand, spot or reserved", examples=["on-demand"])] = []
    gpus: Annotated[
        int, Meta(description="total number of GPUs", ge=LIMITS["gpus"].least, le=LIMITS["gpus"].most, examples=[8])
    ] = LIMITS["gpus"].default
    disk: Annotated[
        int,
        Meta(description="disk per machine, GB", ge=LIMITS["disk"].least, le=LIMITS["disk"].most, examples=[500]),
    ] = LIMITS["disk"].default
    traffic: Annotated[
        int,
        Meta(
            description="egress per month, GB",
            ge=LIMITS["traffic"].least,
            le=LIMITS["traffic"].most,
            examples=[1000],
        ),
    ] = LIMITS["traffic"].default


class BillPart(Struct, kw_only=True):
    """A part of a month's bill."""

    part: Annotated[str, Meta(description="rent, reclaims (of spot), host, disk or network.")]
    status: Annotated[str, Meta(description="included in the rent, extra, or not stated.")]
    usd_per_month: Annotated[Decimal | None, Meta(description="What it adds to the bill; null if no price is known.")]
    at_the_median: Annotated[bool, Meta(description="True if the price is the market median because none is stated.")]


class OfferBill(Struct, kw_only=True):
    """The monthly bill of an offer, with everything it includes."""

    offer: Annotated[str, Meta(description="Identifier of the offer, as in /api/prices.")]
    provider: Annotated[str, Meta(description="Slug of the provider.")]
    gpu: Annotated[str, Meta(description="Slug of the GPU.")]
    tier: Annotated[str, Meta(description="on-demand, spot or reserved.")]
    commitment_months: Annotated[int | None, Meta(description="Months of commitment of a reserved price.")]
    region: Annotated[str | None, Meta(description="The provider's own region name.")]
    machines: Annotated[int, Meta(description="Number of machines paid for.")]
    gpus: Annotated[float, Meta(description="GPUs in these machines.")]
    usd_per_month: Annotated[Decimal, Meta(description="Total of all parts for 730 hours.")]
    is_least: Annotated[bool, Meta(description="True if some part has no known price, so that the total is a minimum.")]
    stale: Annotated[bool, Meta(description="True once the price is older than its source's freshness limit.")]
    source: Annotated[str, Meta(description="What said so.")]
    breaks_even_in_month: Annotated[
        int | None,
        Meta(description="The month from which a commitment is cheaper than on demand from the same provider."),
    ]
    breaks_even_against_cheapest: Annotated[
        int | None,
        Meta(description="The same against the cheapest on-demand offer of any provider; null if it never is."),
    ]
    parts: list[BillPart]


class Bills(Struct, kw_only=True):
    """The cheapest bills, at most 1,000."""

    count: Annotated[int, Meta(description="Number of offers that match the filters.")]
    bills: list[OfferBill]


@dataclass(frozen=True, slots=True)
class Even:
    """The month from which a commitment is cheaper than as many GPUs on demand: from its ``own`` provider, if that
    sells them on demand (``has_own``), and from the ``cheapest`` of all; ``None`` is never."""

    own: int | None
    cheapest: int | None
    has_own: bool


NEVER = Even(None, None, has_own=False)


def bill_of(one: bill.Bill, even: Even, now: int) -> OfferBill:
    """A bill as it is published at ``now`` (seconds since 1970)."""
    row = one.row
    rent = BillPart(part="rent", status=bill.INCLUDED, usd_per_month=to_decimal(one.rent_micro), at_the_median=False)
    reclaims = [
        BillPart(part="reclaims", status=bill.EXTRA, usd_per_month=to_decimal(one.reclaims_micro), at_the_median=False)
    ] * (one.reclaims_micro > 0)
    return OfferBill(
        offer=row["id"], provider=row["provider"], gpu=row["gpu"], tier=row["tier"],
        commitment_months=row["commitment_months"], region=row["region"] or None, machines=one.nodes,
        gpus=float(one.gpus), usd_per_month=to_decimal(one.total_micro), is_least=one.missing,
        stale=row["stale_at"] <= now, source=row["source"], breaks_even_in_month=even.own,
        breaks_even_against_cheapest=even.cheapest,
        parts=[rent, *reclaims, *(
            BillPart(part=part.name, status=part.status, at_the_median=part.is_median,
                     usd_per_month=None if part.micro is None else to_decimal(part.micro))
            for part in one.parts[1:]
        )],
    )  # fmt: skip
