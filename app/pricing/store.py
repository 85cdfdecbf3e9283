"""Questions to the stored offers. Rows come back as values; no HTML and no HTTP here."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_
from statistics import median
from typing import Any

from piccolo.columns import Column
from piccolo.columns.combination import And, CombinableMixin
from piccolo.query.functions import Max, Min
from piccolo.query.functions.aggregate import Count
from piccolo.querystring import QueryString

from app.catalog.facts import CONTINENTS, countries
from app.pricing.query import NOWHERE, PAGE_SIZE, PriceQuery
from app.pricing.tables import LoadedSource, OfferRow, PricePointRow, SetAsideRow

Row = dict[str, Any]

FACETS = ("gpu", "provider", "tier", "region", "gpu_count")
"""Filters that show how many rows each of their choices leaves."""

_SORT_COLUMNS: dict[str, Column] = {
    "price": OfferRow.usd_per_gpu_hour_micro,
    "instance": OfferRow.usd_per_instance_hour_micro,
    "gpu": OfferRow.gpu,
    "memory": OfferRow.gpu_memory_gb,
    "count": OfferRow.gpu_count_number,
    "provider": OfferRow.provider,
    "tier": OfferRow.tier,
    "region": OfferRow.region,
    "seen": OfferRow.fetched_at,
}


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
class Extent:
    """How many offers there are, of how many GPUs and providers, seen between which instants."""

    offers: int
    gpus: int
    providers: int
    oldest: int | None
    newest: int | None
    fresh: int


async def offer_page(query: PriceQuery) -> OfferPage:
    """The rows of the asked page, the number of all, and the facets."""
    total = await count(query)
    rows = await rows_between(query, (query.page - 1) * PAGE_SIZE, PAGE_SIZE)
    return OfferPage(rows, total, {name: await _facet(query, name) for name in FACETS})


async def count(query: PriceQuery) -> int:
    """How many offers answer ``query``."""
    return int(await _narrowed(OfferRow.count(), _where(query)).run())


async def rows_between(query: PriceQuery, offset: int, limit: int) -> list[Row]:
    """At most ``limit`` offers that answer ``query``, from the ``offset``-th, in the asked order."""
    select = _ordered(_narrowed(OfferRow.select(), _where(query)), query)
    return list(await select.limit(limit).offset(offset).run())


async def all_rows(query: PriceQuery) -> list[Row]:
    """Every offer that answers ``query``, in the asked order."""
    return list(await _ordered(_narrowed(OfferRow.select(), _where(query)), query).run())


async def best_by_gpu(now: int, tiers: Iterable[str] = ("on-demand", "spot")) -> dict[tuple[str, str], Row]:
    """(GPU, tier) → its cheapest offer. Any fresh price goes before every stale one."""
    best: dict[tuple[str, str], Row] = {}
    wanted = OfferRow.tier.is_in(list(tiers))
    for age in (OfferRow.stale_at > now, OfferRow.stale_at <= now):
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
    """(tier, months) → the cheapest of ``rows``; terms never rank against each other, fresh goes before stale."""
    best: dict[tuple[str, int | None], Row] = {}
    for row in sorted(rows, key=lambda r: (r["stale_at"] <= now, r["usd_per_gpu_hour_micro"], r["id"])):
        best.setdefault((row["tier"], row["commitment_months"]), row)
    order = ("on-demand", "spot", "reserved")
    return dict(sorted(best.items(), key=lambda item: (order.index(item[0][0]), item[0][1] or 10**6)))


async def offers_of(column: Column, value: str, limit: int = 1000) -> list[Row]:
    """The offers of one GPU or provider, by rank group and price."""
    select = OfferRow.select().where(column == value)
    return list(
        await select.order_by(OfferRow.rank_group, OfferRow.usd_per_gpu_hour_micro, OfferRow.id).limit(limit).run()
    )


async def counts_by(column: Column) -> dict[str, int]:
    """How many offers each value of ``column`` has."""
    return await _counts(column, None)


async def next_stale(now: int) -> int | None:
    """The next second after ``now`` at which some price turns stale: until then time alone changes no page."""
    found = await OfferRow.select(Min(OfferRow.stale_at)).where(OfferRow.stale_at > now).first().run()
    return found["min"] if found else None


async def extent(now: int) -> Extent:
    """What there is in all."""
    span = await OfferRow.select(Min(OfferRow.fetched_at), Max(OfferRow.fetched_at)).first().run()
    return Extent(
        offers=int(await OfferRow.count().run()),
        gpus=len(await counts_by(OfferRow.gpu)),
        providers=len(await counts_by(OfferRow.provider)),
        oldest=span["min"] if span else None,
        newest=span["max"] if span else None,
        fresh=int(await OfferRow.count().where(OfferRow.stale_at > now).run()),
    )


async def sources() -> list[Row]:
    """Every source that was loaded."""
    return list(await LoadedSource.select().order_by(LoadedSource.name).run())


async def set_aside() -> list[Row]:
    """Every row that was set aside, with its reason."""
    return list(await SetAsideRow.select().order_by(SetAsideRow.source, SetAsideRow.id).run())


async def price_points(gpu: str, since: str = "") -> list[Row]:
    """The stored daily prices of ``gpu`` from the ISO day ``since``, by day."""
    where = (PricePointRow.gpu == gpu) & (PricePointRow.day >= since)
    return list(await PricePointRow.select().where(where).order_by(PricePointRow.day, PricePointRow.id).run())


async def median_by_gpu() -> dict[str, int]:
    """GPU → median micro-dollars per GPU-hour of its stored offers."""
    found: dict[str, list[int]] = {}
    for row in await OfferRow.select(OfferRow.gpu, OfferRow.usd_per_gpu_hour_micro).run():
        found.setdefault(row["gpu"], []).append(row["usd_per_gpu_hour_micro"])
    return {gpu: int(median(prices)) for gpu, prices in found.items()}


def _narrowed(select: Any, where: CombinableMixin | None) -> Any:
    return select if where is None else select.where(where)


def _ordered(select: Any, query: PriceQuery) -> Any:
    """The asked order; prices rank within their group only, unknown values come last, ties have one order."""
    column = _SORT_COLUMNS[query.sort]
    ascending = query.order == "asc"
    if query.sort in ("price", "instance"):
        select = select.order_by(OfferRow.rank_group)
    if column._meta.null:
        select = select.order_by(QueryString(f'"{column._meta.name}" IS NULL'))
    select = select.order_by(column, ascending=ascending)
    if query.sort != "price":
        select = select.order_by(OfferRow.rank_group, OfferRow.usd_per_gpu_hour_micro)
    return select.order_by(OfferRow.id)


def _conditions(query: PriceQuery, leave_out: str) -> Iterator[CombinableMixin]:
    for name, column in (("gpu", OfferRow.gpu), ("provider", OfferRow.provider), ("tier", OfferRow.tier)):
        values = getattr(query, name)
        if values and name != leave_out:
            yield column == values[0] if len(values) == 1 else column.is_in(list(values))
    if query.region and leave_out != "region":
        yield reduce(or_, (_in_region(value) for value in query.region))
    if query.gpu_count is not None and leave_out != "gpu_count":
        yield OfferRow.gpu_count == str(query.gpu_count)
    if query.min_memory_gb is not None:
        yield OfferRow.gpu_memory_gb >= query.min_memory_gb
    if query.max_usd_micro is not None:
        yield OfferRow.usd_per_gpu_hour_micro <= query.max_usd_micro
    for word in query.q.casefold().split():
        yield OfferRow.search_text.like(f"%{word}%") if not set(word) & set("%_") else _holds(word)


def _holds(word: str) -> CombinableMixin:
    from piccolo.columns.combination import WhereRaw

    return WhereRaw("instr(search_text, {}) > 0", word)


def _in_region(value: str) -> CombinableMixin:
    if value in countries():
        return OfferRow.country == value
    if value in CONTINENTS:
        return OfferRow.continent == value
    return OfferRow.region == ("" if value == NOWHERE else value)


def _where(query: PriceQuery, leave_out: str = "") -> CombinableMixin | None:
    conditions = list(_conditions(query, leave_out))
    return reduce(and_, conditions) if conditions else None


async def _counts(column: Column, where: CombinableMixin | None) -> dict[str, int]:
    rows = await _narrowed(OfferRow.select(column, Count(alias="n")), where).group_by(column).run()
    return {row[column._meta.name]: row["n"] for row in rows if row[column._meta.name] is not None}


async def _facet(query: PriceQuery, name: str) -> dict[str, int]:
    """How many rows each choice of the filter ``name`` leaves, all other filters standing."""
    where = _where(query, leave_out=name)
    if name != "region":
        return await _counts(OfferRow._meta.get_column_by_name(name), where)
    columns = (OfferRow.continent, OfferRow.country, OfferRow.region)
    rows = await _narrowed(OfferRow.select(*columns, Count(alias="n")), where).group_by(*columns).run()
    found: dict[str, int] = {}
    for row in rows:
        for key in {row["continent"], row["country"], row["region"] or NOWHERE} - {""}:
            found[key] = found.get(key, 0) + row["n"]
    return found


async def seen_span(provider: str) -> Row:
    """When the ``oldest`` and the ``newest`` price of a provider were last confirmed."""
    found = await (
        OfferRow.select(Min(OfferRow.fetched_at, alias="oldest"), Max(OfferRow.fetched_at, alias="newest"))
        .where(OfferRow.provider == provider)
        .first()
        .run()
    )
    return found or {"oldest": None, "newest": None}


async def dearest_by_gpu() -> dict[str, tuple[int, int]]:
    """GPU → the lowest and the highest on-demand price, where two providers or more offer it."""
    rows = await (
        OfferRow.select(
            OfferRow.gpu,
            Min(OfferRow.usd_per_gpu_hour_micro, alias="low"),
            Max(OfferRow.usd_per_gpu_hour_micro, alias="high"),
            Min(OfferRow.provider, alias="first"),
            Max(OfferRow.provider, alias="last"),
        )
        .where(OfferRow.tier == "on-demand")
        .group_by(OfferRow.gpu)
        .run()
    )
    return {row["gpu"]: (row["low"], row["high"]) for row in rows if row["first"] != row["last"]}


async def history_extent() -> Row:
    """How many daily prices are kept, and the ``first`` and ``last`` day."""
    span = (
        await PricePointRow.select(Min(PricePointRow.day, alias="first"), Max(PricePointRow.day, alias="last"))
        .first()
        .run()
    )
    return {"count": int(await PricePointRow.count().run()), **(span or {"first": None, "last": None})}
