"""``POST /api/estimate``: a prediction for programs.

Inputs come to the server, are answered and forgotten: nothing is logged.
"""

import contextlib
import json
from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import Request, Response, post

from app.benchmarks.nearest import SetUp, measurement_fields, nearest
from app.benchmarks.predict import Prediction, predict
from app.benchmarks.rows import Question, engine_name, question
from app.core.errors import QueryError
from app.estimate.inputs import ENGINES, EstimateError, check_traffic
from app.estimate.shape import shape_of
from app.models import store as models
from app.models.architecture.naming import same_architecture, slug_of, stated_precision
from app.site.estimate_schema import EXAMPLE, FIELDS, Estimate, NearestMeasurement
from app.web import same_origin

MOST_BYTES = 200_000
"""A body may have so many bytes; the twelve fields need a fraction of that."""
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
            raise QueryError(name, f"{name} must be text or a number.", f"For example {FIELDS[name]}.", status=422)
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
    """The repository whose architecture was used, and the estimator's inputs. Raises :class:`EstimateError`."""
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


_PARTS = ("weights", "kv_cache", "arithmetic", "interconnect", "layers_and_steps", "requests", "prompts_of_others")
"""What takes the time of a step, in the order in which the estimator lists it."""


def _ms(seconds: tuple[float, float]) -> tuple[float, float]:
    return seconds[0] * 1e3, seconds[1] * 1e3


def _answer(model: str, ask: Question, found: Prediction) -> Estimate:
    speed, layout = found.speed, ask.layout
    return Estimate(
        model=model,
        gpu=ask.gpu.slug,
        gpus=layout.gpus,
        precision=layout.precision,
        engine=layout.engine,
        time_to_first_token_ms=speed.ttft * 1e3,
        time_to_first_token_ms_range=_ms(found.ttft),
        time_per_output_token_ms=speed.tpot * 1e3 or None,
        time_per_output_token_ms_range=_ms(found.tpot) if speed.tpot else None,
        rests_on=found.rests_on,
        notes=_notes(ask),
        output_tokens_per_s=speed.throughput,
        output_tokens_per_s_per_gpu=speed.throughput / layout.gpus,
        output_tokens_per_s_per_request=1 / speed.tpot if speed.tpot else None,
        limited_by=speed.limited_by,
        sustained=speed.sustained,
        step_ms={name: part * 1e3 for name, part in zip(_PARTS, speed.parts, strict=True)},
        weight_bytes_per_gpu=speed.weights,
        kv_cache_bytes_per_sequence_per_gpu=speed.kv_sequence,
        largest_concurrency_that_fits=int(speed.most),
        rated_power_w=ask.card.watts * layout.gpus or None,
        nearest_measurements=_nearest(model, ask, speed.running),
    )


def _nearest(model: str, ask: Question, running: float) -> list[NearestMeasurement]:
    """The measured results of set-ups nearest to a question; ``running`` is its concurrency where it has only a
    rate."""
    layout, traffic = ask.layout, ask.traffic
    concurrency = traffic.concurrency or running
    like = SetUp(
        model, ask.gpu.slug, layout.precision, layout.engine, layout.gpus, traffic.input, traffic.output, concurrency
    )
    return [msgspec.convert(measurement_fields(row), NearestMeasurement) for row in nearest(like)]


async def estimated(body: bytes) -> Estimate:
    """The prediction that a JSON object asks for. Raises :class:`QueryError`: 400 for a body that is no JSON object,
    422 for what can't be, said with its field."""
    given = _given(body)
    try:
        model, ask = await _question(given)
        return _answer(model, ask, predict(ask))
    except EstimateError as error:
        raise QueryError(error.field, error.message, _HINT, status=422) from None


@post("/api/estimate", status_code=200)
async def estimate(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Predict one set-up."""
    found = await estimated(await same_origin.read_body(request, MOST_BYTES))
    return Response(msgspec.json.encode(found), media_type="application/json", headers={"cache-control": "no-store"})
