"""The best prices, among providers' own and without reported ones: any fresh price ranks before every stale one, and
terms of different length never rank against each other."""

from collections.abc import Collection, Iterable

from app.pricing.offers import market_store
from app.pricing.offers.offer import COMMUNITY
from app.pricing.offers.store import Row
from app.pricing.offers.tables import OfferRow


async def best_by_gpu(now: int, tiers: Iterable[str] = ("on-demand", "spot")) -> dict[tuple[str, str], Row]:
    """(GPU, tier) → its cheapest offer. Any fresh price ranks before every stale one, any whole GPU before a slice."""
    best: dict[tuple[str, str], Row] = {}
    missing = await market_store.offered_in(list(tiers))
    for whole in (True, False):
        for fresh in (True, False):
            ids = await market_store.cheapest(missing, now, fresh=fresh, whole=whole)
            rows = await OfferRow.select().where(OfferRow.id.is_in(ids)).run() if ids else []
            best |= {(row["gpu"], row["tier"]): row for row in rows}
            missing = [pair for pair in missing if pair not in best]
    return best


def best_of(rows: Iterable[Row], now: int) -> dict[tuple[str, int | None], Row]:
    """(tier, months) → the cheapest of ``rows``: a whole GPU ranks before a slice, a fresh price before a stale one."""
    best: dict[tuple[str, int | None], Row] = {}
    for row in sorted(
        (row for row in rows if row["source"] != COMMUNITY),
        key=lambda r: (is_part(r), r["stale_at"] <= now, r["usd_per_gpu_hour_micro"], r["id"]),
    ):
        best.setdefault((row["tier"], row["commitment_months"]), row)
    order = ("on-demand", "spot", "reserved")
    return dict(sorted(best.items(), key=lambda item: (order.index(item[0][0]), item[0][1] or 10**6)))


def is_part(row: Row) -> bool:
    """True for an offer of a slice of a GPU: nobody can rent a whole one at its price."""
    return row["gpu_count_number"] is not None and row["gpu_count_number"] < 1


async def asked_prices(gpu: str = "") -> list[Row]:
    """Providers' offers on demand and spot, of one ``gpu`` or of all, with the columns that prices are compared by."""
    wanted = OfferRow.tier.is_in(["on-demand", "spot"]) & (OfferRow.source != COMMUNITY)
    if gpu:
        wanted &= OfferRow.gpu == gpu
    columns = (OfferRow.gpu, OfferRow.tier, OfferRow.provider, OfferRow.usd_per_gpu_hour_micro,
               OfferRow.gpu_count_number, OfferRow.stale_at, OfferRow.source)  # fmt: skip
    return list(await OfferRow.select(*columns).where(wanted).run())


def prices_by_gpu(asked: Iterable[Row]) -> dict[str, dict[str, list[int]]]:
    """GPU → tier → prices of :func:`asked_prices`, in micro-dollars per GPU-hour."""
    found: dict[str, dict[str, list[int]]] = {}
    for row in asked:
        found.setdefault(row["gpu"], {}).setdefault(row["tier"], []).append(row["usd_per_gpu_hour_micro"])
    return found


def widest_market(asked: Iterable[Row], among: Collection[str], now: int) -> tuple[str, int, int] | None:
    """The GPU of ``among`` that the most providers rent out whole on demand, with its lowest and its highest price
    (micro-dollars per GPU-hour). If any of its prices is fresh, stale ones don't count. ``None`` if no GPU has two
    providers."""
    held: dict[str, list[Row]] = {}
    for row in asked:
        if row["tier"] == "on-demand" and row["gpu"] in among and not is_part(row):
            held.setdefault(row["gpu"], []).append(row)
    fresh = {gpu: [row for row in rows if row["stale_at"] > now] or rows for gpu, rows in held.items()}
    sellers = {gpu: len({row["provider"] for row in rows}) for gpu, rows in fresh.items()}
    gpu = max(sorted(sellers), key=lambda slug: sellers[slug], default="")
    if not gpu or sellers[gpu] < 2:
        return None
    prices = [row["usd_per_gpu_hour_micro"] for row in fresh[gpu]]
    return gpu, min(prices), max(prices)
