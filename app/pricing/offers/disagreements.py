"""Where two sources state prices of one provider, card and tier that differ by more than 5%."""

from dataclasses import dataclass
from fractions import Fraction

from app.core.units import DAY_S
from app.pricing.offers import market_store
from app.pricing.offers.market_store import ClaimedLow, ShownLow

APART = Fraction(5, 100)
"""Prices that differ from the shown one by more than this share of it are reported."""
LONGEST_S = 60 * DAY_S
"""Prices that were last seen longer ago than this are not compared."""


@dataclass(frozen=True, slots=True)
class Said:
    """The lowest price per GPU-hour that a source states, in micro-dollars, and when it was seen."""

    source: str
    micro: int
    seen_at: int


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Two lowest prices of whole cards of one provider: ``shown`` is what the price table says."""

    provider: str
    gpu: str
    tier: str
    commitment_months: int | None
    shown: Said
    other: Said

    @property
    def apart(self) -> float:
        """By how much the other is dearer (above 0) or cheaper, as a share of the shown price."""
        return self.other.micro / self.shown.micro - 1


Kind = tuple[str, str, str, int | None]
"""(provider, GPU, tier, months of commitment)."""


async def disagreements(now: int, provider: str = "") -> list[Disagreement]:
    """Every pair of sources that disagree at ``now`` (seconds), the widest apart first; of one provider if named.

    The shown price is the lowest fresh one, or the lowest of all where none is fresh. It is compared with the lowest
    price for whole cards that each other source states.
    """
    offered: dict[Kind, list[ShownLow]] = {}
    stated: dict[Kind, list[Said]] = {}
    for row in await market_store.shown_lows(provider):
        offered.setdefault(_kind(row), []).append(row)
        stated.setdefault(_kind(row), []).append(_said(row))
    for claim in await market_store.claimed_lows(now - LONGEST_S, provider):
        stated.setdefault(_kind(claim), []).append(_said(claim))
    shown = {
        kind: _said(min(rows, key=lambda row: (row.stale_at <= now, row.micro, row.source)))
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


def _kind(row: ShownLow | ClaimedLow) -> Kind:
    return row.provider, row.gpu, row.tier, row.commitment_months


def _said(row: ShownLow | ClaimedLow) -> Said:
    return Said(row.source, row.micro, row.seen_at)
