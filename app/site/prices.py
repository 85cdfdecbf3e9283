"""The price table: the page, its fragment, and what both show."""

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from markupsafe import Markup, escape

from app.catalog.facts import CONTINENTS, countries, gpus, providers
from app.core.addresses import encode
from app.core.errors import QueryError
from app.core.version_keys import OFFERS_KEY, TALLY_KEY, gpu_key
from app.pricing.offers import store, tally_store
from app.pricing.offers.price_query import FILTERS, NOWHERE, OR_NOT_STATED, PAGE_SIZE, RANKED, SORTS, UNITS, PriceQuery
from app.pricing.search.parse_query import parse
from app.site.offer_groups import group, tells_reclaims
from app.site.region_check import refuse_unknown_regions
from app.site.render import count_text, place_name, render
from app.site.survival_note import SHOWN_KEYS, survival_note, until_midnight
from app.web.answers import Answer, Ask
from app.web.front import public
from app.web.htmx import push_url

LARGE_GB = 24
"""The price page opens with GPUs of at least this much memory; the rest are one click away."""
_PLAIN = re.compile(r"[a-z0-9][a-z0-9.-]*")
_OPENING = [("min_memory_gb", str(LARGE_GB))]
MOST_PLACES = 40
"""A list of more provider regions than this is left out; choosing a provider or country shortens it."""
MEMORY_STEPS = (8, 16, 24, 40, 48, 80, 96, 141, 180, 288)
TIERS = {"on-demand": "On demand", "spot": "Spot (may be interrupted)", "reserved": "Reserved for a term"}


@dataclass(frozen=True, slots=True)
class FilterChoice:
    """One choice of a filter: its value and name, how many rows it leaves (``None``: not counted), whether it is
    chosen."""

    value: str
    label: str
    count: int | None
    chosen: bool

    @property
    def attribute(self) -> Markup:
        """The value as an attribute of HTML: without quotes where it needs none, for there are hundreds on a page."""
        return Markup(self.value if _PLAIN.fullmatch(self.value) else f'"{escape(self.value)}"')  # noqa: S704


@dataclass(frozen=True, slots=True)
class Chip:
    """An active filter and the address without it."""

    name: str
    label: str
    address: str
    fragment: str


@dataclass(frozen=True, slots=True)
class Heading:
    """A column's heading: its sort key, where a click leads, and how it sorts now."""

    key: str
    label: str
    address: str
    fragment: str
    state: str
    column: str


_COLUMNS = (("price", "USD/GPU", "n main"), ("gpu", "GPU", "g"), ("count", "GPUs", "n k"),
            ("provider", "Provider", "v"),
            ("tier", "Tier", "r"), ("reclaims", "Reclaimed", "n c"), ("region", "Region", "l"),
            ("instance", "USD/instance", "n w"),
            ("seen", "Last seen", "n d"))  # fmt: skip


@public("/prices")
async def prices(ask: Ask) -> Answer:
    """The whole page."""
    query = page_query(ask.pairs())
    ask.redirect_to_canonical(address(query))
    values, valid_until = await _board(ask, query)
    title, description = _title(query, values["page"])
    body = render("prices/page.html", settings=ask.settings, path="/prices", title=title, description=description,
                  canonical=address(query.with_(unit="hour")), **values)  # fmt: skip
    return Answer(body, valid_until=valid_until, shows=shows(query))


@public("/prices/table")
async def table(ask: Ask) -> Answer:
    """Only the table, for htmx; the browser's address becomes the page's."""
    query = page_query(ask.pairs())
    ask.redirect_to_canonical(address(query, "/prices/table"))
    values, valid_until = await _board(ask, query)
    body = render("prices/_board.html", settings=ask.settings, **values)
    return Answer(
        body,
        valid_until=valid_until,
        shows=shows(query),
        headers=(push_url(address(query)),),
    )


def page_query(pairs: list[tuple[str, str]]) -> PriceQuery:
    """The query of the page. Without any filter it starts with GPUs of :data:`LARGE_GB` and more, as a filter that can
    be removed: with ``min_memory_gb=0``, or with words that name a GPU. Data addresses have no such default."""
    if day := next((value.strip() for name, value in pairs if name == "as_of" and value.strip()), ""):
        hint = f"/prices.csv?{encode([('as_of', day[:20])])} and /api/prices have past days."
        raise QueryError("as_of", "This page has current prices alone.", hint)
    unlimited = [pair for pair in pairs if pair == ("min_memory_gb", "0")]
    query = parse([pair for pair in pairs if pair not in unlimited])
    worded = any(name == "q" and value.strip() for name, value in pairs)
    if worded and query.gpu and query.min_memory_gb == LARGE_GB:
        return replace(query, min_memory_gb=None)
    if query.has_filters or unlimited:
        return query
    return replace(query, min_memory_gb=LARGE_GB)


def address(query: PriceQuery, path: str = "/prices") -> str:
    """The canonical address of a price page, see :func:`page_query`."""
    if _filters(query) == _OPENING:
        return replace(query, min_memory_gb=None).address(path)
    if not _filters(query):
        return f"{path}?{encode([('min_memory_gb', '0'), *query.pairs()])}"
    return query.address(path)


def _filters(query: PriceQuery) -> list[tuple[str, str]]:
    return [pair for pair in query.pairs() if pair[0] in FILTERS]


def shows(query: PriceQuery) -> tuple[str, ...]:
    """What a board shows: the rows of the chosen GPUs and everybody's counts, or every row."""
    if query.gpu and tally_store.is_tallied(query):
        return (TALLY_KEY, *(gpu_key(slug) for slug in query.gpu), *SHOWN_KEYS)
    return (OFFERS_KEY, *SHOWN_KEYS)


async def _board(ask: Ask, query: PriceQuery) -> tuple[dict[str, Any], int]:
    await refuse_unknown_regions(query)
    page = await store.offer_page(query, ask.now)
    if query.page > page.pages:
        count = f"{'the first ' if page.is_more else ''}{page.total:,} offers"
        raise QueryError("page", f"There is no page {query.page}: {count} make {page.pages} pages.",
                         f"For example page={page.pages}.", status=404)  # fmt: skip
    extent = await store.freshness(ask.now)
    mixed = 0 < extent.fresh < extent.offers
    ranked, taken = query.sort in RANKED, query.sort == "reclaims" or tells_reclaims(page.rows)
    values = {
        "query": query,
        "watch": query.with_(unit="hour", sort="price", order="asc"),
        "page": page,
        "extent": extent,
        "groups": group(page.rows, ask.now, mixed=mixed) if ranked else [(Markup(), page.rows)],
        "mark": mixed and not ranked,
        "address": address,
        "asks": _filters(query) not in ([], _OPENING),
        "has_stock": await tally_store.has_stock(),
        "first": (query.page - 1) * PAGE_SIZE + 1,
        "chips": _chips(query),
        "facets": {name: _choices(query, name, page.facets[name]) for name in tally_store.FACETS},
        "taken": taken,
        "headings": [_heading(query, *column) for column in _COLUMNS if taken or column[0] != "reclaims"],
        "looser": await _looser(query) if page.total == 0 else [],
        "memory_steps": MEMORY_STEPS,
        "units": UNITS,
        "sorts": SORTS,
        "now": ask.now,
        "survival": await survival_note(ask.now),
    }
    return values, until_midnight(ask.now, await store.next_stale(ask.now))


def _choices(query: PriceQuery, name: str, counts: tally_store.Choices) -> list[FilterChoice]:
    """The choices of a filter that leave rows, and the chosen ones even if they leave none."""
    held = getattr(query, name)
    chosen = {str(v) for v in (held if isinstance(held, tuple) else (held,) if held is not None else ())}
    if name == "region":
        own = {value for value in counts if _rank_of_place(value) == 2}
        counts = counts if len(own) <= MOST_PLACES else {v: n for v, n in counts.items() if v not in own}
    values: dict[str, int | None] = {**dict.fromkeys(chosen, 0), **counts}
    found = [FilterChoice(value, label_of(name, value), n, value in chosen) for value, n in values.items()]
    return sorted(found, key=lambda choice: _place_of(name, choice))


def _place_of(name: str, choice: FilterChoice) -> tuple[object, ...]:
    if name == "gpu":
        return (list(gpus()).index(choice.value),)
    if name == "tier":
        return (list(TIERS).index(choice.value),)
    if name == "gpu_count":
        return (Fraction(choice.value),)
    if name == "region":
        return (_rank_of_place(choice.value), choice.label)
    return (choice.label.casefold(),)


def _rank_of_place(value: str) -> int:
    """The order of choices: places that include possible ones, then continents, countries, and provider regions."""
    if value.endswith(OR_NOT_STATED):
        return -1
    return 0 if value in CONTINENTS else 1 if value in countries() or value in (NOWHERE, "global") else 2


def label_of(name: str, value: str) -> str:
    """A filter's value for a reader."""
    if name == "gpu":
        return gpus()[value].name
    if name == "provider":
        return providers()[value].name
    if name == "tier":
        return TIERS[value]
    if name == "region":
        return place_name(value)
    return count_text(value)


def chip_label(name: str, value: str) -> str:
    """An active filter for a reader: ``at most $2 per GPU-hour``."""
    return {
        "min_memory_gb": f"at least {value} GB",
        "commitment_months": f"committed for {value} month{'' if value == '1' else 's'}",
        "max_usd": f"at most ${value} per GPU-hour",
        "gpu_count": f"{value} GPU{'' if value == '1' else 's'}",
        "q": f"“{value}”",
        "stock": f"{value} {'of ' if value == 'out' else ''}stock",
    }.get(name) or label_of(name, value)


def _chips(query: PriceQuery) -> list[Chip]:
    found = []
    for name, value in query.pairs():
        if name not in FILTERS:
            continue
        label = chip_label(name, value)
        rest = query.without(name, value)
        found.append(Chip(name, label, address(rest), address(rest, "/prices/table")))
    return found


def _heading(query: PriceQuery, key: str, label: str, column: str) -> Heading:
    """A click sorts by the column, or reverses the order if it already does."""
    held = query.sort == key
    order = "desc" if held and query.order == "asc" else "asc"
    to = query.with_(sort=key, order=order)
    state = {"asc": "ascending", "desc": "descending"}[query.order] if held else "none"
    return Heading(key, label, address(to), address(to, "/prices/table"), state, column)


async def _looser(query: PriceQuery) -> list[tuple[Chip, int]]:
    """(an active filter, how many offers match without it), for each active filter whose removal leaves any."""
    found = []
    chips = _chips(query)
    for name in dict.fromkeys(chip.name for chip in chips):
        rest = query
        for value in [v for n, v in query.pairs() if n == name]:
            rest = rest.without(name, value)
        if count := await tally_store.count(rest):
            words = ", ".join(chip.label for chip in chips if chip.name == name)
            found.append((Chip(name, words, address(rest), address(rest, "/prices/table")), count))
    return sorted(found, key=lambda item: -item[1])


def titled(query: PriceQuery) -> str:
    """What the prices are of, for a heading: ``H100 SXM prices at Lambda, spot``."""
    what = ", ".join(gpus()[slug].name for slug in query.gpu[:3]) or "GPU"
    whose = " at " + ", ".join(providers()[slug].name for slug in query.provider[:2]) if query.provider else ""
    tier = f", {TIERS[query.tier[0]].split(' (')[0].lower()}" if len(query.tier) == 1 else ""
    return f"{what} prices{whose}{tier}"


def _title(query: PriceQuery, page: store.OfferPage) -> tuple[str, str]:
    title = titled(query)
    count = f"{'More than ' if page.is_more else ''}{page.total:,} offers"
    return title, f"{count}: {title}, in USD per GPU-hour, each with its source and date."
