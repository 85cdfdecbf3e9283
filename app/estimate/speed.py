"""Time to first token and time per output token of a model on GPUs under load. Pure.

One step of decoding makes one token for each running sequence. Its time is a sum of physical terms: weights read (of a
mixture the experts that are hit), the KV cache read, arithmetic, all-reduces, and what a layer and a step cost however
little they do; prompts of other requests are computed in between. Times are seconds, sizes bytes. The browser evaluates
the same formulas (``static/estimate.js``), term by term in the same order.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, log, sqrt

from app.estimate.inputs import Card, Layout, Traffic
from app.estimate.memory import kv_elements, memory, weight_bytes_per_gpu
from app.estimate.shape import Shape

ROUNDS = 4
"""Rounds of the fixed point between running sequences and the time they take."""
RATE_ROUNDS = 24
MOST_STARTED = 256
"""Sequences that an engine runs at once where requests come at a rate and nobody told it otherwise:
``max_num_seqs`` of vLLM."""
BUSIEST = 0.95
"""Share of the time spent on prompts beyond which waiting is not told: it grows as long as the load lasts."""
LIMITS = ("bandwidth", "compute", "interconnect", "launch overhead", "memory")


@dataclass(frozen=True, slots=True)
class Speed:
    """A prediction. Seconds, bytes per GPU, sequences.

    ``parts`` are the seconds of one step: weights, KV cache, arithmetic, interconnect, layers and steps, requests,
    prompts of others. ``running`` sequences are decoding at once on average, ``most`` fit into memory; ``waiting`` is
    the time a request queues for memory. ``fits`` is false where not one sequence does: then there are no times.
    ``sustained`` is false where requests arrive faster than they are served: the time to the first token then grows as
    long as the load lasts, and what is told of it leaves that out.
    """

    fits: bool
    ttft: float
    tpot: float
    prefill: float
    waiting: float
    running: float
    most: float
    weights: float
    kv_sequence: float
    parts: tuple[float, float, float, float, float, float, float]
    sustained: bool = True

    @property
    def limited_by(self) -> str:
        """The resource that takes the largest part of a step."""
        weights, cache, compute, link, layers, requests, prompts = self.parts
        if self.waiting > self.tpot:
            return "memory"
        shares = (weights + cache, compute + prompts, link, layers + requests)
        return LIMITS[shares.index(max(shares))]


@dataclass(frozen=True, slots=True)
class Terms:
    """What does not depend on the load.

    Seconds and bytes, of one GPU; ``*_one`` are of one sequence, ``token_*`` of one token.
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
    first: float
    queue: float
    interleave: float


def _by_engine(engine: str, k: Mapping[str, float], name: str) -> float:
    """The factor of ``engine`` relative to vLLM; engines without one of their own count as vLLM."""
    if engine == "sglang":
        return k[f"{name}_sglang"]
    return k[f"{name}_trtllm"] if engine == "trtllm" else 1.0


def _flops(card: Card, precision: str, k: Mapping[str, float]) -> float:
    """FLOP/s of matrix products: formats that are only unpacked (INT4, k-quants, MXFP4 on older cards) compute in
    16 bits."""
    native = card.flops16
    if precision == "fp8" and card.flops8:
        native = card.flops8
    elif precision in ("nvfp4", "mxfp4") and card.flops4:
        native = card.flops4
    gain: float = (native / card.flops16) ** k["narrow_gain"]
    return card.flops16 * card.gemm * gain


def _fixed(shape: Shape, layout: Layout, pace: float, k: Mapping[str, float]) -> float:
    """Seconds of a step however little it does: kernels have a shortest time, and an engine schedules and samples."""
    expert_layers = shape.expert_layers
    counts = (
        ("layer", shape.layers),
        ("layer_latent", shape.latent * shape.layers),
        ("layer_linear", shape.linear_layers),
        ("layer_quantise", shape.layers - expert_layers if layout.precision == "nvfp4" else 0),
        ("layer_experts", expert_layers),
        ("layer_experts_fp8", expert_layers if layout.precision == "fp8" else 0),
        ("layer_per_expert", shape.active_experts * expert_layers),
        ("layer_shared_expert", shape.shared_expert * expert_layers),
        ("stage", layout.pipeline - 1),
        ("step", 1),
    )
    return pace * sum(k[name] * count for name, count in counts)


def _link(shape: Shape, card: Card, layout: Layout, k: Mapping[str, float]) -> tuple[float, float]:
    """Two all-reduces of a layer: seconds for each token, and however small they are. Ring: 2 (N-1)/N of the bytes
    (Patarasuk and Yuan, 2009); through the host's memory, which all N share, N/2 times the bytes."""
    ranks = layout.tensor * layout.data
    if ranks == 1:
        return 0.0, 0.0
    way = "switched" if card.switched else "staged" if card.staged else "other"
    times = ranks / 2 if way == "staged" else 2 * (ranks - 1) / ranks
    hop = 2 * shape.layers * k["allreduce"] * (1.0 if way == "switched" else k[f"allreduce_{way}"])
    hop *= card.pace * _by_engine(layout.engine, k, "allreduce")
    return 2 * shape.layers * shape.hidden * 2 * times / (card.link * k[f"link_{way}"]), hop


def _attention_flop(shape: Shape, prompt: float, middle: float) -> tuple[float, float]:
    """FLOP of attention over a whole prompt, causal and within windows, and for one new token at ``middle``."""
    pairs = new = 0.0
    for span in shape.spans:
        seen = min(prompt, span.window) if span.window else prompt
        pairs += span.layers * span.prefill_flop * (prompt * seen - seen * seen / 2)
        new += span.layers * span.decode_flop * (min(middle, span.window) if span.window else middle)
    return pairs, new


def terms(shape: Shape, card: Card, layout: Layout, prompt: int, output: int, k: Mapping[str, float]) -> Terms:
    """Everything about serving ``prompt`` and ``output`` tokens that does not depend on the load.

    A cache in which each sequence is half way through its output: continuous batching staggers them (Orca, OSDI 2022).
    """
    ranks = layout.tensor * layout.data
    engine, pipeline, data = layout.engine, layout.pipeline, layout.data
    pace = card.pace * (k["pace_llamacpp"] if engine == "llama.cpp" else _by_engine(engine, k, "pace"))
    bandwidth = card.bandwidth * card.stream
    if engine == "llama.cpp" and card.stacked:
        bandwidth *= k["stream_llamacpp_stacked"]
    attention_flops = card.flops16 * card.gemm * k["attention"]
    dense = 2 * (shape.mixer_parameters + shape.shared_parameters) / k["gemm"]
    routed = 2 * shape.expert_layers * shape.active_experts * shape.expert_parameters / k["gemm_experts"]
    token_compute = (dense + routed) / (ranks * _flops(card, layout.precision, k))
    token_link, hop = _link(shape, card, layout, k)
    middle = prompt + output / 2
    pairs, new = _attention_flop(shape, prompt, middle)
    prefill = token_compute * prompt + pairs / ranks / attention_flops + token_link * prompt / data

    attention, shared, head, expert = weights = weight_bytes_per_gpu(shape, layout)
    stored, sequence, most = memory(shape, card, layout, weights, middle, k)
    state = shape.state_bytes / layout.tensor
    begin = k["first_fixed"] + k["first_layer"] * shape.layers + k["first_expert_layer"] * shape.expert_layers
    one_expert = expert * pipeline * shape.expert_layers / (bandwidth * k["stream_experts"])
    one_expert *= (k["imbalance"] if layout.experts_split else 1.0) * (
        k["unpack"] if layout.precision == "int4" else 1.0
    )
    return Terms(
        output=output,
        pipeline=pipeline,
        data=data,
        experts=shape.experts,
        stored=stored,
        sequence=sequence,
        most=most,
        fixed=_fixed(shape, layout, pace, k),
        token_compute=token_compute,
        token_link=token_link,
        hop=hop,
        prefill=prefill,
        always=(attention + shared + head) * pipeline / (bandwidth * k["stream"]),
        one_expert=one_expert,
        miss=log(1 - shape.active_experts / shape.experts) if shape.experts > shape.active_experts else 0.0,
        cache_one=max((sequence + state) / (bandwidth * k["stream_cache"]), new / layout.tensor / attention_flops),
        request=k["request"] * pace,
        alone=prefill * data ** k["data_prompts"] + card.pace * begin,
        first=k["first"] * _by_engine(engine, k, "first") * (k["first_latent"] if shape.latent else 1.0),
        queue=k["queue"] * _by_engine(engine, k, "queue"),
        interleave=k["interleave"] * (k["interleave_sglang"] if engine == "sglang" else 1.0),
    )


def _experts_hit(t: Terms, together: float, routing: float) -> float:
    """Distinct experts of a layer that ``together`` tokens choose: E (1 - (1 - k/E)^n), with n less than the tokens
    because tokens of one text choose alike."""
    if not t.miss:
        return float(t.experts)
    return t.experts * (1 - exp(t.miss * together**routing))


def _step(t: Terms, running: float, k: Mapping[str, float]) -> tuple[float, float, float, float, float, float, float]:
    """The parts of one step with ``running`` sequences, in the order of :class:`Speed`. Reading and arithmetic
    overlap: a roofline (Williams et al., 2009) with its corner rounded. Prompts of others come in between
    (arXiv:2308.16369)."""
    together = max(running / t.pipeline, 1.0)
    rank = max(together / t.data, 1.0)
    read = t.always + t.one_expert * _experts_hit(t, together, k["routing"])
    compute = t.token_compute * together
    prompts = t.interleave * max(running - 1, 0.0) / t.output * t.prefill
    weights = sqrt(read * read + compute * compute)
    return read, t.cache_one * rank, weights - read, t.hop + t.token_link * rank, t.fixed, t.request * rank, prompts


def at(t: Terms, traffic: Traffic, k: Mapping[str, float]) -> Speed:
    """The prediction under a load: a fixed point, since sequences still waiting for their prompt don't decode
    (Little's law).

    With a fixed number in flight a prompt waits for a share of the others'. Where requests arrive at a rate, it waits
    as in a queue with random arrivals and equal services (Pollaczek-Khinchine: half of b/(1-b) services, b the share
    of time that is busy).
    """
    rate, load = traffic.rate, traffic.concurrency
    most = min(t.most, MOST_STARTED) if rate else t.most
    if most < 1:
        return Speed(False, 0.0, 0.0, 0.0, 0.0, 0.0, max(most, 0.0), t.stored, t.sequence, (0.0,) * 7)
    running = wanted = 1.0 if rate else min(load, most)
    busy = min(rate * t.prefill, BUSIEST)
    for _ in range(RATE_ROUNDS if rate else ROUNDS):
        parts = _step(t, running, k)
        step = sum(parts)
        decoding = step * t.output
        flight = running if rate else min(load, most)
        ahead = busy / (1 - busy) / 2 if rate else t.queue * max(flight - 1, 0.0) ** k["queue_growth"]
        own = t.alone * (t.first + ahead) + k["first_request"] * flight + k["first_step"] * 0.5 * step
        wanted = rate * decoding if rate else load * decoding / (own + decoding)
        running = 0.3 * running + 0.7 * wanted if wanted < most else most
    waiting = (load / most - 1) * decoding if not rate and load > most else 0.0
    sustained = not rate or (wanted < most and rate * t.prefill < BUSIEST)
    return Speed(True, own + waiting, step, t.prefill, waiting, running, t.most, t.stored, t.sequence, parts, sustained)


def estimate(shape: Shape, card: Card, layout: Layout, traffic: Traffic, k: Mapping[str, float]) -> Speed:
    """Predict speed with the calibrated constants ``k``. The inputs must have passed the checks of ``inputs``."""
    return at(terms(shape, card, layout, traffic.input, traffic.output, k), traffic, k)


FORMULAS = (
    terms, _attention_flop, kv_elements, weight_bytes_per_gpu, memory, _flops, _fixed, _link, _experts_hit, _step, at
)  # fmt: skip
"""What the methodology page tells, by their docstrings."""
