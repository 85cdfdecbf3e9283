"""Result files are read for what they say: the expected values were written down from the files, not from the
reader."""

import contextlib
import html
import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core import limited_process
from app.process.tables import APP_CONFIG
from app.storage import engine
from app.submissions.result_files import parse, runs_of
from app.submissions.result_files.document import FileError
from tests.conftest import DATA, ROOT, Inside
from tests.database import rows

FOLDER = DATA / "uploads"
LLAMA = {"engine": "llama.cpp", "concurrency": "1", "input_tokens": "512", "output_tokens": "128"}
VLLM: dict[str, str | None] = {
    "engine": "vllm",
    "input_tokens": "1024",
    "output_tokens": "256",
    "concurrency": "16",
    "ttft_ms": "110",
    "tpot_ms": "23",
}
ONE: dict[str, dict[str, str | None]] = {
    "b1_sglang_sharegpt.jsonl": {"engine": "sglang", "input_tokens": "225", "output_tokens": "192", "concurrency": None,
        "ttft_ms": "83.1"},
    "b4_median_zero.json": {"tpot_ms": None, "ttft_ms": "606.8", "input_tokens": "342", "output_tokens": "218",
                            "concurrency": "16"},
    "b5_backend_openai.json": {**VLLM, "engine": None}, "b5_backend_openai-chat.json": {**VLLM, "engine": None},
    "b5_backend_tgi.json": {**VLLM, "engine": None}, "b5_backend_vllm.json": VLLM,
    "b5_backend_sglang.json": {**VLLM, "engine": "sglang"},
    "b5_backend_tensorrt-llm.json": {**VLLM, "engine": "trtllm"}, "b6_failed.json": VLLM,
    "b11_old_vllm.json": {**VLLM, "concurrency": None}, "b20_lb.json": {**LLAMA, "tpot_ms": "8.3333",
        "ttft_ms": "73.1429"},
    "b24_lb_pg.json": {**LLAMA, "tpot_ms": "8.3333"}, "b25_lb_pg_only.json": {**LLAMA, "tpot_ms": None, "ttft_ms": None,
        "output_tokens_per_s": None},
    "b27_lb.jsonl": {**LLAMA, "tpot_ms": "8.3333"}, "b28_lb_noise.json": {**LLAMA, "tpot_ms": "8.3333"},
    "b29_lb_utf16.json": {**LLAMA, "tpot_ms": "8.3333"},
    "b30_lb.csv": {**LLAMA, "output_tokens_per_s": "124.6"},
    "b31_lb_semicolon.csv": {**LLAMA, "output_tokens_per_s": "124.6"},
    "b32_lb.md": {**LLAMA, "output_tokens_per_s": "131.42"},
    "b33_batched_bench.jsonl": {"input_tokens": "128", "concurrency": "4", "output_tokens_per_s": "430"},
    "b40_genai_perf.json": {"ttft_ms": "24", "tpot_ms": "3.8", "output_tokens_per_s": "230", "model": "m"},
    "b41_llmperf.json": {"ttft_ms": "220", "tpot_ms": "5.3", "concurrency": "5",
                         "model": "meta-llama/Llama-2-70b-chat-hf"},
    "b42_guidellm.json": {"ttft_ms": "100", "output_tokens_per_s": "400", "engine": None},
    "b43_trtllm.json": {"engine": "trtllm", "ttft_ms": None, "output_tokens_per_s": "540", "tensor_parallel": "1"},
    "b44_console.txt": {"input_tokens": "997", "output_tokens": "1000", "ttft_ms": "57", "tpot_ms": "6.45",
                        "engine": None},
    "b45_inferencemax.json": {"tensor_parallel": "8", "concurrency": "16", "tpot_ms": "11", "ttft_ms": "200",
        "output_tokens_per_s": "880", "precision": "fp8"},
}  # fmt: skip
AI_PERF = {"time_to_first_token": {"unit": "ms", "avg": 26.0, "p50": 24.0},
           "inter_token_latency": {"unit": "ms", "avg": 3.9, "p50": 3.8},
           "input_config": {"models": {"strategy": "round_robin", "items": [{"name": "org/m"}]}, "phases": [
               {"name": "warmup", "type": "concurrency", "concurrency": 2},
               {"name": "profiling", "type": "concurrency", "concurrency": 32}]}}  # fmt: skip
"""The shape of AIPerf 0.13: ``BenchmarkConfig`` as ``input_config``."""
GUIDE_LLM = {"metadata": {"version": 1}, "config": {"spec": {"backend": {"kind": "openai_http", "model": "org/m"}}},
             "benchmarks": [{"config": {"strategy": {"type_": "concurrent", "streams": streams}},
                             "metrics": {"request_totals": {"successful": 9, "errored": 1, "total": 10},
                                         "prompt_token_count": {"successful": {"mean": 512.0}},
                                         "time_to_first_token_ms": {"successful": {"median": 90.0}},
                                         "inter_token_latency_ms": {"successful": {"median": 7.5}}}}
                            for streams in (4, 16)]}  # fmt: skip
"""The shape of GuideLLM 0.8: ``GenerativeBenchmarksReport``."""
MANY = {"b3_sglang_sweep.jsonl": 3, "b21_lb_depth.json": 2, "b22_lb_two_models.json": 2, "b26_lb_manyn.json": 4}
REFUSED = {
    "b7_all_failed.json": "succeeded",
    "b8_pooling.json": "embeddings",
    "b9_throughput.json": "bench throughput",
    "b10_latency.json": "bench latency",
}


def test_every_file_of_the_folder_has_its_expected_reading() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {*ONE, *MANY, *REFUSED}


@pytest.mark.parametrize("name", ONE)
def test_a_file_of_one_run(name: str) -> None:
    (run,) = runs_of((FOLDER / name).read_bytes())
    assert {field: run.values.get(field) for field in ONE[name]} == ONE[name]


def test_the_newest_shapes_of_aiperf_and_guidellm() -> None:
    (one,) = runs_of(json.dumps(AI_PERF).encode())
    assert (one.values["model"], one.values["concurrency"]) == ("org/m", "32")
    first, second = runs_of(json.dumps(GUIDE_LLM).encode())
    assert (first.values["model"], first.values["concurrency"], second.values["concurrency"]) == ("org/m", "4", "16")
    assert second.values["tpot_ms"] == "7.5"
    assert second.notes == ("1 request failed",)


@pytest.mark.parametrize("name", MANY)
def test_a_file_of_several_runs_offers_each_and_joins_none(name: str) -> None:
    runs = runs_of((FOLDER / name).read_bytes())
    assert len(runs) == MANY[name]
    assert len({run.label for run in runs}) == len(runs), "labels tell them apart"


def test_two_models_are_never_joined() -> None:
    small, large = runs_of((FOLDER / "b22_lb_two_models.json").read_bytes())
    assert ("8B" in small.label, "70B" in large.label) == (True, True)
    assert "tpot_ms" in small.values
    assert "tpot_ms" not in large.values, "nothing was generated with it"


def test_depth_counts_into_the_context() -> None:
    _, deep = runs_of((FOLDER / "b21_lb_depth.json").read_bytes())
    assert deep.values["input_tokens"] == "8704"
    assert "ttft_ms" not in deep.values


def test_failed_requests_are_said() -> None:
    assert "97 of 100 requests failed" in runs_of((FOLDER / "b6_failed.json").read_bytes())[0].notes


@pytest.mark.parametrize("name", REFUSED)
def test_what_measures_something_else_is_refused_by_name(name: str) -> None:
    with pytest.raises(FileError, match=REFUSED[name]):
        runs_of((FOLDER / name).read_bytes())


SERVE = {"backend": "vllm", "model_id": "m", "completed": 10, "total_input_tokens": 1000, "total_output_tokens": 2000,
         "median_ttft_ms": 5.0, "median_tpot_ms": 2.0, "output_throughput": 100.0}  # fmt: skip


@pytest.mark.parametrize(
    "bad", [5e-324, "5e-324", 1e400, -1e400, float("nan"), -3, 0, True, None, [], {}, "x", 10**400, "1" * 5000, 1e-300]
)
@pytest.mark.parametrize("field", [*SERVE])
def test_a_figure_that_says_nothing_is_left_out_and_breaks_nothing(field: str, bad: Any) -> None:
    try:
        told = parse(json.dumps({**SERVE, field: bad}).encode())
    except FileError:
        return  # refused with its reason, as where nothing was completed
    for run in told:
        for value in run["values"].values():
            assert value not in ("nan", "inf", "-inf", "0")
            assert len(value) <= 200


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(FileError):
        assert parse(data)


_JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
                     lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
    st.sampled_from([*SERVE, "avg_ts", "n_gen", "n_prompt", "benchmarks", "metrics", "performance", "world_info",
                     "conc", "tput_per_gpu", "time_to_first_token",
                     "results_ttft_s_quantiles_p50", "input_config", "pp", "tg", "pl", "speed_tg"]), inner, max_size=6),
                     max_leaves=12)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(_JSON)
def test_any_json_is_read_or_refused_and_no_figure_invented(value: Any) -> None:
    try:
        runs = parse(json.dumps(value).encode())
    except FileError:
        return
    for run in runs:
        for name in ("ttft_ms", "tpot_ms", "output_tokens_per_s"):
            assert float(run["values"].get(name, "1")) > 0


HOSTILE = {
    "wide": b",".join(b"c" for _ in range(100_000)) + b"\n" + b"1\n" * 150_000, "rows": b"a,b,c,d\n"
    + b"1,2,3,4\n" * 100_000,
    "deep": b"[" * 400_000, "deep objects": b'{"a":' * 100_000, "long number": b'{"completed": ' + b"9" * 800_000
    + b"}",
    "quotes": b'a,b,c,d\n"' + b'""' * 400_000, "json lines": b'{"a":1}\n' * 100_000, "lines": b"x: 1\n" * 150_000,
    "pipes": b"|" * 800_000,
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused_within_the_limits_while_the_site_answers(inside: Inside, name: str) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        answer = await client.post("/submit/benchmark", data={"do": "fill"}, files={"file": ("x", HOSTILE[name])})
        assert answer.status_code in (413, 422), answer.status_code
        if answer.status_code == 422:
            assert 'id="file-wrong">' in answer.text

    inside.run(work)


@pytest.mark.parametrize(("name", "why"), [("wide", "more than 300 columns"), ("rows", "more than 5,000 rows"),
                                           ("json lines", "more than 5,000 rows")])  # fmt: skip
def test_what_is_too_wide_or_long_is_counted_before_it_is_read(name: str, why: str) -> None:
    """The limits on memory and time would refuse it too, after they were used up and without a word of why."""
    with pytest.raises(FileError, match=why):
        parse(HOSTILE[name])


def hungry(data: bytes) -> int:
    return len([bytearray(2**20) for _ in range(500)])


def endless(data: bytes) -> int:
    while True:
        pass


def idle(data: bytes) -> None:
    time.sleep(3_600)


def broken(data: bytes) -> int:
    raise RuntimeError("unforeseen")


@pytest.mark.parametrize(
    ("function", "limit", "seconds"),
    [("hungry", "memory", 3_600), ("endless", "time", 3_600), ("idle", "time", 1), ("broken", "crash", 3_600)],
)
def test_a_limit_ends_the_reading_and_nothing_else(function: str, limit: str, seconds: float) -> None:
    """Each of the three limits by itself: the one on time in all is out of the way where another is tried."""
    bounds = limited_process.Bounds(cpu_s=1, wall_s=seconds)
    with pytest.raises(limited_process.LimitError) as told:
        engine.run(limited_process.call(f"tests.submissions.test_result_files:{function}", b"", bounds))
    assert told.value.limit == limit


def test_the_memory_given_to_a_file_does_not_grow_with_the_process_that_asks() -> None:
    asking = """if True:
        import asyncio, sys
        from app.core import limited_process
        held = bytearray(b"x") * (800 * 2**20)
        try:
            asyncio.run(limited_process.call("tests.submissions.test_result_files:hungry", b""))
        except limited_process.LimitError as error:
            print(error.limit)
    """
    done = subprocess.run([sys.executable, "-c", asking], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "memory\n"


def test_several_runs_are_offered_and_the_chosen_one_fills_the_form(inside: Inside) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        import re
        from html import unescape

        data = (FOLDER / "b3_sglang_sweep.jsonl").read_bytes()
        offered = await client.post(
            "/submit/benchmark", data={"how": "kept as typed"}, files={"file": ("x.jsonl", data)}
        )
        assert offered.status_code == 200
        buttons = [unescape(value) for value in re.findall(r'name="run" value="([^"]+)"', offered.text)]
        assert len(buttons) == 3
        chosen = await client.post("/submit/benchmark", data={"run": buttons[1], "how": "kept as typed"})
        assert re.search(r'id="concurrency" name="concurrency" value="8"', chosen.text)
        assert "kept as typed" in chosen.text
        for bad in ("{", "[]", "1", '{"values": []}', '{"values": {"x": 1}, "notes": 3}'):
            assert (await client.post("/submit/benchmark", data={"run": bad})).status_code == 422

    inside.run(work)


def test_no_file_is_kept(inside: Inside, tmp_path: Path) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        await client.post("/submit/benchmark", data={"do": "fill"}, files={"file": ("x", b'{"MARKERFILE": 1}')})

    inside.run(work)
    for table in APP_CONFIG.table_classes:
        assert "MARKERFILE" not in repr(rows(inside.settings, f'SELECT * FROM "{table._meta.tablename}"'))
    assert not any(b"MARKERFILE" in path.read_bytes() for path in inside.settings.data_dir.rglob("*") if path.is_file())


def llama(prompt: int, made: int, speed: float, **set_up: Any) -> dict[str, Any]:
    row = {"build_number": 4800, "backends": "CUDA", "gpu_info": "NVIDIA H100", "model_type": "llama 8B Q4_0",
    "n_gpu_layers": 99,
           "type_k": "f16", "flash_attn": False}  # fmt: skip
    return {**row, **set_up, "n_prompt": prompt, "n_gen": made, "avg_ts": speed}


@pytest.mark.parametrize(
    "differs",
    [{"build_number": 5000}, {"gpu_info": "NVIDIA GeForce RTX 4090"}, {"type_k": "q8_0"}, {"n_gpu_layers": 20},
    {"flash_attn": True},
     {"backends": "Vulkan"}, {"split_mode": "row"}, {"a_setting_of_a_later_version": 1}],
)  # fmt: skip
def test_tests_of_two_set_ups_are_never_one_run(differs: dict[str, Any]) -> None:
    rows = [llama(512, 0, 7000), llama(0, 128, 100), llama(512, 0, 5000, **differs), llama(0, 128, 80, **differs)]
    runs = runs_of(json.dumps(rows).encode())
    assert sorted((run.values["tpot_ms"], run.values["ttft_ms"]) for run in runs) == [
        ("10", "73.1429"),
        ("12.5", "102.4"),
    ]
    assert len({run.label for run in runs}) == 2
    for lone in (rows[:1] + rows[3:], rows[1:3]):
        assert all(not {"ttft_ms", "tpot_ms"} <= run.values.keys() for run in runs_of(json.dumps(lone).encode()))


@pytest.mark.parametrize(
    ("set_up", "said"), [({"backends": "CPU"}, "CPU alone"), ({"n_gpu_layers": 0}, "no layer"), ({}, "")]
)
def test_what_ran_on_no_gpu_is_said(set_up: dict[str, Any], said: str) -> None:
    (run,) = runs_of(json.dumps([llama(512, 0, 700, **set_up), llama(0, 128, 10, **set_up)]).encode())
    assert said in " ".join(run.notes)
    assert bool(run.notes) is bool(said)


def test_the_time_per_output_token_of_guidellm_leaves_the_first_token_out() -> None:
    metrics = {
        "time_per_output_token_ms": {"successful": {"median": 12.0}},
        "inter_token_latency_ms": {"successful": {"median": 10.0}},
    }
    (run,) = runs_of(json.dumps({"benchmarks": [{"metrics": metrics, "args": {"strategy": {"streams": 4}}}]}).encode())
    assert run.values["tpot_ms"] == "10"
    del metrics["inter_token_latency_ms"]
    (run,) = runs_of(json.dumps({"benchmarks": [{"metrics": metrics}]}).encode())
    assert "tpot_ms" not in run.values


@pytest.mark.parametrize(
    ("more", "said"),
    [({"error_request_count": {"avg": 7}}, "7 requests failed"), ({"error_summary": [{"count": 3}, {"count": 2}]},
    "5 requests"),
     ({"was_cancelled": True}, "cancelled"), ({}, "")],
)  # fmt: skip
def test_failures_of_aiperf_are_said(more: dict[str, Any], said: str) -> None:
    file = {"time_to_first_token": {"unit": "ms", "p50": 20}, "input_config": {"model_names": ["m"]}, **more}
    (run,) = runs_of(json.dumps(file).encode())
    assert said in " ".join(run.notes)


def test_files_of_two_tools_in_one_lose_no_run_and_what_was_never_reached_is_no_concurrency() -> None:
    runs = runs_of(json.dumps([SERVE, llama(512, 0, 700), llama(0, 128, 10)]).encode())
    assert sorted(run.values["engine"] for run in runs) == ["llama.cpp", "vllm"]
    (run,) = runs_of(json.dumps({**SERVE, "completed": 200, "max_concurrency": 500}).encode())
    assert "concurrency" not in run.values
    assert "never" in " ".join(run.notes)


@given(st.sampled_from(sorted(SERVE)), st.sampled_from(["\ud800", "a\udfffb", "\ud800\udc00 fine"]))
def test_half_a_character_is_read_as_none(field: str, text: str) -> None:
    with contextlib.suppress(FileError):
        for run in parse(json.dumps({**SERVE, field: text}).encode()):
            json.dumps(run, ensure_ascii=False).encode()


def test_a_run_that_was_not_offered_is_refused_and_one_that_was_fills_the_form(inside: Inside) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        forged = json.dumps({"label": "x", "values": {"input_tokens": "1"}, "notes": ["Your account is locked"]})
        for run in (forged, f"{'0' * 64} {forged}", "\ud800", "é"):
            answer = await client.post("/submit/benchmark", data={"run": run.encode("utf-8", "surrogatepass")})
            assert answer.status_code == 422
            assert "locked" not in answer.text
        lines = "\n".join(json.dumps({**SERVE, "max_concurrency": n + 1, "completed": 900}) for n in range(70))
        page = await client.post("/submit/benchmark", data={"do": "fill"}, files={"file": ("r.jsonl", lines.encode())})
        assert "The file holds 70 runs" in page.text
        offered = re.findall(r'name="run" value="([^"]+)"', page.text)
        assert len(offered) == 60
        filled = await client.post("/submit/benchmark", data={"run": html.unescape(offered[4])})
        assert filled.status_code == 200
        assert 'name="concurrency" value="5"' in filled.text

    inside.run(work)
