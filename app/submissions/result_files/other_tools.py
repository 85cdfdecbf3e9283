"""Result files of NVIDIA's genai-perf and AIPerf, LLMPerf, GuideLLM, TensorRT-LLM's trtllm-bench and InferenceX. Pure.

Each is recognised by names that only it writes. Averages never fill a field that asks for a median.
"""

from collections.abc import Callable
from typing import Any

from app.submissions.result_files.document import Document, Row, Run, day_of, inside, number, plain, run, text_of, whole

READS = {
    "genai-perf and AIPerf": "p50 of time_to_first_token and inter_token_latency, output_token_throughput, mean "
    "sequence lengths, concurrency, model",
    "LLMPerf": "medians of TTFT and inter-token latency in seconds, mean tokens, throughput, requests at a time, model",
    "GuideLLM": "each benchmark as a run: medians of TTFT and inter-token latency of successful requests, mean token "
    "counts, output tokens/s, streams, model",
    "trtllm-bench": "system output throughput, mean lengths, tensor and pipeline parallel size, version, model; its "
    "times are averages",
    "InferenceX (InferenceMAX)": "medians of TTFT and TPOT in seconds, output throughput a GPU × GPUs, lengths, "
    "concurrency, tp, precision, framework",
}
AVERAGES = "the file gives averages of the times, not medians, so they are left for you to fill in"
ENGINES = {"vllm": "vllm", "sglang": "sglang", "trt": "trtllm", "trtllm": "trtllm", "tensorrt-llm": "trtllm",
           "dynamo-trt": "trtllm", "dynamo-sglang": "sglang", "dynamo-vllm": "vllm"}  # fmt: skip
PRECISIONS = {"bf16": "bf16", "fp16": "fp16", "fp8": "fp8", "fp4": "fp4", "int8": "int8", "int4": "int4"}


def read(file: Document) -> list[Run]:
    """The runs of such a file, none if it is another tool's."""
    found: list[Run] = []
    for row in file.rows:
        for is_its, make in _TOOLS:
            if is_its(row):
                found += make(row)
                break
    return [run("", one.values, *one.notes) for one in found] if len(found) == 1 else found


def _genai_perf(row: Row) -> list[Run]:
    def p50(name: str) -> str:
        unit, value = inside(row, name, "unit"), number(inside(row, name, "p50"))
        return plain(value * {"ms": 1.0, "s": 1e3, "sec": 1e3, "us": 1e-3, "ns": 1e-6}.get(str(unit), 0.0))

    config: Any = row.get("input_config") or {}
    model = (
        inside(config, "model_names")
        or inside(config, "endpoint", "model_names")
        or inside(config, "models", "items", "name")
    )
    phases = inside(config, "phases") or []  # AIPerf 0.13: a warm-up may stand before what is measured
    at_once = (
        inside(config, "perf_analyzer", "stimulus", "concurrency")
        or inside(config, "concurrency")
        or inside(config, "loadgen", "concurrency")
        or inside(phases[-1] if isinstance(phases, list) and phases else phases, "concurrency")
    )
    values = {
        "model": text_of(model), "concurrency": whole(at_once), "ttft_ms": p50("time_to_first_token"),
        "tpot_ms": p50("inter_token_latency"),
        "input_tokens": _rounded(inside(row, "input_sequence_length", "avg")),
        "output_tokens": _rounded(inside(row, "output_sequence_length", "avg")),
        "output_tokens_per_s": plain(number(inside(row, "output_token_throughput", "avg"))),
        "engine": ENGINES.get(text_of(inside(config, "backend"), 40).casefold(), ""),
    }  # fmt: skip
    averages = "avg" in str(row.get("time_to_first_token", "")) and not values["ttft_ms"]
    return [
        run(
            f"{values['model'] or 'model not named'}, {values['concurrency'] or '?'} at a time",
            values,
            AVERAGES if averages else "",
            _failures(row),
        )
    ]


def _failures(row: Row) -> str:
    """AIPerf's report of failed requests and of a run that was cut short."""
    failed = number(inside(row, "error_request_count", "avg"), 1) or number(row.get("error_request_count"), 1)
    summary = row.get("error_summary")
    if not failed and isinstance(summary, list):
        failed = sum(number(inside(one, "count"), 1) for one in summary[:100])
    cut_off = "the run was cancelled before its end" if row.get("was_cancelled") is True else ""
    return "; ".join(part for part in (_failed(failed), cut_off) if part)


def _failed(count: float) -> str:
    return f"{count:,.0f} request{'' if count == 1 else 's'} failed" if count else ""


def _llmperf(row: Row) -> list[Run]:
    values = {
        "model": text_of(row.get("model")), "concurrency": whole(row.get("num_concurrent_requests")),
        "input_tokens": _rounded(row.get("results_number_input_tokens_mean") or row.get("mean_input_tokens")),
        "output_tokens": _rounded(row.get("results_number_output_tokens_mean") or row.get("mean_output_tokens")),
        "ttft_ms": plain(1e3 * number(row.get("results_ttft_s_quantiles_p50"))),
        "tpot_ms": plain(1e3 * number(row.get("results_inter_token_latency_s_quantiles_p50"))),
        "output_tokens_per_s": plain(number(row.get("results_mean_output_throughput_token_per_s"))),
    }  # fmt: skip
    failed = number(row.get("results_number_errors"), 1)
    return [
        run(
            f"{values['model']}, {values['concurrency']} at a time",
            values,
            _failed(failed),
        )
    ]


def _guidellm(row: Row) -> list[Run]:
    found = []
    benchmarks: Any = row["benchmarks"]
    for one in benchmarks if isinstance(benchmarks, list) else []:
        metrics = inside(one, "metrics")

        def of(name: str, what: str, metrics: Any = metrics) -> float:
            return number(inside(metrics, name, "successful", what))

        strategy = (
            inside(one, "args", "strategy") or inside(one, "config", "strategy") or inside(one, "scheduler", "strategy")
        )
        at_once = inside(strategy, "streams") or inside(strategy, "max_concurrency")
        values = {
            "model": text_of(
                inside(one, "worker", "backend_model")
                or inside(row, "args", "model")
                or inside(row, "config", "spec", "backend", "model")
            ),
            "concurrency": whole(at_once),
            "input_tokens": _rounded(of("prompt_token_count", "mean")),
            "output_tokens": _rounded(of("output_token_count", "mean")),
            "ttft_ms": plain(of("time_to_first_token_ms", "median")),
            "tpot_ms": plain(of("inter_token_latency_ms", "median")),
            "output_tokens_per_s": plain(of("output_tokens_per_second", "mean")),
        }  # fmt: skip
        failed = number(inside(one, "request_totals", "errored"), 1) or number(
            inside(metrics, "request_totals", "errored"), 1
        )
        load = (
            f"{values['concurrency']} at a time"
            if values["concurrency"]
            else text_of(inside(strategy, "type_"), 40) or "load not stated"
        )
        found.append(
            run(
                f"{values['model'] or 'model not named'}: {load}",
                values,
                _failed(failed),
            )
        )
    return found


def _trtllm(row: Row) -> list[Run]:
    values = {
        "engine": "trtllm", "engine_version": text_of(inside(row, "engine", "version"), 40),
        "model": text_of(inside(row, "engine", "model")),
        "tensor_parallel": whole(inside(row, "world_info", "tp_size")),
        "pipeline_parallel": whole(inside(row, "world_info", "pp_size")),
        "input_tokens": _rounded(inside(row, "request_info", "avg_input_length")),
        "output_tokens": _rounded(inside(row, "request_info", "avg_output_length")),
        "concurrency": whole(inside(row, "world_info", "max_concurrency")),
        "output_tokens_per_s": plain(number(inside(row, "performance", "system_output_throughput_tok_s"))),
    }  # fmt: skip
    return [run("", values, AVERAGES if row.get("streaming_metrics") else "")]


def _inferencex(row: Row) -> list[Run]:
    gpus = number(row.get("num_gpus"), 1) or number(row.get("tp"), 1)
    values = {
        "engine": ENGINES.get(text_of(row.get("framework"), 40).casefold(), ""), "model": text_of(row.get("model")),
        "precision": PRECISIONS.get(text_of(row.get("precision"), 20).casefold(), ""),
        "tensor_parallel": whole(row.get("tp")),
        "input_tokens": whole(row.get("isl")), "output_tokens": whole(row.get("osl")),
        "concurrency": whole(row.get("conc")),
        "ttft_ms": plain(1e3 * number(row.get("median_ttft"))), "tpot_ms": plain(1e3 * number(row.get("median_tpot"))),
        "output_tokens_per_s": plain(number(row.get("output_tput_per_gpu")) * gpus),
        "measured_on": day_of(row.get("date")),
    }  # fmt: skip
    return [
        run(f"{text_of(row.get('hw'), 40)} TP{values['tensor_parallel']}, {values['concurrency']} at a time", values)
    ]


def _rounded(value: Any) -> str:
    found = number(value, 0.5)
    return str(max(1, round(found))) if found else ""


_TOOLS: tuple[tuple[Callable[[Row], bool], Callable[[Row], list[Run]]], ...] = (
    (lambda row: isinstance(row.get("time_to_first_token"), dict)
     or isinstance(row.get("output_token_throughput"), dict), _genai_perf),
    (lambda row: "results_ttft_s_quantiles_p50" in row or "results_inter_token_latency_s_quantiles_p50" in row,
     _llmperf),
    (lambda row: isinstance(row.get("benchmarks"), list)
     and any(isinstance(one, dict) and "metrics" in one for one in row["benchmarks"]), _guidellm),
    (lambda row: isinstance(row.get("performance"), dict) and "world_info" in row, _trtllm),
    (lambda row: "tput_per_gpu" in row and "conc" in row, _inferencex),
)  # fmt: skip
