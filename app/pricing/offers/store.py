"""Queries of the stored offers. Returns plain values; no HTML and no HTTP here."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import reduce
from operator import and_, or_
from typing import Any

from piccolo.columns import Column
from piccolo.columns.combination import CombinableMixin, WhereRaw
from piccolo.query.functions import Max, Min
from piccolo.query.functions.aggregate import Count, Sum
from piccolo.querystring import QueryString

from app.catalog.aliases import other_cards
from app.catalog.facts import CONTINENTS, countries, providers
from app.core.errors import QueryError
from app.core.units import HOUR_S
from app.pricing.offers.offer import COMMUNITY
from app.pricing.offers.price_query import NOWHERE, OR_NOT_STATED, PAGE_SIZE, RANKED, PriceQuery
from app.pricing.offers.tables import OfferRow, OfferTally
from app.upstream.tables import LoadedSource

Row = dict[str, Any]

CONFIRMATION_STEP_S = 6 * HOUR_S
"""Pages show when a price was confirmed, rounded down to this, so that confirming it again invalidates no cache."""

MOST_ROWS = 100_000
"""Rows of one answer, some four kilobytes of memory each."""

FACETS = ("gpu", "provider", "tier", "region", "gpu_count")
"""Filters that show how many rows each of their choices would leave."""

_FACET_COLUMNS: dict[str, tuple[str, ...]] = {
    "gpu": ("gpu",),
    "provider": ("provider",),
    "tier": ("tier",),
    "region": ("continent", "country", "region"),
    "gpu_count": ("gpu_count",),
}
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
    """One page of offers: its ``rows``, how many there are in ``total``, and each facet's counts."""

    rows: list[Row]
    total: int
    facets: dict[str, dict[str, int]]

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
    total = await count(query)
    rows = await rows_between(query, (query.page - 1) * PAGE_SIZE, PAGE_SIZE, now)
    return OfferPage(rows, total, await _facets(query))


async def count(query: PriceQuery) -> int:
    """How many offers match ``query``."""
    if not is_tallied(query):
        return int(await _narrowed(OfferRow.count(), _where(query)).run())
    found = (
        await _narrowed(OfferTally.select(Sum(OfferTally.offers, alias="n")), _where(query, of=OfferTally))
        .first()
        .run()
    )
    return int(found["n"] or 0) if found else 0


async def rows_between(query: PriceQuery, offset: int, limit: int, now: int | None = None) -> list[Row]:
    """At most ``limit`` offers from the ``offset``-th, in the query's order; with ``now`` (seconds), fresh before
    stale."""
    return list(await _asked(query, now).limit(limit).offset(offset).run())


async def all_rows(query: PriceQuery) -> list[Row]:
    """Every offer that matches ``query``, in its order.

    Raises :class:`QueryError` (422) for more than :data:`MOST_ROWS`: a node's memory has to hold them.
    """
    if await count(query) > MOST_ROWS:
        raise QueryError(
            "gpu", f"More than {MOST_ROWS:,} prices match, which is too many for one answer.",
            "Narrow them, for example with gpu=h100-sxm-80gb; /api/prices gives any number, a page at a time.",
            status=422,
        )  # fmt: skip
    return list(await _asked(query).run())


def _asked(query: PriceQuery, now: int | None = None) -> Any:
    select = _narrowed(OfferRow.select(), _where(query))
    if now is not None and query.sort in RANKED:
        select = select.order_by(QueryString('"stale_at" <= {}', now))
    return _ordered(select, query)


async def offers_of(column: Column, value: str, limit: int = 1000) -> list[Row]:
    """The offers of one GPU or provider, by rank group and price."""
    select = OfferRow.select().where(column == value).order_by(OfferRow.rank_group, OfferRow.usd_per_gpu_hour_micro)
    return list(await select.order_by(OfferRow.id).limit(limit).run())


async def counts_by(name: str, query: PriceQuery | None = None) -> dict[str, int]:
    """How many offers each value of the column ``name`` has, among those that match ``query``."""
    return (await _grouped([name], query or PriceQuery()))[name]


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
    """How current what there is is, in all.

    Stale offers are counted and not fresh ones: where prices are fetched they are few, however many there are.
    """
    oldest = await OfferRow.select(Min(OfferRow.fetched_at, alias="at")).first().run()
    newest = await OfferRow.select(Max(OfferRow.fetched_at, alias="at")).first().run()
    offers = await count(PriceQuery())
    any_fresh = await OfferRow.exists().where(OfferRow.stale_at > now).run()
    stale = int(await OfferRow.count().where(OfferRow.stale_at <= now).run()) if any_fresh else offers
    return Freshness(offers, offers - stale, oldest["at"] if oldest else None, newest["at"] if newest else None)


async def sources() -> list[Row]:
    """Every source that has been loaded, by name."""
    return list(await LoadedSource.select().order_by(LoadedSource.name).run())


def _narrowed(select: Any, where: CombinableMixin | None) -> Any:
    return select if where is None else select.where(where)


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


def _conditions(query: PriceQuery, leave_out: str, of: type[OfferRow] | type[OfferTally]) -> Iterator[CombinableMixin]:
    for name, column in (("gpu", of.gpu), ("provider", of.provider), ("tier", of.tier)):
        values = getattr(query, name)
        if values and name != leave_out:
            yield column == values[0] if len(values) == 1 else column.is_in(list(values))
    if query.region and leave_out != "region":
        yield reduce(or_, (_in_region(value, of) for value in query.region))
    if query.stock:
        yield of.stock == query.stock
    if query.gpu_count is not None and leave_out != "gpu_count":
        yield of.gpu_count == str(query.gpu_count)
    if query.min_memory_gb is not None:
        yield of.gpu_memory_gb >= query.min_memory_gb
    if query.commitment_months is not None:
        yield OfferRow.commitment_months == query.commitment_months
    if query.max_usd_micro is not None:
        yield OfferRow.usd_per_gpu_hour_micro <= query.max_usd_micro
    for word in query.q.casefold().split():
        yield _mentions(word)


def _mentions(word: str) -> CombinableMixin:
    if not (others := other_cards(word)) and not set(word) & set("%_"):
        return OfferRow.search_text.like(f"%{word}%")
    text = f"{'replace(' * len(others)}search_text{', {}, {})' * len(others)}"
    escaped = re.sub("[!%_]", lambda found: "!" + found[0], word)
    return WhereRaw(f"{text} LIKE {{}} ESCAPE '!'", *(part for o in others for part in (o, "")), f"%{escaped}%")


def _in_region(value: str, of: type[OfferRow] | type[OfferTally]) -> CombinableMixin:
    place = value.removesuffix(OR_NOT_STATED)
    if place != value and (place in countries() or place in CONTINENTS):
        may = [provider.slug for provider in providers().values() if provider.may_be_in(place)]
        return _in_region(place, of) | ((of.country == "") & of.region.is_in(["", "global"]) & of.provider.is_in(may))
    if value in countries():
        return of.country == value
    if value in CONTINENTS:
        return of.continent == value
    return of.region == ("" if value == NOWHERE else value)


def _where(
    query: PriceQuery, leave_out: str = "", of: type[OfferRow] | type[OfferTally] = OfferRow
) -> CombinableMixin | None:
    conditions = list(_conditions(query, leave_out, of))
    return reduce(and_, conditions) if conditions else None


async def _facets(query: PriceQuery) -> dict[str, dict[str, int]]:
    """For each filter, how many rows each of its choices leaves with all other filters unchanged.

    Filters that are not in use share one statement: they count the same rows.
    """
    used = [name for name in FACETS if getattr(query, name)]
    found = await _grouped([name for name in FACETS if name not in used], query)
    for name in used:
        found |= await _grouped([name], query, leave_out=name)
    for value in query.region:  # no column holds these
        if value.endswith(OR_NOT_STATED):
            found["region"][value] = await count(replace(query, region=(value,)))
    return found


def is_tallied(query: PriceQuery) -> bool:
    """True if ``query`` can be counted from the tally alone, without reading offers."""
    return query.max_usd_micro is None and query.commitment_months is None and not query.q


async def _grouped(names: list[str], query: PriceQuery, leave_out: str = "") -> dict[str, dict[str, int]]:
    of, number = (OfferTally, Sum(OfferTally.offers, alias="n")) if is_tallied(query) else (OfferRow, Count(alias="n"))
    columns = [of._meta.get_column_by_name(column) for name in names for column in _FACET_COLUMNS[name]]
    found: dict[str, dict[str, int]] = {name: {} for name in names}
    if not columns:
        return found
    for row in await _narrowed(of.select(*columns, number), _where(query, leave_out, of)).group_by(*columns).run():
        for name in names:
            for key in _keys(row, name):
                found[name][key] = found[name].get(key, 0) + row["n"]
    return found


def _keys(row: Row, name: str) -> set[str]:
    """The choices of the filter ``name`` that a row belongs to; a region also belongs to its country and continent."""
    if name == "region":
        return {row["continent"], row["country"], row["region"] or NOWHERE} - {""}
    return {row[name]} - {None}


async def has_stock() -> bool:
    """True if any offer states its stock."""
    return bool(await OfferTally.exists().where(OfferTally.stock != "").run())


async def seen_spans() -> dict[str, Row]:
    """Provider → the seconds at which the ``oldest`` and the ``newest`` of its prices were confirmed."""
    oldest, newest = Min(OfferRow.fetched_at, alias="oldest"), Max(OfferRow.fetched_at, alias="newest")
    rows = await OfferRow.select(OfferRow.provider, oldest, newest).group_by(OfferRow.provider).run()
    return {row["provider"]: row for row in rows}


async def totals() -> tuple[int, int, int]:
    """The numbers of offers, of GPUs offered and of providers offering."""
    by_gpu = await counts_by("gpu")
    return sum(by_gpu.values()), len(by_gpu), len(await counts_by("provider"))
