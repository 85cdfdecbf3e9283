"""Replacing a source's offers in the database: all or none, in one transaction, raising the version keys of what
changed and no others."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from operator import attrgetter
from typing import Any

from app.catalog.facts import gpus, providers
from app.core.clock import from_timestamp, timestamp
from app.core.version_keys import HISTORY_KEY, OFFERS_KEY, SOURCES_KEY, TALLY_KEY, gpu_key, provider_key, source_key
from app.pricing.history import provider_lows, record
from app.pricing.history.record import Priced
from app.pricing.offers import summary_store
from app.pricing.offers.offer import COMMUNITY, Offer
from app.pricing.offers.summary_store import TALLIED
from app.pricing.refresh import store
from app.pricing.refresh.store import FIRST_DATE, AsideText, SourceRecord, StoredOffer
from app.storage import scopes
from app.storage.engine import raise_versions, transaction
from app.upstream.written import Written

UNKNOWN_TERM_GROUP = 9999
"""Rank group of a binding term of unknown length."""
_ASIDE_LENGTHS = (80, 80, 80, 40, 40, 30, 300)
"""The lengths of the columns of a row set aside, in the order of :class:`AsideText`."""


def rank_group(offer: Offer) -> int:
    """The group within which an offer ranks by price: 0 without commitment, else the months, 9999 if unknown."""
    if offer.tier.value != "reserved":
        return 0
    return offer.commitment_months or UNKNOWN_TERM_GROUP


def search_text(offer: Offer) -> str:
    """The text in which the free words of a search are looked up."""
    words = (gpus()[offer.gpu].name, providers()[offer.provider].name, offer.provider_tier, offer.product,
             offer.region, offer.country, offer.interconnect)  # fmt: skip
    return " ".join(words).casefold()


@lru_cache(maxsize=64)
def day_of(seconds: int) -> str:
    """The UTC day of an instant, as an ISO date."""
    return f"{from_timestamp(seconds):%Y-%m-%d}"


_READERS: dict[str, Callable[[Offer], Any]] = {
    "tier": lambda offer: offer.tier.value,
    "gpu_memory_gb": lambda offer: gpus()[offer.gpu].memory_gb,
    "gpu_count": lambda offer: str(offer.gpu_count) if offer.gpu_count is not None else None,
    "gpu_count_number": lambda offer: float(offer.gpu_count) if offer.gpu_count is not None else None,
    "rank_group": rank_group,
    "search_text": search_text,
    "price_since": lambda offer: offer.price_since or day_of(offer.fetched_at),
}
"""Column → how it is made from an offer; any other column is the offer's attribute of that name."""
_COLUMNS = tuple(_READERS.get(name) or attrgetter(name) for name in StoredOffer._fields)


def _row(offer: Offer) -> StoredOffer:
    return StoredOffer._make(read(offer) for read in _COLUMNS)


def _quoted(row: StoredOffer) -> tuple[str, str, str]:
    """The price as quoted: the amount in dollars may change with an exchange rate while the quoted price does not."""
    return row.currency, row.quoted_amount, row.quoted_per


@dataclass
class _Difference:
    """The difference between a source's stored rows and the new ones; pairs are (old, new)."""

    added: list[StoredOffer] = field(default_factory=list)
    changed: list[tuple[StoredOffer, StoredOffer]] = field(default_factory=list)
    confirmed: list[tuple[StoredOffer, StoredOffer]] = field(default_factory=list)
    gone: list[StoredOffer] = field(default_factory=list)


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
    """Replace the offers of the source ``name``, and raise the version keys of what that changes and of nothing else.

    ``aside`` are the rows set aside: (reference, provider, gpu, tier, price, reason, detail). Providers in ``keep``
    stay as they are. ``left_out`` maps the reason why rows are no offers to their number. ``retire`` maps another
    source to the providers whose offers it loses. A price that is only confirmed raises no version, unless it had
    become stale.
    """
    now = timestamp()
    rows = [_row(offer) for offer in offers]
    async with transaction(scope=scopes.PRICES):
        old = {row.id: row for row in await store.stored(name) if row.provider not in keep}
        difference = _compare(old, rows)
        retired = [
            row
            for source, whose in (retire or {}).items()
            for row in await store.stored(source)
            if row.provider in whose
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
        await _summarise(name, difference, retired)
        written.keys |= await _describe(
            name, title, aside, fetched_at, live, error, retire or {}, retired, left_out or {}
        )
        await raise_versions(sorted(written.keys))
    return written


def _compare(old: Mapping[str, StoredOffer], rows: Iterable[StoredOffer]) -> _Difference:
    found = _Difference()
    seen = set()
    for row in rows:
        was = old.get(row.id)
        if was is None or row.id in seen:
            found.added.append(row)
            continue
        seen.add(row.id)
        known = was.price_since and was.price_since <= day_of(row.fetched_at)  # no day of a clock that ran ahead
        day = was.price_since if known and _quoted(was) == _quoted(row) else row.price_since
        now_row = row._replace(price_since=day) if day != row.price_since else row
        same = was[:FIRST_DATE] == now_row[:FIRST_DATE] and was.price_since == day
        (found.confirmed if same else found.changed).append((was, now_row))
    found.gone = [row for key, row in old.items() if key not in seen]
    return found


async def _store(difference: _Difference, retired: list[StoredOffer]) -> None:
    leaving = (*difference.gone, *retired, *(was for was, _ in difference.changed))
    await store.delete_offers(row.id for row in leaving)
    await store.insert_offers((*difference.added, *(row for _, row in difference.changed)))
    await store.confirm_offers(row for _, row in difference.confirmed)


async def _summarise(name: str, difference: _Difference, retired: list[StoredOffer]) -> None:
    """Rewrite the summaries of the sources whose offers differ."""
    moved = [*difference.gone, *retired, *difference.added, *(row for pair in difference.changed for row in pair)]
    if not moved:
        await summary_store.summarise([name] if difference.confirmed else (), summary_store.KINDS)
        return
    await summary_store.summarise([name, *(row.source for row in retired)])
    await summary_store.summarise_strips({(row.gpu, row.tier) for row in moved if row.source != COMMUNITY})


def _was_stale(pair: tuple[StoredOffer, StoredOffer], now: int) -> bool:
    """True if confirming a price changes its mark: it was stale and no longer is, or the other way round."""
    return (pair[0].stale_at <= now) != (pair[1].stale_at <= now)


def _visible(difference: _Difference, retired: list[StoredOffer], now: int) -> list[StoredOffer]:
    """The rows, old and new, whose change a page shows."""
    pairs = [*difference.changed, *(pair for pair in difference.confirmed if _was_stale(pair, now))]
    return [*difference.added, *difference.gone, *retired, *(row for pair in pairs for row in pair)]


def _touched(difference: _Difference, retired: list[StoredOffer], rows: list[StoredOffer]) -> set[tuple[str, str]]:
    """(GPU, tier) of each offer that is removed, added or confirmed. Confirmed ones are included because another
    source's prices may have become stale meanwhile, and the lowest fresh price with them."""
    every = (*difference.gone, *retired, *rows)
    return {(row.gpu, row.tier) for row in every if row.tier != "reserved"}


def _keys(difference: _Difference, retired: list[StoredOffer], now: int) -> set[str]:
    rows = _visible(difference, retired, now)
    if not rows:
        return set()
    keys = {
        OFFERS_KEY,
        *(gpu_key(row.gpu) for row in rows),
        *(provider_key(row.provider) for row in rows),
    }
    counted = attrgetter(*TALLIED)
    recount = any(counted(was) != counted(row) for was, row in difference.changed)
    if (
        difference.added
        or difference.gone
        or retired
        or recount
        or any(_was_stale(p, now) for p in difference.confirmed)
    ):
        keys.add(TALLY_KEY)
    return keys


def _priced(row: StoredOffer) -> Priced:
    kind = (row.provider, row.gpu, row.tier, row.commitment_months, row.region)
    return Priced(row.id, kind, row.usd_per_gpu_hour_micro)


async def _record(
    old: Mapping[str, StoredOffer],
    rows: list[StoredOffer],
    difference: _Difference,
    retired: list[StoredOffer],
    now: int,
    written: Written,
) -> None:
    """Write the history of a difference. A first answer that retires another source's offers is no price move."""
    moved = [(was, row) for was, row in difference.changed if was.usd_per_gpu_hour_micro != row.usd_per_gpu_hour_micro]
    await record.close_spans((row.id for row in (*difference.gone, *retired, *(was for was, _ in moved))), now)
    await record.open_spans((_priced(row) for row in (*difference.added, *(row for _, row in moved))), now)
    differing = (*difference.gone, *retired, *difference.added, *(row for _, row in moved))
    await provider_lows.record(((row.provider, row.gpu, row.tier) for row in differing), now)
    returned = [row for was, row in difference.changed if (was.stock, row.stock) == ("out", "in")]
    await record.record_returns((_priced(row) for row in returned), now)
    if returned:
        written.keys.add(HISTORY_KEY)
    if not moved and not difference.gone and not difference.added:
        return
    newcomers = {row.provider for row in retired}
    before = record.lowest(_priced(row) for row in old.values())
    after = record.lowest(_priced(row) for row in rows if row.provider not in newcomers)
    if await record.record_moves(before, after, now):
        written.keys.add(HISTORY_KEY)


async def _describe(
    name: str, title: str, aside: list[tuple[str, ...]], fetched_at: int, live: bool, error: str,
    retiring: Mapping[str, frozenset[str]], retired: list[StoredOffer], left_out: Mapping[str, int],
) -> set[str]:  # fmt: skip
    """Write the record of the source itself; returns the key of all sources if that changes what is shown."""
    fresh = [
        AsideText._make(str(text)[:limit] for text, limit in zip(row, _ASIDE_LENGTHS, strict=True)) for row in aside
    ]
    other_rows = await store.replace_set_aside(name, fresh)
    for other, whose in retiring.items():
        await store.delete_set_aside(
            other, {s.casefold() for slug in whose for s in (slug, *providers()[slug].spellings)}
        )
        await store.recount(other)
    known = await store.source_record(name)
    offers = await store.number_of_offers(name)
    said = SourceRecord(title, offers, len(fresh), error, json.dumps(left_out, sort_keys=True))
    await store.write_source_record(name, said, fetched_at, timestamp(), live=live)
    return {SOURCES_KEY, *map(source_key, (name, *retiring))} if other_rows or known != said or retired else set()
