"""The best prices, among providers' own and without reported ones: any fresh price ranks before every stale one, and
terms of different length never rank against each other."""

from collections.abc import Collection, Iterable

from app.pricing.offers import market_store
from app.pricing.offers.market_store import Asked, Kind
from app.pricing.offers.offer import COMMUNITY
from app.pricing.offers.store import Row
from app.pricing.offers.tables import OfferRow

_TIERS = ("on-demand", "spot", "reserved")


async def best_by_gpu(now: int, tiers: Iterable[str] = ("on-demand", "spot")) -> dict[tuple[str, str], Row]:
    """(GPU, tier) → its cheapest offer. Any fresh price ranks before every stale one, any whole GPU before a slice."""
    ids = await market_store.cheapest(list(tiers), now)
    rows = await OfferRow.select().where(OfferRow.id.is_in(ids)).run() if ids else []
    return {(row["gpu"], row["tier"]): row for row in rows}


async def best_of(kinds: Iterable[Kind], now: int) -> dict[tuple[str, int | None], Row]:
    """(tier, months) → the cheapest offer of ``kinds``: a whole GPU ranks before a slice, a fresh price before a stale
    one."""
    best: dict[tuple[str, int | None], str] = {}
    own = [kind for kind in kinds if kind.source != COMMUNITY and kind.tier in _TIERS]
    for kind in sorted(own, key=lambda k: (k.is_part, k.stale_at <= now, k.low_micro, k.cheapest)):
        best.setdefault((kind.tier, kind.commitment_months), kind.cheapest)
    found = await OfferRow.select().where(OfferRow.id.is_in(list(best.values()))).run() if best else []
    rows = {row["id"]: row for row in found}
    ranked = sorted(best.items(), key=lambda item: (_TIERS.index(item[0][0]), item[0][1] or 10**6))
    return {key: rows[one] for key, one in ranked if one in rows}


def best_of_rows(rows: Iterable[Row], now: int) -> dict[tuple[str, int | None], Row]:
    """The same of ``rows``, where not all offers of a kind are meant."""
    best: dict[tuple[str, int | None], Row] = {}
    for row in sorted(
        (row for row in rows if row["source"] != COMMUNITY),
        key=lambda r: (is_part(r), r["stale_at"] <= now, r["usd_per_gpu_hour_micro"], r["id"]),
    ):
        best.setdefault((row["tier"], row["commitment_months"]), row)
    return dict(sorted(best.items(), key=lambda item: (_TIERS.index(item[0][0]), item[0][1] or 10**6)))


def is_part(row: Row) -> bool:
    """True for an offer of a slice of a GPU: nobody can rent a whole one at its price."""
    return row["gpu_count_number"] is not None and row["gpu_count_number"] < 1


def widest_market(asked: Iterable[Asked], among: Collection[str], now: int) -> tuple[str, int, int] | None:
    """The GPU of ``among`` that the most providers rent out whole on demand, with its lowest and its highest price
    (micro-dollars per GPU-hour). If any of its prices is fresh, stale ones don't count. ``None`` if no GPU has two
    providers."""
    held: dict[str, list[Asked]] = {}
    for one in asked:
        if one.gpu in among:
            held.setdefault(one.gpu, []).append(one)
    fresh = {gpu: [one for one in every if one.stale_at > now] or every for gpu, every in held.items()}
    sellers = {gpu: len({one.provider for one in every}) for gpu, every in fresh.items()}
    gpu = max(sorted(sellers), key=lambda slug: sellers[slug], default="")
    if not gpu or sellers[gpu] < 2:
        return None
    return gpu, min(one.low_micro for one in fresh[gpu]), max(one.high_micro for one in fresh[gpu])
