"""The rows of the price table as data: CSV (RFC 4180) and JSON, with the same filters."""

import csv
import io
from collections.abc import Callable, Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec

from app.core import clock
from app.core.addresses import encode
from app.core.csv_cells import safe
from app.core.errors import QueryError
from app.core.money import to_decimal
from app.core.version_keys import OFFERS_KEY
from app.pricing.offers import store
from app.pricing.offers.price_query import PARAMETERS, PriceQuery
from app.pricing.offers.store import Row
from app.pricing.search.parse_query import parse, unknown_parameter
from app.web.answers import JSON, Answer, Ask
from app.web.front import public

MAX_LIMIT = 1000
Column = tuple[str, Callable[[Row, int], Any], str]


def _plain(name: str, meaning: str) -> Column:
    return name, lambda row, _: row[name] if row[name] != "" else None, meaning


def _usd(name: str, meaning: str) -> Column:
    return name, lambda row, _: None if row[f"{name}_micro"] is None else to_decimal(row[f"{name}_micro"]), meaning


def _count(row: Row, _: int) -> Decimal | None:
    """The number of GPUs as a decimal, to six places where it is a fraction."""
    if row["gpu_count"] is None:
        return None
    count = Fraction(row["gpu_count"])
    return (
        Decimal(count.numerator) if count.denominator == 1 else round(Decimal(count.numerator) / count.denominator, 6)
    )


COLUMNS: tuple[Column, ...] = (
    _plain("provider", "Slug of who rents it out."),
    _plain("gpu", "Slug of the GPU."),
    ("gpu_count", _count, "GPUs in the instance; may be a fraction of a card."),
    _plain("tier", "on-demand, spot or reserved."),
    _plain("region", "The provider's own region name."),
    _usd("usd_per_gpu_hour", "US dollars for one GPU and hour."),
    _usd("usd_per_instance_hour", "US dollars for the instance and hour."),
    ("fetched_at", lambda row, _: clock.from_timestamp(row["fetched_at"]).strftime("%Y-%m-%dT%H:%M:%SZ"),
     "When it was last confirmed (UTC)."),
    ("stale", lambda row, now: row["stale_at"] <= now, "True once it is older than its source's freshness limit."),
    _plain("source", "What said so."),
    _plain("commitment_months", "Months of commitment of a reserved price."),
    _plain("price_includes", "Parts that the price holds: gpu, host, disk, traffic."),
    _plain("currency", "Currency it was quoted in."),
    ("quoted_amount", lambda row, _: Decimal(row["quoted_amount"]), "The quoted amount, in that currency."),
    _plain("quoted_per", "What the quoted amount buys: gpu-hour or instance-hour."),
    _plain("exchange_rate_date", "Day of the exchange rate, where one was used."),
    _plain("price_since", "The day since when it has been this price, as far as was seen."),
    _plain("country", "ISO 3166 code of the region's country, in lower case."),
    _plain("gpu_memory_gb", "Memory of one GPU in GB."),
    _plain("provider_tier", "The provider's own name of the tier."),
    _plain("price_excludes", "Parts that are billed on top."),
    _plain("product", "The provider's own name of the product."),
    _plain("interconnect", "Interconnect, as the source states it."),
    _plain("vcpus", "Virtual CPUs of the instance."),
    _plain("ram_gb", "Memory of the instance in GB."),
    _plain("derived", "Which of the two prices was computed from the other and the count."),
    _plain("remark", "What else the source says of the price."),
    _plain("source_url", "Where it can be read."),
    _plain("stock", "in or out, where the source tells."),
    _plain("disk_gb", "GB of disk that the price holds, where stated."),
    _usd("disk_usd_per_gb_month", "US dollars for a further GB of disk and month, where stated."),
    _usd("traffic_usd_per_gb", "US dollars for a GB of traffic, where stated."),
    _plain("min_nodes", "The smallest number of instances sold together, where stated."),
    _plain("id", "Identity of the offer."),
)  # fmt: skip
"""Name, reader and meaning of every column, in the order of the CSV."""


@public("/prices.csv", shows=(OFFERS_KEY,))
async def prices_csv(ask: Ask) -> Answer:
    """Every row that answers the filters, as CSV."""
    query = data_query(ask.pairs())
    ask.settle(query.address("/prices.csv"))
    rows = await store.all_rows(query)
    headers = (("content-disposition", 'inline; filename="prices.csv"'),)
    body = to_csv([name for name, _, _ in COLUMNS], ([read(row, ask.now) for _, read, _ in COLUMNS] for row in rows))
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
    answer = {
        "count": total,
        "offers": [{name: read(row, ask.now) for name, read, _ in COLUMNS} for row in rows],
        "next": following,
    }
    return Answer(to_json(answer), JSON, await store.next_stale(ask.now))


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
