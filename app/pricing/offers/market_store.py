"""Queries over all offers of a market: lowest prices by source, prices of extras. Money is micro-dollars."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from app.pricing.offers.offer import COMMUNITY
from app.pricing.offers.tables import OfferRow
from app.storage.engine import fetch, fetch_column, fetch_rows, marks

_WHAT = "provider, gpu, tier, commitment_months, source"


class SourceLow(NamedTuple):
    """The lowest price per GPU-hour, for whole GPUs, that a source states of a provider's GPU, tier and term. Instants
    are seconds since 1970; ``stale_at`` is 0 if the source's prices of this provider are not shown."""

    provider: str
    gpu: str
    tier: str
    commitment_months: int | None
    source: str
    micro: int
    seen_at: int
    stale_at: int


class Parts(NamedTuple):
    """Which parts a provider's prices include and exclude, joined by ``+``."""

    provider: str
    price_includes: str
    price_excludes: str


class Pair(NamedTuple):
    """A card and a tier in which it is offered."""

    gpu: str
    tier: str


async def offered_in(tiers: Sequence[str]) -> list[Pair]:
    """Each card with each of ``tiers`` in which it is offered."""
    return await fetch(Pair, f"SELECT DISTINCT gpu, tier FROM offer_tally WHERE tier IN ({marks(tiers)})", *tiers)  # noqa: S608


async def cheapest(pairs: Sequence[Pair], now: int, *, fresh: bool, whole: bool) -> list[str]:
    """The id of the cheapest offer of each pair among those that are fresh at ``now`` or not, and of whole cards or of
    slices, without what visitors reported; of equal ones the first by id. Pairs without such an offer are left out.

    Each is found along an index, so that the time grows with the pairs and not with the offers.
    """
    if not pairs:
        return []
    age = "o.stale_at > {}" if fresh else "o.stale_at <= {}"
    cards = "(o.gpu_count_number IS NULL OR o.gpu_count_number >= 1)" if whole else "o.gpu_count_number < 1"
    names = [f"{pair.tier} {pair.gpu}" for pair in pairs]
    found = await fetch_column(
        f"SELECT (SELECT o.id FROM offer o WHERE o.tier = p.tier AND o.gpu = p.gpu AND o.source <> {{}} AND {age} "  # noqa: S608
        f"AND {cards} ORDER BY o.usd_per_gpu_hour_micro, o.id LIMIT 1) AS id FROM (SELECT DISTINCT gpu, tier "
        f"FROM offer_tally WHERE tier || ' ' || gpu IN ({marks(names)})) p",
        COMMUNITY, now, *names,
    )  # fmt: skip
    return [one for one in found if one is not None]


async def shown_lows(provider: str = "") -> list[SourceLow]:
    """The lowest prices among the shown offers, without visitors' reports; of one provider if it is named."""
    where, values = ("AND provider = {} ", [provider]) if provider else ("", [])
    return await fetch(
        SourceLow,
        f"SELECT {_WHAT}, min(usd_per_gpu_hour_micro) AS micro, max(fetched_at) AS seen_at, "  # noqa: S608
        "max(stale_at) AS stale_at FROM offer WHERE source <> {} AND (gpu_count_number IS NULL "
        f"OR gpu_count_number >= 1) {where}GROUP BY 1, 2, 3, 4, 5",
        COMMUNITY, *values,
    )  # fmt: skip


async def claimed_lows(since: int, provider: str = "") -> list[SourceLow]:
    """The lowest prices that sources which are not shown stated after the second ``since``; of one provider if it is
    named."""
    where, values = (" AND provider = {}", [provider]) if provider else ("", [])
    return await fetch(
        SourceLow,
        f"SELECT {_WHAT}, usd_per_gpu_hour_micro AS micro, seen_at, 0 AS stale_at FROM source_claim "  # noqa: S608
        f"WHERE seen_at > {{}}{where}",
        since, *values,
    )  # fmt: skip


async def priced_extras() -> list[dict[str, Any]]:
    """The prices of disk, traffic and host that offers state, as rows for :func:`app.pricing.offers.bill.market_of`."""
    return await fetch_rows(
        "SELECT provider, disk_usd_per_gb_month_micro, traffic_usd_per_gb_micro, remark, NULL AS vcpus, "
        "NULL AS ram_gb, NULL AS gpu_count_number FROM offer WHERE source <> {} "
        "AND (disk_usd_per_gb_month_micro IS NOT NULL OR traffic_usd_per_gb_micro IS NOT NULL "
        "OR remark LIKE 'vCPU $%')",
        COMMUNITY,
    )


async def hosts() -> list[dict[str, Any]]:
    """The mean host of each provider's machines: vCPUs and GB of memory per GPU."""
    return await fetch_rows(
        "SELECT provider, NULL AS disk_usd_per_gb_month_micro, NULL AS traffic_usd_per_gb_micro, '' AS remark, "
        "avg(vcpus / gpu_count_number) AS vcpus, avg(ram_gb / gpu_count_number) AS ram_gb, 1 AS gpu_count_number "
        "FROM offer WHERE source <> {} AND vcpus > 0 AND ram_gb > 0 AND gpu_count_number > 0 GROUP BY provider",
        COMMUNITY,
    )


async def parts() -> list[Parts]:
    """Which parts the prices of each provider include and exclude."""
    return await fetch(
        Parts, "SELECT DISTINCT provider, price_includes, price_excludes FROM offer WHERE source <> {}", COMMUNITY
    )


async def known_prices(gpu: str, tier: str) -> list[int]:
    """The prices of a GPU and tier in micro-dollars per GPU-hour, the lowest first, without visitors' reports."""
    return await fetch_column(
        "SELECT usd_per_gpu_hour_micro FROM offer WHERE gpu = {} AND tier = {} AND source <> {} ORDER BY 1",
        gpu, tier, COMMUNITY,
    )  # fmt: skip


async def offers_like(provider: str, gpu: str, tier: str) -> list[dict[str, Any]]:
    """The offers of a provider, GPU and tier, the cheapest first."""
    asked = OfferRow.select().where(OfferRow.provider == provider).where(OfferRow.gpu == gpu)
    return list(await asked.where(OfferRow.tier == tier).order_by(OfferRow.usd_per_gpu_hour_micro).run())


_OF_A_KIND = "gpu, tier, commitment_months, gpu_count_number, reclaim_low, reclaim_high, reclaim_hours"


async def cheapest_of_each_kind(now: int) -> list[dict[str, Any]]:
    """The cheapest offer of each GPU, tier, known term, number of cards and rate of reclaims, of those that are fresh
    at ``now`` (seconds) and of those that are not; of equal ones the first by id. Without visitors' reports.

    No two offers of a kind differ in anything but their price that the calculator goes by.
    """
    columns = f"{_OF_A_KIND}, provider, country, usd_per_gpu_hour_micro, fetched_at, stale_at, id"
    return await fetch_rows(
        f"SELECT {columns} FROM (SELECT {columns}, row_number() OVER (PARTITION BY {_OF_A_KIND}, stale_at <= {{}} "  # noqa: S608
        "ORDER BY usd_per_gpu_hour_micro, id) AS turn FROM offer WHERE (tier <> 'reserved' "
        "OR commitment_months IS NOT NULL) AND source <> {}) o WHERE turn = 1",
        now, COMMUNITY,
    )  # fmt: skip
