"""Which source speaks for a provider: the best that is current, and never with older prices than another's newer ones.

A better source gives way once its prices are stale and another's are newer, so that a cloud whose own interface is
closed for days is not frozen at its last answer.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from app.pricing import sources
from app.pricing.offers.offer import Batch, Offer, RawOffer, Reason, SetAside
from app.pricing.refresh import claim_store
from app.pricing.refresh.store import live_sources


@dataclass(frozen=True, slots=True)
class Standing:
    """When the newest of a source's offers of one provider was seen, and until when it counts as fresh (seconds)."""

    seen_at: int
    stale_at: int


@dataclass(frozen=True, slots=True)
class Authorised:
    """What of an answer is shown: its ``batch``; other source → providers that it no longer speaks for; and the offers
    that gave way to another source, to be compared with what is shown."""

    batch: Batch
    retire: dict[str, frozenset[str]]
    gave_way: tuple[Offer, ...]


def whose_word(
    name: str, provider: str, mine: Standing, others: Mapping[str, Standing], live: frozenset[str], now: int
) -> tuple[Reason, str] | None:
    """Why ``name`` does not speak for ``provider`` now, or ``None`` where it does. Pure.

    ``others`` are the sources whose offers of it stand, ``live`` those that were asked, not shipped.
    """
    own = sources.rank(provider, name)
    if own is None:
        return Reason.NOT_AUTHORITY, f"{name} is no authority for {provider}"
    for other, standing in others.items():
        rank = sources.rank(provider, other)
        if other in live and rank is not None and rank < own:
            if standing.stale_at > now or standing.seen_at >= mine.seen_at:
                return Reason.NOT_AUTHORITY, f"{other} speaks for {provider}"
        elif mine.stale_at <= now and standing.seen_at > mine.seen_at:
            return Reason.SUPERSEDED, f"{other} says what was seen later"
    return None


async def authorised(name: str, batch: Batch, now: int) -> Authorised:
    """The part of ``batch`` with which ``name`` speaks, and what that puts out."""
    live = await live_sources()
    standing: dict[str, dict[str, Standing]] = {}
    for spoken in await claim_store.others(name):
        standing.setdefault(spoken.provider, {})[spoken.source] = Standing(spoken.seen_at, spoken.stale_at)
    offers: list[Offer] = []
    gave_way: list[Offer] = []
    aside = list(batch.set_aside)
    retire: dict[str, set[str]] = {}
    for provider, mine in _by_provider(batch.offers).items():
        others = standing.get(provider, {})
        own = Standing(max(offer.fetched_at for offer in mine), max(offer.stale_at for offer in mine))
        if refused := whose_word(name, provider, own, others, live, now):
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
    """What a row that is set aside says of an offer."""
    return RawOffer(source=offer.source, provider=offer.provider, gpu=offer.gpu, tier=offer.provider_tier,
                    amount_per_gpu_hour=offer.quoted_amount, reference=offer.product)  # fmt: skip
