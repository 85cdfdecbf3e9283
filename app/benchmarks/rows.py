"""A row of measurements, its columns, and the estimator's inputs for it. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from math import inf, isfinite

from app.catalog.aliases import Resolved, resolve
from app.catalog.facts import Gpu, gpus
from app.estimate.cards import card_of, stand_in
from app.estimate.constants import fitted
from app.estimate.inputs import (
    ENGINES,
    Card,
    EstimateError,
    Layout,
    Traffic,
    UnknownError,
    check_card,
    check_layout,
    check_traffic,
    known_precision,
    kv_bytes,
)
from app.estimate.offsets import Basis, basis, family_key, generation, group_key, kind_of
from app.estimate.shape import Shape
from app.models.architecture.naming import base_name, same_architecture, stated_precision

COLUMNS = (
    "source", "measured_on", "engine", "engine_version", "model", "precision", "gpu", "tensor_parallel",
    "pipeline_parallel",
    "attention_data_parallel", "expert_parallel", "input_tokens", "output_tokens", "concurrency", "request_rate_per_s",
    "output_tokens_per_s", "ttft_ms", "tpot_ms", "statistic", "kv_format", "speculative_tokens", "max_running",
    "prefix_cached", "doubt",
)  # fmt: skip
_ENGINES = {"tensorrt-llm": "trtllm", "tensorrt_llm": "trtllm", "trt-llm": "trtllm", "trt": "trtllm",
    "llamacpp": "llama.cpp", "llama_cpp": "llama.cpp"}  # fmt: skip
SAME_RUNS = {"deepseek-v3": "deepseek-r1"}
"""Model → the name under which the same runs were also published: a fold that left out only one of the two would leave
nothing out."""
_OFFLINE = re.compile(r"offline max throughput of (\d{1,6}) requests")
KV_FORMATS = {"bf16": 2.0, "fp16": 2.0, "fp8": 1.0, "int8": 1.0}
"""Format of the KV cache → bytes of an element."""
_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_STANDARD = "vllm"
"""The engine assumed for rows that name none, or one that was not calibrated: the most used one."""


@dataclass(frozen=True, slots=True)
class Question:
    """The estimator's inputs of one row. ``model`` is the name that its variants share."""

    shape: Shape
    card: Card
    layout: Layout
    traffic: Traffic
    gpu: Gpu
    model: str = ""

    @property
    def family(self) -> str:
        """The key of the family's offset."""
        return family_key(kind_of(self.shape), generation(self.gpu), self.layout.precision)

    @property
    def group(self) -> str:
        """The key of the group's offset."""
        return group_key(self.model, self.layout.engine, generation(self.gpu), self.layout.precision)

    def basis(self) -> Basis:
        """What measurements of the same kind say."""
        return basis(fitted()["offsets"], self.family, self.group)


def question(row: Mapping[str, str | None], shapes: Mapping[str, Shape]) -> Question:
    """Read one row; ``shapes`` holds the known models by repository name. A variant of one that is tuned, dated or
    quantised otherwise is taken for it. Raises :class:`EstimateError`."""
    model = (row.get("model") or "").strip()
    shape = shapes.get(model.lower()) or shapes.get(same_architecture(model, shapes))
    if shape is None:
        raise UnknownError(
            "model",
            f"can't estimate, because the model {model[:80]!r} is not known; name it as the Hugging Face Hub does",
        )
    spelled = (row.get("gpu") or "").strip()
    gpu = stand_in(gpu_slug(spelled), gpus())
    card = card_of(gpu)
    precision = (row.get("precision") or "").strip() or stated_precision(model)
    precision = known_precision(precision or _published(shape), bool(shape.native_4bit), bool(card.flops4))
    engine = engine_name(row.get("engine") or "")
    engine = engine if engine in ENGINES else _STANDARD
    layout = Layout(
        precision=precision,
        kv_bytes=_kv_bytes(row, precision, engine, card),
        engine=engine,
        tensor=_whole(row, "tensor_parallel", 1),
        pipeline=_whole(row, "pipeline_parallel", 1),
        data=_whole(row, "attention_data_parallel", 1),
        experts_split=_whole(row, "expert_parallel", 1) > 1,
        max_running=_whole(row, "max_running", 0),
    )  # fmt: skip
    traffic = Traffic(
        _whole(row, "input_tokens"),
        _whole(row, "output_tokens"),
        _number(row, "concurrency") or _at_once(row),
        _number(row, "request_rate_per_s"),
    )
    check_card(card, precision, gpu.name)
    check_layout(layout, shape.layers, shape.experts, shape.heads)
    check_traffic(traffic, 0)
    return Question(shape, card, layout, traffic, gpu, shared_name(model))


def basis_of(model: str, shape: Shape, gpu: Gpu, precision: str, engine: str) -> Basis:
    """The offsets of measurements for a set-up that is not a row."""
    made = generation(gpu)
    group = group_key(shared_name(model), engine, made, precision)
    return basis(fitted()["offsets"], family_key(kind_of(shape), made, precision), group)


def shared_name(model: str) -> str:
    """The name that the variants of ``model`` share, and that models measured in the same runs share."""
    name = base_name(model)
    return SAME_RUNS.get(name, name)


def _at_once(row: Mapping[str, str | None]) -> float:
    """The number of requests of an offline run, which all arrive at the start; 0 for any other row."""
    found = _OFFLINE.search(row.get("statistic") or "")
    return float(found[1]) if found and not (row.get("request_rate_per_s") or "").strip() else 0.0


def _published(shape: Shape) -> str:
    """The format of a model published in four bits, for rows whose precision and name state none."""
    return "mxfp4" if shape.native_4bit else ""


def _kv_bytes(row: Mapping[str, str | None], precision: str, engine: str, card: Card) -> float:
    """Bytes of a cached element: of the format that the row states, else the usual ones."""
    stated = (row.get("kv_format") or "").strip().lower()
    if not stated:
        return kv_bytes(precision, engine, card)
    if stated not in KV_FORMATS:
        raise EstimateError("kv_format", f"kv_format {stated[:30]!r} is not known; use one of {', '.join(KV_FORMATS)}")
    return KV_FORMATS[stated]


def engine_name(spelled: str) -> str:
    """The engine's own name for one of its usual spellings; the standard engine if none is given; an unknown spelling
    is returned as it is."""
    engine = spelled.strip().lower() or _STANDARD
    return _ENGINES.get(engine, engine)


@lru_cache(maxsize=1024)
def gpu_slug(spelled: str) -> str:
    """The catalogue's slug of a spelling, for example ``H100 SXM`` or ``3090 24GB``. Raises :class:`EstimateError`."""
    size = re.search(r"(\d+) ?GB", spelled, re.IGNORECASE)
    memory = Decimal(size[1]) if size else None
    plain = re.sub(r",? *\d+ ?GB$", "", spelled, flags=re.IGNORECASE)
    for name in (spelled, plain, f"RTX {plain}"):
        found = resolve("", name, memory)
        if isinstance(found, Resolved):
            return found.gpu
    raise UnknownError("gpu", f"can't estimate, because no accelerator is known by the name {spelled[:80]!r}")


def _number(row: Mapping[str, str | None], field: str) -> float:
    text = (row.get(field) or "").strip()
    if not text:
        return 0.0
    value = float(text) if _PLAIN.fullmatch(text) else inf
    if not isfinite(value):
        raise EstimateError(field, f"{field} must be a number, for example 32; it is {text[:30]!r}")
    return value


def _whole(row: Mapping[str, str | None], field: str, default: int | None = None) -> int:
    if default is not None and not (row.get(field) or "").strip():
        return default
    value = _number(row, field)
    if value != int(value):
        raise EstimateError(field, f"{field} must be a whole number, for example 1024; it is {value:g}")
    return int(value)
