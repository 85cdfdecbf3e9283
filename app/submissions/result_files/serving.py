"""Benchmarks of a serving endpoint: vLLM's ``bench serve`` and SGLang's ``bench_serving``, as files and as console
output. Pure.

Shapes: vLLM's ``vllm/benchmarks/serve.py`` (``benchmark_serving.py`` before 0.9) and SGLang's
``python/sglang/bench_serving.py``, which write the same names: one object, or a line for each run of a sweep.
"""

import re
from typing import Any

from app.submissions.result_files.document import (
    Document,
    FileError,
    Row,
    Run,
    average,
    day_of,
    number,
    plain,
    run,
    text_of,
    whole,
)

READS = {
    "vLLM bench serve": (
        "total tokens ÷ completed requests as lengths, max_concurrency, medians of TTFT and TPOT, output_throughput, "
        "model_id, date, failed requests; the engine where backend names one"
    ),
    "SGLang bench_serving": "the same, from JSON Lines with a line for each run",
    "console output of both": "the lines of the Serving Benchmark Result",
}
ENGINES = {"vllm": "vllm", "vllm-chat": "vllm", "sglang": "sglang", "sglang-native": "sglang", "sglang-oai": "sglang",
           "sglang-oai-chat": "sglang", "sglang-embedding": "sglang", "tensorrt-llm": "trtllm", "trt": "trtllm",
           "trtllm": "trtllm", "llama.cpp": "llama.cpp"}  # fmt: skip
"""What ``backend`` says → the engine. ``openai`` and the like name an interface that every engine has: unknown."""
_MARKS = {"output_throughput", "median_ttft_ms", "mean_ttft_ms", "total_output_tokens", "median_tpot_ms"}
_CONSOLE = {
    "successful requests": "completed", "failed requests": "failed", "total input tokens": "total_input_tokens",
    "total generated tokens": "total_output_tokens", "output token throughput (tok/s)": "output_throughput",
    "median ttft (ms)": "median_ttft_ms", "median tpot (ms)": "median_tpot_ms", "median itl (ms)": "median_itl_ms",
    "maximum request concurrency": "max_concurrency", "max request concurrency": "max_concurrency",
    "backend": "backend",
}  # fmt: skip


def read(file: Document) -> list[Run]:
    """The runs of such a file; none if it is another tool's.

    Raises :class:`FileError` for one that measured something else.
    """
    rows: list[Row] = file.rows
    if not rows and "Serving Benchmark Result" in file.text:
        rows = list(_console(file.text))
    _refuse_other_benchmarks(rows)
    mine = [row for row in rows if len(_MARKS & row.keys()) >= 2]
    found = [one for row in mine if (one := _run(row, len(mine)))]
    if mine and not found:
        raise FileError("No request of it succeeded, so that nothing was measured.")
    return found


def _refuse_other_benchmarks(rows: list[Row]) -> None:
    for row in rows:
        if "avg_latency" in row and "latencies" in row:
            raise FileError(
                "This is vLLM's bench latency: it times whole answers of one batch. Send the result of vllm bench "
                "serve."
            )
        if "elapsed_time" in row and "tokens_per_second" in row:
            raise FileError(
                "This is vLLM's bench throughput: its tokens/s count prompts too. Send the result of vllm bench serve."
            )
        if "embedding" in str(row.get("backend", ""))[:60] or (
            "mean_e2el_ms" in row and not _MARKS & row.keys() - {"total_output_tokens"}
        ):
            raise FileError("This is a benchmark of embeddings or pooling, which make no tokens.")


def _run(row: Row, of: int) -> Run | None:
    completed = number(row.get("completed"), 1)
    asked, failed = number(row.get("num_prompts"), 1), number(row.get("failed"), 1)
    failed = failed or max(0.0, asked - completed if completed else 0.0)
    if "completed" in row and not completed:
        return None
    backend = text_of(row.get("backend") or row.get("endpoint_type"), 60).casefold()
    engine = ENGINES.get(backend, "")
    tpot = number(row.get("median_tpot_ms"))
    by_gaps = "median_tpot_ms" not in row and number(row.get("median_itl_ms"))
    means = not {"median_ttft_ms", "median_tpot_ms", "median_itl_ms"} & row.keys()
    never_reached = completed and number(row.get("max_concurrency"), 1) > completed + failed
    values = {
        "engine": engine,
        "model": text_of(row.get("model_id") or row.get("model")),
        "input_tokens": (
            average(row.get("total_input_tokens"), completed) or _asked(row, "random_input_len", "total_input_tokens")
        ),
        "output_tokens": (
            average(row.get("total_output_tokens"), completed)
            or _asked(row, "random_output_len", "total_output_tokens")
        ),
        "concurrency": "" if never_reached else whole(row.get("max_concurrency")),
        "ttft_ms": plain(number(row.get("mean_ttft_ms" if means else "median_ttft_ms"))),
        "tpot_ms": plain(number(row.get("mean_tpot_ms")) if means else tpot or by_gaps or 0.0),
        "output_tokens_per_s": plain(number(row.get("output_throughput"))),
        "measured_on": day_of(row.get("date")),
    }
    notes = (
        f"{failed:,.0f} of {completed + failed:,.0f} requests failed" if failed else "",
        (
            f"{completed + failed:,.0f} requests never were {row.get('max_concurrency')} at a time"
            if never_reached
            else ""
        ),
        (
            "the file counts no tokens; the lengths are those that were asked for"
            if "total_input_tokens" not in row and values["input_tokens"]
            else ""
        ),
        "the time per output token is the median gap between tokens" if by_gaps else "",
        (
            "the times are means; the file gives no median"
            if means and (number(row.get("mean_ttft_ms")) or number(row.get("mean_tpot_ms")))
            else ""
        ),
        f"the file names the interface {backend}, not the engine" if backend and not engine else "",
    )
    return run(_label(row, values) if of > 1 else "", values, *notes)


def _asked(row: Row, name: str, total: str) -> str:
    """The length that random prompts were made with, where nothing was counted; with other prompts it is a default
    that was not used."""
    return whole(row.get(name)) if total not in row and row.get("dataset_name", "random") == "random" else ""


def _label(row: Row, values: dict[str, str]) -> str:
    rate: Any = row.get("request_rate")
    load = (
        f"{values['concurrency']} at a time"
        if values["concurrency"]
        else f"{rate} requests a second"
        if rate
        else "load not stated"
    )
    return (
        f"{values['model'] or 'model not named'}: {load}, {values['input_tokens'] or '?'} in,"
        f" {values['output_tokens'] or '?'} out"
    )


def _console(text: str) -> list[Row]:
    """The lines of each result that the console printed."""
    found: list[Row] = []
    for part in text.split("Serving Benchmark Result")[1:]:
        row: dict[str, Any] = {}
        for line in part.splitlines()[:80]:
            match = re.match(r"\s*([^:]{3,60}):\s+(\S+)\s*$", line)
            if match and (name := _CONSOLE.get(match[1].strip().casefold())):
                row[name] = match[2]
        found.append(row)
    return found
