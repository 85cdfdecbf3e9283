"""What of serving a model does not depend on the load: seconds and bytes of a step, of a token, of a prompt. Pure.

The browser evaluates the same formulas (``static/estimate.js``), term by term in the same order.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log

from app.estimate.inputs import Card, Layout
from app.estimate.memory import memory, most_running, weight_bytes_per_gpu
from app.estimate.shape import Shape

CHUNK = 8192
"""Tokens of prompts that an engine computes together: vLLM's ``max_num_batched_tokens`` for throughput,
TensorRT-LLM's ``max_num_tokens``."""
NO_OFFSET = (1.0, 1.0)


@dataclass(slots=True)  # not frozen: that takes three times as long to make, a tenth of an estimate
class Terms:
    """What does not depend on the load. Seconds and bytes, of one GPU; ``*_one`` are of one sequence, ``token_*`` of
    one token.

    ``alone`` is a lone prompt's arithmetic, ``begin`` the launch of its kernels. Of the other requests in flight a
    share ``queue`` has prompts that stand before it; of those that go into the same step, at most ``together``, a
    share ``burst`` comes with it and is computed before any of them is answered. ``work`` is what a prompt takes of an
    engine's time, of which ``interleave`` of its arithmetic holds up those that decode; ``shared`` is what a prompt
    takes of the pipeline, whose stages work on different ones.
    ``offset`` and ``first_offset`` are what measurements of the same group say of a step's and of a first token's time.
    """

    output: int
    pipeline: int
    data: int
    experts: int
    stored: float
    sequence: float
    most: float
    fixed: float
    token_compute: float
    token_link: float
    hop: float
    prefill: float
    always: float
    one_expert: float
    miss: float
    cache_one: float
    request: float
    alone: float
    begin: float
    queue: float
    burst: float
    together: float
    interleave: float
    work: float
    shared: float
    offset: float
    first_offset: float


def _by_engine(engine: str, k: Mapping[str, float], name: str) -> float:
    """The factor of ``engine`` relative to vLLM; engines without one of their own count as vLLM."""
    if engine == "sglang":
        return k[f"{name}_sglang"]
    return k[f"{name}_trtllm"] if engine == "trtllm" else 1.0


def _flops(card: Card, precision: str, k: Mapping[str, float]) -> float:
    """FLOP/s of matrix products: formats that are only unpacked (INT4, k-quants, MXFP4 and FP8 on cards without them)
    compute in 16 bits."""
    native = card.flops16
    if precision == "fp8" and card.flops8:
        native = card.flops8
    elif precision in ("nvfp4", "mxfp4") and card.flops4:
        native = card.flops4
    gain: float = (native / card.flops16) ** k["narrow_gain"]
    return card.flops16 * (k["gemm_amd"] if card.amd else 1.0) * gain


def _unpacks(card: Card, precision: str) -> bool:
    """True where experts are unpacked to 16 bits: INT4, and MXFP4 on cards without FP4 units."""
    return precision == "int4" or (precision == "mxfp4" and not card.flops4)


def _fixed(shape: Shape, card: Card, layout: Layout, pace: float, k: Mapping[str, float]) -> float:
    """Seconds of a step however little it does: kernels have a shortest time, and an engine schedules and samples. A
    layer of a hybrid that only mixes tokens or only feeds forward counts half. MXFP4 is unpacked within the products on
    cards with FP8 units, by kernels of its own on older ones."""
    expert_layers = shape.expert_layers
    layers = shape.layers - shape.half_layers / 2
    fused = layout.precision == "mxfp4" and card.flops8 > 0
    counts = (
        ("layer", layers),
        ("layer_latent", shape.latent * shape.layers),
        ("layer_linear", shape.linear_layers),
        ("layer_indexed", shape.indexed_layers),
        ("layer_quantise", shape.layers - expert_layers if layout.precision == "nvfp4" else 0),
        ("layer_experts", expert_layers),
        ("layer_experts_fp8", expert_layers if layout.precision == "fp8" else 0),
        ("layer_unpack", expert_layers if _unpacks(card, layout.precision) and not fused else 0),
        ("layer_per_expert", shape.active_experts * expert_layers),
        ("layer_shared_expert", shape.shared_expert * expert_layers),
        ("stage", layout.pipeline - 1),
        ("step", 1),
    )
    return pace * sum(k[name] * count for name, count in counts)


def _link(shape: Shape, card: Card, layout: Layout, k: Mapping[str, float]) -> tuple[float, float]:
    """What GPUs exchange in all layers: seconds for each token, and however little it is.

    Tensor parallel: two all-reduces a layer, by a ring 2 (N-1)/N of the bytes (Patarasuk and Yuan, 2009); through the
    host's
    memory, which all N share, N/2 times the bytes. Attention data parallel: none for attention; each expert layer
    sends a
    token to the GPUs of its experts and gathers it again (DeepSpeed-MoE, arXiv:2201.05596, section 5). Where more
    GPUs take part than share a switch, the network carries their part of it and each exchange takes its time.
    """
    ranks = layout.tensor * layout.data
    if ranks == 1:
        return 0.0, 0.0
    way = "switched" if card.switched else "staged" if card.staged else "other"
    row = shape.hidden * 2
    reduced = shape.layers - shape.half_layers / 2 - (shape.expert_layers / 2 if layout.data > 1 else 0)
    times = layout.tensor / 2 if way == "staged" else 2 * (layout.tensor - 1) / layout.tensor
    bytes_, exchanges = 2 * reduced * row * times, 2 * reduced if layout.tensor > 1 else 0.0
    if layout.data > 1:
        copies = min(shape.active_experts, ranks - 1) if shape.expert_layers else 0
        bytes_ += shape.expert_layers * 2 * row * copies * k["alltoall"]
        exchanges += 2 * shape.expert_layers
    pace = card.pace * _by_engine(layout.engine, k, "allreduce") * (k["pace_amd"] if card.amd else 1.0)
    hop = exchanges * k["allreduce"] * (1.0 if way == "switched" else k[f"allreduce_{way}"]) * pace
    token = bytes_ / (card.link * k[f"link_{way}"])
    if ranks > card.machine:
        hop += exchanges * k["allreduce_network"]
        token = max(token, bytes_ / (card.network * k["link_network"]))
    return token, hop


def attention_flop(shape: Shape, prompt: float, middle: float) -> tuple[float, float]:
    """FLOP of attention over a whole prompt, causal and within windows, and for one new token at ``middle``."""
    pairs = new = 0.0
    for span in shape.spans:
        seen = min(prompt, span.window) if span.window else prompt
        pairs += span.layers * span.prefill_flop * (prompt * seen - seen * seen / 2)
        new += span.layers * span.decode_flop * (min(middle, span.window) if span.window else middle)
    return pairs, new


def _compute(shape: Shape, card: Card, layout: Layout, prompt: int, k: Mapping[str, float]) -> float:
    """Seconds of arithmetic for one token on one GPU: two operations for each parameter it passes (arXiv:2001.08361,
    section 2.1).

    The fewer tokens an expert gets of those computed together, the less of the arithmetic its products reach.
    """
    dense = 2 * (shape.mixer_parameters + shape.shared_parameters) / k["gemm"]
    routed = 0.0
    if shape.experts:
        each = max(prompt, CHUNK) * shape.active_experts / shape.experts
        routed = 2 * shape.expert_layers * shape.active_experts * shape.expert_parameters / k["gemm_experts"]
        routed *= 1 + k["expert_tokens"] / each
    return (dense + routed) / (layout.tensor * layout.data * _flops(card, layout.precision, k))


def _unpacking(card: Card, precision: str, k: Mapping[str, float]) -> float:
    """How much longer experts are read that are unpacked to 16 bits as they come: MXFP4 like INT4 on cards without FP8
    units, where the same kernels do it (Marlin, arXiv:2408.11743)."""
    if not _unpacks(card, precision):
        return 1.0
    return k["unpack"] if precision == "int4" or not card.flops8 else k["unpack_mxfp4"]


def _first(
    shape: Shape, layout: Layout, prefill: float, launched: float, k: Mapping[str, float]
) -> tuple[float, float]:  # fmt: skip
    """Seconds of a lone prompt: its arithmetic, ``prefill`` shared over all GPUs, and the launch of its kernels one by
    one, relative to ``launched``, what a step's take in a graph. With attention data parallel a prompt stays on its
    rank."""
    alone = prefill * layout.data ** k["data_prompts"] * k["first"]
    alone *= (k["first_latent"] if shape.latent else 1.0) * (k["first_experts"] if shape.experts else 1.0)
    paced = k["first_sglang"] if layout.engine == "sglang" else 1.0
    return alone, k["first_fixed"] + k["first_launch"] * paced * launched


def _speeds(card: Card, layout: Layout, k: Mapping[str, float]) -> tuple[float, float, float]:
    """How long kernels that do little take, relative to Hopper with vLLM; the bytes/s that streaming starts from; and
    the FLOP/s that attention reaches."""
    engine = layout.engine
    pace = card.pace * (k["pace_llamacpp"] if engine == "llama.cpp" else _by_engine(engine, k, "pace"))
    pace *= k["pace_amd"] if card.amd else 1.0
    bandwidth = card.bandwidth * (k["stream_amd"] if card.amd else 1.0)
    if engine == "llama.cpp" and card.stacked:
        bandwidth *= k["stream_llamacpp_stacked"]
    return pace, bandwidth, card.flops16 * (k["gemm_amd"] if card.amd else 1.0) * k["attention"]


def terms(
    shape: Shape, card: Card, layout: Layout, prompt: int, output: int, k: Mapping[str, float],
    offsets: tuple[float, float] = NO_OFFSET,
) -> Terms:  # fmt: skip
    """Everything about serving ``prompt`` and ``output`` tokens that does not depend on the load.

    A cache in which each sequence is half way through its output: continuous batching staggers them (Orca, OSDI 2022).
    """
    engine, pipeline, data = layout.engine, layout.pipeline, layout.data
    pace, bandwidth, attention_flops = _speeds(card, layout, k)
    token_compute = _compute(shape, card, layout, prompt, k)
    token_link, hop = _link(shape, card, layout, k)
    middle = prompt + output / 2
    pairs, new = attention_flop(shape, prompt, middle)
    prefill = token_compute * prompt + pairs / (layout.tensor * data) / attention_flops + token_link * prompt / data

    attention, shared, head, expert = weights = weight_bytes_per_gpu(shape, layout)
    stored, sequence, most = memory(shape, card, layout, weights, middle, k)
    cached = sequence + shape.state_bytes / layout.tensor
    fixed = _fixed(shape, card, layout, pace, k)
    alone, begin = _first(shape, layout, prefill, fixed + hop, k)
    one_expert = expert * pipeline * shape.expert_layers / (bandwidth * k["stream_experts"])
    one_expert *= (k["imbalance"] if layout.experts_split else 1.0) * _unpacking(card, layout.precision, k)
    one_expert += k["expert_hit"] * pace * shape.expert_layers / (layout.tensor * data if layout.experts_split else 1)
    stages = (1 + k["bubble"] * (pipeline - 1)) / pipeline
    between = k["interleave"] * stages * (k["interleave_sglang"] if engine == "sglang" else 1.0)
    return Terms(
        output=output, pipeline=pipeline, data=data, experts=shape.experts,
        stored=stored, sequence=sequence, most=min(most, most_running(layout, card)),
        fixed=fixed, token_compute=token_compute, token_link=token_link, hop=hop, prefill=prefill,
        always=(attention + shared + head) * pipeline / (bandwidth * k["stream"]),
        one_expert=one_expert,
        miss=log(1 - shape.active_experts / shape.experts) if shape.experts > shape.active_experts else 0.0,
        cache_one=max(cached / (bandwidth * k["stream_cache"]), new / layout.tensor / attention_flops),
        request=k["request"] * pace, alone=alone, begin=begin,
        queue=k["queue"] * (k["queue_sglang"] if engine == "sglang" else 1.0),
        burst=k["burst"] * (k["burst_trtllm"] if engine == "trtllm" else 1.0), together=k["burst_tokens"] / prompt,
        interleave=between, work=k["interleave"] * stages * prefill, shared=stages,
        offset=offsets[0], first_offset=offsets[1],
    )  # fmt: skip
