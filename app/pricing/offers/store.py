"""Queries of the stored offers. Returns plain values; no HTML and no HTTP here."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from piccolo.columns import Column
from piccolo.columns.combination import WhereRaw
from piccolo.query.functions import Min
from piccolo.querystring import QueryString

from app.core.errors import QueryError
from app.core.units import HOUR_S
from app.pricing.offers import tally_store
from app.pricing.offers.filter_store import narrowed
from app.pricing.offers.offer import COMMUNITY
from app.pricing.offers.price_query import PAGE_SIZE, RANKED, PriceQuery
from app.pricing.offers.tables import OfferRow
from app.pricing.offers.tally_store import MOST_COUNTED, Choices
from app.storage.engine import fetch_one, fetch_rows
from app.upstream.tables import LoadedSource

Row = dict[str, Any]

CONFIRMATION_STEP_S = 6 * HOUR_S
"""Pages show when a price was confirmed, rounded down to this, so that confirming it again invalidates no cache."""

MOST_MERGED, MERGED_ROWS = 12, 120
"""Up to so many GPUs, and so many rows, the first rows of each are read along an index and merged: one statement would
sort all of theirs."""
MOST_ROWS = 100_000
"""Rows of one answer, some four kilobytes of memory each."""

SORT_COLUMNS: dict[str, Column] = {
    "price": OfferRow.usd_per_gpu_hour_micro,
    "instance": OfferRow.usd_per_instance_hour_micro,
    "gpu": OfferRow.gpu,
    "memory": OfferRow.gpu_memory_gb,
    "count": OfferRow.gpu_count_number,
    "provider": OfferRow.provider,
    "tier": OfferRow.tier,
    "reclaims": OfferRow.reclaim_low,
    "region": OfferRow.region,
    "seen": OfferRow.fetched_at,
}
_TAKEN_AN_HOUR = '("reclaim_low" + coalesce("reclaim_high", "reclaim_low" + 10)) * 1.0 / "reclaim_hours"'
"""Sort key of reclaim bands: the middle of the band per hour, so that bands of a month and of an hour compare."""


@dataclass(frozen=True, slots=True)
class OfferPage:
    """One page of offers: its ``rows``, how many there are in ``total``, and each facet's choices.

    With a price limit no more than :data:`tally_store.MOST_COUNTED` are counted: ``is_more`` if more match.
    """

    rows: list[Row]
    total: int
    facets: Mapping[str, Choices]
    is_more: bool = False

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // PAGE_SIZE))


@dataclass(frozen=True, slots=True)
class Freshness:
    """How many offers there are, how many of them are fresh, and the seconds at which the first and the last of them
    was seen (``None`` without offers)."""

    offers: int
    fresh: int
    oldest: int | None
    newest: int | None


async def offer_page(query: PriceQuery, now: int | None = None) -> OfferPage:
    """The rows of the query's page, the number of all, and the facets."""
    total = await tally_store.count_some(query)
    is_more = query.max_usd_micro is not None and total > MOST_COUNTED
    rows = await rows_between(query, (query.page - 1) * PAGE_SIZE, PAGE_SIZE, now) if total else []
    facets = await tally_store.facets(query, is_more=is_more)
    return OfferPage(rows, min(total, MOST_COUNTED) if is_more else total, facets, is_more)


async def rows_between(query: PriceQuery, offset: int, limit: int, now: int | None = None) -> list[Row]:
    """At most ``limit`` offers from the ``offset``-th, in the query's order; with ``now`` (seconds), fresh before
    stale."""
    rare = await tally_store.is_rare(query)
    if now is None or query.sort not in RANKED:
        select = narrowed(OfferRow.select(), query, rare=rare)
        return list(await _ordered(select, query).limit(limit).offset(offset).run())
    most = offset + limit
    if (
        rare
        or (query.sort, query.order) != ("price", "asc")
        or not 1 < len(query.gpu) <= MOST_MERGED
        or most > MERGED_ROWS
    ):
        return await _fresh_first(query, offset, limit, now, rare=rare)
    each = [await _fresh_first(replace(query, gpu=(gpu,)), 0, most, now, rare=rare) for gpu in query.gpu]
    rows = sorted(
        (row for rows in each for row in rows),
        key=lambda row: (row["stale_at"] <= now, row["rank_group"], row["usd_per_gpu_hour_micro"], row["id"]),
    )
    return rows[offset:most]


async def _fresh_first(query: PriceQuery, offset: int, limit: int, now: int, *, rare: bool) -> list[Row]:
    """Fresh offers, then stale ones. Each half is read along an index, which their union can't be."""
    is_fresh, is_stale = WhereRaw("+stale_at > {}", now), WhereRaw("+stale_at <= {}", now)
    found: list[Row] = []
    before = 0
    if await OfferRow.exists().where(OfferRow.stale_at > now).run():
        fresh = narrowed(OfferRow.select(), query, rare=rare).where(is_fresh)
        found = list(await _ordered(fresh, query).limit(limit).offset(offset).run())
        before = offset + len(found)
        if offset and not found:
            before = int(await narrowed(OfferRow.count(), query, rare=rare).where(is_fresh).run())
    if len(found) < limit:
        stale = _ordered(narrowed(OfferRow.select(), query, rare=rare).where(is_stale), query)
        found += list(await stale.limit(limit - len(found)).offset(max(0, offset - before)).run())
    return found


async def all_rows(query: PriceQuery) -> list[Row]:
    """Every offer that matches ``query``, in its order.

    Raises :class:`QueryError` (422) for more than :data:`MOST_ROWS`: a node's memory has to hold them.
    """
    if await tally_store.count(query) > MOST_ROWS:
        raise QueryError(
            "gpu", f"More than {MOST_ROWS:,} prices match, which is too many for one answer.",
            "Narrow them, for example with gpu=h100-sxm-80gb; /api/prices gives any number, a page at a time.",
            status=422,
        )  # fmt: skip
    select = narrowed(OfferRow.select(), query, rare=await tally_store.is_rare(query))
    return list(await _ordered(select, query).run())


async def next_stale(now: int) -> int | None:
    """The next second after ``now`` at which time alone changes a page.

    That is when some price turns stale or, where prices are confirmed, the next step to which pages round the
    instant of a confirmation. While a reported price is among the offers no cache keeps a page for over a minute, so
    that one that is withdrawn is gone from every cache by then.
    """
    found = await OfferRow.select(Min(OfferRow.stale_at)).where(OfferRow.stale_at > now).first().run()
    stale = found["min"] if found else None
    if await OfferRow.exists().where(OfferRow.source == COMMUNITY).run():
        return min(stale or now + 60, now + 60)
    if not await LoadedSource.exists().where(LoadedSource.live.eq(True)).run():
        return stale
    step = now - now % CONFIRMATION_STEP_S + CONFIRMATION_STEP_S
    return min(stale, step) if stale else step


async def freshness(now: int) -> Freshness:
    """How current what there is is, in all."""
    found = await fetch_one(
        Freshness,
        "SELECT CAST(coalesce(sum(offers), 0) AS BIGINT) AS offers, CAST(coalesce(sum(CASE WHEN stale_at > {} "
        "THEN offers ELSE 0 END), 0) AS BIGINT) AS fresh, min(first_seen_at) AS oldest, max(last_seen_at) AS newest "
        "FROM offer_kind",
        now,
    )
    return found or Freshness(0, 0, None, None)


async def sources() -> list[Row]:
    """Every source that has been loaded, by name."""
    return list(await LoadedSource.select().order_by(LoadedSource.name).run())


def _ordered(select: Any, query: PriceQuery) -> Any:
    """``select`` in the query's order; prices rank within their group only, unknown values come last, ties are broken
    by id."""
    column = SORT_COLUMNS[query.sort]
    ascending = query.order == "asc"
    if query.sort in RANKED:
        select = select.order_by(OfferRow.rank_group)
    if column._meta.null:
        select = select.order_by(QueryString(f'"{column._meta.name}" IS NULL'))
    by = QueryString(_TAKEN_AN_HOUR) if query.sort == "reclaims" else column
    select = select.order_by(by, ascending=ascending)
    if query.sort != "price":
        select = select.order_by(OfferRow.rank_group, OfferRow.usd_per_gpu_hour_micro)
    return select.order_by(OfferRow.id)


async def seen_spans() -> dict[str, Row]:
    """Provider → the seconds at which the ``oldest`` and the ``newest`` of its prices were confirmed."""
    rows = await fetch_rows(
        "SELECT provider, min(first_seen_at) AS oldest, max(last_seen_at) AS newest FROM offer_kind GROUP BY provider"
    )
    return {row["provider"]: row for row in rows}
