"""How many GPUs of which kind a model fits on, and what they cost per hour.

Pure. Considers memory only; speed is another question.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from app.catalog.facts import Gpu
from app.models.architecture.architecture import PRECISIONS, Architecture

USABLE = 0.9
"""The share of a GPU's memory for weights and cache; the rest is for activations and the engine."""
CONTEXTS = (4_096, 32_768, 131_072, 1_048_576)
CACHE_BYTES = {"16 bit": 2, "8 bit": 1}
SIZES = (1, 2, 4, 8, 16, 32, 64)
GRID = (1, 2, 4, 8)
LARGE_GB = 16
"""A page shows what fits on GPUs with this much memory or more, and folds the others."""
LIGHTER = ("fp8", "int4")
LEAST_TOKENS = 1_024
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
    """A model on ``count`` GPUs: the format of the weights, and the ``tokens`` of KV cache that fit next to them."""

    count: int
    precision: str
    tokens: int


def grid(architecture: Architecture, gpus: Iterable[Gpu]) -> list[tuple[Gpu, list[Held | None]]]:
    """For each GPU and each of :data:`GRID`, what fits.

    Of the published format and the lighter formats that the GPU supports: the first that leaves a cache of
    :data:`ROOM_TOKENS`, otherwise the one that leaves the longest cache.
    """
    known = [gpu for gpu in gpus if gpu.memory_gb]
    fp8 = {(gpu.vendor, gpu.architecture) for gpu in known if gpu.fp8_tflops}

    @cache  # many GPUs have the same memory
    def held(memory_gb: float, has_fp8: bool) -> list[Held | None]:
        return [_held(architecture, memory_gb, count, has_fp8) for count in GRID]

    return [(gpu, held(gpu.memory_gb or 0, (gpu.vendor, gpu.architecture) in fp8)) for gpu in known]


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


def _held(architecture: Architecture, memory_gb: float, count: int, has_fp8: bool) -> Held | None:
    published = architecture.weight_bytes(architecture.precision)
    lighter = [name for name in LIGHTER if architecture.weight_bytes(name) < published and (name != "fp8" or has_fp8)]
    found = []
    for precision in (architecture.precision, *lighter):
        free = int(count * memory_gb * 1e9 * USABLE) - architecture.weight_bytes(precision)
        tokens = context_left(architecture, free)
        if tokens >= min(ROOM_TOKENS, architecture.context or ROOM_TOKENS):
            return Held(count, precision, tokens)
        found.append(Held(count, precision, tokens))
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
    """The GPUs that the model fits on, the cheapest first, however old the price: the smallest power of two with enough
    memory."""
    need = needed_bytes(architecture)
    found = []
    for gpu in gpus:
        offer = best.get((gpu.slug, tier))
        if offer is None or not gpu.memory_gb:
            continue
        count = next((n for n in SIZES if n * gpu.memory_gb * 1e9 * USABLE >= need), None)
        if count is not None:
            found.append(Fit(gpu, count, count * offer["usd_per_gpu_hour_micro"], offer))
    return sorted(found, key=lambda fit: (fit.usd_micro, fit.count))
