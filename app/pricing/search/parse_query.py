"""Parsing a query string into a price query: every value is checked, and every refusal says what would work. Pure."""

import difflib
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import TypeVar

from app.catalog.facts import gpus, providers
from app.core.errors import QueryError
from app.core.money import parse_decimal, to_micro
from app.pricing.offers.offer import Tier
from app.pricing.offers.price_query import (
    MEANINGS,
    MOST_MEMORY_GB,
    MOST_MONTHS,
    MOST_USD,
    ORDERS,
    PARAMETERS,
    SORTS,
    STOCKS,
    UNITS,
    PriceQuery,
)
from app.pricing.search.places import value_of
from app.pricing.search.search_words import understand

T = TypeVar("T")
MAX_TEXT = 100


def parse(pairs: Sequence[tuple[str, str]], *, strict: bool = False) -> PriceQuery:
    """Read the (name, value) pairs of an address.

    Empty values are dropped, as an unfilled form sends them. Unknown names are dropped, or refused when ``strict``
    (data addresses). ``q``'s words become filters where they are understood. Raises :class:`QueryError`.
    """
    known, unknown = _sorted_out(pairs)
    if strict and unknown:
        raise unknown_parameter(unknown[0])
    query = PriceQuery(
        gpu=_slugs("gpu", known, gpus()),
        provider=_slugs("provider", known, providers()),
        region=_values(known, "region", _region),
        tier=_values(known, "tier", _tier),
        commitment_months=_one(known, "commitment_months", _months),
        stock=_one(known, "stock", _choice("stock", STOCKS)) or "",
        min_memory_gb=_one(known, "min_memory_gb", _memory),
        max_usd_micro=_one(known, "max_usd", _usd),
        gpu_count=_one(known, "gpu_count", _gpu_count),
        unit=_one(known, "unit", _choice("unit", UNITS)) or "hour",
        sort=_one(known, "sort", _choice("sort", tuple(SORTS))) or "price",
        order=_one(known, "order", _choice("order", ORDERS)) or "asc",
        page=_one(known, "page", _page) or 1,
        dropped=tuple(unknown),
    )
    return _with_words(query, _one(known, "q", _text) or "")


def unknown_parameter(name: str, known: Sequence[str] = PARAMETERS) -> QueryError:
    """The refusal of a parameter that does not exist, with the nearest that does."""
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"Did you mean {close[0]}?" if close else "Known are " + ", ".join(known) + "."
    return QueryError(name[:60], f"There is no parameter {name[:60]!r}.", hint)


def _sorted_out(pairs: Sequence[tuple[str, str]]) -> tuple[dict[str, list[str]], list[str]]:
    known: dict[str, list[str]] = {}
    unknown: list[str] = []
    for name, value in pairs:
        if name not in PARAMETERS:
            unknown.append(name)
        elif value.strip():
            known.setdefault(name, []).append(value.strip())
    return known, unknown


def _values(known: dict[str, list[str]], name: str, read: Callable[[str], str]) -> tuple[str, ...]:
    given = known.get(name, [])
    if len(given) > 60:
        raise QueryError(name, f"More than 60 values of {name}.", "Leave some out.")
    return tuple(sorted({read(value) for value in given}))


def _slugs(name: str, known: dict[str, list[str]], things: Iterable[str]) -> tuple[str, ...]:
    def read(value: str) -> str:
        slug = value.casefold()
        if slug in things:
            return slug
        close = difflib.get_close_matches(slug[:80], list(things), n=3, cutoff=0.4)
        hint = f"Did you mean {' or '.join(close)}?" if close else f"For example {name}={MEANINGS[name].example}."
        what = "GPU" if name == "gpu" else name
        raise QueryError(name, f"No {what} is called {value[:60]!r}.", hint)

    return _values(known, name, read)


def _one(known: dict[str, list[str]], name: str, read: Callable[[str], T]) -> T | None:
    given = list(dict.fromkeys(known.get(name, [])))
    if not given:
        return None
    if len(given) > 1:
        raise QueryError(name, f"{name} is given more than once.", f"Give it once, for example {_example(name)}.")
    return read(given[0])


def _example(name: str) -> str:
    return f"{name}={MEANINGS[name].example}"


def _wrong(name: str, value: str, why: str) -> QueryError:
    return QueryError(name, f"{name}={value[:40]!r} {why}.", f"For example {_example(name)}.")


def _region(value: str) -> str:
    """The place that ``value`` names. A name that the catalogue lacks is kept: some source may state it, see
    :func:`app.site.region_check.refuse_unknown_regions`."""
    if known := value_of(value):
        return known
    if len(value) > 80 or not re.fullmatch(r"\w[\w ,.()/'&+:-]*", value):
        raise _wrong("region", value, "is not a country code, a continent or a region's name")
    return value


def _tier(value: str) -> str:
    folded = value.casefold().replace("_", "-")
    if folded not in tuple(Tier):
        raise _wrong("tier", value, "is not a tier: on-demand, spot or reserved")
    return folded


def _number(name: str, value: str) -> Decimal:
    number = parse_decimal(value)
    if number is None:
        raise _wrong(name, value, "is not a number")
    return number


def _memory(value: str) -> int:
    number = _number("min_memory_gb", value)
    if not 1 <= number <= MOST_MEMORY_GB or number != int(number):
        raise _wrong("min_memory_gb", value, f"is not a whole number of GB from 1 to {MOST_MEMORY_GB:,}")
    return int(number)


def _months(value: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,2}", value, re.ASCII) or int(value) > MOST_MONTHS:
        raise _wrong("commitment_months", value, f"is not a whole number of months from 1 to {MOST_MONTHS}")
    return int(value)


def _usd(value: str) -> int:
    number = _number("max_usd", value.removeprefix("$"))
    if not 0 < number <= MOST_USD or to_micro(number) == 0:
        raise _wrong("max_usd", value, f"is not a price above 0 and up to {MOST_USD:,} USD")
    return to_micro(number)


def _gpu_count(value: str) -> Fraction:
    if re.fullmatch(r"[0-9]{1,2}/[1-9][0-9]?", value):
        count = Fraction(value)
    else:
        count = Fraction(_number("gpu_count", value)).limit_denominator(64)
    if not 0 < count <= 1024:
        raise _wrong("gpu_count", value, "is not a number of GPUs above 0 and up to 1,024")
    return count


def _page(value: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,5}", value):
        raise _wrong("page", value, "is not a whole number from 1")
    return int(value)


def _choice(name: str, options: tuple[str, ...]) -> Callable[[str], str]:
    def read(value: str) -> str:
        if value.casefold() not in options:
            raise QueryError(name, f"{name}={value[:40]!r} is not known.", f"Known are {', '.join(options)}.")
        return value.casefold()

    return read


def _text(value: str) -> str:
    text = " ".join(unicodedata.normalize("NFKC", value).split())
    if len(text) > MAX_TEXT:
        raise QueryError("q", f"The search is longer than {MAX_TEXT} characters.", f"For example {_example('q')}.")
    if any(not c.isprintable() for c in text):
        raise QueryError("q", "The search contains invisible characters.", f"For example {_example('q')}.")
    return text


def _with_words(query: PriceQuery, text: str) -> PriceQuery:
    """``query`` with the filters that the words of a search name; words that name nothing known stay in ``q``.

    Removing words can bring others together, so this is repeated until nothing more is recognised: the resulting
    address is then its own canonical form.
    """
    while text:
        said = understand(text)
        query = replace(
            query,
            gpu=query.gpu or said.gpu,
            provider=tuple(sorted({*query.provider, *said.provider})),
            region=tuple(sorted({*query.region, *said.region})),
            tier=tuple(sorted({*query.tier, *said.tier})),
            commitment_months=query.commitment_months or said.commitment_months,
            min_memory_gb=query.min_memory_gb if query.min_memory_gb is not None else said.min_memory_gb,
            max_usd_micro=query.max_usd_micro if query.max_usd_micro is not None else said.max_usd_micro,
            gpu_count=query.gpu_count if query.gpu_count is not None else said.gpu_count,
            q=said.rest,
        )
        if said.rest == text:
            break
        text = said.rest
    return query
