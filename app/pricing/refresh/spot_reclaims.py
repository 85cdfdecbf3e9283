"""How often spot is taken: asked, kept by kind of machine and region, and written on the offers of spot."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from app.core import clock
from app.core.http_client import Fault, FetchError
from app.core.settings import Settings
from app.core.version_keys import OFFERS_KEY, SOURCES_KEY, gpu_key, provider_key, source_key
from app.pricing.offers.offer import Offer, Tier
from app.pricing.offers.reclaim import Reclaim
from app.pricing.sources import RECLAIMS
from app.storage.sqlite import execute_many, fetch, transaction
from app.upstream.outcome import Outcome, as_fault, failed, record_answer
from app.upstream.written import Written

FEWEST = 2
"""An answer with fewer bands than those kept divided by this is not believed."""
Band = tuple[int, int | None, int]


async def refresh_reclaims(name: str, settings: Settings) -> Outcome:
    """Ask a source of reclaims and keep what it says. Never raises for what a source does."""
    source = RECLAIMS[name](settings)
    try:
        bands = await source.fetch()
        kept = (await fetch("SELECT count(*) FROM spot_reclaim WHERE source = ?", name))[0][0]
        if len(bands) * FEWEST < kept:
            raise FetchError(Fault.FEW, f"only {len(bands):,} bands where {kept:,} stand")
        written = await _keep(name, source.title, bands)
    except Exception as error:  # offers stand as they are
        return await failed(name, source.title, as_fault(error, name))
    return Outcome(name, "ok", stated=len(bands), shown=len(bands), written=written)


async def _keep(name: str, title: str, bands: list[Reclaim]) -> Written:
    """Replace what ``name`` said, and write it on the offers of spot; raises the keys of what that changes."""
    fresh = {(band.provider, band.product, band.region): band for band in bands}
    providers = {band.provider for band in bands}
    async with transaction(SOURCES_KEY, source_key(name)):
        await execute_many("DELETE FROM spot_reclaim WHERE source = ?", [(name,)])
        await execute_many(
            "INSERT OR REPLACE INTO spot_reclaim (source, provider, product, region, low, high, hours, seen_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            ((name, *key, band.low, band.high, band.hours, band.seen_at) for key, band in fresh.items()),
        )
        await record_answer(name, title, clock.timestamp())
    changed = [row for provider in sorted(providers) for row in await _outdated(provider, fresh)]
    keys = {OFFERS_KEY, *(gpu_key(row[1]) for row in changed), *(provider_key(row[2]) for row in changed)}
    if changed:
        async with transaction(*sorted(keys)):
            await execute_many(
                "UPDATE offer SET reclaim_low = ?, reclaim_high = ?, reclaim_hours = ? WHERE id = ?",
                ((*band, key) for key, _, _, band in changed),
            )
    return Written(changed=len(changed), keys={SOURCES_KEY, source_key(name), *(keys if changed else ())})


async def _outdated(provider: str, fresh: Mapping[tuple[str, str, str], Reclaim]) -> list[tuple[str, str, str, Any]]:
    """(id, GPU, provider, band) of each offer of spot whose band is another now."""
    found = []
    for key, gpu, product, region, *was in await fetch(
        "SELECT id, gpu, product, region, reclaim_low, reclaim_high, reclaim_hours FROM offer "
        "WHERE provider = ? AND tier = 'spot'", provider,
    ):  # fmt: skip
        told = fresh.get((provider, product, region))
        band = (told.low, told.high, told.hours) if told else (None, None, None)
        if tuple(was) != band:
            found.append((key, gpu, provider, band))
    return found


async def with_reclaims(offers: Iterable[Offer]) -> list[Offer]:
    """The offers, those of spot with the band that is kept of their machine and region."""
    every = list(offers)
    providers = {offer.provider for offer in every if offer.tier is Tier.SPOT}
    known: dict[tuple[str, str, str], Band] = {
        (provider, product, region): (low, high, hours)
        for provider in sorted(providers)
        for product, region, low, high, hours in await fetch(
            "SELECT product, region, low, high, hours FROM spot_reclaim WHERE provider = ?", provider
        )
    }
    return [_with(offer, known) for offer in every] if known else every


def _with(offer: Offer, known: Mapping[tuple[str, str, str], Band]) -> Offer:
    band = known.get((offer.provider, offer.product, offer.region)) if offer.tier is Tier.SPOT else None
    if band is None:
        return offer
    return replace(offer, reclaim_low=band[0], reclaim_high=band[1], reclaim_hours=band[2])
