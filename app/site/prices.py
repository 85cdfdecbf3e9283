"""The price table: the page, its fragment, and what both show."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from app.catalog.facts import CONTINENTS, countries, gpus, providers
from app.core.errors import QueryError
from app.core.version_keys import OFFERS_KEY, TALLY_KEY, gpu_key
from app.pricing.offers import store
from app.pricing.offers.price_query import FILTERS, OR_NOT_STATED, PAGE_SIZE, SORTS, UNITS, PriceQuery
from app.pricing.search.parse_query import parse
from app.site.render import count_text, place_name, render
from app.web.answers import Answer, Ask
from app.web.front import public
from app.web.htmx import push_url

MEMORY_STEPS = (8, 16, 24, 40, 48, 80, 96, 141, 180, 288)
TIERS = {"on-demand": "On demand", "spot": "Spot (may be interrupted)", "reserved": "Reserved for a term"}


@dataclass(frozen=True, slots=True)
class FilterChoice:
    """One choice of a filter: its value and name, how many rows it leaves, whether it is chosen."""

    value: str
    label: str
    count: int
    chosen: bool


@dataclass(frozen=True, slots=True)
class Chip:
    """An active filter and the address without it."""

    name: str
    label: str
    address: str
    fragment: str


@dataclass(frozen=True, slots=True)
class Heading:
    """A column's heading: what it sorts by, where a click leads, and how it sorts now."""

    key: str
    label: str
    address: str
    fragment: str
    state: str


_COLUMNS = (("price", "USD per GPU"), ("gpu", "GPU"), ("count", "GPUs"), ("provider", "Provider"), ("tier", "Tier"),
            ("region", "Region"), ("instance", "USD per instance"), ("seen", "Last seen"))  # fmt: skip


@public("/prices")
async def prices(ask: Ask) -> Answer:
    """The whole page."""
    query = parse(ask.pairs())
    ask.redirect_to_canonical(query.address("/prices"))
    values, valid_until = await _board(ask, query)
    title, description = _title(query, values["page"].total)
    body = render("prices/page.html", settings=ask.settings, path="/prices", title=title, description=description,
                  canonical=query.with_(unit="hour").address("/prices"), **values)  # fmt: skip
    return Answer(body, valid_until=valid_until, shows=shows(query))


@public("/prices/table")
async def table(ask: Ask) -> Answer:
    """The board alone, for htmx; the browser's address becomes the page's."""
    query = parse(ask.pairs())
    ask.redirect_to_canonical(query.address("/prices/table"))
    values, valid_until = await _board(ask, query)
    body = render("prices/_board.html", settings=ask.settings, **values)
    return Answer(
        body,
        valid_until=valid_until,
        shows=shows(query),
        headers=(push_url(query.address("/prices")),),
    )


def shows(query: PriceQuery) -> tuple[str, ...]:
    """What a board shows: the rows of the chosen GPUs and everybody's counts, or every row."""
    return (
        (TALLY_KEY, *(gpu_key(slug) for slug in query.gpu)) if query.gpu and store.is_tallied(query) else (OFFERS_KEY,)
    )


async def _board(ask: Ask, query: PriceQuery) -> tuple[dict[str, Any], int | None]:
    page = await store.offer_page(query)
    if query.page > page.pages:
        raise QueryError("page", f"There is no page {query.page}: {page.total:,} offers make {page.pages} pages.",
                         f"For example page={page.pages}.", status=404)  # fmt: skip
    values = {
        "query": query,
        "watch": query.with_(unit="hour", sort="price", order="asc"),
        "page": page,
        "extent": await store.freshness(ask.now),
        "has_stock": await store.tells_stock(),
        "first": (query.page - 1) * PAGE_SIZE + 1,
        "chips": _chips(query),
        "facets": {name: _choices(query, name, page.facets[name]) for name in store.FACETS},
        "headings": [_heading(query, key, label) for key, label in _COLUMNS],
        "looser": await _looser(query) if page.total == 0 else [],
        "memory_steps": MEMORY_STEPS,
        "units": UNITS,
        "sorts": SORTS,
        "now": ask.now,
    }
    return values, await store.next_stale(ask.now)


def _choices(query: PriceQuery, name: str, counts: dict[str, int]) -> list[FilterChoice]:
    """The choices of a filter that leave rows, and the chosen ones even where they leave none."""
    held = getattr(query, name)
    chosen = {str(v) for v in (held if isinstance(held, tuple) else (held,) if held is not None else ())}
    values = {**dict.fromkeys(chosen, 0), **counts}
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
        rank = (
            -1
            if choice.value.endswith(OR_NOT_STATED)
            else 0
            if choice.value in CONTINENTS
            else 1
            if choice.value in countries()
            else 2
        )
        return (rank, choice.label)
    return (choice.label.casefold(),)


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


def _chips(query: PriceQuery) -> list[Chip]:
    found = []
    for name, value in query.pairs():
        if name not in FILTERS:
            continue
        label = {
            "min_memory_gb": f"at least {value} GB",
            "max_usd": f"at most ${value} per GPU-hour",
            "gpu_count": f"{value} GPU{'' if value == '1' else 's'}",
            "q": f"“{value}”",
            "stock": f"{value} {'of ' if value == 'out' else ''}stock",
        }.get(name) or label_of(name, value)
        rest = query.without(name, value)
        found.append(Chip(name, label, rest.address("/prices"), rest.address("/prices/table")))
    return found


def _heading(query: PriceQuery, key: str, label: str) -> Heading:
    """A click sorts by the column, and the other way round where it already does."""
    held = query.sort == key
    order = "desc" if held and query.order == "asc" else "asc"
    to = query.with_(sort=key, order=order)
    state = {"asc": "ascending", "desc": "descending"}[query.order] if held else "none"
    return Heading(key, label, to.address("/prices"), to.address("/prices/table"), state)


async def _looser(query: PriceQuery) -> list[tuple[Chip, int]]:
    """Which filter to loosen: each active one with the number of offers that stand without it, if any."""
    found = []
    chips = _chips(query)
    for name in dict.fromkeys(chip.name for chip in chips):
        rest = query
        for value in [v for n, v in query.pairs() if n == name]:
            rest = rest.without(name, value)
        if count := await store.count(rest):
            words = ", ".join(chip.label for chip in chips if chip.name == name)
            found.append((Chip(name, words, rest.address("/prices"), rest.address("/prices/table")), count))
    return sorted(found, key=lambda item: -item[1])


def titled(query: PriceQuery) -> str:
    """What the prices are of, for a heading: ``H100 SXM prices at Lambda, spot``."""
    what = ", ".join(gpus()[slug].name for slug in query.gpu[:3]) or "GPU"
    whose = " at " + ", ".join(providers()[slug].name for slug in query.provider[:2]) if query.provider else ""
    tier = f", {TIERS[query.tier[0]].split(' (')[0].lower()}" if len(query.tier) == 1 else ""
    return f"{what} prices{whose}{tier}"


def _title(query: PriceQuery, total: int) -> tuple[str, str]:
    title = titled(query)
    return title, f"{total:,} offers: {title}, in USD per GPU-hour, each with its source and date."
