"""Measured speeds from the Hub's ``llm-perf-leaderboard``: CSV files in, rows or reasons out. Pure.

The format was read from the leaderboard's own code and from optimum-benchmark's reports: one row per run, with
flattened names such as ``config.backend.model`` and ``report.decode.latency.mean`` (seconds). A run is one sequence: a
batch of 1.
"""

import csv
import io
import re
from collections.abc import Mapping
from decimal import Decimal

from app.catalog.aliases import Resolved, resolve
from app.models.architecture.naming import slug_of
from app.models.hub.evaluations import clean, number
from app.models.measured_speed import MeasuredSpeed

MOST = 20_000
ENGINE = "transformers"
"""The leaderboard runs every model with this library."""
_NAMES = {
    "model": ("config.backend.model", "config.model", "Model"),
    "prefill_s": ("report.prefill.latency.mean", "report.prefill.latency.p50"),
    "per_token_s": ("report.per_token.latency.mean", "report.per_token.latency.p50"),
    "decode_s": ("report.decode.latency.mean", "report.decode.latency.p50"),
    "decode_rate": ("report.decode.throughput.value",),
    "input": ("config.scenario.input_shapes.sequence_length", "config.benchmark.input_shapes.sequence_length"),
    "output": (
        "config.scenario.generate_kwargs.max_new_tokens",
        "config.scenario.new_tokens",
        "config.benchmark.generate_kwargs.max_new_tokens",
    ),
    "batch": ("config.scenario.input_shapes.batch_size", "config.benchmark.input_shapes.batch_size"),
    "dtype": ("config.backend.torch_dtype",),
    "scheme": ("config.backend.quantization_scheme",),
    "attention": ("config.backend.attn_implementation",),
    "version": ("config.backend.version", "config.environment.transformers_version"),
    "gpu": ("config.environment.gpu",),
}
_DTYPES = {"bfloat16": "bf16", "float16": "fp16", "float32": "fp32"}


def read(text: str, file: str) -> tuple[list[MeasuredSpeed], int]:
    """(runs of one file that state a model, a known GPU and a speed; number of rows left out)."""
    found: list[MeasuredSpeed] = []
    left_out = 0
    for row in csv.DictReader(io.StringIO(text)):
        speed = _speed(row, file) if len(found) < MOST else None
        if speed is None:
            left_out += 1
        else:
            found.append(speed)
    return found, left_out


def _first(row: Mapping[str, str | None], what: str) -> str:
    return next((value for name in _NAMES[what] if (value := row.get(name))), "") or ""


def _speed(row: Mapping[str, str | None], file: str) -> MeasuredSpeed | None:
    model = clean(_first(row, "model"), 160)
    gpu, count = _gpu(_first(row, "gpu"), file)
    ttft, rate = number(_first(row, "prefill_s") or None), number(_first(row, "decode_rate") or None)
    per_token = number(_first(row, "per_token_s") or None)
    batch, output = _whole(_first(row, "batch")), _whole(_first(row, "output"))
    if per_token is None and rate and rate > 0:
        per_token = (batch or 1) / rate
    if "/" not in model or not gpu or not ((ttft and ttft > 0) or (per_token and per_token > 0)):
        return None
    return MeasuredSpeed(
        slug_of(model), model, gpu, count, ENGINE, clean(_first(row, "version"), 40), _precision(row, file),
        clean(_first(row, "attention"), 40),
        _whole(_first(row, "input")), output, batch, ttft * 1000 if ttft and ttft > 0 else None,
        per_token * 1000 if per_token and per_token > 0 else None, rate if rate and rate > 0 else None,
        file[:160],
    )  # fmt: skip


def _whole(text: str) -> int | None:
    value = number(text or None)
    return int(value) if value is not None and 0 < value < 10**7 else None


def _gpu(stated: str, file: str) -> tuple[str, int]:
    """(GPU, count) from the row, otherwise from the file's name (``…-1xA100.csv``)."""
    names = re.findall(r"'([^']+)'|\"([^\"]+)\"", stated)
    spelled = next((a or b for a, b in names), "") or stated.strip("[] ")
    match = None if spelled else re.search(r"(\d+)x([A-Za-z0-9]+)", file)
    for spelling, count in ((spelled, max(1, len(names))), (match[2] if match else "", int(match[1]) if match else 1)):
        sized = re.search(r"(\d+)GB", spelling)
        found = resolve("", spelling, Decimal(sized[1]) if sized else None) if spelling else None
        if isinstance(found, Resolved):
            return found.gpu, count
    return "", 1


def _precision(row: Mapping[str, str | None], file: str) -> str:
    scheme = _first(row, "scheme").lower() or next(
        (word for word in ("awq", "gptq", "bnb", "torchao") if word in file), ""
    )
    return clean(scheme or _DTYPES.get(_first(row, "dtype"), _first(row, "dtype")), 20)
