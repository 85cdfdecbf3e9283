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
            description="a day from tomorrow on (UTC): the chance that each price still stands then; left out, that it "
            "stands today",
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
    prices: Annotated[int, Meta(description="Prices that it rests on.")]
    changes: Annotated[int, Meta(description="How many of those were seen to change.")]
    watched_days: Annotated[float, Meta(description="The age to which it is claimed.")]
    after_days: Annotated[
        dict[str, float | None],
        Meta(description="Days → the share, 0 to 1, that still stands; null past what was watched."),
    ]


class LastingOffer(Struct, kw_only=True):
    """A provider's lowest price of a GPU and tier, and the chance that it still stands."""

    id: Annotated[str, Meta(description="Identity of the offer, as in /api/prices.")]
    provider: str
    gpu: str
    tier: str
    region: str | None
    usd_per_gpu_hour: Annotated[Decimal, Meta(description="US dollars for one GPU and hour.")]
    fetched_at: Annotated[str, Meta(description="When it was last confirmed (UTC).")]
    price_since: Annotated[str | None, Meta(description="Since when it has been this price, as far as was seen.")]
    still_stands: Annotated[
        float | None,
        Meta(description="The chance, 0 to 1, that the price still holds on that day; null: not known."),
    ]
    at_most: Annotated[bool, Meta(description="True past what was observed: an upper bound.")]
    rests_on: Annotated[
        str | None, Meta(description="Whose prices it rests on: provider for its own, or a pool; null: nothing.")
    ]


class LastingPrices(Struct, kw_only=True):
    """How long prices last, and of each offer the chance that it does."""

    on: Annotated[str, Meta(description="The day the chances are for.")]
    curves: list[SurvivalCurve]
    count: Annotated[int, Meta(description="Offers that answer the filters: each provider's lowest of a GPU and tier.")]
    offers: Annotated[list[LastingOffer], Meta(description="The cheapest of them, 1,000 at most.")]


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
