"""The GPUs that a search names, with their best prices among the offers that match everything else it names."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from app.catalog.facts import Gpu, gpus
from app.pricing.offers import best as best_prices
from app.pricing.offers import market_store, store, tally_store
from app.pricing.offers.offer import COMMUNITY
from app.pricing.offers.price_query import PriceQuery
from app.pricing.offers.price_strip import Spread, spread_of
from app.site.strips import strips_of

MOST_OFFERS = 2_000
"""Of this many matching offers, the cheapest ones, the best prices are picked."""
_TIERS = ("on-demand", "spot")


@dataclass(frozen=True, slots=True)
class GpuBoard:
    """``shown`` are GPUs in their order on the page, with their ``best`` prices by (GPU, tier) in the ``tiers`` that
    were asked for; ``offers`` counts what matches by GPU. ``strips`` draws the prices; both are of the same offers."""

    shown: list[Gpu]
    tiers: tuple[str, ...]
    best: dict[tuple[str, str], store.Row]
    offers: dict[str, int]
    strips: dict[str, Any]


async def board_of(query: PriceQuery, now: int) -> GpuBoard:
    """The named GPUs: all of them where nothing else is named, otherwise those with a matching offer, the cheapest
    first, with current prices before stale ones and whole GPUs before slices."""
    named = [gpus()[slug] for slug in query.gpu]
    if not query.with_(gpu=()).has_filters:
        best = await best_prices.best_by_gpu(now) if named else {}
        strips = strips_of(named, await market_store.spreads(query.gpu) if named else {})
        return GpuBoard(named, _TIERS, best, await tally_store.counts_by("gpu"), strips)
    tiers = query.tier if 0 < len(query.tier) <= len(_TIERS) else _TIERS  # a row has room for two prices
    found = await store.rows_between(query, 0, MOST_OFFERS, now) if named else []
    rows = [row for row in found if row["source"] != COMMUNITY and row["tier"] in tiers]
    best = _best(rows, now)
    shown = sorted(
        (gpu for gpu in named if any((gpu.slug, tier) in best for tier in tiers)),
        key=lambda gpu: min(_rank(best[gpu.slug, tier], now) for tier in tiers if (gpu.slug, tier) in best),
    )
    return GpuBoard(shown, tiers, best, await tally_store.counts_by("gpu", query), strips_of(shown, _spreads(rows)))


def _spreads(rows: list[store.Row]) -> dict[str, dict[str, Spread]]:
    """GPU → tier → the spread of the prices of ``rows``."""
    found: dict[str, dict[str, Spread]] = {}
    for gpu, tier in {(row["gpu"], row["tier"]) for row in rows if row["tier"] in _TIERS}:
        prices = Counter(row["usd_per_gpu_hour_micro"] for row in rows if (row["gpu"], row["tier"]) == (gpu, tier))
        if spread := spread_of(prices):
            found.setdefault(gpu, {})[tier] = spread
    return found


def _best(rows: list[store.Row], now: int) -> dict[tuple[str, str], store.Row]:
    """(GPU, tier) → the best of ``rows``; of commitments that of the shortest known term."""
    by_gpu: dict[str, list[store.Row]] = {}
    for row in rows:
        by_gpu.setdefault(row["gpu"], []).append(row)
    best: dict[tuple[str, str], store.Row] = {}
    for gpu, held in by_gpu.items():
        for (tier, _), row in best_prices.best_of_rows(held, now).items():
            best.setdefault((gpu, tier), row)
    return best


def _rank(row: store.Row, now: int) -> tuple[Any, ...]:
    return best_prices.is_part(row), row["stale_at"] <= now, row["usd_per_gpu_hour_micro"], row["gpu"]
