"""How many offers match a query, and how many each choice of a filter leaves: counted from summaries of the offers.

No summary counts by price: with a price limit at most :data:`MOST_COUNTED` offers are counted, since nobody reads on.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from piccolo.columns import Column
from piccolo.query.functions.aggregate import Count, Sum
from piccolo.querystring import QueryString

from app.pricing.offers.filter_store import narrowed
from app.pricing.offers.price_query import NOWHERE, OR_NOT_STATED, PriceQuery
from app.pricing.offers.summary_tables import OfferTally, OfferWords
from app.pricing.offers.tables import OfferRow

MOST_COUNTED = 10_000
FACETS = ("gpu", "provider", "tier", "region", "gpu_count")
"""Filters that show how many rows each of their choices would leave."""
_FACET_COLUMNS: dict[str, tuple[str, ...]] = {
    "gpu": ("gpu",),
    "provider": ("provider",),
    "tier": ("tier",),
    "region": ("continent", "country", "region"),
    "gpu_count": ("gpu_count",),
}
Choices = Mapping[str, int | None]
"""Choice of a filter → how many rows it leaves; ``None`` if that was not counted."""


def is_tallied(query: PriceQuery) -> bool:
    """True if ``query`` can be counted from the tally of filters alone."""
    return query.max_usd_micro is None and not query.q


def _summary_of(query: PriceQuery) -> type[OfferTally] | type[OfferWords]:
    return OfferWords if query.q else OfferTally


async def count(query: PriceQuery) -> int:
    """How many offers match ``query``."""
    if query.max_usd_micro is None:
        return await _summed(query)
    return int(await narrowed(OfferRow.count(), query, rare=await is_rare(query)).run())


async def count_some(query: PriceQuery, most: int = MOST_COUNTED) -> int:
    """How many offers match ``query``; ``most`` + 1 if more than ``most`` do and no summary counts them."""
    if query.max_usd_micro is None:
        return await _summed(query)
    some = await _some([OfferRow.tier], query, most)
    return int((await OfferRow.raw("SELECT count(*) AS n FROM ({}) few", some).run())[0]["n"])


async def is_rare(query: PriceQuery) -> bool:
    """True if its words are in so few offers that these are best looked up by their text."""
    return bool(query.q) and await _summed(replace(query, max_usd_micro=None)) <= MOST_COUNTED


async def counts_by(name: str, query: PriceQuery | None = None) -> dict[str, int]:
    """How many offers each choice of the filter ``name`` has, among those that match ``query``."""
    query = query or PriceQuery()
    if query.max_usd_micro is None:
        return (await _grouped([name], query))[name]
    columns = [OfferRow._meta.get_column_by_name(column) for column in _FACET_COLUMNS[name]]
    asked = narrowed(OfferRow.select(*columns, Count(alias="n")), query, rare=await is_rare(query))
    return _by_choice([name], await asked.group_by(*columns).run())[name]


async def totals() -> tuple[int, int, int]:
    """The numbers of offers, of GPUs offered and of providers offering."""
    by_gpu = await counts_by("gpu")
    return sum(by_gpu.values()), len(by_gpu), len(await counts_by("provider"))


async def has_stock() -> bool:
    """True if any offer states its stock."""
    return bool(await OfferTally.exists().where(OfferTally.stock != "").run())


async def facets(query: PriceQuery, *, is_more: bool = False) -> dict[str, Choices]:
    """For each filter, how many rows each of its choices leaves with all other filters unchanged.

    Filters that are not in use share one statement where offers are counted; of a summary each is grouped by itself,
    since all together are nearly as many groups as it has rows. With ``is_more``, more offers match than
    are counted, and each filter's choices are listed without their number.
    """
    if is_more:
        return await _uncounted(query)
    used = [name for name in FACETS if getattr(query, name)]
    free = [name for name in FACETS if name not in used]
    found: dict[str, Choices] = {}
    for names in [[name] for name in free] if query.max_usd_micro is None else [free]:
        found |= await _choices(names, query)
    for name in used:
        found |= await _choices([name], query, leave_out=name)
    for value in query.region:  # no column holds these
        if value.endswith(OR_NOT_STATED):
            left = await count_some(replace(query, region=(value,)))
            is_counted = query.max_usd_micro is None or left <= MOST_COUNTED
            found["region"] = {**found["region"], value: left if is_counted else None}
    return found


async def _uncounted(query: PriceQuery) -> dict[str, Choices]:
    found = await facets(replace(query, max_usd_micro=None))
    return {name: dict.fromkeys(choices) for name, choices in found.items()}


async def _summed(query: PriceQuery) -> int:
    of = _summary_of(query)
    found = await narrowed(of.select(Sum(of.offers, alias="n")), query).first().run()
    return int(found["n"] or 0) if found else 0


async def _some(columns: list[Column], query: PriceQuery, most: int, leave_out: str = "") -> QueryString:
    """The statement for ``columns`` of at most ``most`` + 1 offers that match ``query``."""
    rare = await is_rare(query)
    some: QueryString = narrowed(OfferRow.select(*columns), query, leave_out, rare=rare).limit(most + 1).querystrings[0]
    return some


async def _choices(names: list[str], query: PriceQuery, leave_out: str = "") -> dict[str, Choices]:
    if query.max_usd_micro is None:
        return {**await _grouped(names, query, leave_out)}
    columns = [column for name in names for column in _FACET_COLUMNS[name]]
    if not columns:
        return {}
    some = await _some([OfferRow._meta.get_column_by_name(name) for name in columns], query, MOST_COUNTED, leave_out)
    listed = ", ".join(columns)
    asked = f"SELECT {listed}, count(*) AS n FROM ({{}}) few GROUP BY {listed}"  # noqa: S608 -- names of ours
    rows = await OfferRow.raw(asked, some).run()
    if sum(row["n"] for row in rows) <= MOST_COUNTED:
        return {**_by_choice(names, rows)}
    every = await _grouped(names, replace(query, max_usd_micro=None), leave_out)
    return {name: dict.fromkeys(choices) for name, choices in every.items()}


async def _grouped(names: list[str], query: PriceQuery, leave_out: str = "") -> dict[str, dict[str, int]]:
    of = _summary_of(query)
    columns = [of._meta.get_column_by_name(column) for name in names for column in _FACET_COLUMNS[name]]
    if not columns:
        return {}
    asked = narrowed(of.select(*columns, Sum(of.offers, alias="n")), query, leave_out).group_by(*columns)
    return _by_choice(names, await asked.run())


def _by_choice(names: list[str], rows: list[dict[str, Any]]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {name: {} for name in names}
    for row in rows:
        for name in names:
            for key in _keys(row, name):
                found[name][key] = found[name].get(key, 0) + int(row["n"])
    return found


def _keys(row: Mapping[str, Any], name: str) -> set[str]:
    """The choices of the filter ``name`` that a row belongs to; a region also belongs to its country and continent."""
    if name == "region":
        return {row["continent"], row["country"], row["region"] or NOWHERE} - {""}
    return {row[name]} - {None}
