"""The best prices, of providers' own and not of reported ones: any fresh price goes before every stale one, and
terms never rank against each other."""

from collections.abc import Iterable

from piccolo.columns.combination import And
from piccolo.query.functions import Max, Min

from app.pricing.offers.offer import COMMUNITY
from app.pricing.offers.store import Row
from app.pricing.offers.tables import OfferRow


async def best_by_gpu(now: int, tiers: Iterable[str] = ("on-demand", "spot")) -> dict[tuple[str, str], Row]:
    """(GPU, tier) → its cheapest offer. Any fresh price goes before every stale one, any whole card before a slice."""
    best: dict[tuple[str, str], Row] = {}
    wanted = OfferRow.tier.is_in(list(tiers)) & (OfferRow.source != COMMUNITY)
    fresh, stale = OfferRow.stale_at > now, OfferRow.stale_at <= now
    whole, part = OfferRow.gpu_count_number.is_null() | (OfferRow.gpu_count_number >= 1), OfferRow.gpu_count_number < 1
    for age in (fresh & whole, stale & whole, fresh & part, stale & part):
        lowest = await (
            OfferRow.select(OfferRow.gpu, OfferRow.tier, Min(OfferRow.usd_per_gpu_hour_micro))
            .where(wanted & age)
            .group_by(OfferRow.gpu, OfferRow.tier)
            .run()
        )
        missing = {(r["gpu"], r["tier"]): r["min"] for r in lowest if (r["gpu"], r["tier"]) not in best}
        if missing:
            prices = sorted(set(missing.values()))
            rows = await OfferRow.select().where(wanted & age & _among(prices)).order_by(OfferRow.id).run()
            for row in rows:
                key = (row["gpu"], row["tier"])
                if missing.get(key) == row["usd_per_gpu_hour_micro"]:
                    best.setdefault(key, row)
    return best


def _among(prices: list[int]) -> And:
    return OfferRow.usd_per_gpu_hour_micro.is_in(prices) & (OfferRow.rank_group == 0)


def best_of(rows: Iterable[Row], now: int) -> dict[tuple[str, int | None], Row]:
    """(tier, months) → the cheapest of ``rows``; terms never rank against each other, a whole card goes before a
    slice, fresh before stale."""
    best: dict[tuple[str, int | None], Row] = {}
    for row in sorted(
        (row for row in rows if row["source"] != COMMUNITY),
        key=lambda r: (_is_part(r), r["stale_at"] <= now, r["usd_per_gpu_hour_micro"], r["id"]),
    ):
        best.setdefault((row["tier"], row["commitment_months"]), row)
    order = ("on-demand", "spot", "reserved")
    return dict(sorted(best.items(), key=lambda item: (order.index(item[0][0]), item[0][1] or 10**6)))


def _is_part(row: Row) -> bool:
    """True for a slice of a card: nobody can rent the whole at its price."""
    return row["gpu_count_number"] is not None and row["gpu_count_number"] < 1


async def price_range_by_gpu() -> dict[str, tuple[int, int]]:
    """GPU → the lowest and the highest on-demand price, where two providers or more offer it."""
    rows = await (
        OfferRow.select(
            OfferRow.gpu,
            Min(OfferRow.usd_per_gpu_hour_micro, alias="low"),
            Max(OfferRow.usd_per_gpu_hour_micro, alias="high"),
            Min(OfferRow.provider, alias="first"),
            Max(OfferRow.provider, alias="last"),
        )
        .where((OfferRow.tier == "on-demand") & (OfferRow.source != COMMUNITY))
        .group_by(OfferRow.gpu)
        .run()
    )
    return {row["gpu"]: (row["low"], row["high"]) for row in rows if row["first"] != row["last"]}


def price_range_of(rows: Iterable[Row]) -> tuple[int, int] | None:
    """Lowest and highest on-demand price of one GPU's offers (micro-dollars a GPU-hour), as
    :func:`price_range_by_gpu`: of what providers themselves ask, where two or more do."""
    asked = [row for row in rows if row["tier"] == "on-demand" and row["source"] != COMMUNITY]
    prices = [row["usd_per_gpu_hour_micro"] for row in asked]
    return (min(prices), max(prices)) if len({row["provider"] for row in asked}) > 1 else None
