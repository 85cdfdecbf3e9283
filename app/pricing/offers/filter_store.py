"""What a query of the price table asks of the offers, or of one of their summaries, as conditions. No rows here."""

import re
from collections.abc import Iterator
from functools import reduce
from operator import and_, or_
from typing import Any

from piccolo.columns.combination import CombinableMixin, WhereRaw

from app.catalog.aliases import other_cards
from app.catalog.facts import CONTINENTS, countries, providers
from app.pricing.offers.price_query import NOWHERE, OR_NOT_STATED, PriceQuery
from app.pricing.offers.summary_tables import OfferTally, OfferWords
from app.pricing.offers.tables import OfferRow

Counted = type[OfferRow] | type[OfferTally] | type[OfferWords]
"""The table that a query is asked of: the offers, or a summary that counts them."""


def narrowed(select: Any, query: PriceQuery, leave_out: str = "", *, rare: bool = False) -> Any:
    """``select``, of any table that is :data:`Counted`, with the conditions of ``query`` but those of the filter
    ``leave_out``. With ``rare`` the offers with its words are looked up by their text, which is the quicker way to few
    of them; else each offer's own text is looked at."""
    of = select.table
    conditions = list(_conditions(query, leave_out, of))
    if query.q:
        conditions.append(_with_words(query.q) if rare and of is OfferRow else _has_words(query.q))
    return select.where(reduce(and_, conditions)) if conditions else select


def _conditions(query: PriceQuery, leave_out: str, of: Counted) -> Iterator[CombinableMixin]:
    for name, column in (("gpu", of.gpu), ("provider", of.provider), ("tier", of.tier)):
        values = getattr(query, name)
        if values and name != leave_out:
            yield column == values[0] if len(values) == 1 else column.is_in(list(values))
    if query.region and leave_out != "region":
        yield reduce(or_, (_in_region(value, of) for value in query.region))
    if query.stock:
        yield of.stock == query.stock
    if query.gpu_count is not None and leave_out != "gpu_count":
        yield of.gpu_count == str(query.gpu_count)
    if query.min_memory_gb is not None:
        yield of.gpu_memory_gb >= query.min_memory_gb
    if query.commitment_months is not None:
        yield of.commitment_months == query.commitment_months
    if query.max_usd_micro is not None:
        yield OfferRow.usd_per_gpu_hour_micro <= query.max_usd_micro


def _has_words(words: str) -> CombinableMixin:
    return WhereRaw(*_likes(words))


def _with_words(words: str) -> CombinableMixin:
    text, *values = _likes(words)
    return WhereRaw(f"search_text IN (SELECT search_text FROM offer_words WHERE {text})", *values)  # noqa: S608


def _likes(words: str) -> list[str]:
    """The condition that a text holds every word, and its values. A card that is not in the catalogue is not looked for
    in the names of others that begin as it does."""
    texts, values = [], []
    for word in words.casefold().split():
        others = other_cards(word)
        texts.append(f"{'replace(' * len(others)}search_text{', {}, {})' * len(others)} LIKE {{}} ESCAPE '!'")
        values += [part for other in others for part in (other, "")]
        values.append(f"%{re.sub('[!%_]', lambda special: '!' + special[0], word)}%")
    return [" AND ".join(texts), *values]


def _in_region(value: str, of: Counted) -> CombinableMixin:
    place = value.removesuffix(OR_NOT_STATED)
    if place != value and (place in countries() or place in CONTINENTS):
        may = [provider.slug for provider in providers().values() if provider.may_be_in(place)]
        return _in_region(place, of) | ((of.country == "") & of.region.is_in(["", "global"]) & of.provider.is_in(may))
    if value in countries():
        return of.country == value
    if value in CONTINENTS:
        return of.continent == value
    return of.region == ("" if value == NOWHERE else value)
