"""Past prices that match a query of the price table. Returns plain values; no HTML and no HTTP here."""

from collections.abc import Callable
from functools import lru_cache

from app.catalog.aliases import other_cards
from app.catalog.facts import CONTINENTS, countries, gpus, place, providers
from app.core.units import DAY_S
from app.pricing.history import span_store
from app.pricing.history.price_events import Event
from app.pricing.history.price_span import Span
from app.pricing.offers import store
from app.pricing.offers.price_query import NOWHERE, OR_NOT_STATED, PriceQuery


async def answering(query: PriceQuery, since: int, until: int | None = None) -> list[Span]:
    """The spans that match ``query``, were valid after the second ``since``, and began before ``until`` if given.

    History keeps provider, GPU, tier, term and region. Other filters (GPUs in the instance, stock, free words) are
    looked up in today's offer; of one that is gone, only its names are searched. ``max_usd`` filters nothing here: a
    price that fell below it was above it before.
    """
    answers = await _finer(query)
    rows = await span_store.spans(_chosen(query), since, until)
    return [
        span
        for span in rows
        if answers(span.offer, span.provider, span.gpu, span.region) and _of_term(query, span.months)
    ]


async def returns(query: PriceQuery, since: int) -> list[Event]:
    """When offers that match ``query`` came back into stock, from the second ``since`` on."""
    answers = await _finer(query)
    return [
        Event("stock", back.at, back.provider, back.gpu, back.tier, back.months, back.region, None, back.micro)
        for back in await span_store.returns(_chosen(query), since)
        if answers(back.offer, back.provider, back.gpu, back.region) and _of_term(query, back.months)
    ]


def _of_term(query: PriceQuery, months: int | None) -> bool:
    return query.commitment_months is None or months == query.commitment_months


def _chosen(query: PriceQuery) -> span_store.Chosen:
    """Column of a series → the values that a query allows; empty if any will do."""
    cards = query.gpu
    if query.min_memory_gb is not None:
        large = {gpu.slug for gpu in gpus().values() if gpu.memory_gb and gpu.memory_gb >= query.min_memory_gb}
        cards = tuple(sorted(large & set(query.gpu or gpus()))) or ("",)
    return {"gpu": cards, "provider": query.provider, "tier": query.tier}


async def _finer(query: PriceQuery) -> Callable[[str, str, str, str], bool]:
    """A test of (offer, provider, GPU, region) for the filters that need today's offer or the provider's location."""
    bound = query.gpu_count is not None or bool(query.stock)
    current = {row["id"] for row in await store.all_rows(query.with_(max_usd_micro=None))} if bound or query.q else None
    words = query.q.casefold().split()

    def answers(offer: str, provider: str, gpu: str, region: str) -> bool:
        if query.region and not any(is_in(value, provider, region) for value in query.region):
            return False
        if current is None or offer in current:
            return True
        return not bound and all(_is_in(word, _names(provider, gpu, region)) for word in words)

    return answers


def _is_in(word: str, text: str) -> bool:
    """True if ``text`` has ``word``, by the price table's rules."""
    for other in other_cards(word):
        text = text.replace(other, "")
    return word in text


@lru_cache(maxsize=20_000)
def _names(provider: str, gpu: str, region: str) -> str:
    maker, card = providers().get(provider), gpus().get(gpu)
    return " ".join((maker.name if maker else "", card.name if card else "", region)).casefold()


@lru_cache(maxsize=20_000)
def is_in(value: str, provider: str, region: str) -> bool:
    """True if a provider's ``region`` lies in the place that the filter ``value`` names, by the price table's rules."""
    wide = value.removesuffix(OR_NOT_STATED)
    where = place(provider, region)
    if wide != value and (wide in countries() or wide in CONTINENTS):
        unsaid = not where.country and where.region in ("", "global")
        return is_in(wide, provider, region) or (
            unsaid and provider in providers() and providers()[provider].may_be_in(wide)
        )
    if value in countries():
        return where.country == value
    if value in CONTINENTS:
        return where.continent == value
    return where.region == ("" if value == NOWHERE else value)


async def last_day(now: int) -> int:
    """The last whole UTC day, counted in days from 1970, at whose end a price is known: yesterday, as long as sources
    are read."""
    still, ended = await span_store.last_known()
    yesterday = now // DAY_S - 1
    return yesterday if still or not ended else min(yesterday, int(ended) // DAY_S - 1)
