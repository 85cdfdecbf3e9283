"""Which prices of the past answer a question of the price table. Rows come back as values; no HTML and no HTTP here."""

from collections.abc import Callable
from functools import lru_cache

from app.catalog.facts import CONTINENTS, countries, gpus, place, providers
from app.core.units import DAY_S
from app.pricing.history.sweep import Span
from app.pricing.history.watch import Event
from app.pricing.offers import store
from app.pricing.offers.price_query import NOWHERE, OR_NOT_STATED, PriceQuery
from app.storage.sqlite import fetch

_COLUMNS = "s.offer, s.provider, s.gpu, s.tier, s.commitment_months, s.region"


async def answering(query: PriceQuery, since: int, until: int | None = None) -> list[Span]:
    """The spans that stood after the second ``since``, and began before ``until`` if given, of what ``query`` asks for.

    History keeps provider, GPU, tier, term and region. What else a question asks of (GPUs in the instance, stock, free
    words) is looked up in the offer as it stands today; one that is gone answers words by its names alone. ``max_usd``
    narrows nothing: a price that fell under it stood above it before.
    """
    where, given = _where(query)
    asked = f"SELECT {_COLUMNS}, p.valid_from, p.valid_to, p.usd_per_gpu_hour_micro FROM price_series s"  # noqa: S608
    asked += " JOIN price_span p ON p.series = s.id WHERE (p.valid_to IS NULL OR p.valid_to > ?)"
    asked += (" AND p.valid_from < ?" if until is not None else "") + where
    bounds = [since] if until is None else [since, until]
    answers = await _finer(query)
    rows = (Span(*row) for row in await fetch(asked, *bounds, *given))
    return [span for span in rows if answers(span.offer, span.provider, span.gpu, span.region)]


async def returns(query: PriceQuery, since: int) -> list[Event]:
    """When stock came back, from the second ``since`` on, of what ``query`` asks for."""
    where, given = _where(query)
    asked = f"SELECT {_COLUMNS}, s.at, s.usd_per_gpu_hour_micro FROM stock_return s WHERE s.at >= ?{where}"  # noqa: S608
    answers = await _finer(query)
    return [
        Event("stock", at, provider, gpu, tier, months, region, None, micro)
        for offer, provider, gpu, tier, months, region, at, micro in await fetch(asked, since, *given)
        if answers(offer, provider, gpu, region)
    ]


def _where(query: PriceQuery) -> tuple[str, list[str]]:
    """Conditions on ``price_series`` or its like, as SQL with marks, and what stands for the marks."""
    chosen: dict[str, tuple[str, ...]] = {"gpu": query.gpu, "provider": query.provider, "tier": query.tier}
    if query.min_memory_gb is not None:
        large = {gpu.slug for gpu in gpus().values() if gpu.memory_gb and gpu.memory_gb >= query.min_memory_gb}
        chosen["gpu"] = tuple(sorted(large & set(query.gpu or gpus()))) or ("",)
    text, given = "", list[str]()
    for column, values in chosen.items():
        if values:
            text += f" AND s.{column} IN ({', '.join('?' * len(values))})"
            given += values
    return text, given


async def _finer(query: PriceQuery) -> Callable[[str, str, str, str], bool]:
    """Whether a series of (offer, provider, GPU, region) answers what only an offer of today, or its place, tells."""
    bound = query.gpu_count is not None or bool(query.stock)
    current = {row["id"] for row in await store.all_rows(query.with_(max_usd_micro=None))} if bound or query.q else None
    words = query.q.casefold().split()

    def answers(offer: str, provider: str, gpu: str, region: str) -> bool:
        if query.region and not any(is_in(value, provider, region) for value in query.region):
            return False
        if current is None or offer in current:
            return True
        return not bound and all(word in _names(provider, gpu, region) for word in words)

    return answers


@lru_cache(maxsize=20_000)
def _names(provider: str, gpu: str, region: str) -> str:
    maker, card = providers().get(provider), gpus().get(gpu)
    return " ".join((maker.name if maker else "", card.name if card else "", region)).casefold()


@lru_cache(maxsize=20_000)
def is_in(value: str, provider: str, region: str) -> bool:
    """True if a provider's ``region`` lies in what the filter ``value`` names, as the price table's filter has it."""
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
    """The last whole UTC day, counted from 1970, at whose end a price is known to stand: yesterday, while sources are
    read."""
    found = await fetch("SELECT max(CASE WHEN valid_to IS NULL THEN 1 ELSE 0 END), max(valid_to) FROM price_span")
    still, ended = found[0]
    yesterday = now // DAY_S - 1
    return yesterday if still or not ended else min(yesterday, int(ended) // DAY_S - 1)


async def slices() -> set[str]:
    """The offers of a part of a card: nobody can rent the whole at their price."""
    return {offer for (offer,) in await fetch("SELECT id FROM offer WHERE gpu_count_number < 1")}
