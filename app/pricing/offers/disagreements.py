"""Where two sources state prices of one provider, card and tier that differ by more than 5%."""

from dataclasses import dataclass
from fractions import Fraction

from app.core.units import DAY_S
from app.pricing.offers import market_store
from app.pricing.offers.market_store import SourceLow

APART = Fraction(5, 100)
"""Prices that differ from the shown one by more than this share of it are reported."""
LONGEST_S = 60 * DAY_S
"""Prices that were last seen longer ago than this are not compared."""


@dataclass(frozen=True, slots=True)
class StatedPrice:
    """The lowest price per GPU-hour that a source states, in micro-dollars, and the second at which it was seen."""

    source: str
    micro: int
    seen_at: int


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Two lowest prices of whole GPUs of one provider: ``shown`` is the one in the price table."""

    provider: str
    gpu: str
    tier: str
    commitment_months: int | None
    shown: StatedPrice
    other: StatedPrice

    @property
    def apart(self) -> float:
        """By how much the other price is higher (above 0) or lower, as a share of the shown price."""
        return self.other.micro / self.shown.micro - 1


Kind = tuple[str, str, str, int | None]
"""(provider, GPU, tier, months of commitment)."""


async def disagreements(now: int, provider: str = "") -> list[Disagreement]:
    """Every pair of sources that disagree at ``now`` (seconds), the widest apart first; of one provider if named.

    The shown price is the lowest fresh one, or the lowest of all if none is fresh. It is compared with the lowest price
    for whole GPUs that each other source states.
    """
    offered: dict[Kind, list[SourceLow]] = {}
    stated: dict[Kind, list[StatedPrice]] = {}
    for row in await market_store.shown_lows(provider):
        offered.setdefault(_kind(row), []).append(row)
        stated.setdefault(_kind(row), []).append(_price_of(row))
    for claim in await market_store.claimed_lows(now - LONGEST_S, provider):
        stated.setdefault(_kind(claim), []).append(_price_of(claim))
    shown = {
        kind: _price_of(min(rows, key=lambda row: (row.stale_at <= now, row.micro, row.source)))
        for kind, rows in offered.items()
    }
    found = [
        Disagreement(*kind, shown[kind], other)
        for kind, all_stated in stated.items() if kind in shown
        for other in all_stated
        if other.source != shown[kind].source
        and abs(other.micro - shown[kind].micro) > APART * shown[kind].micro
        and other.seen_at > now - LONGEST_S
    ]  # fmt: skip
    return sorted(found, key=lambda d: (-abs(d.apart), d.provider, d.gpu, d.tier, d.commitment_months or 0))


def _kind(row: SourceLow) -> Kind:
    return row.provider, row.gpu, row.tier, row.commitment_months


def _price_of(row: SourceLow) -> StatedPrice:
    return StatedPrice(row.source, row.micro, row.seen_at)
