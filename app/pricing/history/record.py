"""Writing the price history: spans, moves and the level of each GPU. Inside the caller's transaction.

An unchanged price writes nothing. Money is micro-dollars, instants are seconds since 1970.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from statistics import median

from app.core.units import DAY_S
from app.pricing.history import store
from app.pricing.history.price_moves import THRESHOLD, PriceMove
from app.pricing.history.store import DatedLevel, Kind, LevelPrices

NONE_IN_STOCK = -1
"""The value of ``in_stock_micro`` if stock is stated and nothing is in stock; ``None`` is "not stated"."""
UNKNOWN = LevelPrices(None, None, None)
"""The level where nothing is known."""


@dataclass(frozen=True, slots=True)
class Priced:
    """An offer as history sees it: its identity, kind and price."""

    id: str
    kind: Kind
    micro: int


async def open_spans(offers: Iterable[Priced], now: int) -> None:
    """Begin a span of each offer's price at ``now``; the series of a new offer is created."""
    found = list(offers)
    await store.add_series((offer.id, *offer.kind) for offer in found)
    await store.open_spans((now, offer.micro, offer.id) for offer in found)


async def close_spans(ids: Iterable[str], now: int) -> None:
    """End the span of each offer's last known price at ``now``."""
    await store.close_spans((now, offer) for offer in ids)


def lowest(offers: Iterable[Priced]) -> dict[Kind, int]:
    """Kind → its lowest price."""
    found: dict[Kind, int] = {}
    for offer in offers:
        found[offer.kind] = min(offer.micro, found.get(offer.kind, offer.micro))
    return found


async def record_moves(before: Mapping[Kind, int], after: Mapping[Kind, int], now: int) -> bool:
    """Record each kind whose lowest price moved by the threshold within this UTC day, once a day. True if any did."""
    midnight = now - now % DAY_S
    changed = False
    for kind, price in after.items():
        was = before.get(kind)
        if was is None or was == price:
            continue
        recorded = await store.recorded_move(kind, midnight)
        start = recorded.before_micro if recorded else was
        moved = abs(Fraction(price - start, start)) >= THRESHOLD
        if recorded:
            await store.forget_move(recorded.id)
        if moved:
            await store.insert_moves([(now, *kind, start, price)])
        changed = changed or moved or recorded is not None
    return changed


async def record_returns(offers: Iterable[Priced], now: int) -> None:
    """Record that each of the offers, out of stock before, is in stock from ``now`` on."""
    await store.insert_returns((now, offer.id, *offer.kind, offer.micro) for offer in offers)


async def record_known_moves(moves: Iterable[PriceMove], at: Callable[[str], int]) -> None:
    """Record moves of the past; ``at`` gives the second at which a move's day begins."""
    await store.insert_moves(
        (at(c.day), c.provider, c.gpu, c.tier, c.commitment_months, c.region, c.before_micro, c.after_micro)
        for c in moves
    )


async def fresh_until(pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """(GPU, tier) → the second until which the last of its offers counts as fresh."""
    found = {(gpu, tier): await store.fresh_until(gpu, tier) for gpu, tier in pairs}
    return {pair: until for pair, until in found.items() if until is not None}


async def record_levels(
    pairs: Iterable[tuple[str, str]], was_fresh_until: Mapping[tuple[str, str], int], now: int
) -> set[str]:
    """Write the level of each (GPU, tier) if it differs from the last; time without a fresh price becomes a gap.

    Returns the GPUs of which a level was written.
    """
    written = set()
    for gpu, tier in sorted(pairs):
        last = await store.last_level(gpu, tier)
        ended = was_fresh_until.get((gpu, tier))
        if last and ended is not None and last.at < ended < now and last.low_micro is not None:
            await store.put_level(gpu, tier, ended, UNKNOWN)
            last = DatedLevel(ended, *UNKNOWN)
        level = await _present(gpu, tier, now)
        if last is None or last.level != level:
            await store.put_level(gpu, tier, now, level)
            written.add(gpu)
    return written


async def _present(gpu: str, tier: str, now: int) -> LevelPrices:
    """Lowest, median over providers' lowest, and lowest in stock, of the fresh offers."""
    lows = await store.fresh_lows(gpu, tier, now)
    if not lows:
        return UNKNOWN
    prices = [low.low_micro for low in lows]
    in_stock = min((low.in_stock_micro for low in lows if low.in_stock_micro is not None), default=None)
    if in_stock is None and any(low.stock for low in lows):
        in_stock = NONE_IN_STOCK
    return LevelPrices(min(prices), int(median(prices)), in_stock)


ROLLED_AFTER_DAYS = 40
"""Levels are rolled up to one a day after this: longer than any chart window that shows every change."""


RETURNS_KEPT_DAYS = 90
"""How long a feed can report that stock came back."""


async def forget_returns(now: int) -> None:
    """Delete returns of stock that are too old for any feed."""
    await store.delete_returns(now - RETURNS_KEPT_DAYS * DAY_S)


async def roll_up(now: int) -> int:
    """Merge the levels of each day older than :data:`ROLLED_AFTER_DAYS` into one: its lowest, its last median, the
    lowest that was in stock. Returns how many levels were deleted.

    Charts of long windows show no more of a day. The newest of the old days is left as it is: its last level may still
    be valid.
    """
    before = now - now % DAY_S - ROLLED_AFTER_DAYS * DAY_S
    days = await store.days_of_levels(before)
    newest = {(day.gpu, day.tier): day.day for day in days}
    joined = [day for day in days if day.levels > 1 and newest[day.gpu, day.tier] != day.day]
    await store.join_levels(joined)
    return sum(day.levels - 1 for day in joined)
