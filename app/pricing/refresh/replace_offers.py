"""Putting a source's offers into the database: all of them or none, in one transaction, raising only what changed."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from piccolo.query.functions.aggregate import Count

from app.catalog.facts import gpus, providers
from app.core.clock import from_timestamp, timestamp
from app.core.version_keys import HISTORY_KEY, OFFERS_KEY, SOURCES_KEY, TALLY_KEY, gpu_key, provider_key, source_key
from app.pricing.history import record
from app.pricing.history.record import Priced
from app.pricing.offers.offer import Offer
from app.pricing.offers.tables import OfferRow, OfferTally, SetAsideRow
from app.storage.sqlite import execute_many, fetch, insert_many, raise_versions, transaction
from app.upstream.tables import LoadedSource
from app.upstream.written import Written

UNKNOWN_TERM_GROUP = 9999
"""Rank group of a binding term whose length is not known."""


def rank_group(offer: Offer) -> int:
    """Offers rank by price within a group only: 0 without commitment, else the months, else unknown."""
    if offer.tier.value != "reserved":
        return 0
    return offer.commitment_months or UNKNOWN_TERM_GROUP


def search_text(offer: Offer) -> str:
    """What a free word of a search is looked for in."""
    words = (gpus()[offer.gpu].name, providers()[offer.provider].name, offer.provider_tier, offer.product,
             offer.region, offer.country, offer.interconnect)  # fmt: skip
    return " ".join(words).casefold()


@lru_cache(maxsize=64)
def day_of(seconds: int) -> str:
    """The UTC day of an instant, as an ISO date."""
    return f"{from_timestamp(seconds):%Y-%m-%d}"


def _text(name: str) -> tuple[str, Callable[[Offer], Any]]:
    return name, lambda offer: getattr(offer, name)


_COLUMNS: tuple[tuple[str, Callable[[Offer], Any]], ...] = (
    *(_text(name) for name in (
        "id", "source", "provider", "gpu", "provider_tier", "commitment_months", "region", "country", "continent",
        "usd_per_gpu_hour_micro", "usd_per_instance_hour_micro", "derived", "currency", "quoted_amount", "quoted_per",
        "exchange_rate_date", "price_includes", "price_excludes", "product", "interconnect", "vcpus", "ram_gb",
        "remark", "source_url", "stock", "disk_gb", "disk_usd_per_gb_month_micro", "traffic_usd_per_gb_micro",
        "min_nodes", "reclaim_low", "reclaim_high", "reclaim_hours", "reliability")),
    ("tier", lambda offer: offer.tier.value),
    ("gpu_memory_gb", lambda offer: gpus()[offer.gpu].memory_gb),
    ("gpu_count", lambda offer: str(offer.gpu_count) if offer.gpu_count is not None else None),
    ("gpu_count_number", lambda offer: float(offer.gpu_count) if offer.gpu_count is not None else None),
    ("rank_group", rank_group),
    ("search_text", search_text),
    _text("fetched_at"),
    ("price_since", lambda offer: offer.price_since or day_of(offer.fetched_at)),
    _text("stale_at"),
)  # fmt: skip
_NAMES = tuple(name for name, _ in _COLUMNS)
_SHOWN = len(_NAMES) - 3
"""The columns before this one are what an offer says; the three after it are when."""
_TALLIED = ("gpu", "gpu_memory_gb", "provider", "tier", "gpu_count", "continent", "country", "region", "stock")
_AT = {name: at for at, name in enumerate(_NAMES)}
_STOCK = _AT["stock"]
_QUOTED = tuple(_AT[name] for name in ("currency", "quoted_amount", "quoted_per"))
"""What the provider asks: dollars may move with an exchange rate while its price stands."""
Values = tuple[Any, ...]


@dataclass
class _Difference:
    """The rows of a source as they were and as they are to be, sorted out."""

    added: list[Values] = field(default_factory=list)
    changed: list[tuple[Values, Values]] = field(default_factory=list)
    confirmed: list[tuple[Values, Values]] = field(default_factory=list)
    gone: list[Values] = field(default_factory=list)


async def replace_source(
    name: str,
    title: str,
    offers: Iterable[Offer],
    aside: list[tuple[str, ...]],
    fetched_at: int,
    *,
    live: bool = False,
    keep: frozenset[str] = frozenset(),
    retire: Mapping[str, frozenset[str]] | None = None,
    error: str = "",
    left_out: Mapping[str, int] | None = None,
) -> Written:
    """Replace what is known from the source ``name`` and raise the versions of what that changes, and of nothing else.

    ``aside`` rows are (reference, provider, gpu, tier, price, reason, detail). Providers in ``keep`` stay as they are.
    ``left_out`` is why rows were no offers, and how many. ``retire`` maps another source to the providers of which it
    no longer speaks. A price that is only confirmed raises no version, unless it had turned stale.
    """
    now = timestamp()
    rows = [tuple(read(offer) for _, read in _COLUMNS) for offer in offers]
    async with transaction():
        old = {row[0]: row for row in await _stored(name) if row[_AT["provider"]] not in keep}
        difference = _compare(old, rows)
        retired = [
            row
            for source, whose in (retire or {}).items()
            for row in await _stored(source)
            if row[_AT["provider"]] in whose
        ]
        touched = _touched(difference, retired, rows)
        fresh_until = await record.fresh_until(touched) if live else {}
        await _store(difference, retired)
        written = Written(
            len(difference.added), len(difference.changed), len(difference.confirmed), len(difference.gone)
        )
        written.keys = _keys(difference, retired, now)
        if live:
            await _record(old, rows, difference, retired, now, written)
            written.keys |= {gpu_key(gpu) for gpu in await record.record_levels(touched, fresh_until, now)}
        if TALLY_KEY in written.keys:
            await _tally()
        written.keys |= await _describe(
            name, title, aside, fetched_at, live, error, retire or {}, retired, left_out or {}
        )
        await raise_versions(sorted(written.keys))
    return written


async def _stored(source: str) -> list[Values]:
    return await fetch(f"SELECT {', '.join(_NAMES)} FROM offer WHERE source = ?", source)  # noqa: S608


def _compare(old: Mapping[str, Values], rows: Iterable[Values]) -> _Difference:
    found = _Difference()
    seen = set()
    since = _AT["price_since"]
    for row in rows:
        was = old.get(row[0])
        if was is None or row[0] in seen:
            found.added.append(row)
            continue
        seen.add(row[0])
        again = was[since] and all(was[at] == row[at] for at in _QUOTED)
        day = was[since] if again else row[since]
        now_row = (*row[:since], day, *row[since + 1 :])
        same = was[:_SHOWN] == now_row[:_SHOWN] and was[since] == day
        (found.confirmed if same else found.changed).append((was, now_row))
    found.gone = [row for key, row in old.items() if key not in seen]
    return found


async def _store(difference: _Difference, retired: list[Values]) -> None:
    leaving = [row[0] for row in (*difference.gone, *retired, *(was for was, _ in difference.changed))]
    await execute_many("DELETE FROM offer WHERE id = ?", ((key,) for key in leaving))
    await execute_many("DELETE FROM held_price WHERE id = ?", ((key,) for key in leaving))
    await insert_many(OfferRow, _NAMES, (*difference.added, *(row for _, row in difference.changed)))
    await execute_many(
        "UPDATE offer SET fetched_at = ?, stale_at = ? WHERE id = ?",
        ((row[_AT["fetched_at"]], row[_AT["stale_at"]], row[0]) for _, row in difference.confirmed),
    )


def _was_stale(pair: tuple[Values, Values], now: int) -> bool:
    """True where confirming a price changes its mark: it was stale and no longer is, or the other way round."""
    return bool((pair[0][_AT["stale_at"]] <= now) != (pair[1][_AT["stale_at"]] <= now))


def _visible(difference: _Difference, retired: list[Values], now: int) -> list[Values]:
    """The rows, before and after, whose change a page shows."""
    pairs = [*difference.changed, *(pair for pair in difference.confirmed if _was_stale(pair, now))]
    return [*difference.added, *difference.gone, *retired, *(row for pair in pairs for row in pair)]


def _touched(difference: _Difference, retired: list[Values], rows: list[Values]) -> set[tuple[str, str]]:
    """(GPU, tier) of each offer that goes, comes or is confirmed: also where this answer says nothing new, another
    source's prices may have turned stale since, and the lowest fresh price with them."""
    every = (*difference.gone, *retired, *rows)
    return {(row[_AT["gpu"]], row[_AT["tier"]]) for row in every if row[_AT["tier"]] != "reserved"}


def _keys(difference: _Difference, retired: list[Values], now: int) -> set[str]:
    rows = _visible(difference, retired, now)
    if not rows:
        return set()
    keys = {
        OFFERS_KEY,
        *(gpu_key(row[_AT["gpu"]]) for row in rows),
        *(provider_key(row[_AT["provider"]]) for row in rows),
    }
    places = [_AT[column] for column in _TALLIED]
    recount = any(was[at] != row[at] for was, row in difference.changed for at in places)
    if (
        difference.added
        or difference.gone
        or retired
        or recount
        or any(_was_stale(p, now) for p in difference.confirmed)
    ):
        keys.add(TALLY_KEY)
    return keys


def _priced(row: Values) -> Priced:
    kind = tuple(row[_AT[name]] for name in ("provider", "gpu", "tier", "commitment_months", "region"))
    return Priced(row[0], kind, row[_AT["usd_per_gpu_hour_micro"]])


async def _record(
    old: Mapping[str, Values],
    rows: list[Values],
    difference: _Difference,
    retired: list[Values],
    now: int,
    written: Written,
) -> None:
    """Write the history of a difference. A first answer that retires another source's is no move of the price."""
    price = _AT["usd_per_gpu_hour_micro"]
    moved = [(was, row) for was, row in difference.changed if was[price] != row[price]]
    await record.close_spans((row[0] for row in (*difference.gone, *retired, *(was for was, _ in moved))), now)
    await record.open_spans((_priced(row) for row in (*difference.added, *(row for _, row in moved))), now)
    returned = [row for was, row in difference.changed if (was[_STOCK], row[_STOCK]) == ("out", "in")]
    await record.tell_returns((_priced(row) for row in returned), now)
    if returned:
        written.keys.add(HISTORY_KEY)
    if not moved and not difference.gone and not difference.added:
        return
    newcomers = {row[_AT["provider"]] for row in retired}
    before = record.lowest(_priced(row) for row in old.values())
    after = record.lowest(_priced(row) for row in rows if row[_AT["provider"]] not in newcomers)
    if await record.record_moves(before, after, now):
        written.keys.add(HISTORY_KEY)


async def _describe(
    name: str, title: str, aside: list[tuple[str, ...]], fetched_at: int, live: bool, error: str,
    retiring: Mapping[str, frozenset[str]], retired: list[Values], left_out: Mapping[str, int],
) -> set[str]:  # fmt: skip
    """Write what is said of the source itself; the key of all sources if that changes what is shown."""
    columns = ("reference", "provider", "gpu", "tier", "price", "reason", "detail")
    fresh = [
        tuple(str(text)[:limit] for text, limit in zip(row, (80, 80, 80, 40, 40, 30, 300), strict=True))
        for row in aside
    ]
    was = await fetch(f"SELECT {', '.join(columns)} FROM set_aside WHERE source = ? ORDER BY id", name)  # noqa: S608
    if fresh != was:
        await SetAsideRow.delete().where(SetAsideRow.source == name).run()
        await insert_many(SetAsideRow, ("source", *columns), ((name, *row) for row in fresh))
    for other, whose in retiring.items():
        spellings = {s.casefold() for slug in whose for s in (slug, *providers()[slug].spellings)}
        names = await fetch("SELECT DISTINCT provider FROM set_aside WHERE source = ?", other)
        leaving = [(other, name) for (name,) in names if name.casefold() in spellings]
        await execute_many("DELETE FROM set_aside WHERE source = ? AND provider = ?", leaving)
        await _recount(other)
    known = await fetch("SELECT title, offers, set_aside, error, left_out FROM loaded_source WHERE name = ?", name)
    offers = (await fetch("SELECT count(*) FROM offer WHERE source = ?", name))[0][0]
    said = (title, offers, len(fresh), error, json.dumps(left_out, sort_keys=True))
    await LoadedSource.delete().where(LoadedSource.name == name).run()
    await insert_many(LoadedSource, ("name", "fetched_at", "tried_at", "error_at", "live", "title", "offers",
        "set_aside", "error", "left_out"),
                      [(name, fetched_at, timestamp(), timestamp() if error else None, int(live), *said)])  # fmt: skip
    return {SOURCES_KEY, *map(source_key, (name, *retiring))} if fresh != was or known != [said] or retired else set()


async def _recount(source: str) -> None:
    await execute_many(
        "UPDATE loaded_source SET offers = (SELECT count(*) FROM offer "
        "WHERE source = ?1), set_aside = (SELECT count(*) FROM set_aside WHERE source = ?1) WHERE name = ?1",
        [(source,)],
    )


async def _tally() -> None:
    """Count the offers of each combination anew, so that a filter's choices cost no walk over every offer."""
    columns = [OfferRow._meta.get_column_by_name(name) for name in _TALLIED]
    rows = await OfferRow.select(*columns, Count(alias="n")).group_by(*columns).run()
    await OfferTally.delete(force=True).run()
    await insert_many(OfferTally, (*_TALLIED, "offers"), (tuple(row.values()) for row in rows))
