"""The use of a GPU's memory: weights, the KV cache of each sequence, and how many sequences fit. Pure; sizes in
bytes."""

from collections.abc import Mapping

from app.estimate.inputs import WEIGHT_BYTES, Card, Layout
from app.estimate.shape import Shape

RESERVE = 2e9
"""Bytes of a GPU for activations, graphs and the runtime."""
TIGHT_USE, TIGHT_RESERVE, TIGHT_SEQUENCES = 0.97, 1e9, 32
"""If fewer than this number of sequences would fit, the engine is assumed to be configured to use this larger share of
the memory, with this smaller reserve in bytes, as measured set-ups are."""

LARGE_MEMORY = 70e9
STARTED, STARTED_LARGE, STARTED_OTHER = 256, 1024, 2048
"""An engine's default limit of sequences at once. On each data parallel rank ``max_num_seqs`` of vLLM, 256, and 1,024
on GPUs with 70 GB and more but for the A100 (its tests of engine arguments), and ``max_batch_size`` of TensorRT-LLM,
2,048 (trtllm-build); in all ``max_running_requests`` of SGLang, 2,048 at least (its model runner). Measured set-ups
that run more were configured so."""


def most_running(layout: Layout, card: Card) -> float:
    """The engine's own limit of sequences at once, regardless of memory."""
    if layout.max_running:
        return float(layout.max_running)
    if layout.engine == "sglang":
        return float(STARTED_OTHER)
    if layout.engine == "trtllm":
        return float(STARTED_OTHER * layout.data)
    large = card.memory >= LARGE_MEMORY and (card.flops8 > 0 or card.amd)
    return float((STARTED_LARGE if large else STARTED) * layout.data)


def weight_bytes_per_gpu(shape: Shape, layout: Layout) -> tuple[float, float, float, float]:
    """Bytes on one GPU of attention, of what each token passes, of embeddings and other parts, and of one expert
    layer's share.

    Tensor parallelism splits every matrix (arXiv:1909.08053); attention data parallelism repeats attention and
    shared parts on each rank and splits only the experts. Embeddings stay in 16 bits, but for llama.cpp, which also
    keeps those of the input in the host's memory.
    """
    per = WEIGHT_BYTES[layout.precision]
    attention = per
    if per < 2:
        attention = 2.0 if not shape.quantised_attention else max(per, 1.0) if shape.latent and per < 1 else per
    outer = per if layout.engine == "llama.cpp" else 2.0
    split = layout.tensor * layout.pipeline
    everything = split * layout.data
    return (
        shape.mixer_parameters * attention / split,
        shape.shared_parameters * per / split,
        shape.head_parameters * outer / everything,
        shape.expert_parameters * per / everything,
    )


def kv_elements(shape: Shape, tokens: float, tensor: int) -> float:
    """KV cache elements on one GPU for a sequence of ``tokens``: heads are split, but never below one head per GPU."""
    total = 0.0
    for span in shape.spans:
        near = min(tokens, span.window) if span.window else tokens
        if span.stride > 1:
            near += tokens / span.stride
        total += span.layers * near * span.elements / min(tensor, span.kv_heads)
    return total


def sequences_that_fit(card: Card, layout: Layout, stored: float, sequence: float, k: Mapping[str, float]) -> float:
    """Sequences of ``sequence`` bytes on each GPU that fit beside ``stored`` bytes of weights, whatever the engine's
    own limit; below 0 where the weights do not fit."""
    usual = card.memory * k["memory_use"] - stored - RESERVE
    tight = card.memory * TIGHT_USE - stored - TIGHT_RESERVE
    held = layout.pipeline * layout.data / sequence
    return max(usual * held, min(tight * held, TIGHT_SEQUENCES))


def memory(
    shape: Shape,
    card: Card,
    layout: Layout,
    weights: tuple[float, float, float, float],
    middle: float,
    k: Mapping[str, float],
) -> tuple[float, float, float]:
    """Bytes of weights on each GPU, bytes of a sequence of ``middle`` tokens there, and how many sequences fit beside
    the weights.

    ``weights`` are those of :func:`weight_bytes_per_gpu`.
    """
    attention, shared, head, expert = weights
    heads = 1 if shape.tied or layout.engine == "llama.cpp" else 2
    stored = (
        attention
        + shared
        + head * heads
        + expert * shape.experts * shape.expert_layers
        + shape.other_parameters * 2.0 / layout.gpus
    )
    elements = kv_elements(shape, middle, layout.tensor)
    sequence = max(elements * layout.kv_bytes + shape.state_bytes / layout.tensor, 1.0)
    return stored, sequence, sequences_that_fit(card, layout, stored, sequence, k)
