"""Putting a source's offers into the database: all of them or none, in one transaction."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from piccolo.query.functions.aggregate import Count

from app.catalog.facts import gpus, providers
from app.database import insert_many, transaction
from app.pricing import shipped
from app.pricing.offers import Offer
from app.pricing.tables import LoadedSource, OfferRow, OfferTally, PricePointRow, SetAsideRow

UNKNOWN_TERM_GROUP = 9999
"""Rank group of a binding term whose length is not known."""

OFFERS_KEY, HISTORY_KEY, SOURCES_KEY = "offers", "history", "sources"


def gpu_key(gpu: str) -> str:
    """The version and surrogate key of everything that shows ``gpu``'s offers."""
    return f"gpu:{gpu}"


def provider_key(provider: str) -> str:
    """The version and surrogate key of everything that shows ``provider``'s offers."""
    return f"provider:{provider}"


def rank_group(offer: Offer) -> int:
    """Offers rank by price within a group only: 0 without commitment, else the months, else unknown."""
    if offer.tier.value != "reserved":
        return 0
    return offer.commitment_months or UNKNOWN_TERM_GROUP


def search_text(offer: Offer) -> str:
    """What a free word of a search is looked for in."""
    words = (gpus()[offer.gpu].name, providers()[offer.provider].name, offer.provider_tier, offer.product,
             offer.region, offer.country, offer.interconnect)  # fmt: skip
    return " ".join(words).casefold()


def _text(name: str) -> tuple[str, Callable[[Offer], Any]]:
    return name, lambda offer: getattr(offer, name)


_COLUMNS: tuple[tuple[str, Callable[[Offer], Any]], ...] = (
    *(_text(name) for name in (
        "id", "source", "provider", "gpu", "provider_tier", "commitment_months", "region", "country", "continent",
        "usd_per_gpu_hour_micro", "usd_per_instance_hour_micro", "derived", "currency", "quoted_amount", "quoted_per",
        "exchange_rate_date", "price_includes", "price_excludes", "product", "interconnect", "vcpus", "ram_gb",
        "remark", "source_url", "fetched_at", "price_since", "stale_at")),
    ("tier", lambda offer: offer.tier.value),
    ("gpu_memory_gb", lambda offer: gpus()[offer.gpu].memory_gb),
    ("gpu_count", lambda offer: str(offer.gpu_count) if offer.gpu_count is not None else None),
    ("gpu_count_number", lambda offer: float(offer.gpu_count) if offer.gpu_count is not None else None),
    ("rank_group", rank_group),
    ("search_text", search_text),
)  # fmt: skip


def _rows(offers: Iterable[Offer]) -> Iterator[tuple[Any, ...]]:
    for offer in offers:
        yield tuple(read(offer) for _, read in _COLUMNS)


async def replace_source(
    name: str, title: str, offers: list[Offer], aside: list[tuple[str, ...]], fetched_at: int
) -> None:
    """Replace everything known from the source ``name`` and raise the versions of what that touches.

    ``aside`` rows are (reference, provider, gpu, tier, price, reason, detail).
    """
    before = await OfferRow.select(OfferRow.gpu, OfferRow.provider).where(OfferRow.source == name).distinct().run()
    touched = {OFFERS_KEY, SOURCES_KEY}
    touched |= {gpu_key(row["gpu"]) for row in before} | {gpu_key(offer.gpu) for offer in offers}
    touched |= {provider_key(row["provider"]) for row in before} | {provider_key(o.provider) for o in offers}
    async with transaction(*sorted(touched)):
        await OfferRow.delete().where(OfferRow.source == name).run()
        await SetAsideRow.delete().where(SetAsideRow.source == name).run()
        await LoadedSource.delete().where(LoadedSource.name == name).run()
        await insert_many(OfferRow, [column for column, _ in _COLUMNS], _rows(offers))
        columns = ("source", "reference", "provider", "gpu", "tier", "price", "reason", "detail")
        await insert_many(SetAsideRow, columns, ((name, *(text[:300] for text in row)) for row in aside))
        await _tally()
        await insert_many(LoadedSource, ("name", "title", "fetched_at", "offers", "set_aside", "error"),
                          [(name, title, fetched_at, len(offers), len(aside), "")])  # fmt: skip


_TALLIED = ("gpu", "gpu_memory_gb", "provider", "tier", "gpu_count", "continent", "country", "region")


async def _tally() -> None:
    """Count the offers of each combination anew, so that a filter's choices cost no walk over every offer."""
    columns = [OfferRow._meta.get_column_by_name(name) for name in _TALLIED]
    rows = await OfferRow.select(*columns, Count(alias="n")).group_by(*columns).run()
    await OfferTally.delete(force=True).run()
    await insert_many(OfferTally, (*_TALLIED, "offers"), (tuple(row.values()) for row in rows))


async def load_shipped() -> bool:
    """Load the shipped snapshot and history, whole or not at all, where nothing was loaded before.

    True if it was loaded now.
    """
    if await LoadedSource.exists().run():
        return False
    async with transaction():
        await _load_shipped()
    return True


async def _load_shipped() -> None:
    all_offers, aside = shipped.offers(), shipped.set_aside()
    for name, about in shipped.about()["sources"].items():
        offers = [offer for offer in all_offers if offer.source == name]
        rows = [
            tuple(row[c] for c in shipped.SET_ASIDE_COLUMNS if c != "source") for row in aside if row["source"] == name
        ]
        await replace_source(name, about["name"], offers, rows, max(offer.fetched_at for offer in offers))
    points = shipped.history()
    async with transaction(HISTORY_KEY, *sorted({gpu_key(point.gpu) for point in points})):
        await insert_many(
            PricePointRow,
            ("day", "provider", "gpu", "tier", "commitment_months", "region", "usd_per_gpu_hour_micro", "shipped"),
            (
                (p.day, p.provider, p.gpu, p.tier, p.commitment_months, p.region, p.usd_per_gpu_hour_micro, 1)
                for p in points
            ),
        )
