"""The rows of the price table as data: CSV (RFC 4180) and JSON, with the same filters."""

import csv
import io
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec

from app.core.addresses import encode
from app.core.csv_cells import safe
from app.core.errors import QueryError
from app.core.version_keys import OFFERS_KEY
from app.pricing.offers import store
from app.pricing.offers.price_query import PARAMETERS, PriceQuery
from app.pricing.search.parse_query import parse, unknown_parameter
from app.site.price_schema import COLUMNS, MAX_LIMIT, Prices, offer_of
from app.web.answers import JSON, Answer, Ask
from app.web.front import public


@public("/prices.csv", shows=(OFFERS_KEY,))
async def prices_csv(ask: Ask) -> Answer:
    """Every row that answers the filters, as CSV."""
    query = data_query(ask.pairs())
    ask.settle(query.address("/prices.csv"))
    rows = await store.all_rows(query)
    headers = (("content-disposition", 'inline; filename="prices.csv"'),)
    body = to_csv(COLUMNS, (msgspec.structs.astuple(offer_of(row, ask.now)) for row in rows))
    return Answer(body, "text/csv; charset=utf-8; header=present", await store.next_stale(ask.now), headers)


@public("/api/prices", shows=(OFFERS_KEY,))
async def prices_json(ask: Ask) -> Answer:
    """A page of rows that answer the filters, as JSON, with a cursor to the next."""
    limit, cursor, pairs = _paging(ask.pairs())
    query = data_query(pairs, also=("limit", "cursor"))
    total = await store.count(query)
    offset = _offset(cursor, total)
    extra = [("limit", str(limit))] if limit != MAX_LIMIT else []
    here = [*query.pairs(), *extra]
    ask.settle(_with("/api/prices", [*here, *([("cursor", cursor)] if cursor else [])]))
    rows = await store.rows_between(query, offset, limit)
    after = offset + len(rows)
    following = _with("/api/prices", [*here, ("cursor", _cursor(after, total))]) if after < total else None
    page = Prices(count=total, offers=[offer_of(row, ask.now) for row in rows], next=following)
    return Answer(to_json(page), JSON, await store.next_stale(ask.now))


def data_query(pairs: list[tuple[str, str]], also: tuple[str, ...] = ()) -> PriceQuery:
    """The filters of a data address: unknown names are refused, and so are those that only shape the page.

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
    return parse(pairs, strict=True)


def _paging(pairs: list[tuple[str, str]]) -> tuple[int, str, list[tuple[str, str]]]:
    given: dict[str, str] = {}
    rest = []
    for name, value in pairs:
        if name not in ("limit", "cursor"):
            rest.append((name, value))
        elif name in given and given[name] != value:
            raise QueryError(name, f"{name} is given more than once.", f"Give {name} once.")
        else:
            given[name] = value
    text = given.get("limit", "")
    if text and not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= MAX_LIMIT):
        raise QueryError(
            "limit", f"limit={text[:20]!r} is not a whole number from 1 to {MAX_LIMIT:,}.", "For example limit=100."
        )
    return int(text or MAX_LIMIT), given.get("cursor", ""), rest


def _cursor(offset: int, total: int) -> str:
    """A place in a result of ``total`` rows."""
    return f"{offset}-of-{total}"


def _offset(cursor: str, total: int) -> int:
    """The place a cursor names; a result that has grown or shrunk since makes it worthless, and says so."""
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


def to_csv(header: Iterable[str], rows: Iterable[Iterable[Any]]) -> bytes:
    """RFC 4180: CRLF, quotes where needed. Text that a spreadsheet would run as a formula is made harmless."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return out.getvalue().encode()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return _shortest(value)
    return safe(value)


def _shortest(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def to_json(value: Any) -> bytes:
    """JSON with exact decimal numbers."""
    return _JSON.encode(value) + b"\n"


_JSON = msgspec.json.Encoder(decimal_format="number")
