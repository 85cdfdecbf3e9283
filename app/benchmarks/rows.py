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
from app.estimate.inputs import (
    ENGINES,
    Card,
    EstimateError,
    Layout,
    Traffic,
    check_card,
    check_layout,
    check_traffic,
    known_precision,
    kv_bytes,
)
from app.estimate.shape import Shape
from app.models.architecture.naming import same_architecture

COLUMNS = (
    "source", "measured_on", "engine", "engine_version", "model", "precision", "gpu", "tensor_parallel",
    "pipeline_parallel",
    "attention_data_parallel", "expert_parallel", "input_tokens", "output_tokens", "concurrency", "request_rate_per_s",
    "output_tokens_per_s", "ttft_ms", "tpot_ms", "statistic",
)  # fmt: skip
_ENGINES = {"tensorrt-llm": "trtllm", "tensorrt_llm": "trtllm", "trt-llm": "trtllm", "trt": "trtllm",
            "llamacpp": "llama.cpp", "llama_cpp": "llama.cpp"}  # fmt: skip
_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_STANDARD = "vllm"
"""Engines that were not calibrated are taken for the most used one."""


@dataclass(frozen=True, slots=True)
class Question:
    """The estimator's inputs of one row."""

    shape: Shape
    card: Card
    layout: Layout
    traffic: Traffic
    gpu: Gpu


def question(row: Mapping[str, str | None], shapes: Mapping[str, Shape]) -> Question:
    """Read one row; ``shapes`` holds the known models by repository name. A variant of one that is tuned, dated or
    quantised otherwise is taken for it. Raises :class:`EstimateError`."""
    model = (row.get("model") or "").strip()
    shape = shapes.get(model.lower()) or shapes.get(same_architecture(model, shapes))
    if shape is None:
        raise EstimateError(
            "model",
            f"can't estimate, because the model {model[:80]!r} is not known; name it as the Hugging Face Hub does",
        )
    spelled = (row.get("gpu") or "").strip()
    gpu = stand_in(gpu_slug(spelled), gpus())
    card = card_of(gpu)
    precision = known_precision(row.get("precision") or "", bool(shape.native_4bit), bool(card.flops4))
    engine = engine_name(row.get("engine") or "")
    layout = Layout(
        precision=precision,
        kv_bytes=kv_bytes(precision),
        engine=engine if engine in ENGINES else _STANDARD,
        tensor=_whole(row, "tensor_parallel", 1),
        pipeline=_whole(row, "pipeline_parallel", 1),
        data=_whole(row, "attention_data_parallel", 1),
        experts_split=_whole(row, "expert_parallel", 1) > 1,
    )  # fmt: skip
    traffic = Traffic(
        _whole(row, "input_tokens"),
        _whole(row, "output_tokens"),
        _number(row, "concurrency"),
        _number(row, "request_rate_per_s"),
    )
    check_card(card, precision, gpu.name)
    check_layout(layout, shape.layers, shape.experts)
    check_traffic(traffic, 0)
    return Question(shape, card, layout, traffic, gpu)


def engine_name(spelled: str) -> str:
    """An engine by its usual spellings, the standard one where none is given; what is not known stays as it is
    spelled."""
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
    raise EstimateError("gpu", f"can't estimate, because no accelerator is known by the name {spelled[:80]!r}")


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
