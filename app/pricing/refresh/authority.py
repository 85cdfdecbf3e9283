"""The authority for a provider's prices: of the sources that have them, the best whose prices are current.

A better source gives way once its prices are stale and another's are newer, so that a cloud whose own interface fails
for days does not stay at its last answer.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from app.pricing import sources
from app.pricing.offers.offer import Batch, Offer, RawOffer, Reason, SetAside
from app.pricing.refresh import claim_store
from app.pricing.refresh.store import live_sources


@dataclass(frozen=True, slots=True)
class Recency:
    """When the newest of a source's offers of one provider was seen, and until when it counts as fresh (seconds)."""

    seen_at: int
    stale_at: int


@dataclass(frozen=True, slots=True)
class Authorised:
    """The part of an answer that is shown, ``batch``; ``retire``: other source → the providers for which it is no
    longer shown; and the offers that ``gave_way`` to another source, kept for comparison."""

    batch: Batch
    retire: dict[str, frozenset[str]]
    gave_way: tuple[Offer, ...]


def refusal(
    name: str, provider: str, mine: Recency, others: Mapping[str, Recency], live: frozenset[str], now: int
) -> tuple[Reason, str] | None:
    """Why the prices of the source ``name`` are not shown for ``provider`` at ``now``; ``None`` if they are. Pure.

    ``others`` are the other sources with offers of this provider, ``live`` the sources that have answered and are not
    only shipped lists.
    """
    own = sources.rank(provider, name)
    if own is None:
        return Reason.NOT_AUTHORITY, f"{name} is no authority for {provider}"
    for other, theirs in others.items():
        rank = sources.rank(provider, other)
        if other in live and rank is not None and rank < own:
            if theirs.stale_at > now or theirs.seen_at >= mine.seen_at:
                return Reason.NOT_AUTHORITY, f"{other} speaks for {provider}"
        elif mine.stale_at <= now and theirs.seen_at > mine.seen_at:
            return Reason.SUPERSEDED, f"{other} says what was seen later"
    return None


async def authorised(name: str, batch: Batch, now: int) -> Authorised:
    """Split the batch of the source ``name`` into what is shown and what gives way, and find what it retires."""
    live = await live_sources()
    recency: dict[str, dict[str, Recency]] = {}
    for one in await claim_store.other_sources(name):
        recency.setdefault(one.provider, {})[one.source] = Recency(one.seen_at, one.stale_at)
    offers: list[Offer] = []
    gave_way: list[Offer] = []
    aside = list(batch.set_aside)
    retire: dict[str, set[str]] = {}
    for provider, mine in _by_provider(batch.offers).items():
        others = recency.get(provider, {})
        own = Recency(max(offer.fetched_at for offer in mine), max(offer.stale_at for offer in mine))
        if refused := refusal(name, provider, own, others, live, now):
            aside += [SetAside(as_raw(offer), *refused) for offer in mine]
            gave_way += mine if sources.rank(provider, name) is not None else []
            continue
        offers += mine
        for source in others:
            retire.setdefault(source, set()).add(provider)
    kept = Batch(tuple(offers), tuple(aside))
    return Authorised(kept, {source: frozenset(whose) for source, whose in retire.items()}, tuple(gave_way))


def _by_provider(offers: Iterable[Offer]) -> dict[str, list[Offer]]:
    found: dict[str, list[Offer]] = {}
    for offer in offers:
        found.setdefault(offer.provider, []).append(offer)
    return found


def as_raw(offer: Offer) -> RawOffer:
    """An offer back in the form of a raw offer, to be set aside."""
    return RawOffer(source=offer.source, provider=offer.provider, gpu=offer.gpu, tier=offer.provider_tier,
                    amount_per_gpu_hour=offer.quoted_amount, reference=offer.product)  # fmt: skip
