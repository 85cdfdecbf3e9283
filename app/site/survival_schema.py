"""What the address of lasting prices takes and answers, as types."""

from decimal import Decimal
from typing import Annotated

from msgspec import Meta, Struct

from app.core import clock
from app.core.money import to_decimal
from app.pricing.history.survival import Curve
from app.pricing.history.survival_curves import POOLS, Lasting
from app.pricing.offers.store import Row

AGES = (7, 30, 90)
"""Days after which the share of unchanged prices is stated."""
PLACES = 4


class On(Struct, kw_only=True):
    """The day that is asked about."""

    on: Annotated[
        str | None,
        Meta(
            description="a future day (UTC): the probability that each price still holds then; if left out, "
            "that it holds today",
            examples=["2027-01-31"],
            extra_json_schema={"format": "date"},
        ),
    ] = None


class SurvivalCurve(Struct, kw_only=True):
    """How long the prices of a provider and tier last: the product-limit estimate of Kaplan and Meier."""

    provider: Annotated[str | None, Meta(description="Slug of the provider; null where several are pooled.")]
    pool: Annotated[
        str | None,
        Meta(description="Whose prices are pooled: all providers, hyperscalers, or GPU clouds and marketplaces."),
    ]
    tier: Annotated[str, Meta(description="on-demand, spot or reserved.")]
    prices: Annotated[int, Meta(description="Number of prices the curve rests on.")]
    changes: Annotated[int, Meta(description="How many of them were observed to change.")]
    watched_days: Annotated[float, Meta(description="The age in days up to which the curve is given.")]
    after_days: Annotated[
        dict[str, float | None],
        Meta(description="Days → the share, 0 to 1, that still holds; null beyond what was observed."),
    ]


class LastingOffer(Struct, kw_only=True):
    """A provider's lowest price for a GPU and tier, and the probability that it still holds."""

    id: Annotated[str, Meta(description="Identifier of the offer, as in /api/prices.")]
    provider: str
    gpu: str
    tier: str
    region: str | None
    usd_per_gpu_hour: Annotated[Decimal, Meta(description="US dollars per GPU-hour.")]
    fetched_at: Annotated[str, Meta(description="When it was last confirmed (UTC).")]
    price_since: Annotated[str | None, Meta(description="The day since which this price has been observed.")]
    still_stands: Annotated[
        float | None,
        Meta(description="Probability, 0 to 1, that the price still holds on that day; null if not known."),
    ]
    at_most: Annotated[bool, Meta(description="True beyond what was observed: the probability is an upper bound.")]
    rests_on: Annotated[
        str | None,
        Meta(description="Whose prices the probability rests on: provider for its own, or a pool; null for none."),
    ]


class LastingPrices(Struct, kw_only=True):
    """How long prices last, and for each offer the probability that it still holds."""

    on: Annotated[str, Meta(description="The day the probabilities are for.")]
    curves: list[SurvivalCurve]
    count: Annotated[
        int, Meta(description="Number of matching offers: each provider's lowest price for a GPU and tier.")
    ]
    offers: Annotated[list[LastingOffer], Meta(description="The cheapest of them, at most 1,000.")]


def curve_of(provider: str, tier: str, curve: Curve) -> SurvivalCurve:
    """A stored curve as it is published."""
    shares = {age: curve.at(age) for age in AGES}
    return SurvivalCurve(
        provider=None if provider in POOLS else provider,
        pool=POOLS.get(provider),
        tier=tier,
        prices=curve.prices,
        changes=curve.changes,
        watched_days=round(curve.longest, 1),
        after_days={str(age): None if share is None else round(share, PLACES) for age, share in shares.items()},
    )


def lasting_offer(row: Row, curves: Lasting, at: int) -> LastingOffer:
    """An offer and the chance that it has its price at the second ``at``."""
    chance = curves.chance(row, at)
    return LastingOffer(
        **{name: row[name] for name in ("id", "provider", "gpu", "tier")},
        region=row["region"] or None,
        usd_per_gpu_hour=to_decimal(row["usd_per_gpu_hour_micro"]),
        fetched_at=clock.from_timestamp(row["fetched_at"]).strftime("%Y-%m-%dT%H:%M:%SZ"),
        price_since=row["price_since"] or None,
        still_stands=round(chance.share, PLACES) if chance else None,
        at_most=bool(chance and chance.at_most),
        rests_on=(curves.rests_on(row) or "provider") if chance else None,
    )
