"""How long prices last: survival curves computed once a day from the whole history, stored, and applied to single
prices."""

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
from app.pricing.history.price_span import Span, grouped
from app.pricing.history.survival import (
    Chance,
    Claim,
    Curve,
    Score,
    claimed,
    curve,
    known_by,
    lives,
    pooled,
    score,
)
from app.pricing.offers.offer import COMMUNITY
from app.pricing.offers.price_query import PriceQuery
from app.storage.engine import transaction

ALL, HYPERSCALERS, OTHERS = "*", "*hyperscalers", "*others"
POOLS = {ALL: "all providers", HYPERSCALERS: "hyperscalers", OTHERS: "GPU clouds and marketplaces"}
"""Pool → whose prices it holds, in words. The keys are no provider's slug. Hyperscalers are apart because their prices
last several times as long."""
MONTHS = 36
"""How many past months are scored."""
Groups = dict[tuple[str, str], list[Span]]


@dataclass(frozen=True, slots=True)
class Lasting:
    """The stored curves, by (provider or one of :data:`POOLS`, tier)."""

    curves: Mapping[tuple[str, str], Curve]

    def curve_key(self, provider: str, tier: str) -> str:
        """The key of the curve to use for a provider's prices of a tier: the provider itself, its pool, or all
        providers; "" if there is none."""
        asked = (provider, pool_of(provider), ALL)
        return next((name for name in asked if (name, tier) in self.curves), "")

    def chance(self, row: Mapping[str, Any], at: int) -> Chance | None:
        """The chance that an offer still has its price at the second ``at``, given how many whole UTC days it had had
        it when it was last seen. ``None`` if no curve covers such prices, for reported prices, and on the same day."""
        key = self.curve_key(row["provider"], row["tier"])
        seen = row["fetched_at"] // DAY_S
        days = at // DAY_S - seen
        if not key or days < 1 or row["source"] == COMMUNITY:
            return None
        since = _day_number(row["price_since"]) if row["price_since"] else seen
        return self.curves[key, row["tier"]].chance(max(0, seen - since), days)

    def rests_on(self, row: Mapping[str, Any]) -> str:
        """Whose prices the chance of an offer is computed from, in words, such as ``hyperscalers``; "" for its own
        provider's."""
        return POOLS.get(self.curve_key(row["provider"], row["tier"]), "")


UNKNOWN = Lasting({})
"""Used while no curves are stored."""


@lru_cache(maxsize=4096)
def _day_number(day: str) -> int:
    return int(parse_instant(day).timestamp()) // DAY_S


def pool_of(provider: str) -> str:
    """The pool that a provider's prices belong to, a key of :data:`POOLS`."""
    return HYPERSCALERS if provider in providers() and providers()[provider].kind == "hyperscaler" else OTHERS


async def stored() -> Lasting:
    """The stored curves of the catalogue's providers and of the pools: a few dozen."""
    rows = await survival_store.curves()
    known = {**providers(), **POOLS}
    return Lasting({(row.provider, row.tier): row.curve for row in rows if row.provider in known})


async def record(now: int) -> int:
    """Compute the curves and scores from the whole history up to the end of yesterday (UTC), and store them.

    Returns how many curves there are.
    """
    until = (await spans.last_day(now) + 1) * DAY_S
    every = await spans.answering(PriceQuery(), 0)
    curves, scores = await asyncio.to_thread(computed, every, until)
    async with transaction(LASTING_KEY):
        await survival_store.replace(curves, scores, until)
    return len(curves)


def computed(every: Iterable[Span], until: int) -> tuple[list[tuple[str, str, Curve]], list[Score]]:
    """(provider or pool, tier, curve) for each group with enough prices; and the scores of past months, newest
    first."""
    held = dict(grouped((s for s in every if s.provider in providers()), lambda span: (span.provider, span.tier)))
    return [(*name, made) for name, made in _curves(held, until).items()], list(_scores(held, until))


def _curves(held: Groups, until: int) -> dict[tuple[str, str], Curve]:
    each = {name: lives(some, until, across=True) for name, some in held.items()}
    tiers = sorted({tier for _, tier in held})
    found = {
        (pool, tier): pooled(some for (who, what), some in each.items() if what == tier and pool in (ALL, pool_of(who)))
        for tier in tiers
        for pool in POOLS
    }
    found |= {name: curve(some) for name, some in each.items()}
    return {name: made for name, made in found.items() if made.is_sufficient}


def _scores(held: Groups, until: int) -> Iterator[Score]:
    end = _first_of_month(_day(until))
    for _ in range(MONTHS):
        begin = _first_of_month(_day(end - 1))
        known = {name: before for name, some in held.items() if (before := known_by(some, begin))}
        if not known:
            return
        made = _curves(known, begin)
        said: dict[bool, list[Claim]] = {True: [], False: []}
        for name in known:
            key = Lasting(made).curve_key(*name)
            if key:
                said[key == name[0]] += claimed(held[name], made[key, name[1]], begin, end)
        for own in (True, False):
            scored = score(said[own], f"{_day(begin):%Y-%m-%d}", own=own)
            if scored:
                yield scored
        end = begin


def _day(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _first_of_month(day: datetime) -> int:
    return int(datetime(day.year, day.month, 1, tzinfo=UTC).timestamp())
