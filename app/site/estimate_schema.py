"""The types of what ``POST /api/estimate`` takes and answers: answers are built from them, and the API's description
too."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from app.estimate.inputs import ENGINES, MOST_CONCURRENCY, MOST_TOKENS

EXAMPLE = {"model": "meta-llama/Llama-3.1-70B-Instruct", "gpu": "h100-sxm-80gb", "precision": "fp8",
           "tensor_parallel": 4, "input_tokens": 1000, "output_tokens": 300, "concurrency": 32}  # fmt: skip


def _field(meaning: str, example: object, **limits: Any) -> Meta:
    return Meta(description=meaning, examples=[example], **limits)


Load = Annotated[float, Meta(gt=0, le=MOST_CONCURRENCY)]


class EstimateRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    """One set-up. Numbers may also be strings."""

    model: Annotated[
        str,
        _field(
            "repository on the Hugging Face Hub, or the slug of its page; for an unknown fine-tuned or "
            "quantised variant its base model is used",
            "meta-llama/Llama-3.1-70B-Instruct",
        ),
    ]
    gpu: Annotated[str, _field("slug or name of the GPU", "h100-sxm-80gb")]
    precision: Annotated[
        str | None,
        _field("format of the weights; if left out, what the model's name states, else as published", "fp8"),
    ] = None
    engine: Annotated[
        str,
        _field(
            "vllm, sglang, trtllm or llama.cpp; vllm if left out", "vllm", extra_json_schema={"enum": list(ENGINES)}
        ),
    ] = "vllm"
    tensor_parallel: Annotated[
        int, _field("tensor parallel size (TP): GPUs each matrix is split over; 1 if left out", 4, ge=1)
    ] = 1
    pipeline_parallel: Annotated[
        int, _field("pipeline parallel size (PP): stages the layers are split into; 1 if left out", 1, ge=1)
    ] = 1
    attention_data_parallel: Annotated[
        int, _field("attention data-parallel size: ranks that replicate attention; 1 if left out", 1, ge=1)
    ] = 1
    expert_parallel: Annotated[
        int, _field("expert parallel size (EP): GPUs that whole experts are spread over; 1 if left out", 1, ge=1)
    ] = 1
    input_tokens: Annotated[int, _field("tokens of the prompt", 1000, ge=1, le=MOST_TOKENS)]
    output_tokens: Annotated[int, _field("tokens of the answer", 300, ge=1, le=MOST_TOKENS)]
    concurrency: Annotated[Load | None, _field("concurrency: requests in flight; or give request_rate_per_s", 32)] = (
        None
    )
    request_rate_per_s: Annotated[Load | None, _field("requests per second, instead of concurrency", 2.5)] = None


Range = tuple[float, float]


class NearestMeasurement(Struct, kw_only=True):
    """A measured result of a set-up similar to the one asked about."""

    model: Annotated[str, Meta(description="model that was measured")]
    gpu: Annotated[str, Meta(description="slug of the GPU")]
    gpus: Annotated[int, Meta(description="GPUs of one replica")]
    precision: Annotated[str, Meta(description="format of the weights")]
    engine: Annotated[str, Meta(description="engine")]
    engine_version: Annotated[str | None, Meta(description="version of the engine, where stated")]
    input_tokens: Annotated[float, Meta(description="tokens of the prompt")]
    output_tokens: Annotated[float, Meta(description="tokens of the answer")]
    concurrency: Annotated[float, Meta(description="requests being served at once")]
    time_to_first_token_ms: Annotated[float | None, Meta(description="time to the first token, where measured")]
    time_per_output_token_ms: Annotated[float, Meta(description="TPOT, time per output token after the first")]
    statistic: Annotated[str, Meta(description="statistic of the times: mean, median or another")]
    measured_on: Annotated[str | None, Meta(description="day of the measurement, where stated")]
    source: Annotated[str, Meta(description="who published it, and where")]


class Estimate(Struct, kw_only=True):
    """A prediction: times in milliseconds with their 80% ranges, memory in bytes, and the limiting resource."""

    model: Annotated[str, Meta(description="repository whose architecture was used")]
    gpu: Annotated[str, Meta(description="slug of the GPU")]
    gpus: Annotated[int, Meta(description="GPUs of one replica")]
    precision: Annotated[str, Meta(description="format of the weights")]
    engine: Annotated[str, Meta(description="engine")]
    time_to_first_token_ms: Annotated[float, Meta(description="time to the first token, predicted")]
    time_to_first_token_ms_range: Annotated[
        Range, Meta(description="low and high end of the range that holds 80% of measurements")
    ]
    time_per_output_token_ms: Annotated[
        float | None,
        Meta(description="TPOT, time per output token after the first, predicted; null for one output token"),
    ]
    time_per_output_token_ms_range: Annotated[
        Range | None, Meta(description="low and high end of the range that holds 80% of measurements")
    ]
    rests_on: Annotated[
        str,
        Meta(
            description="measured: this model, engine, GPU generation and format was measured; family: it was "
            "elsewhere in this format, or others of its kind here; physics: neither"
        ),
    ]
    notes: Annotated[list[str], Meta(description="remarks on what is unusual about the set-up")]
    output_tokens_per_s: Annotated[float, Meta(description="output tokens per second over all requests")]
    output_tokens_per_s_per_gpu: Annotated[float, Meta(description="output tokens per second per GPU")]
    output_tokens_per_s_per_request: Annotated[
        float | None, Meta(description="output tokens per second per request (per user)")
    ]
    limited_by: Annotated[str, Meta(description="bandwidth, compute, interconnect, launch overhead or memory")]
    sustained: Annotated[
        bool,
        Meta(
            description="false where requests arrive faster than they are served: the queue then grows without "
            "bound, and its wait is not part of the times"
        ),
    ]
    step_ms: Annotated[dict[str, float], Meta(description="milliseconds of one decoding step, by component")]
    weight_bytes_per_gpu: Annotated[float, Meta(description="bytes of weights on each GPU")]
    kv_cache_bytes_per_sequence_per_gpu: Annotated[
        float, Meta(description="bytes of KV cache and recurrent state of one sequence on each GPU")
    ]
    largest_concurrency_that_fits: Annotated[
        int, Meta(description="largest number of sequences whose KV cache fits into memory")
    ]
    rated_power_w: Annotated[float | None, Meta(description="rated power of all GPUs in watts, null where not known")]
    nearest_measurements: Annotated[
        list[NearestMeasurement],
        Meta(description="the three measured results of set-ups nearest to this one, with their source"),
    ]


FIELDS: dict[str, object] = {
    name: schema["examples"][0]
    for name, schema in msgspec.json.schema(EstimateRequest)["$defs"]["EstimateRequest"]["properties"].items()
}
"""Field of a request → an example of its value."""
