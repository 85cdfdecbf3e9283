"""A benchmark's own result file, read into the form's numeric fields. Pure; the file is not kept.

Shapes as the programs write them: vLLM's ``bench serve --save-result`` (one JSON object), SGLang's ``bench_serving
--output-file`` (a JSON object a line), llama.cpp's ``llama-bench -o json|jsonl|csv`` (a row a test).
"""

import csv
import io
import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

MOST_BYTES = 900_000


class UploadError(ValueError):
    """The file can't be read as a benchmark's result; the message says why."""


def read_result(data: bytes) -> dict[str, str]:
    """Field of the form → value. Raises :class:`UploadError`."""
    if len(data) > MOST_BYTES:
        raise UploadError(
            f"It is larger than {MOST_BYTES // 1000:,} kB; take out the single requests (input_lens, ttfts, itls) or paste the summary."
        )
    try:
        text = data.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise UploadError(
            "It is no text in UTF-8; a JSON or CSV file of vLLM, SGLang or llama.cpp is expected."
        ) from None
    rows = _rows(text)
    for reader in (_llama, _serving):
        found = reader(rows)
        if found:
            return {name: value for name, value in found.items() if value}
    raise UploadError(
        "No result of vLLM, SGLang or llama.cpp was recognised in it; for example vLLM's --save-result JSON works."
    )


def _rows(text: str) -> list[Mapping[str, Any]]:
    if not text:
        raise UploadError("It is empty.")
    try:
        if text[0] == "[":
            found: Any = json.loads(text)
        elif text[0] == "{":
            found = (
                [json.loads(text)]
                if _is_one(text)
                else [json.loads(line) for line in text.splitlines() if line.strip()]
            )
        else:
            csv.field_size_limit(MOST_BYTES)
            found = list(csv.DictReader(io.StringIO(text)))
    except (ValueError, RecursionError, csv.Error):
        raise UploadError("It is neither whole JSON nor CSV with a heading.") from None
    if not found or not all(isinstance(row, dict) for row in found):
        raise UploadError("It holds no row of results.")
    return list(found)


def _is_one(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _serving(rows: list[Mapping[str, Any]]) -> dict[str, str]:
    """vLLM and SGLang: the last row, with medians, or means where those are not there."""
    row = rows[-1]
    tpot = _first(row, "median_tpot_ms", "mean_tpot_ms", "median_itl_ms")
    if not tpot and not _first(row, "output_throughput"):
        return {}
    backend = str(row.get("backend") or row.get("endpoint_type") or "").casefold()
    engine = (
        "sglang"
        if "sglang" in backend
        else "trtllm"
        if "tensorrt" in backend or "trt" in backend
        else "vllm"
        if backend
        else ""
    )
    done = _value(row.get("completed"))
    return {
        "engine": engine, "model": str(row.get("model_id") or row.get("model") or "")[:200],
        "input_tokens": _first(row, "random_input_len") or _per(row.get("total_input_tokens"), done),
        "output_tokens": _first(row, "random_output_len") or _per(row.get("total_output_tokens"), done),
        "concurrency": _whole(row.get("max_concurrency")), "ttft_ms": _first(row, "median_ttft_ms", "mean_ttft_ms"), "tpot_ms": tpot,
        "output_tokens_per_s": _first(row, "output_throughput"), "measured_on": _day(str(row.get("date") or "")),
    }  # fmt: skip


def _llama(rows: list[Mapping[str, Any]]) -> dict[str, str]:
    """llama.cpp: time per token of the generation test, time to first token of the prompt test."""
    if not all("avg_ts" in row and "n_gen" in row for row in rows):
        return {}
    found = {
        "engine": "llama.cpp",
        "concurrency": "1",
        "engine_version": _build(rows[0]),
        "measured_on": _day(str(rows[0].get("test_time") or "")),
    }
    for row in rows:
        speed, prompt, made = _value(row.get("avg_ts")), _value(row.get("n_prompt")), _value(row.get("n_gen"))
        if speed and made and not prompt:
            found |= {
                "output_tokens": _plain(made),
                "tpot_ms": _plain(1000 / speed),
                "output_tokens_per_s": _plain(speed),
            }
        elif speed and prompt and not made:
            found |= {"input_tokens": _plain(prompt), "ttft_ms": _plain(1000 * prompt / speed)}
    return found


def _build(row: Mapping[str, Any]) -> str:
    number = re.sub(r"\W", "", str(row.get("build_number") or ""))[:12]
    return f"b{number}" if number else ""


def _value(value: Any) -> float:
    try:
        found = float(value)
    except (TypeError, ValueError):
        return 0.0
    return found if 0 < found < 1e12 else 0.0


def _plain(value: float) -> str:
    return f"{value:.4f}".rstrip("0").rstrip(".")


def _first(row: Mapping[str, Any], *names: str) -> str:
    return next((_plain(value) for name in names if (value := _value(row.get(name)))), "")


def _whole(value: Any) -> str:
    return str(round(found)) if (found := _value(value)) >= 1 else ""


def _per(total: Any, count: float) -> str:
    return str(round(_value(total) / count)) if count and _value(total) >= count else ""


def _day(text: str) -> str:
    """``20261120-093000`` or an ISO instant as a day."""
    for form in ("%Y%m%d-%H%M%S", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d"):
        try:
            return datetime.strptime(text, form).date().isoformat()  # noqa: DTZ007 -- a day is all that is read
        except ValueError:
            continue
    return ""
