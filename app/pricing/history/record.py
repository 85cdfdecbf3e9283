"""Writing history: prices as changes, what moved, and the level of each GPU. Inside the writer's transaction.

An unchanged price writes nothing. Money is micro-dollars, instants are seconds since 1970.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from statistics import median
from typing import Any

from app.core.units import DAY_S
from app.pricing.history.price_moves import THRESHOLD, PriceMove
from app.pricing.offers.offer import COMMUNITY
from app.storage.sqlite import execute_many, fetch

NONE_IN_STOCK = -1
"""What ``in_stock_micro`` holds where stock is told and nothing is in stock; ``None`` is "not told"."""

Kind = tuple[str, str, str, int | None, str]
"""(provider, gpu, tier, months of commitment, region): what moves together."""


@dataclass(frozen=True, slots=True)
class Priced:
    """An offer as history sees it: its identity, kind and price."""

    id: str
    kind: Kind
    micro: int


async def open_spans(offers: Iterable[Priced], now: int) -> None:
    """From ``now`` on each offer has its price; its series is made at the first."""
    found = list(offers)
    await execute_many(
        "INSERT INTO price_series (offer, provider, gpu, tier, commitment_months, region) VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (offer) DO NOTHING",
        ((offer.id, *offer.kind) for offer in found),
    )
    await execute_many(
        "INSERT INTO price_span (series, valid_from, usd_per_gpu_hour_micro) SELECT id, ?, ? FROM price_series "
        "WHERE offer = ?",
        ((now, offer.micro, offer.id) for offer in found),
    )


async def close_spans(ids: Iterable[str], now: int) -> None:
    """The last known price of each offer ends at ``now``."""
    await execute_many(
        "UPDATE price_span SET valid_to = ? WHERE valid_to IS NULL AND series = (SELECT id FROM price_series "
        "WHERE offer = ?)",
        ((now, offer) for offer in ids),
    )


def lowest(offers: Iterable[Priced]) -> dict[Kind, int]:
    """Kind → its lowest price."""
    found: dict[Kind, int] = {}
    for offer in offers:
        found[offer.kind] = min(offer.micro, found.get(offer.kind, offer.micro))
    return found


async def record_moves(before: Mapping[Kind, int], after: Mapping[Kind, int], now: int) -> bool:
    """Tell each kind whose lowest price moved by the threshold within this UTC day, once a day. True if any did."""
    midnight = now - now % DAY_S
    changed = False
    for kind, price in after.items():
        was = before.get(kind)
        if was is None or was == price:
            continue
        told = await fetch(
            "SELECT id, before_micro FROM price_move WHERE at >= ? AND at < ? AND provider = ? AND gpu = ? "
            "AND tier = ? AND commitment_months IS ? AND region = ?",
            midnight, midnight + DAY_S, *kind,
        )  # fmt: skip
        start = told[0][1] if told else was
        moved = abs(Fraction(price - start, start)) >= THRESHOLD
        if told:
            await execute_many("DELETE FROM price_move WHERE id = ?", [(told[0][0],)])
        if moved:
            await _tell(now, kind, start, price)
        changed = changed or moved or bool(told)
    return changed


async def _tell(at: int, kind: Kind, before: int, after: int) -> None:
    await execute_many(
        "INSERT INTO price_move (at, provider, gpu, tier, commitment_months, region, before_micro, after_micro) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [(at, *kind, before, after)],
    )


async def tell_returns(offers: Iterable[Priced], now: int) -> None:
    """Record that each of the offers, out of stock before, is in stock from ``now`` on."""
    await execute_many(
        "INSERT INTO stock_return (at, offer, provider, gpu, tier, commitment_months, region, usd_per_gpu_hour_micro) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        ((now, offer.id, *offer.kind, offer.micro) for offer in offers),
    )


async def tell_all(changes: Iterable[PriceMove], at: Any) -> None:
    """Record changes that are known already; ``at`` gives the instant of a change's day."""
    for change in changes:
        kind = (change.provider, change.gpu, change.tier, change.commitment_months, change.region)
        await _tell(at(change.day), kind, change.before_micro, change.after_micro)


async def fresh_until(pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """(GPU, tier) → until when the last of its offers counts as fresh."""
    found = {}
    for gpu, tier in pairs:
        until = (
            await fetch(
                "SELECT max(stale_at) FROM offer WHERE gpu = ? AND tier = ? AND source <> ?", gpu, tier, COMMUNITY
            )
        )[0][0]
        if until is not None:
            found[gpu, tier] = int(until)
    return found


async def record_levels(
    pairs: Iterable[tuple[str, str]], was_fresh_until: Mapping[tuple[str, str], int], now: int
) -> set[str]:
    """Write the level of each (GPU, tier) where it differs from the last; time that nobody watched becomes a gap.

    Returns the GPUs of which a level was written.
    """
    written = set()
    for gpu, tier in sorted(pairs):
        last = await fetch(
            "SELECT at, low_micro, median_micro, in_stock_micro FROM price_level WHERE gpu = ? AND tier = ? "
            "ORDER BY at DESC LIMIT 1",
            gpu, tier,
        )  # fmt: skip
        ended = was_fresh_until.get((gpu, tier))
        if last and ended is not None and last[0][0] < ended < now and last[0][1] is not None:
            await _level(gpu, tier, ended, (None, None, None))
            last = [(ended, None, None, None)]
        level = await _present(gpu, tier, now)
        if not last or last[0][1:] != level:
            await _level(gpu, tier, now, level)
            written.add(gpu)
    return written


async def _level(gpu: str, tier: str, at: int, level: tuple[int | None, int | None, int | None]) -> None:
    await execute_many(
        "INSERT OR REPLACE INTO price_level (gpu, tier, at, low_micro, median_micro, in_stock_micro) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        [(gpu, tier, at, *level)],
    )


async def _present(gpu: str, tier: str, now: int) -> tuple[int | None, int | None, int | None]:
    """Lowest, median over providers' lowest, and lowest in stock, of the fresh offers."""
    rows = await fetch(
        "SELECT min(usd_per_gpu_hour_micro), min(CASE stock WHEN 'in' THEN usd_per_gpu_hour_micro END), max(stock) "
        "FROM offer WHERE gpu = ? AND tier = ? AND stale_at > ? AND source <> ? GROUP BY provider",
        gpu, tier, now, COMMUNITY,
    )  # fmt: skip
    if not rows:
        return None, None, None
    prices = [row[0] for row in rows]
    in_stock = min((row[1] for row in rows if row[1] is not None), default=None)
    if in_stock is None and any(row[2] for row in rows):
        in_stock = NONE_IN_STOCK
    return min(prices), int(median(prices)), in_stock


ROLLED_AFTER_DAYS = 40
"""Older than any window in which each change counts."""


RETURNS_KEPT_DAYS = 90
"""For so long a feed can tell that stock came back."""


async def forget_returns(now: int) -> None:
    """Let go of returns of stock that no feed tells any more."""
    await execute_many("DELETE FROM stock_return WHERE at < ?", [(now - RETURNS_KEPT_DAYS * DAY_S,)])


async def roll_up(now: int) -> int:
    """Join the levels of each day long past into one: its lowest, its last median, the lowest that was in stock.
    Returns how many went.

    That is what charts of long windows show of a day. The newest of the old days stays as it is: what stood at its end
    still stands where nothing changed since.
    """
    before = now - now % DAY_S - ROLLED_AFTER_DAYS * DAY_S
    days = await fetch(
        "SELECT gpu, tier, at / 86400, max(at), min(low_micro), min(CASE WHEN in_stock_micro >= 0 THEN in_stock_micro "
        "END), count(*)"
        " FROM price_level WHERE at < ? GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
        before,
    )
    newest = {(gpu, tier): day for gpu, tier, day, *_ in days}
    joined = [row for row in days if row[-1] > 1 and newest[row[0], row[1]] != row[2]]
    await execute_many(
        "UPDATE price_level "
        "SET low_micro = CASE WHEN low_micro IS NULL THEN NULL ELSE ? END, in_stock_micro = coalesce(?, in_stock_micro)"
        " WHERE gpu = ? AND tier = ? AND at = ?",
        ((low, stocked, gpu, tier, last) for gpu, tier, _, last, low, stocked, _ in joined),
    )
    await execute_many(
        "DELETE FROM price_level WHERE gpu = ? AND tier = ? AND at >= ? AND at < ?",
        ((gpu, tier, day * DAY_S, last) for gpu, tier, day, last, *_ in joined),
    )
    return sum(row[-1] - 1 for row in joined)
