"""llama.cpp's ``llama-bench`` (JSON, JSON Lines, CSV, Markdown, SQL) and ``llama-batched-bench``. Pure.

Shapes: llama.cpp's ``tools/llama-bench/llama-bench.cpp``: a row a test; ``n_prompt`` and ``n_gen`` say which test it
is, ``n_depth`` how much context stood before it, ``avg_ts`` the tokens a second.
"""

import re
from collections import defaultdict

from app.submissions.result_files.document import Document, Row, Run, day_of, number, plain, run, text_of

READS = {
    "llama-bench": "each model, depth and pair of prompt and generation tests as a run of its own: n_prompt and "
    "n_depth as context, n_gen, tokens/s as time per token, time of a prompt from no depth as TTFT, build, date; "
    "combined tests give lengths only",
    "llama-batched-bench": "pp, tg, pl as lengths and requests at a time, speed_tg as throughput",
}
_TEST = re.compile(r"(?:pp(\d+))?(?:\+?tg(\d+))?(?: @ d(\d+))?")


def read(file: Document) -> list[Run]:
    """The runs of such a file, none if it is another tool's."""
    if file.rows and all({"pp", "tg", "pl", "speed_tg"} <= row.keys() for row in file.rows):
        return [one for row in file.rows if (one := _batched(row))]
    rows = [row for row in map(_tested, file.rows or _sql(file.text)) if row is not None]
    groups: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in rows:
        groups[_set_up(row), plain(number(row.get("n_depth"))) or "0"].append(row)
    found = []
    for (_, depth), tests in groups.items():
        difference = _difference(tests[0], rows)
        found += [_with_label(one, difference) for one in _runs(_model(tests[0]), int(depth), tests)]
    return [run("", one.values, *one.notes) for one in found] if len(found) == 1 else found


_OF_A_TEST = frozenset((
    "n_prompt", "n_gen", "n_depth", "avg_ns", "stddev_ns", "avg_ts", "stddev_ts", "samples_ns", "samples_ts",
    "test_time",
    "test", "t/s",
))  # fmt: skip
"""Columns that differ between the tests of one set-up. All others describe the set-up: GPU, build, cache types, layers
on the GPU, flash attention and whatever later versions add. Tests of two set-ups are never one run."""


def _set_up(row: Row) -> str:
    return repr(sorted((name, str(value)) for name, value in row.items() if name not in _OF_A_TEST))


def _difference(row: Row, rows: list[Row]) -> str:
    """The parts of a set-up that differ from the file's other set-ups, such as ``flash_attn 1``."""
    differing = [
        name for name in row
        if name not in _OF_A_TEST and name not in ("model_type", "model_filename", "model")
        and any(str(other.get(name)) != str(row[name]) for other in rows)
    ]  # fmt: skip
    return ", ".join(f"{name} {str(row[name])[:30]}" for name in differing[:4])


def _with_label(one: Run, difference: str) -> Run:
    return run(f"{one.label}; {difference}" if difference else one.label, one.values, *one.notes)


def _tested(row: Row) -> Row | None:
    """A row with n_prompt, n_gen, n_depth and avg_ts, from any of the formats; ``None`` if it is no test."""
    if "avg_ts" in row and "n_gen" in row:
        return row
    match = _TEST.fullmatch(str(row.get("test", "-")))
    if match is None or "t/s" not in row:
        return None
    prompt, made, depth = (int(part or 0) for part in match.groups())
    return {
        **row,
        "n_prompt": prompt,
        "n_gen": made,
        "n_depth": depth,
        "avg_ts": str(row["t/s"]).split("±")[0].strip(),
        "model_type": row.get("model"),
    }


def _sql(text: str) -> list[Row]:
    """The rows of ``-o sql``: INSERT statements with a list of columns and a list of values in quotes."""
    found: list[Row] = []
    for match in re.finditer(r"INSERT INTO \w+ \(([^)]{10,4000})\) VALUES \(([^)]{10,8000})\)", text):
        names = [name.strip() for name in match[1].split(",")]
        values = re.findall(r"'((?:[^']|'')*)'", match[2])
        if len(names) == len(values):
            found.append(dict(zip(names, values, strict=True)))
    return found


def _model(row: Row) -> str:
    name = text_of(row.get("model_filename")).rsplit("/", 1)[-1]
    return ", ".join(part for part in (text_of(row.get("model_type")), name) if part)


def _runs(model: str, depth: int, tests: list[Row]) -> list[Run]:
    """Every pair of a prompt test and a generation test of one model and depth; a test without a partner alone."""
    prompts: list[Row] = []
    makes: list[Row] = []
    both: list[Row] = []
    for row in tests:
        prompt, made = number(row.get("n_prompt"), 1), number(row.get("n_gen"), 1)
        (both if prompt and made else prompts if prompt else makes if made else []).append(row)
    pairs: list[tuple[Row | None, Row | None]] = (
        [(one, other) for one in prompts or [None] for other in makes or [None]] if prompts or makes else []  # type: ignore[list-item]
    )
    found = [_pair(model, depth, prompt, made) for prompt, made in pairs]
    return found or [_combined(model, row) for row in both]


def _pair(model: str, depth: int, prompt: Row | None, made: Row | None) -> Run:
    read_tokens = number(prompt.get("n_prompt"), 1) if prompt else 0.0
    read_speed, speed = (number(row.get("avg_ts")) if row else 0.0 for row in (prompt, made))
    tokens = number(made.get("n_gen"), 1) if made else 0.0
    values = {
        **_about(made or prompt or {}),
        "input_tokens": plain(read_tokens + depth),
        "output_tokens": plain(tokens),
        "ttft_ms": plain(1000 * read_tokens / read_speed) if read_speed and not depth else "",
        "tpot_ms": plain(1000 / speed) if speed else "",
        "output_tokens_per_s": plain(speed),
    }
    at = f" at depth {depth:,}" if depth else ""
    return run(
        f"{model or 'model not named'}: prompt {read_tokens:.0f}, answer {tokens:.0f}{at}", values,
        f"the {depth:,} tokens that stood before count as input; their time was not measured" if depth else "",
        _on_cpu(made or prompt or {}),
    )  # fmt: skip


def _combined(model: str, row: Row) -> Run:
    prompt, made = number(row.get("n_prompt"), 1), number(row.get("n_gen"), 1)
    values = {
        **_about(row),
        "input_tokens": plain(prompt + number(row.get("n_depth"), 1)),
        "output_tokens": plain(made),
    }
    return run(
        f"{model or 'model not named'}: prompt {prompt:.0f} and answer {made:.0f} timed together", values,
        "prompt and answer were timed together, which tells the time of neither",
        _on_cpu(row),
    )  # fmt: skip


def _on_cpu(row: Row) -> str:
    """A remark if nothing, or not everything, ran on a GPU."""
    backends = {
        part.strip().casefold() for part in re.split(r"[,;/+]", str(row.get("backends") or row.get("backend") or ""))
    }
    layers = row.get("n_gpu_layers", row.get("ngl"))
    if backends <= {"cpu", "blas", "accelerate", "openblas"} and backends != {""}:
        return "it ran on the CPU alone, which is no measurement of a GPU"
    if layers is not None and str(layers).strip() == "0":
        return "no layer ran on the GPU (n_gpu_layers 0)"
    return ""


def _about(row: Row) -> dict[str, str]:
    build = re.sub(r"\W", "", str(row.get("build_number") or ""))[:12]
    return {
        "engine": "llama.cpp",
        "concurrency": "1",
        "engine_version": f"b{build}" if build else "",
        "measured_on": day_of(row.get("test_time")),
    }


def _batched(row: Row) -> Run | None:
    prompt, made, at_once, speed = (number(row.get(name)) for name in ("pp", "tg", "pl", "speed_tg"))
    if not made or not at_once:
        return None
    values = {
        "engine": "llama.cpp", "input_tokens": plain(prompt), "output_tokens": plain(made),
        "concurrency": plain(at_once),
        "tpot_ms": plain(1000 * at_once / speed) if speed else "", "output_tokens_per_s": plain(speed),
    }  # fmt: skip
    return run(f"{at_once:.0f} at a time: prompt {prompt:.0f}, answer {made:.0f}", values)
