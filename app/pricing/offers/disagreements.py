"""Where two sources state prices of one provider, card and tier that differ by more than a twentieth."""

from dataclasses import dataclass
from fractions import Fraction

from app.core.units import DAY_S
from app.pricing.offers import market_store

APART = Fraction(5, 100)
"""Prices that differ by more than this share of the shown one are told."""
LONGEST_S = 60 * DAY_S
"""What a source said longer ago is not compared."""


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
    """Every pair that differs, the widest apart first; of one provider if it is named.

    What is shown is the lowest fresh price, or the lowest where none is fresh, and is compared with the lowest that
    each other source says of whole cards.
    """
    shown = await market_store.shown_lows(provider)
    claimed = await market_store.claimed_lows(now - LONGEST_S, provider)
    best: dict[Kind, tuple[bool, Said]] = {}
    said: dict[Kind, list[Said]] = {}
    for row in shown:
        key, one = (row.provider, row.gpu, row.tier, row.commitment_months), Said(row.source, row.micro, row.seen_at)
        said.setdefault(key, []).append(one)
        rank = (row.stale_at <= now, one)
        if key not in best or (rank[0], one.micro, one.source) < (
            best[key][0],
            best[key][1].micro,
            best[key][1].source,
        ):
            best[key] = rank
    for claim in claimed:
        what = (claim.provider, claim.gpu, claim.tier, claim.commitment_months)
        said.setdefault(what, []).append(Said(claim.source, claim.micro, claim.seen_at))
    found = [
        Disagreement(*key, best[key][1], other)
        for key, all_said in said.items() if key in best
        for other in all_said
        if other.source != best[key][1].source
        and abs(other.micro - best[key][1].micro) > APART * best[key][1].micro
        and other.seen_at > now - LONGEST_S
    ]  # fmt: skip
    return sorted(found, key=lambda d: (-abs(d.apart), d.provider, d.gpu, d.tier, d.commitment_months or 0))


def _rank(stale: bool, said: Said) -> tuple[bool, int, str]:
    """The lowest of these is shown: a fresh price before a stale one, then the cheaper, then by source."""
    return stale, said.micro, said.source
