"""``inferencebench estimate``: every row comes back, predicted or with the reason why not."""

import csv
from pathlib import Path

import pytest

from app.benchmarks.measured import MEASURED, THROUGHPUT
from app.benchmarks.predict import ADDED
from app.benchmarks.rows import COLUMNS
from app.cli.main import main
from tests.conftest import DATA

GOOD = {"engine": "vllm", "model": "meta-llama/Llama-3.1-70B-Instruct", "precision": "fp8", "gpu": "H100 SXM",
        "tensor_parallel": "4",
        "pipeline_parallel": "1", "attention_data_parallel": "1", "expert_parallel": "1", "input_tokens": "1024",
        "output_tokens": "1024", "concurrency": "16"}  # fmt: skip


def predict(tmp_path: Path, *rows: dict[str, str]) -> list[dict[str, str]]:
    source, target = tmp_path / "rows.csv", tmp_path / "out.csv"
    with source.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        writer.writerows(rows)
    assert main(["estimate", str(source), "--output", str(target)]) == 0
    with target.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_row_is_repeated_and_gains_the_promised_columns(tmp_path: Path) -> None:
    (row,) = predict(tmp_path, GOOD)
    assert {name: row[name] for name in GOOD} == GOOD
    assert list(row) == [*COLUMNS, *ADDED]
    assert row["rests_on"] == "measured"
    assert float(row["tpot_low_ms"]) < float(row["predicted_tpot_ms"]) < float(row["tpot_high_ms"])
    assert float(row["ttft_low_ms"]) < float(row["predicted_ttft_ms"]) < float(row["ttft_high_ms"])
    assert float(row["predicted_output_tokens_per_s"]) > 100
    assert row["limited_by"] in ("bandwidth", "compute", "interconnect", "launch overhead", "memory")
    assert row["error"] == ""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": "nobody/nothing"}, "not known"),
        ({"gpu": "Voodoo 3"}, "no accelerator is known"),
        ({"precision": "fp3"}, "use one of"),
        ({"gpu": "V100 SXM2 32GB"}, "no FP8 units"),
        ({"gpu": "T4", "precision": "bf16", "tensor_parallel": "1"}, "no bfloat16 arithmetic; fp16"),
        ({"tensor_parallel": "3"}, "does not divide the model's 64 attention heads; 1, 2, 4, 8"),
        ({"kv_format": "fp3"}, "kv_format"),
        ({"max_running": "-4"}, "max_running must be 1 or more"),
        ({"gpu": "rtx-4080-32gb-mod"}, "because its bandwidth"),
        ({"tensor_parallel": "0"}, "1 or more"),
        ({"tensor_parallel": "1.5"}, "whole number"),
        ({"tensor_parallel": "128"}, "at most 64"),
        ({"pipeline_parallel": "64", "gpu": "H200 SXM", "model": "openai/gpt-oss-20b", "precision": "fp4",
          "tensor_parallel": "1"}, "layers"),
        ({"expert_parallel": "4"}, "dense"),
        ({"input_tokens": ""}, "from 1 to"),
        ({"input_tokens": "-5"}, "from 1 to"),
        ({"output_tokens": "nan"}, "must be a number"),
        ({"output_tokens": "Infinity"}, "must be a number"),
        ({"input_tokens": "1e400"}, "must be a number"),
        ({"input_tokens": "1_0"}, "must be a number"),
        ({"concurrency": ""}, "concurrency must be"),
        ({"concurrency": "1e99"}, "concurrency must be"),
        ({"concurrency": "many"}, "must be a number"),
        ({"gpu": "GeForce RTX 4090", "tensor_parallel": "1"}, "does not fit"),
    ],
)  # fmt: skip
def test_what_cant_be_estimated_says_why_and_has_no_number(tmp_path: Path, change: dict[str, str], words: str) -> None:
    broken, whole = predict(tmp_path, {**GOOD, **change}, GOOD)
    assert words in broken["error"]
    assert all(broken[name] == "" for name in ADDED if name != "error")
    assert whole["error"] == ""


def test_an_arrival_rate_takes_the_place_of_concurrency(tmp_path: Path) -> None:
    slow, fast = predict(tmp_path, *({**GOOD, "concurrency": "", "request_rate_per_s": rate} for rate in ("0.1", "2")))
    assert float(slow["predicted_tpot_ms"]) < float(fast["predicted_tpot_ms"])
    assert float(slow["predicted_output_tokens_per_s"]) == pytest.approx(0.1 * 1024, rel=0.01)


def test_an_engine_that_was_not_calibrated_is_taken_for_the_most_used(tmp_path: Path) -> None:
    known, other = predict(tmp_path, GOOD, {**GOOD, "engine": "some-engine"})
    assert known["predicted_tpot_ms"] == other["predicted_tpot_ms"]


def test_a_row_with_too_many_cells_is_set_aside_not_shifted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("model,precision,gpu,input_tokens,output_tokens,concurrency\na,b,c,1,2,3,4\n")
    assert main(["estimate", str(path)]) == 0
    assert "more cells" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"a,b\n1,2\n", "lacks the columns model"), (b"\xff\xfe\x00", "not UTF-8"), (b"", "lacks the columns")],
)
def test_a_file_that_is_none_is_one_line_and_leaves_the_old_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, words: str
) -> None:
    source, target = tmp_path / "rows.csv", tmp_path / "out.csv"
    source.write_bytes(content)
    target.write_text("kept")
    assert main(["estimate", str(source), "--output", str(target)]) == 2
    assert words in capsys.readouterr().err
    assert target.read_text() == "kept"
    assert not list(tmp_path.glob("*.part"))


def test_a_missing_file_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["estimate", "/nowhere/rows.csv"]) == 2
    assert "no such file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("model", "precision"),
    [
        ("Qwen/Qwen3-32B-AWQ", "int4"), ("Qwen/Qwen3-32B-FP8", "fp8"), ("someone/Qwen3-32B-GPTQ-Int8", "int8"),
            ("JunHowie/Qwen3-32B-GPTQ-Int4", "int4"),
        ("RedHatAI/Qwen3-32B-quantized.w4a16", "int4"), ("RedHatAI/Qwen3-32B-quantized.w8a8", "int8"),
            ("RedHatAI/Qwen3-32B-FP8-dynamic", "fp8"), ("x/Qwen3-32B-bnb-4bit", "int4"),
        ("x/Qwen3-32B-GPTQ", "int4"), ("unsloth/Qwen3-32B-Q4_K_M-GGUF", "q4_k_m"),
        ("qwen/qwen3-32b-awq", "int4"), ("x/Qwen3-32B-int4", "int4"), ("x/Qwen3-32B-w4a16", "int4"),
            ("x/qwen3-32b-mxfp4", "mxfp4"), ("RedHatAI/Qwen3-32B-FP8-KV", "fp8"),
            ("Intel/Qwen3-32B-int4-sym-inc", "int4"),
        ("amd/Qwen3-32B-WMXFP4-AMXFP4-KVFP8-Scale-UINT8-SQ", "mxfp4"),
    ],
)  # fmt: skip
def test_a_variant_that_names_its_format_is_estimated_in_it(tmp_path: Path, model: str, precision: str) -> None:
    named, stated = predict(tmp_path, {**GOOD, "model": model, "precision": ""}, {**GOOD, "model": "Qwen/Qwen3-32B",
        "precision": precision})  # fmt: skip
    assert (named["error"], stated["error"]) == ("", "")
    assert named["predicted_tpot_ms"] == stated["predicted_tpot_ms"]


@pytest.mark.parametrize("model", ["nvidia/Qwen3-32B-NVFP4", "x/qwen3-32b-nvfp4", "RedHatAI/Qwen3-32B-NVFP4A16",
    "nvidia/Qwen3-32B-FP4"])  # fmt: skip
def test_a_variant_in_four_bits_of_blackwell_is_estimated_in_them(tmp_path: Path, model: str) -> None:
    b200 = {**GOOD, "gpu": "B200"}
    named, stated = predict(tmp_path, {**b200, "model": model, "precision": ""}, {**b200, "model": "Qwen/Qwen3-32B",
        "precision": "nvfp4"})  # fmt: skip
    assert (named["error"], stated["error"]) == ("", "")
    assert named["predicted_tpot_ms"] == stated["predicted_tpot_ms"]


def test_fp8_on_an_a100_runs_weight_only(tmp_path: Path) -> None:
    fp8, bf16 = predict(tmp_path, *({**GOOD, "gpu": "A100 SXM", "precision": p, "concurrency": "1"} for p in ("fp8",
        "bf16")))  # fmt: skip
    assert fp8["error"] == ""
    assert 0.5 < float(fp8["predicted_tpot_ms"]) / float(bf16["predicted_tpot_ms"]) < 0.85
    assert float(fp8["predicted_ttft_ms"]) > 0.8 * float(bf16["predicted_ttft_ms"])  # arithmetic stays in 16 bits


def test_one_output_token_has_no_time_per_token(tmp_path: Path) -> None:
    (row,) = predict(tmp_path, {**GOOD, "output_tokens": "1"})
    assert (row["predicted_tpot_ms"], row["tpot_low_ms"], row["tpot_high_ms"], row["error"]) == ("", "", "", "")
    assert float(row["predicted_ttft_ms"]) > 0
    assert float(row["predicted_output_tokens_per_s"]) > 0


def test_what_a_row_states_of_cache_and_running_requests_is_used(tmp_path: Path) -> None:
    plain, wide, few = predict(tmp_path, GOOD, {**GOOD, "kv_format": "bf16"}, {**GOOD, "max_running": "4"})
    assert float(wide["predicted_tpot_ms"]) > float(plain["predicted_tpot_ms"]) > float(few["predicted_tpot_ms"])
    assert float(few["predicted_ttft_ms"]) > 3 * float(plain["predicted_ttft_ms"])


def test_an_offline_run_is_predicted_at_what_fits(tmp_path: Path) -> None:
    (row,) = predict(tmp_path, {**GOOD, "concurrency": "", "statistic": "offline max throughput of 3000 requests"})
    assert row["error"] == ""
    assert float(row["predicted_output_tokens_per_s"]) > 1_000


def test_every_shipped_measurement_is_predicted(tmp_path: Path) -> None:
    for path, count in ((MEASURED, 2084), (THROUGHPUT, 367)):
        assert main(["estimate", str(path), "--output", str(tmp_path / "out.csv")]) == 0
        with (tmp_path / "out.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == count
        assert not [row["error"] for row in rows if row["error"]]


def test_the_raw_measurements_are_predicted_as_the_shipped_ones(tmp_path: Path) -> None:
    for name, path in (("raw", DATA / "measured" / "measured.csv"), ("own", MEASURED)):
        assert main(["estimate", str(path), "--output", str(tmp_path / name)]) == 0
    raw, own = (list(csv.DictReader((tmp_path / name).read_text().splitlines())) for name in ("raw", "own"))
    told = {
        (r["measured_on"], r["model"], r["ttft_ms"], r["tpot_ms"], r["concurrency"]): r["predicted_tpot_ms"]
        for r in raw
    }
    assert all(told[r["measured_on"], r["model"], r["ttft_ms"], r["tpot_ms"],
        r["concurrency"]] == r["predicted_tpot_ms"] for r in own)  # fmt: skip
