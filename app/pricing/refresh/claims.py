"""Claims: the lowest prices of sources that are not shown for a provider, kept so that they can be compared with those
that are.

One row for each source, provider, GPU, tier and term, with its lowest price and the day. Replaced with each answer of
the source.
"""

from collections.abc import Iterable, Mapping

from app.core.units import DAY_S
from app.core.version_keys import SOURCES_KEY, provider_key
from app.pricing.offers.offer import Offer
from app.pricing.refresh import claim_store
from app.pricing.refresh.claim_store import Claim
from app.pricing.refresh.store import live_sources
from app.storage import scopes
from app.storage.engine import transaction

MOST = 3000
"""The most claims of a source: about thirty times as many as any has."""


def lowest(offers: Iterable[Offer]) -> list[Claim]:
    """The lowest price of whole GPUs for each source, provider, GPU, tier and term."""
    best: dict[tuple[object, ...], Offer] = {}
    for offer in offers:
        if offer.gpu_count is not None and offer.gpu_count < 1:
            continue
        key = (offer.source, offer.provider, offer.gpu, offer.tier, offer.commitment_months)
        if key not in best or offer.usd_per_gpu_hour_micro < best[key].usd_per_gpu_hour_micro:
            best[key] = offer
    return [
        Claim(o.source, o.provider, o.gpu, o.tier.value, o.commitment_months, o.usd_per_gpu_hour_micro, o.fetched_at)
        for o in best.values()
    ][:MOST]


async def of_retiring(retire: Mapping[str, frozenset[str]]) -> list[Claim]:
    """The claims of the sources in ``retire`` from their shown offers; without shipped lists, which are old by
    nature."""
    found: list[Claim] = []
    for source in sorted(await live_sources() & set(retire)):
        for provider in sorted(retire[source]):
            found += await claim_store.lowest_shown(source, provider)
    return found


async def keep(source: str, claims: list[Claim], retired: list[Claim]) -> set[str]:
    """Replace the claims of ``source``, and add those of the sources that it ``retired``. Returns the version keys that
    were raised."""
    was = {_of_day(claim) for claim in await claim_store.claims(source)}
    differing = was.symmetric_difference(map(_of_day, claims))
    changed = {claim.provider for claim in (*differing, *retired)}
    if not changed:
        return set()
    keys = {SOURCES_KEY, *map(provider_key, changed)}
    async with transaction(*sorted(keys), scope=scopes.PRICES):
        await claim_store.forget(source)
        await claim_store.forget_pairs({(claim.source, claim.provider) for claim in retired})
        await claim_store.insert([*claims, *retired[:MOST]])
    return keys


def _of_day(claim: Claim) -> Claim:
    """The claim with ``seen_at`` as a day counted from 1970: pages show no more, so a later hour is no change."""
    return claim._replace(seen_at=claim.seen_at // DAY_S)
