"""The rows of the price table as data: CSV (RFC 4180) and JSON, with the same filters."""

import asyncio
from datetime import date, timedelta
from typing import Any

import msgspec

from app.core import clock, csv_text
from app.core.addresses import encode
from app.core.errors import QueryError
from app.core.units import DAY_S
from app.core.version_keys import HISTORY_KEY, LASTING_KEY, OFFERS_KEY
from app.pricing.history import survival_curves
from app.pricing.history.as_of import market
from app.pricing.history.queries import history_extent
from app.pricing.history.survival_curves import UNKNOWN
from app.pricing.offers import store, tally_store
from app.pricing.offers.price_query import PARAMETERS, PriceQuery
from app.pricing.search.parse_query import parse, unknown_parameter
from app.site.price_schema import COLUMNS, MAX_LIMIT, Prices, offer_of
from app.site.region_check import refuse_unknown_regions
from app.site.survival_note import until_midnight
from app.web.answers import JSON, Answer, Ask
from app.web.front import public
from app.web.one_at_a_time import one_at_a_time

NOTE = ("Historical: the market as it was known at the end of that day (UTC), from the stored history. Offers that are "
        "gone since have provider, GPU, tier, term, region and price; their source is history.")  # fmt: skip


@public("/prices.csv", shows=(OFFERS_KEY, LASTING_KEY))
async def prices_csv(ask: Ask) -> Answer:
    """Every row that matches the filters, as CSV; for a past day with one more column, ``as_of``."""
    given, pairs = _taken(ask.pairs(), ("as_of",))
    query = await data_query(pairs, also=("as_of",))
    day = await _day(given, ask.now)
    _redirect_unless_search(ask, _with("/prices.csv", [*query.pairs(), *_said(day)]))
    name = f"prices-{day}.csv" if day else "prices.csv"
    more = (str(day),) if day else ()
    at, curves = _end(day, ask.now), UNKNOWN if day else await survival_curves.stored()
    async with one_at_a_time():
        rows = await (market(query, day, ask.now) if day else store.all_rows(query))
        body = await asyncio.to_thread(
            csv_text.table,
            (*COLUMNS, *(("as_of",) if day else ())),
            ((*msgspec.structs.astuple(offer_of(row, at, curves)), *more) for row in rows),
        )
    headers = (("content-disposition", f'inline; filename="{name}"'),)
    until = until_midnight(ask.now, await store.next_stale(ask.now))
    return Answer(
        body.encode(), "text/csv; charset=utf-8; header=present", until, headers, (HISTORY_KEY,) if day else ()
    )


@public("/api/prices", shows=(OFFERS_KEY, LASTING_KEY))
async def prices_json(ask: Ask) -> Answer:
    """A page of the rows that match the filters, today or on a past day, as JSON, with a cursor to the next page."""
    given, pairs = _taken(ask.pairs(), ("limit", "cursor", "as_of"))
    query = await data_query(pairs, also=("limit", "cursor", "as_of"))
    day, limit, cursor = await _day(given, ask.now), _limit(given), given.get("cursor", "")
    past: list[store.Row] = []
    if day:
        async with one_at_a_time():
            past = await market(query, day, ask.now)
    total = len(past) if day else await tally_store.count(query)
    offset = _offset(cursor, total)
    extra = [("limit", str(limit))] if limit != MAX_LIMIT else []
    here = [*query.pairs(), *_said(day), *extra]
    _redirect_unless_search(ask, _with("/api/prices", [*here, *([("cursor", cursor)] if cursor else [])]))
    rows = past[offset : offset + limit] if day else await store.rows_between(query, offset, limit)
    after = offset + len(rows)
    following = _with("/api/prices", [*here, ("cursor", _cursor(after, total))]) if after < total else None
    curves = UNKNOWN if day else await survival_curves.stored()
    page = Prices(count=total, offers=[offer_of(row, _end(day, ask.now), curves) for row in rows], next=following)
    if day:
        page.as_of, page.note = str(day), NOTE
    until = until_midnight(ask.now, await store.next_stale(ask.now))
    return Answer(to_json(page), JSON, until, shows=(HISTORY_KEY,) if day else ())


def _redirect_unless_search(ask: Ask, address: str) -> None:
    """Redirect to the canonical ``address``, but answer the words of a search at once, since many programs follow
    no redirect."""
    if not any(name == "q" and value.strip() for name, value in ask.pairs()):
        ask.redirect_to_canonical(address)


async def _day(given: dict[str, str], now: int) -> date | None:
    """The past day asked for, or ``None`` for the present. Raises :class:`QueryError` if it is not a date, is not over,
    or nothing is known about it."""
    text = given.get("as_of", "")
    if not text:
        return None
    today = clock.from_timestamp(now).date()
    first = clock.from_timestamp((await history_extent()).first or now).date()
    yesterday = today - timedelta(days=1)
    hint = f"For example as_of={yesterday}; days from {first} to {yesterday} are known."
    try:
        day = date.fromisoformat(text) if len(text) == len("2026-09-01") else None
    except ValueError:
        day = None
    if day is None:
        raise QueryError("as_of", f"as_of={text[:20]!r} is not a day of the form 2026-09-01.", hint)
    if day == today:  # at its end it may be another market than now
        raise QueryError("as_of", f"as_of={day}: that day is not over. Leave as_of out for current prices.", hint)
    if not first <= day < today:
        raise QueryError("as_of", f"as_of={day}: of that day nothing is known.", hint)
    return day


def _said(day: date | None) -> list[tuple[str, str]]:
    return [("as_of", str(day))] if day else []


def _end(day: date | None, now: int) -> int:
    """The second that an answer is about: the end of a past day, or now."""
    if day is None:
        return now
    return min(now, int(clock.parse_instant(str(day)).timestamp()) + DAY_S)


async def data_query(pairs: list[tuple[str, str]], also: tuple[str, ...] = ()) -> PriceQuery:
    """The query in a data address: unknown names and regions are refused, and so is what is for the page alone.

    A name without a value filters nothing and is dropped, as on a page.
    """
    pairs = [(name, value) for name, value in pairs if value.strip() or name in PARAMETERS]
    for name, _ in pairs:
        if name in ("page", "unit"):
            why = (
                "Data holds every row; leave page out."
                if name == "page"
                else "Prices in data are per hour; leave unit out."
            )
            raise QueryError(name, f"{name} is for the page, not for data.", why)
        if name not in PARAMETERS:
            raise unknown_parameter(name, (*(p for p in PARAMETERS if p not in ("page", "unit")), *also))
    query = parse(pairs, strict=True)
    await refuse_unknown_regions(query)
    return query


def _taken(pairs: list[tuple[str, str]], names: tuple[str, ...]) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """(the values of the parameters ``names``, each given once; the other pairs)."""
    given: dict[str, str] = {}
    rest = []
    for name, value in pairs:
        if name not in names:
            rest.append((name, value))
        elif name in given and given[name] != value.strip():
            raise QueryError(name, f"{name} is given more than once.", f"Give {name} once.")
        else:
            given[name] = value.strip()
    return given, rest


def _limit(given: dict[str, str]) -> int:
    text = given.get("limit", "")
    if text and not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= MAX_LIMIT):
        raise QueryError(
            "limit", f"limit={text[:20]!r} is not a whole number from 1 to {MAX_LIMIT:,}.", "For example limit=100."
        )
    return int(text or MAX_LIMIT)


def _cursor(offset: int, total: int) -> str:
    """A cursor: a position in a result of ``total`` rows."""
    return f"{offset}-of-{total}"


def _offset(cursor: str, total: int) -> int:
    """The position that a cursor names; if the result has grown or shrunk since, the cursor is invalid and refused."""
    if not cursor:
        return 0
    at, sep, of = cursor.partition("-of-")
    if not sep or not (at + of).isascii() or not (at.isdigit() and of.isdigit()) or len(cursor) > 30:
        raise QueryError("cursor", f"cursor={cursor[:30]!r} is not one that was given here.", "Follow the field next.")
    if int(of) != total or int(at) >= total:
        raise QueryError(
            "cursor", "The prices changed since this cursor was given.", "Begin again without cursor.", 410
        )
    return int(at)


def _with(path: str, pairs: list[tuple[str, str]]) -> str:
    return f"{path}?{encode(pairs)}" if pairs else path


def to_json(value: Any) -> bytes:
    """JSON with exact decimal numbers."""
    return _JSON.encode(value) + b"\n"


_JSON = msgspec.json.Encoder(decimal_format="number")
