"""One search over GPUs, models and providers, which says what it understood."""

import difflib
import re
from dataclasses import dataclass
from typing import Any

from app.catalog.facts import gpus, providers
from app.core.addresses import encode
from app.core.version_keys import MODELS_KEY, OFFERS_KEY
from app.models import query as model_query
from app.models import store as models
from app.models.architecture import describe
from app.models.relatives import Relative, nearest_relative
from app.pricing.offers import store, tally_store
from app.pricing.offers.price_query import FILTERS, PriceQuery
from app.pricing.search.names import names_of_one_word
from app.pricing.search.parse_query import parse
from app.site import examples
from app.site.found_gpus import board_of
from app.site.offer_groups import group, is_mixed
from app.site.prices import chip_label
from app.site.render import render
from app.site.search_actions import Errand, errands, report_values
from app.web.answers import Answer, Ask
from app.web.front import public

SHOWN_OFFERS = 20
SHOWN_MODELS = 20
MOST_NAMED = 10
"""The most GPUs that are named one by one where the page says what it understood."""
_LEAST = 2
"""The fewest letters and digits that are searched for among models; a single one is in almost every name."""
_HOW_LIKE = 0.75
"""How similar to a name a word must be to count as a typing error (0 to 1, :func:`difflib.get_close_matches`)."""


_CARD = re.compile(r"(?<![\w.-])(?:rtx|gtx|gh|gb|mi|[a-z])-?\d{2,4}[a-z]{0,2}(?![\w.-])")
"""What looks like the designation of a GPU: ``h20``, ``mi308x``."""


@dataclass(frozen=True, slots=True)
class Understood:
    """What the words of a search name: ``query`` for the prices, ``names`` for a reader, and ``rest``, the words that
    are no filter; ``is_stated`` says that some offer has all of these."""

    query: PriceQuery
    names: tuple[str, ...]
    rest: str
    is_stated: bool


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found among models: those of that name, or the nearest relative of one that is not tracked."""

    understood: Understood
    models: list[dict[str, Any]]
    relative: Relative | None

    @property
    def is_named(self) -> bool:
        """True if no word is left that names nothing."""
        return bool(self.models or self.relative or self.understood.is_stated or not self.understood.rest)


_GENERAL = (Errand("All prices, cheapest first", "/prices"), Errand("All GPUs and accelerators", "/gpus"),
            Errand("Size hardware for a model and your traffic", "/calculator"))  # fmt: skip


@public("/search", shows=(OFFERS_KEY, MODELS_KEY))
async def search(ask: Ask) -> Answer:
    """GPUs, offers, providers and models that the words of ``q`` name."""
    text = parse_words(ask.pairs())
    if ask.pairs() != ([("q", text)] if text else []):  # however its blanks are written: a form sends them as +
        ask.redirect_to_canonical(f"/search?{encode([('q', text)])}" if text else "/search")
    rows = await models.every_model()
    found = asked = _found(text, await read(text), rows)
    guess = "" if found.is_named else _guess(text, found.understood.rest, rows)
    if guess and not found.understood.names:  # nothing else is known: what was probably meant is shown at once
        found = _found(guess, await read(guess), rows)
    understood, query = found.understood, found.understood.query
    reported = model_query.select(rows, model_query.ModelQuery(q=report_values(text)[1])) if text else []
    total = await tally_store.count_some(query) if query.has_filters else 0
    count = query.gpu_count
    if not total and count is not None and (others := await tally_store.count_some(query.with_(gpu_count=None))):
        query, total = query.with_(gpu_count=None), others  # machines of other sizes answer better than nothing
    is_more = query.max_usd_micro is not None and total > tally_store.MOST_COUNTED
    todo = errands(text, **({"model": reported[0]["model"]} if len(reported) == 1 else {})) or _begin(text, found)
    leads = bool(total or found.models or found.relative or query.gpu or query.provider or todo)
    body = render(
        "site/search.html", settings=ask.settings, path="/search", now=ask.now, text=text, understood=understood,
        todo=todo, models=found.models[:SHOWN_MODELS], models_total=len(found.models), relative=found.relative,
        models_address=model_query.ModelQuery(q=understood.rest or text).address(),
        words=describe, missed="" if asked.is_named else asked.understood.rest, guess=guess,
        untracked=[] if asked.is_named or found is not asked else _CARD.findall(asked.understood.rest),
        named=[gpus()[slug] for slug in query.gpu],
        replaced=found is not asked,
        no_size=count if query.gpu_count is None else None,
        whose=[providers()[slug] for slug in query.provider], counts=await tally_store.counts_by("provider"),
        only_gpus=bool(query.gpu) and not query.with_(gpu=()).has_filters,
        total=min(total, tally_store.MOST_COUNTED) if is_more else total, is_more=is_more, leads=leads,
        tries=[] if leads else await _tries(rows), title=f"Search: {text}" if text else "Search",
        description="GPUs, models and providers by words.", **await _prices(query, total, ask.now),
    )  # fmt: skip
    return Answer(body, valid_until=await store.next_stale(ask.now))


def parse_words(pairs: list[tuple[str, str]]) -> str:
    """The words to search for, on one line, within the limits of a price search. Raises :class:`QueryError`."""
    given = [pair for pair in pairs if pair[0] == "q"]
    parse(given)
    return " ".join(given[0][1].split()) if given else ""


async def read(text: str) -> Understood:
    """What ``text`` names. Words that are no filter are understood where offers state them, as a machine's name or a
    provider's region."""
    found = parse([("q", text)] if text else [])
    stated = _says_enough(found.q) and await tally_store.count_some(found, 1) > 0
    query = found if stated else found.with_(q="")
    said = [chip_label(name, value) for name, value in query.pairs() if name in FILTERS]
    cards = len(query.gpu) if len(query.gpu) > MOST_NAMED else 0
    names = [*said[: MOST_NAMED - 1], f"{cards - MOST_NAMED + 1} more GPUs", *said[cards:]] if cards else said
    return Understood(query, tuple(names), found.q, stated)


def _says_enough(words: str) -> bool:
    return sum(char.isalnum() for char in words) >= _LEAST


async def _tries(rows: list[dict[str, Any]]) -> list[tuple[str, list[str]]]:
    """Kinds of searches, each with the examples that find an offer or a model now, or lead to something to do."""

    async def leads(text: str) -> bool:
        found = _found(text, await read(text), rows)
        query = found.understood.query
        return bool(errands(text) or found.models or (query.has_filters and await tally_store.count_some(query, 1)))

    return [
        (kind, said) for kind, texts in examples.SEARCHES if (said := [text for text in texts if await leads(text)])
    ]


async def _prices(query: PriceQuery, total: int, now: int) -> dict[str, Any]:
    """The GPUs that the words name with their best prices, and the first offers."""
    rows = await store.rows_between(query, 0, SHOWN_OFFERS, now) if total else []
    return {
        "board": await board_of(query, now), "shown": len(rows), "offers_address": query.address("/prices"),
        "found": group(rows, now, mixed=is_mixed(rows, now)), "all_stale": all(r["stale_at"] <= now for r in rows),
    }  # fmt: skip


def _found(text: str, understood: Understood, rows: list[dict[str, Any]]) -> Found:
    """The models of ``rows`` that the words left over name, or that the one named makes, as with ``google``; or the
    nearest relative of one that is not tracked."""
    rest = understood.rest
    if not _says_enough(rest):
        return Found(
            understood, [row for row in rows if row["model"].casefold().startswith(f"{text.casefold()}/")], None
        )
    named = model_query.select(rows, model_query.ModelQuery(q=rest))
    relative = nearest_relative(rest, rows) if not named and not understood.is_stated else None
    return Found(understood, named, relative)


def _begin(text: str, found: Found) -> tuple[Errand, ...]:
    """Where to begin for words that name nothing in particular, such as ``cheapest gpu``."""
    is_general = text and not found.understood.names and not found.understood.rest
    return _GENERAL if is_general else ()


def _guess(text: str, rest: str, rows: list[dict[str, Any]]) -> str:
    """``text`` with the first word that matches no name replaced by the most similar name, if there is one."""
    names = {name.casefold() for p in providers().values() for name in (p.slug, p.name)} | {"spot", "europe", *gpus()}
    names |= names_of_one_word() | {word for row in rows for word in re.findall(r"[a-z]{4,}", row["name"].casefold())}
    for word in rest.split():
        if re.search(r"\d", word):  # another letter or number is another thing: an H20 is no H200, an H800 no A800
            names = {name for name in names if _typed(name) == _typed(word)}
        for near in difflib.get_close_matches(word.casefold()[:40], sorted(names), n=1, cutoff=_HOW_LIKE):
            return " ".join(near if part.casefold() == word.casefold() else part for part in text.split())
    return ""


def _typed(word: str) -> str:
    """``word`` with digits for the letters that are typed for them: ``h10o`` → ``h100``."""
    return word.casefold().translate(str.maketrans("oil", "011"))
