"""How long prices last: computed once a day from the whole history, stored, and asked of single prices."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from app.catalog.facts import providers
from app.core.clock import parse_instant
from app.core.units import DAY_S
from app.core.version_keys import LASTING_KEY
from app.pricing.history import spans, survival_store
from app.pricing.history.survival import (
    Chance,
    Curve,
    Said,
    Score,
    claimed,
    curve,
    known_by,
    lives,
    pooled,
    score,
)
from app.pricing.history.sweep import Span, grouped
from app.pricing.offers.offer import COMMUNITY
from app.pricing.offers.price_query import PriceQuery
from app.storage.engine import transaction

ALL = ""
"""The provider of curves of all providers together."""
MONTHS = 36
"""So many past months are scored."""
Groups = dict[tuple[str, str], list[Span]]


@dataclass(frozen=True, slots=True)
class Lasting:
    """The stored curves, by (provider, tier); those of all providers together stand under :data:`ALL`."""

    curves: Mapping[tuple[str, str], Curve]

    def of(self, provider: str, tier: str) -> tuple[Curve, bool] | None:
        """The curve that speaks for a provider's prices of a tier, and whether it is their own; None without one."""
        own = self.curves.get((provider, tier))
        made = own or self.curves.get((ALL, tier))
        return (made, own is not None) if made else None

    def chance(self, row: Mapping[str, Any], at: int) -> Chance | None:
        """The chance that an offer still has its price at the second ``at``, given how long it had it when it was last
        seen, in whole UTC days. None where nothing is known of such prices, of reported ones, and on the same day."""
        found = self.of(row["provider"], row["tier"])
        seen = row["fetched_at"] // DAY_S
        days = at // DAY_S - seen
        if found is None or days < 1 or row["source"] == COMMUNITY:
            return None
        since = _day_number(row["price_since"]) if row["price_since"] else seen
        return found[0].chance(max(0, seen - since), days)

    def is_own(self, row: Mapping[str, Any]) -> bool:
        """True if the chance of an offer rests on its provider's own prices."""
        return (row["provider"], row["tier"]) in self.curves


UNKNOWN = Lasting({})
"""Where nothing is known of how long prices last."""


@lru_cache(maxsize=4096)
def _day_number(day: str) -> int:
    return int(parse_instant(day).timestamp()) // DAY_S


async def stored() -> Lasting:
    """What is stored: a few dozen curves."""
    return Lasting({(row.provider, row.tier): row.curve for row in await survival_store.curves()})


async def record(now: int) -> int:
    """Compute the curves and scores from all that is known up to the end of yesterday, and store them.

    Returns how many curves there are.
    """
    until = (await spans.last_day(now) + 1) * DAY_S
    every = await spans.answering(PriceQuery(), 0)
    curves, scores = await asyncio.to_thread(computed, every, until)
    async with transaction(LASTING_KEY):
        await survival_store.replace(curves, scores, until)
    return len(curves)


def computed(every: Iterable[Span], until: int) -> tuple[list[tuple[str, str, Curve]], list[Score]]:
    """(provider, tier, curve) of each group that is told, those of all providers together first; and the scores of
    past months, newest first."""
    held = dict(grouped((s for s in every if s.provider in providers()), lambda span: (span.provider, span.tier)))
    return [(*name, made) for name, made in _curves(held, until).items()], list(_scores(held, until))


def _curves(held: Groups, until: int) -> dict[tuple[str, str], Curve]:
    each = {name: lives(some, until, across=True) for name, some in held.items()}
    tiers = sorted({tier for _, tier in held})
    found = {(ALL, tier): pooled(some for name, some in each.items() if name[1] == tier) for tier in tiers}
    found |= {name: curve(some) for name, some in each.items()}
    return {name: made for name, made in found.items() if made.is_told}


def _scores(held: Groups, until: int) -> Iterator[Score]:
    end = _first_of_month(_day(until))
    for _ in range(MONTHS):
        begin = _first_of_month(_day(end - 1))
        known = {name: before for name, some in held.items() if (before := known_by(some, begin))}
        if not known:
            return
        made = _curves(known, begin)
        said: dict[bool, list[Said]] = {True: [], False: []}
        for name in known:
            own = name in made
            speaks = made.get(name) or made.get((ALL, name[1]))
            said[own] += claimed(held[name], speaks, begin, end) if speaks else []
        for own in (True, False):
            told = score(said[own], f"{_day(begin):%Y-%m-%d}", own=own)
            if told:
                yield told
        end = begin


def _day(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _first_of_month(day: datetime) -> int:
    return int(datetime(day.year, day.month, 1, tzinfo=UTC).timestamp())
