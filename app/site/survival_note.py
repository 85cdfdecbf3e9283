"""The note beside a stale price: the share of such prices that were unchanged after as long."""

from dataclasses import dataclass

from app.core.units import DAY_S
from app.core.version_keys import LASTING_KEY
from app.pricing.history import survival_curves
from app.pricing.history.survival import Chance
from app.pricing.history.survival_curves import Lasting
from app.pricing.offers.store import Row

SHOWN_KEYS = (LASTING_KEY,)
"""What a page shows beside its offers."""


@dataclass(frozen=True, slots=True)
class SurvivalNote:
    """The curves, and the second at which they are asked."""

    curves: Lasting
    now: int

    def of(self, row: Row) -> Chance | None:
        """The chance that a stale offer still has its price; None where it is current, or nothing is known."""
        return self.curves.chance(row, self.now) if row["stale_at"] <= self.now else None

    def short(self, row: Row) -> str:
        """``4 of 5 such prices still stood after 40 days``, of a stale offer; ``""`` where nothing is known."""
        chance = self.of(row)
        return chance.words if chance else ""

    def words(self, row: Row) -> str:
        """As :meth:`short`, and whose prices they are where they are not its provider's own."""
        chance = self.of(row)
        if chance is None:
            return ""
        whose = self.curves.rests_on(row)
        return chance.words_of(f"of {whose}" if whose else "")


async def survival_note(now: int) -> SurvivalNote:
    """What is known today."""
    return SurvivalNote(await survival_curves.stored(), now)


def until_midnight(now: int, until: int | None) -> int:
    """Until when an answer that counts days stays true; ``until`` is when it ends for other reasons, None for never."""
    midnight = now - now % DAY_S + DAY_S
    return midnight if until is None else min(until, midnight)
