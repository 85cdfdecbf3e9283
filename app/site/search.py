"""One search over GPUs, models and providers, which says what it understood."""

import difflib
import re
from dataclasses import dataclass
from typing import Any

from app.catalog.facts import Gpu, gpus, providers
from app.core.addresses import encode
from app.core.version_keys import MODELS_KEY, OFFERS_KEY
from app.models import query as model_query
from app.models import store as models
from app.models.architecture import describe
from app.models.relatives import Relative, nearest_relative
from app.pricing.offers import best as best_prices
from app.pricing.offers import store
from app.pricing.offers.price_query import FILTERS, PriceQuery
from app.pricing.search.parse_query import parse
from app.pricing.search.search_words import gpu_names
from app.site import examples
from app.site.offer_groups import group, is_mixed
from app.site.prices import chip_label
from app.site.render import render
from app.site.search_actions import Errand, errands, report_values
from app.site.strips import strips_of
from app.web.answers import Answer, Ask
from app.web.front import public

SHOWN_OFFERS = 20
SHOWN_MODELS = 20
_LEAST = 2
"""The fewest letters and digits that are searched for among models; a single one is in almost every name."""
_HOW_LIKE = 0.75
"""How similar to a name a word must be to count as a typing error (0 to 1, :func:`difflib.get_close_matches`)."""


@dataclass(frozen=True, slots=True)
class Understood:
    """What the words of a search name: ``query`` for the prices, ``names`` for a reader, and ``rest``, the words that
    name nothing here."""

    query: PriceQuery
    names: tuple[str, ...]
    rest: str


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found among models: those of that name, or the nearest relative of one that is not tracked."""

    understood: Understood
    models: list[dict[str, Any]]
    relative: Relative | None


_GENERAL = (Errand("All prices, cheapest first", "/prices"), Errand("All GPUs and accelerators", "/gpus"),
            Errand("Size hardware for a model and your traffic", "/calculator"))  # fmt: skip


@public("/search", shows=(OFFERS_KEY, MODELS_KEY))
async def search(ask: Ask) -> Answer:
    """GPUs, offers, providers and models that the words of ``q`` name."""
    text = parse_words(ask.pairs())
    if ask.pairs() != ([("q", text)] if text else []):  # however its blanks are written: a form sends them as +
        ask.redirect_to_canonical(f"/search?{encode([('q', text)])}" if text else "/search")
    rows = await models.every_model()
    found = asked = _found(read(text), rows)
    guess = "" if found.models or found.relative else _guess(text, found.understood.rest, rows)
    if guess and not found.understood.names:  # nothing else is known: what was probably meant is shown at once
        found = _found(read(guess), rows)
    understood, query = found.understood, found.understood.query
    reported = model_query.select(rows, model_query.ModelQuery(q=report_values(text)[1])) if text else []
    total = await store.count(query) if query.has_filters else 0
    body = render(
        "site/search.html", settings=ask.settings, path="/search", now=ask.now, text=text, understood=understood,
        todo=errands(text, **({"model": reported[0]["model"]} if len(reported) == 1 else {})) or _begin(text, found),
        models=found.models[:SHOWN_MODELS], models_total=len(found.models), relative=found.relative,
        models_address=model_query.ModelQuery(q=understood.rest).address(),
        words=describe, missed="" if asked.models or asked.relative else asked.understood.rest, guess=guess,
        replaced=found is not asked,
        whose=[providers()[slug] for slug in query.provider], counts=await store.counts_by("provider"),
        total=total, tries=await _tries(rows), title=f"Search: {text}" if text else "Search",
        description="GPUs, models and providers by words.", **await _prices(query, total, ask.now),
    )  # fmt: skip
    return Answer(body, valid_until=await store.next_stale(ask.now))


def parse_words(pairs: list[tuple[str, str]]) -> str:
    """The words to search for, on one line, within the limits of a price search. Raises :class:`QueryError`."""
    given = [pair for pair in pairs if pair[0] == "q"]
    parse(given)
    return " ".join(given[0][1].split()) if given else ""


def read(text: str) -> Understood:
    """What ``text`` names."""
    found = parse([("q", text)] if text else [])
    query = found.with_(q="")
    names = tuple(chip_label(name, value) for name, value in query.pairs() if name in FILTERS)
    return Understood(query, names, found.q)


async def _tries(rows: list[dict[str, Any]]) -> list[tuple[str, list[str]]]:
    """Kinds of searches, each with the examples that find an offer or a model now, or lead to something to do."""

    async def leads(text: str) -> bool:
        found = _found(read(text), rows)
        query = found.understood.query
        return bool(errands(text) or found.models or (query.has_filters and await store.count(query)))

    return [
        (kind, said) for kind, texts in examples.SEARCHES if (said := [text for text in texts if await leads(text)])
    ]


async def _prices(query: PriceQuery, total: int, now: int) -> dict[str, Any]:
    """The GPUs that the words name with their best prices, and the first offers."""
    named: list[Gpu] = [gpus()[slug] for slug in query.gpu]
    rows = await store.rows_between(query, 0, SHOWN_OFFERS, now) if total else []
    return {
        "named": named, "best": await best_prices.best_by_gpu(now) if named else {},
        "offer_counts": await store.counts_by("gpu"), "shown": len(rows), "offers_address": query.address("/prices"),
        "found": group(rows, now, mixed=is_mixed(rows, now)), "all_stale": all(r["stale_at"] <= now for r in rows),
        **strips_of(named, best_prices.prices_by_gpu([row for gpu in named for row in
            await best_prices.asked_prices(gpu.slug)])),
    }  # fmt: skip


def _found(understood: Understood, rows: list[dict[str, Any]]) -> Found:
    """The models of ``rows`` that the words left over name, or the nearest relative of one that is not tracked."""
    says = sum(char.isalnum() for char in understood.rest) >= _LEAST
    named = model_query.select(rows, model_query.ModelQuery(q=understood.rest)) if says else []
    relative = nearest_relative(understood.rest, rows) if says and not named else None
    return Found(understood, named, relative)


def _begin(text: str, found: Found) -> tuple[Errand, ...]:
    """Where to begin for words that name nothing in particular, such as ``cheapest gpu``."""
    is_general = text and not found.understood.names and not found.understood.rest
    return _GENERAL if is_general else ()


def _guess(text: str, rest: str, rows: list[dict[str, Any]]) -> str:
    """``text`` with the first word that matches no name replaced by the most similar name, if there is one."""
    names = {name.casefold() for p in providers().values() for name in (p.slug, p.name)} | {"spot", "europe", *gpus()}
    names |= gpu_names() | {word for row in rows for word in re.findall(r"[a-z]{4,}", row["name"].casefold())}
    for word in rest.split():
        for near in difflib.get_close_matches(word.casefold()[:40], sorted(names), n=1, cutoff=_HOW_LIKE):
            return " ".join(near if part.casefold() == word.casefold() else part for part in text.split())
    return ""
