"""How often spot machines are reclaimed: fetched, stored by kind of machine and region, and copied to spot offers."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from app.core import clock
from app.core.http_client import Fault, FetchError
from app.core.settings import Settings
from app.core.version_keys import OFFERS_KEY, SOURCES_KEY, gpu_key, provider_key, source_key
from app.pricing.offers import summary_store
from app.pricing.offers.offer import Offer, Tier
from app.pricing.offers.reclaim import Reclaim
from app.pricing.refresh import reclaim_store
from app.pricing.refresh.reclaim_store import Band
from app.pricing.sources import RECLAIMS
from app.storage import scopes
from app.storage.engine import transaction
from app.upstream.outcome import Outcome, as_fault, failed
from app.upstream.store import record_answer
from app.upstream.written import Written

FEWEST = 2
"""An answer with fewer bands than the stored ones divided by this is refused."""


async def refresh_reclaims(name: str, settings: Settings) -> Outcome:
    """Fetch a source of reclaim bands and store them. Never raises for a source's fault."""
    source = RECLAIMS[name](settings)
    try:
        bands = await source.fetch()
        kept = await reclaim_store.number(name)
        if len(bands) * FEWEST < kept:
            raise FetchError(Fault.FEW, f"only {len(bands):,} bands where {kept:,} stand")
        written = await _keep(name, source.title, bands)
    except Exception as error:  # offers keep the bands they have
        return await failed(name, source.title, as_fault(error, name))
    return Outcome(name, "ok", stated=len(bands), shown=len(bands), written=written)


async def _keep(name: str, title: str, bands: list[Reclaim]) -> Written:
    """Replace the bands of the source ``name``, and copy them to spot offers; raises the version keys of what that
    changes."""
    fresh = {(band.provider, band.product, band.region): band for band in bands}
    providers = {band.provider for band in bands}
    async with transaction(SOURCES_KEY, source_key(name), scope=scopes.PRICES):
        await reclaim_store.replace(name, fresh.values())
        await record_answer(name, title, clock.timestamp())
    changed = [row for provider in sorted(providers) for row in await _outdated(provider, fresh)]
    keys = {
        OFFERS_KEY,
        *(gpu_key(row.gpu) for row in changed),
        *(provider_key(row.provider) for row in changed),
    }
    if changed:
        async with transaction(*sorted(keys), scope=scopes.PRICES):
            await reclaim_store.write_bands((*row.band, row.id) for row in changed)
            await summary_store.summarise(sorted({row.source for row in changed}), summary_store.KINDS)
    return Written(changed=len(changed), keys={SOURCES_KEY, source_key(name), *(keys if changed else ())})


class Outdated(NamedTuple):
    """A spot offer whose band has changed."""

    id: str
    source: str
    gpu: str
    provider: str
    band: tuple[int | None, int | None, int | None]


async def _outdated(provider: str, fresh: Mapping[tuple[str, str, str], Reclaim]) -> list[Outdated]:
    """The spot offers of a provider whose band differs from ``fresh``, by (provider, product, region)."""
    found = []
    for offer in await reclaim_store.spot_offers(provider):
        reclaim = fresh.get((provider, offer.product, offer.region))
        band = (reclaim.low, reclaim.high, reclaim.hours) if reclaim else (None, None, None)
        if (offer.reclaim_low, offer.reclaim_high, offer.reclaim_hours) != band:
            found.append(Outdated(offer.id, offer.source, offer.gpu, provider, band))
    return found


async def with_reclaims(offers: Iterable[Offer]) -> list[Offer]:
    """The offers, spot ones with the stored band of their machine and region."""
    every = list(offers)
    providers = {offer.provider for offer in every if offer.tier is Tier.SPOT}
    known = {
        (provider, band.product, band.region): band
        for provider in sorted(providers)
        for band in await reclaim_store.bands(provider)
    }
    return [_with(offer, known) for offer in every] if known else every


def _with(offer: Offer, known: Mapping[tuple[str, str, str], Band]) -> Offer:
    band = known.get((offer.provider, offer.product, offer.region)) if offer.tier is Tier.SPOT else None
    if band is None:
        return offer
    return replace(offer, reclaim_low=band.low, reclaim_high=band.high, reclaim_hours=band.hours)
