"""The inputs of an estimate: a GPU's figures, how a model is laid out on GPUs, and the traffic. Pure."""

from dataclasses import dataclass

from app.core.errors import InferenceBenchError

ENGINES = ("vllm", "sglang", "trtllm", "llama.cpp")
WEIGHT_BYTES = {"bf16": 2.0, "fp16": 2.0, "fp8": 1.0, "int8": 1.0, "q8_0": 1.0625, "q6_k": 0.8203, "q5_k_m": 0.7109,
    "q4_k_m": 0.6016,
                "nvfp4": 0.5625, "mxfp4": 0.53125, "int4": 0.53125}  # fmt: skip
"""Format → bytes of a weight with its share of scales. The k-quants are from llama.cpp's own table of bits per
weight."""
SPELLINGS = {"float16": "fp16", "bfloat16": "bf16", "half": "fp16", "awq": "int4", "gptq": "int4", "w4a16": "int4",
    "fp8_e4m3": "fp8", "w8a8": "int8"}  # fmt: skip
MOST_GPUS = 64
MOST_CONCURRENCY = 100_000
MOST_TOKENS = 2_000_000


class EstimateError(InferenceBenchError):
    """An estimate can't be made. ``field`` is the input at fault, the text says what would work."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


class UnknownError(EstimateError):
    """An estimate can't be made because a fact about the model or the GPU is not known: it may well run."""


@dataclass(frozen=True, slots=True)
class Card:
    """One GPU: bytes, bytes/s and FLOP/s, dense. ``tflops8`` and ``tflops4`` are 0 where it has no such units.

    ``switched`` says that all GPUs of a machine reach each other at ``link`` bytes/s per direction, as by NVLink with a
    switch, not over PCIe or a bridge of two. ``staged`` says that they reach each other only through the host's memory.
    ``stacked`` says that the memory is HBM, ``amd`` that the card is AMD's. ``pace`` is how long kernels that do little
    take, relative to Hopper. ``bf16`` is false where there is no bfloat16 arithmetic; ``weight_only_fp8`` says that
    engines
    unpack FP8 weights to 16 bits there. ``machine`` GPUs share one switch or host; beyond it ``network`` bytes/s per
    GPU and direction are left. ``watts`` is 0 where it is not known.
    """

    memory: float
    bandwidth: float
    flops16: float
    flops8: float
    flops4: float
    link: float
    switched: bool
    staged: bool = False
    stacked: bool = False
    amd: bool = False
    pace: float = 1.0
    bf16: bool = True
    weight_only_fp8: bool = False
    machine: int = 8
    network: float = 50e9
    watts: float = 0.0


@dataclass(frozen=True, slots=True)
class Layout:
    """How a model is laid out: on ``tensor`` × ``pipeline`` × ``data`` GPUs; ``data`` repeats attention, not experts.

    ``kv_bytes`` is the size of one cached element. ``experts_split`` means that whole experts are on different GPUs.
    ``max_running`` is the engine's configured limit of sequences at once, 0 if it is not known.
    """

    precision: str
    kv_bytes: float
    engine: str = "vllm"
    tensor: int = 1
    pipeline: int = 1
    data: int = 1
    experts_split: bool = False
    max_running: int = 0

    @property
    def gpus(self) -> int:
        """GPUs of one replica."""
        return self.tensor * self.pipeline * self.data


@dataclass(frozen=True, slots=True)
class Traffic:
    """Tokens of a request, and the load: ``concurrency`` requests in flight, or ``rate`` requests a second."""

    input: int
    output: int
    concurrency: float = 0.0
    rate: float = 0.0


def known_precision(text: str, native_4bit: bool, has_fp4: bool) -> str:
    """The weight format that ``text`` names; ``fp4`` is MXFP4 for a model published in it, else NVFP4.

    Raises :class:`EstimateError` for a format that is not known.
    """
    name = text.strip().lower()
    name = SPELLINGS.get(name, name)
    if name == "fp4":
        name = "mxfp4" if native_4bit or not has_fp4 else "nvfp4"
    if name not in WEIGHT_BYTES:
        known = ", ".join(WEIGHT_BYTES)
        raise EstimateError("precision", f"precision {text[:30]!r} is not known; use one of {known}")
    return name


def kv_bytes(precision: str, engine: str, card: Card) -> float:
    """Bytes of a cached element if its format is not stated.

    Measured set-ups keep the cache beside narrow floating-point weights in 8 bits where the card computes in that
    format. SGLang keeps 16 bits unless told otherwise (its server arguments, ``--kv-cache-dtype auto``), and so do
    engines that only unpack the weights: MXFP4 before Blackwell, FP8 on Ampere.
    """
    native = card.flops8 if precision == "fp8" else card.flops4 if precision in ("nvfp4", "mxfp4") else 0.0
    return 1.0 if native and engine != "sglang" else 2.0


def check_card(card: Card, precision: str, name: str) -> None:
    """Raise :class:`EstimateError` if the card can't compute in ``precision`` as engines run it."""
    if precision == "bf16" and not card.bf16:
        raise EstimateError("precision", f"{name} has no bfloat16 arithmetic; fp16, int8 or int4 would work")
    if precision == "fp8" and not (card.flops8 or card.weight_only_fp8):
        other = "bf16, fp16" if card.bf16 else "fp16"
        raise EstimateError("precision", f"{name} has no FP8 units; {other} or int4 would work")
    if precision == "nvfp4" and not card.flops4:
        raise EstimateError("precision", f"{name} has no FP4 units for NVFP4; mxfp4, int4 or fp8 may work")


def check_traffic(traffic: Traffic, context: int) -> None:
    """Raise :class:`EstimateError` for counts that can't be: none, huge, or more tokens than the model has context."""
    for field, value in (("input_tokens", traffic.input), ("output_tokens", traffic.output)):
        if not 1 <= value <= MOST_TOKENS:
            raise EstimateError(field, f"{field} must be from 1 to {MOST_TOKENS:,}, for example 1024; it is {value:,}")
    if context and traffic.input + traffic.output > context:
        total = traffic.input + traffic.output
        raise EstimateError(
            "input_tokens",
            f"{total:,} tokens are more than the model's context of {context:,}; shorten prompt or output",
        )
    if not traffic.rate and not 0 < traffic.concurrency <= MOST_CONCURRENCY:
        raise EstimateError("concurrency", f"concurrency must be from 1 to {MOST_CONCURRENCY:,}, for example 32")
    if traffic.rate and not 0 < traffic.rate <= MOST_CONCURRENCY:
        raise EstimateError("request_rate_per_s", "the request rate must be above 0 a second, for example 2.5")


def check_layout(layout: Layout, layers: int, experts: int, heads: int = 0) -> None:
    """Raise :class:`EstimateError` for a split that no engine can run. ``heads`` is 0 where they need not divide."""
    if layout.engine not in ENGINES:
        raise EstimateError("engine", f"engine {layout.engine[:30]!r} is not known; use one of {', '.join(ENGINES)}")
    for field, value in (
        ("tensor_parallel", layout.tensor),
        ("pipeline_parallel", layout.pipeline),
        ("attention_data_parallel", layout.data),
    ):
        if value < 1:
            raise EstimateError(field, f"{field} must be 1 or more; it is {value}")
    if layout.max_running < 0:
        raise EstimateError("max_running", f"max_running must be 1 or more, or left out; it is {layout.max_running}")
    if layout.gpus > MOST_GPUS:
        raise EstimateError("tensor_parallel", f"{layout.gpus} GPUs for one replica; at most {MOST_GPUS} are estimated")
    if layout.pipeline > layers:
        raise EstimateError("pipeline_parallel", f"{layout.pipeline} stages are more than the model's {layers} layers")
    if heads and layout.engine != "llama.cpp" and heads % layout.tensor:
        works = [str(n) for n in range(1, MOST_GPUS + 1) if heads % n == 0 and n & (n - 1) == 0]
        raise EstimateError(
            "tensor_parallel",
            f"tensor_parallel {layout.tensor} does not divide the model's {heads} attention heads; "
            f"{', '.join(works)} would",
        )
    if layout.experts_split and not experts:
        raise EstimateError(
            "expert_parallel", "expert parallelism needs a mixture of experts; this model is dense, leave it at 1"
        )
