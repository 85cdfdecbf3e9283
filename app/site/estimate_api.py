"""``POST /api/estimate``: a prediction for programs.

Inputs come to the server, are answered and forgotten: nothing is logged.
"""

import contextlib
import json
from collections.abc import Mapping
from typing import Any

from litestar import Request, Response, post

from app.benchmarks.nearest import SetUp, nearest, told
from app.benchmarks.predict import Prediction, predict
from app.benchmarks.rows import Question, engine_name, question
from app.core.errors import QueryError
from app.estimate.inputs import ENGINES, EstimateError, check_traffic
from app.estimate.shape import shape_of
from app.models import store as models
from app.models.architecture.naming import same_architecture, slug_of, stated_precision

FIELDS: dict[str, tuple[str, str]] = {
    "model": (
        (
            "repository on the Hugging Face Hub, or the slug of its page; of a tuned or quantised variant that is not "
            "known, the base is taken"
        ),
        "meta-llama/Llama-3.1-70B-Instruct",
    ),
    "gpu": ("GPU, as its page or its maker calls it", "h100-sxm-80gb"),
    "precision": ("format of the weights; if left out, what the model's name states, else as published", "fp8"),
    "engine": ("vllm, sglang, trtllm or llama.cpp; vllm if left out", "vllm"),
    "tensor_parallel": ("GPUs that each matrix is split over; 1 if left out", "4"),
    "pipeline_parallel": ("stages of layers; 1 if left out", "1"),
    "attention_data_parallel": ("ranks that repeat attention; 1 if left out", "1"),
    "expert_parallel": ("GPUs that whole experts are spread over; 1 if left out", "1"),
    "input_tokens": ("tokens of the prompt", "1000"),
    "output_tokens": ("tokens of the answer", "300"),
    "concurrency": ("requests in flight, or give request_rate_per_s", "32"),
    "request_rate_per_s": ("requests a second, instead of concurrency", "2.5"),
}
"""Field → (meaning, example): for checks, the documentation and its tests."""
EXAMPLE = {"model": "meta-llama/Llama-3.1-70B-Instruct", "gpu": "h100-sxm-80gb", "precision": "fp8",
           "tensor_parallel": 4, "input_tokens": 1000, "output_tokens": 300, "concurrency": 32}  # fmt: skip
ANSWER: dict[str, tuple[str, str]] = {
    "model": ("string", "repository that was computed with"),
    "gpu": ("string", "slug of the GPU"),
    "gpus": ("integer", "GPUs of one replica"),
    "precision": ("string", "format of the weights"),
    "engine": ("string", "engine"),
    "time_to_first_token_ms": ("number", "time to the first token, predicted"),
    "time_to_first_token_ms_range": ("array", "between these 80 % of measurements lie"),
    "time_per_output_token_ms": ("number", "time of each further token, predicted; null for one output token"),
    "time_per_output_token_ms_range": ("array", "between these 80 % of measurements lie"),
    "rests_on": (
        "string",
        (
            "measured: this model, engine, GPU generation and format was measured; family: others of its kind; "
            "physics: neither"
        ),
    ),
    "notes": ("array", "what is unusual about the set-up"),
    "output_tokens_per_s": ("number", "tokens a second of all requests"),
    "output_tokens_per_s_per_gpu": ("number", "the same for each GPU"),
    "output_tokens_per_s_per_request": ("number", "the same for each request"),
    "limited_by": ("string", "bandwidth, compute, interconnect, launch overhead or memory"),
    "sustained": (
        "boolean",
        (
            "false where requests arrive faster than they are served: waiting then grows without end and is not part "
            "of the times"
        ),
    ),
    "step_ms": ("object", "milliseconds of one step by what takes them"),
    "weight_bytes_per_gpu": ("number", "bytes of weights on each GPU"),
    "kv_cache_bytes_per_sequence_per_gpu": ("number", "bytes of cache and state of one sequence on each GPU"),
    "largest_concurrency_that_fits": ("integer", "sequences that fit into memory"),
    "rated_power_w": ("number", "rated power of all GPUs in watts, null where not known"),
    "nearest_measurements": ("array", "the three measured results of set-ups nearest to this one, with their source"),
}
"""Field of an answer → (JSON type, meaning)."""
NULLABLE = (
    "rated_power_w",
    "time_per_output_token_ms",
    "time_per_output_token_ms_range",
    "output_tokens_per_s_per_request",
)
"""Fields that may be null."""
_HINT = f"For example {json.dumps(EXAMPLE)}"


def _given(body: bytes) -> dict[str, str]:
    """The fields of a request as text. Raises :class:`QueryError`."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise QueryError("body", "The body is not JSON.", _HINT) from None
    if not isinstance(found, dict):
        raise QueryError("body", "The body is not a JSON object.", _HINT)
    for name, value in found.items():
        if name not in FIELDS:
            raise QueryError(
                str(name)[:40],
                f"{str(name)[:40]!r} is not a field of an estimate.",
                f"The fields are {', '.join(FIELDS)}.",
                status=422,
            )
        says = value if isinstance(value, str) else ""
        if (
            isinstance(value, bool)
            or not isinstance(value, (str, int, float))
            or len(str(value)) > 200
            or any("\ud800" <= character <= "\udfff" for character in says)  # half a surrogate pair is no text
        ):
            raise QueryError(name, f"{name} must be text or a number.", f"For example {FIELDS[name][1]}.", status=422)
    return {name: str(value) for name, value in found.items()}


def _check_choices(given: Mapping[str, str]) -> None:
    """Refuse what a measured row may hold but a question may not: an unknown engine would be answered for another
    one."""
    engine = given.get("engine", "")
    if engine_name(engine) not in ENGINES:
        raise EstimateError("engine", f"engine {engine[:30]!r} is not known; use one of {', '.join(ENGINES)}")
    with contextlib.suppress(ValueError):  # what is no number is refused with the other fields
        if float(split := given.get("expert_parallel", "")) < 1:
            raise EstimateError("expert_parallel", f"expert_parallel must be 1 or more; it is {split[:30]}")


async def _question(given: Mapping[str, str]) -> tuple[str, Question]:
    """The repository that was computed with, and the estimator's inputs. Raises :class:`EstimateError`."""
    name = given.get("model", "")
    if "/" not in name:  # a slug
        name = name.replace("--", "/", 1)
    row = await models.one_model(slug_of(name))
    if row is None and (base := same_architecture(name, [known["model"] for known in await models.every_model()])):
        row = await models.one_model(slug_of(base))
    architecture = models.architecture_of(row) if row else None
    if row is None or architecture is None:
        why = (
            (models.doubt_of(row) or "its configuration is not understood")
            if row
            else f"no model {name[:80]!r} is known"
        )
        raise EstimateError("model", f"can't estimate, because {why}; /models lists those that are")
    _check_choices(given)
    precision = given.get("precision") or stated_precision(name) or architecture.precision
    asked = {**given, "model": row["model"], "precision": precision}
    ask = question(asked, {row["model"].lower(): shape_of(architecture)})
    check_traffic(ask.traffic, ask.shape.context)
    return row["model"], ask


def _notes(ask: Question) -> list[str]:
    """What is unusual about a set-up that can run."""
    layout, card = ask.layout, ask.card
    notes = []
    if layout.tensor * layout.data > card.machine:
        notes.append(
            f"{layout.tensor * layout.data} GPUs exchange activations in every layer but {card.machine} share a "
            "switch: the rest goes over a network, which is unusual; pipeline stages across machines are usual"
        )
    if layout.precision == "fp8" and not card.flops8:
        notes.append(f"{ask.gpu.name} has no FP8 units: weights are unpacked, arithmetic is in 16 bits")
    return notes


def _answer(model: str, ask: Question, found: Prediction) -> dict[str, Any]:
    speed = found.speed
    names = ("weights", "kv_cache", "arithmetic", "interconnect", "layers_and_steps", "requests", "prompts_of_others")
    layout, traffic = ask.layout, ask.traffic
    like = SetUp(
        model,
        ask.gpu.slug,
        layout.precision,
        layout.engine,
        layout.gpus,
        traffic.input,
        traffic.output,
        traffic.concurrency or speed.running,
    )
    return {
        "model": model, "gpu": ask.gpu.slug, "gpus": ask.layout.gpus, "precision": ask.layout.precision,
        "engine": ask.layout.engine,
        "time_to_first_token_ms": speed.ttft * 1e3, "time_to_first_token_ms_range": [t * 1e3 for t in found.ttft],
        "time_per_output_token_ms": speed.tpot * 1e3 or None,
        "time_per_output_token_ms_range": [t * 1e3 for t in found.tpot] if speed.tpot else None,
        "rests_on": found.rests_on, "notes": _notes(ask),
        "output_tokens_per_s": speed.throughput, "output_tokens_per_s_per_gpu": speed.throughput / ask.layout.gpus,
        "output_tokens_per_s_per_request": 1 / speed.tpot if speed.tpot else None,
        "limited_by": speed.limited_by, "sustained": speed.sustained,
        "step_ms": {name: part * 1e3 for name, part in zip(names, speed.parts, strict=True)},
        "weight_bytes_per_gpu": speed.weights, "kv_cache_bytes_per_sequence_per_gpu": speed.kv_sequence,
        "largest_concurrency_that_fits": int(speed.most), "rated_power_w": ask.card.watts * ask.layout.gpus or None,
        "nearest_measurements": [told(row) for row in nearest(like)],
    }  # fmt: skip


@post("/api/estimate", status_code=200)
async def estimate(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Predict one set-up. 400 for a body that is no JSON object, 422 for what can't be, said with its field."""
    given = _given(await request.body())
    try:
        model, ask = await _question(given)
        found = _answer(model, ask, predict(ask))
    except EstimateError as error:
        raise QueryError(error.field, error.message, _HINT, status=422) from None
    return Response(json.dumps(found).encode(), media_type="application/json", headers={"cache-control": "no-store"})
