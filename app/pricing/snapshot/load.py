"""Loading the shipped snapshot into the database: the offers, and the history that it begins with."""

import hashlib
from functools import lru_cache

from app.core import clock
from app.core.clock import parse_instant
from app.core.units import DAY_S
from app.core.version_keys import HISTORY_KEY, gpu_key
from app.pricing.history import provider_lows, record, store, survival_curves
from app.pricing.history.price_moves import price_moves
from app.pricing.offers import summary_store
from app.pricing.refresh.replace_offers import replace_source
from app.pricing.snapshot import files, past_levels
from app.pricing.snapshot.files import PriceSpan
from app.storage import scopes
from app.storage.engine import transaction
from app.upstream.tables import LoadedSource


async def load_shipped() -> bool:
    """Load the shipped snapshot and history, completely or not at all, if nothing was loaded before.

    True if the snapshot was loaded now.
    """
    fresh = not await LoadedSource.exists().run()
    async with transaction(scope=scopes.PRICES):
        if fresh:
            await _load_offers()
        if not await store.has_levels():
            await _load_history()
            await survival_curves.record(clock.timestamp())
        await summary_store.fill()  # what an older version left has none
        await provider_lows.fill()
    return fresh


async def _load_offers() -> None:
    all_offers, aside = files.offers(), files.set_aside()
    columns = [column for column in files.SET_ASIDE_COLUMNS if column != "source"]
    for name, about in files.about()["sources"].items():
        offers = [offer for offer in all_offers if offer.source == name]
        rows = [tuple(row[column] for column in columns) for row in aside if row["source"] == name]
        await replace_source(name, about["name"], offers, rows, max(offer.fetched_at for offer in offers))


async def _load_history() -> None:
    """The shipped history as series, spans, moves and levels: a price is valid on the days for which it is known."""
    spans = files.history()
    async with transaction(HISTORY_KEY, *sorted({gpu_key(span.gpu) for span in spans}), scope=scopes.PRICES):
        kinds: dict[str, list[PriceSpan]] = {}
        for span in spans:
            kinds.setdefault(_kind_text(span), []).append(span)
        for kind in kinds.values():
            kind.sort(key=lambda span: span.begin)
        await _load_series(kinds)
        await _load_offer_spans()
        firsts = [_at(span.begin, span) for span in spans]
        await record.record_known_moves(price_moves([*firsts, *await _later(spans)]), _midnight)
        await store.insert_levels(await _levels(spans))


async def _levels(spans: list[PriceSpan]) -> list[tuple[object, ...]]:
    """Rows of (gpu, tier, second, lowest, median)."""
    past: dict[str, list[PriceSpan]] = {}
    for span in spans:
        past.setdefault(span.gpu, []).append(span)
    listed: dict[str, list[store.ShippedOffer]] = {}
    for offer in await store.shipped_offers():
        listed.setdefault(offer.gpu, []).append(offer)
    return [
        (gpu, tier, _midnight(day), low, middle)
        for gpu in sorted({*past, *listed})
        for day, tier, low, middle in past_levels.levels(past_levels.carried(past.get(gpu, ()), listed.get(gpu, ())))
    ]


NAMED_BY_MACHINE = ("aws", "azure", "gcp")
"""Clouds for which some lists name each machine and others do not: the lowest prices of the two can't be compared."""


async def _later(spans: list[PriceSpan]) -> list[dict[str, object]]:
    """The shipped offers, on the day they were seen, whose kind's history ends before that day."""
    ends: dict[tuple[object, ...], str] = {}
    for span in spans:
        kind = (span.provider, span.gpu, span.tier, span.commitment_months or None, span.region)
        ends[kind] = max(span.until, ends.get(kind, ""))
    found: list[dict[str, object]] = []
    for offer in await store.shipped_offers():
        kind = (offer.provider, offer.gpu, offer.tier, offer.commitment_months or None, offer.region)
        day = clock.from_timestamp(offer.fetched_at).date().isoformat()
        comparable = offer.is_whole and offer.provider not in NAMED_BY_MACHINE and not _of_another_market(offer)
        if comparable and day >= ends.get(kind, "9999"):
            names = ("provider", "gpu", "tier", "commitment_months", "region", "usd_per_gpu_hour_micro")
            found.append({"day": day, **{name: getattr(offer, name) for name in names}})
    return found


def _of_another_market(offer: store.ShippedOffer) -> bool:
    """True for RunPod's community cloud: the shipped history is of its secure one."""
    return offer.provider == "runpod" and offer.provider_tier == "community"


def _kind_text(span: PriceSpan) -> str:
    return "|".join(map(str, (span.provider, span.gpu, span.tier, span.commitment_months, span.region)))


def _at(day: str, span: PriceSpan) -> dict[str, object]:
    names = ("provider", "gpu", "tier", "commitment_months", "region", "usd_per_gpu_hour_micro")
    return {"day": day, **{name: getattr(span, name) for name in names}}


async def _load_series(kinds: dict[str, list[PriceSpan]]) -> None:
    names = {text: f"{store.SHIPPED}{hashlib.sha256(text.encode()).hexdigest()[:20]}" for text in kinds}
    await store.insert_series(
        (names[text], first.provider, first.gpu, first.tier, first.commitment_months, first.region)
        for text, (first, *_) in kinds.items()
    )
    series = await store.series_numbers()
    await store.insert_spans(
        (series[names[text]], _midnight(span.begin), _midnight(span.until), span.usd_per_gpu_hour_micro)
        for text, spans in kinds.items()
        for span in spans
    )


async def _load_offer_spans() -> None:
    """The shipped offers as history: each price is valid from its day until the end of the day it was last seen."""
    offers = await store.shipped_offers()
    await store.add_series((o.id, o.provider, o.gpu, o.tier, o.commitment_months, o.region) for o in offers)
    series = await store.series_numbers()
    spans = []
    for offer in offers:
        seen = offer.fetched_at - offer.fetched_at % DAY_S
        begin = min(_midnight(offer.price_since), seen)
        spans.append((series[offer.id], begin, seen + DAY_S, offer.usd_per_gpu_hour_micro))
    await store.insert_spans(spans)


@lru_cache(maxsize=4096)
def _midnight(day: str) -> int:
    return int(parse_instant(day).timestamp())
