"""How many GPUs of which kind a model fits on, and what they cost per hour.

Considers memory only, by the rule that predictions of speed go by (:mod:`app.estimate.memory`), so that a page that
says what runs and a page that says what fits can't disagree.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from app.catalog.facts import Gpu
from app.core.units import GIB
from app.estimate.cards import WEIGHT_ONLY_FP8, WITHOUT_BF16
from app.estimate.constants import fitted
from app.estimate.memory import RESERVE, TIGHT_RESERVE, TIGHT_USE
from app.models.architecture.architecture import PRECISIONS, Architecture

USABLE = fitted()["constants"]["memory_use"]
"""The share of a GPU's memory that engines take unless told otherwise; of it :data:`RESERVE` is their own."""
TIGHT = TIGHT_USE
"""The share that they take if they are told to use more."""
CONTEXTS = (4_096, 32_768, 131_072, 1_048_576)
CACHE_BYTES = {"16 bit": 2, "8 bit": 1}
SIZES = (1, 2, 4, 8)
"""GPUs of one machine; of those with HBM, which are sold with a network for it, also two machines of eight."""
TWO_MACHINES = 16
GRID = (1, 2, 4, 8)
LIGHTER = ("fp8", "int4")
LEAST_TOKENS = 1_024
LARGE_GB = 16
"""A page shows what fits on GPUs with this much memory or more, and folds the others."""
ROOM_TOKENS = 8_192
"""The cache of one sequence of this many tokens must fit next to the weights."""


@dataclass(frozen=True, slots=True)
class Fit:
    """A model on ``count`` GPUs, with the cheapest offer for one of them. Micro-dollars per hour for all of them."""

    gpu: Gpu
    count: int
    usd_micro: int
    offer: Mapping[str, Any]


def weight_table(architecture: Architecture) -> list[tuple[str, int, bool]]:
    """(precision, bytes, whether it is the published one) for every precision."""
    return [(name, architecture.weight_bytes(name), name == architecture.precision) for name in PRECISIONS]


def cache_table(architecture: Architecture) -> list[tuple[int, list[int]]]:
    """(tokens, bytes in each cache precision) for one sequence, up to the model's context length."""
    longest = architecture.context or CONTEXTS[-1]
    lengths = sorted(
        {length for length in CONTEXTS if length <= longest} | ({longest} if longest > CONTEXTS[0] else set())
    )
    return [
        (length, [architecture.kv_cache_bytes(length, size) for size in CACHE_BYTES.values()])
        for length in lengths or [longest]
    ]


def needed_bytes(architecture: Architecture) -> int:
    """Bytes of the weights as published, and of the cache of one sequence of :data:`ROOM_TOKENS`."""
    room = min(ROOM_TOKENS, architecture.context or ROOM_TOKENS)
    return architecture.weight_bytes(architecture.precision) + architecture.kv_cache_bytes(room)


@dataclass(frozen=True, slots=True)
class Held:
    """A model on ``count`` GPUs: the format of the weights, and the ``tokens`` of KV cache that fit next to them.

    ``tight`` if that takes more of the memory than engines use unless told to.
    """

    count: int
    precision: str
    tokens: int
    tight: bool = False


def usable_bytes(memory_gb: float, *, tight: bool = False) -> float:
    """Bytes of one GPU for weights and cache. A card sold with 80 GB has 80 binary gigabytes."""
    return memory_gb * GIB * TIGHT_USE - TIGHT_RESERVE if tight else memory_gb * GIB * USABLE - RESERVE


def formats(gpu: Gpu, published: str, known: Iterable[Gpu]) -> tuple[str, ...]:
    """The formats in which ``gpu`` can hold a model, the published one first if its software runs it there.

    16 bits are fp16 on cards without bfloat16. MXFP4 runs on what has bfloat16 (vLLM's Marlin kernels).
    """
    kin = [gpu, *(other for other in known if (other.vendor, other.architecture) == (gpu.vendor, gpu.architecture))]
    modern = gpu.architecture not in WITHOUT_BF16
    runs = {
        "bf16": modern, "mxfp4": modern, "int4": True, "int8": True,
        "fp8": gpu.architecture in WEIGHT_ONLY_FP8 or any(one.fp8_tflops for one in kin),
        "nvfp4": any(one.fp4_tflops for one in kin),
    }  # fmt: skip
    first = published if runs[published] else "fp16" if published == "bf16" else ""
    return tuple(name for name in (first, *LIGHTER) if name and (name == first or runs[name]))


def grid(architecture: Architecture, gpus: Iterable[Gpu]) -> list[tuple[Gpu, list[Held | None]]]:
    """For each GPU and each of :data:`GRID`, what fits.

    Of the published format and the lighter formats that the GPU supports: the first that leaves a cache of
    :data:`ROOM_TOKENS` in the memory that engines take unless told otherwise, then in all that they can be told to
    take; otherwise the one that leaves the longest cache.
    """
    known = [gpu for gpu in gpus if gpu.memory_gb]

    @cache  # many GPUs have the same memory
    def held(memory_gb: float, tried: tuple[str, ...]) -> list[Held | None]:
        return [_held(architecture, memory_gb, count, tried) for count in GRID]

    return [(gpu, held(gpu.memory_gb or 0, formats(gpu, architecture.precision, known))) for gpu in known]


@dataclass(frozen=True, slots=True)
class Alike:
    """``gpus`` on which the same fits in each of :data:`GRID`, each with from ``least_gb`` to ``most_gb`` of memory."""

    least_gb: float
    most_gb: float
    gpus: tuple[Gpu, ...]
    cells: tuple[Held | None, ...]


def alike(grid: Iterable[tuple[Gpu, list[Held | None]]]) -> list[Alike]:
    """The rows of a :func:`grid` with the GPUs of equal cells together, those of the most memory first."""
    together: dict[tuple[Held | None, ...], list[Gpu]] = {}
    for gpu, cells in grid:
        together.setdefault(tuple(cells), []).append(gpu)
    found = []
    for held, members in together.items():
        sizes = [gpu.memory_gb or 0 for gpu in members]
        found.append(Alike(min(sizes), max(sizes), tuple(members), held))
    return sorted(found, key=lambda row: (-row.most_gb, [-(cell.tokens if cell else 0) for cell in row.cells]))


def _weights(architecture: Architecture, precision: str) -> int:
    return architecture.weight_bytes("bf16" if precision == "fp16" else precision)


def _held(architecture: Architecture, memory_gb: float, count: int, tried: Iterable[str]) -> Held | None:
    first, *others = tried
    lighter = [name for name in others if _weights(architecture, name) < _weights(architecture, first)]
    found = []
    for tight in (False, True):
        for precision in (first, *lighter):
            room = int(count * usable_bytes(memory_gb, tight=tight))
            tokens = context_left(architecture, room - _weights(architecture, precision))
            found.append(Held(count, precision, tokens, tight))
            if tokens >= min(ROOM_TOKENS, architecture.context or ROOM_TOKENS):
                return found[-1]
    best = max(found, key=lambda held: held.tokens)
    return best if best.tokens >= LEAST_TOKENS else None


def context_left(architecture: Architecture, free: int) -> int:
    """The longest sequence, up to the model's context length, whose 16-bit cache fits into ``free`` bytes; 0 if none
    does."""
    low, high = 0, architecture.context or CONTEXTS[-1]
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if architecture.kv_cache_bytes(middle) <= free else (low, middle - 1)
    return low


def fits(
    architecture: Architecture,
    gpus: Iterable[Gpu],
    best: Mapping[tuple[str, str], Mapping[str, Any]],
    tier: str = "on-demand",
) -> list[Fit]:
    """The GPUs that the model fits on as published, the cheapest first, however old the price: the smallest of
    :data:`SIZES` with enough memory."""
    need, known = needed_bytes(architecture), [gpu for gpu in gpus if gpu.memory_gb]
    found = []
    for gpu in known:
        offer = best.get((gpu.slug, tier))
        if offer is None or formats(gpu, architecture.precision, known)[0] not in (architecture.precision, "fp16"):
            continue
        sizes = (*SIZES, TWO_MACHINES) if gpu.memory_type.startswith("HBM") else SIZES
        count = next((n for n in sizes if n * usable_bytes(gpu.memory_gb or 0) >= need), None)
        if count is not None:
            found.append(Fit(gpu, count, count * offer["usd_per_gpu_hour_micro"], offer))
    return sorted(found, key=lambda fit: (fit.usd_micro, fit.count))
