"""The calculator's sheet, the hardware pages, the measurements and the estimate for programs."""

import json
import re
from html import unescape
from typing import Any

import brotli
import httpx
import pytest

from app.calculator.presets import PRESETS
from app.core import number_format
from app.estimate.constants import CONSTANTS, fitted
from app.site.estimate_schema import EXAMPLE, FIELDS
from tests import plain
from tests.conftest import Inside, Site


def get(site: Site, path: str, **more: Any) -> httpx.Response:
    return plain.get(f"{site.url}{path}", **more)


def test_the_sheet_is_the_same_for_everyone_small_and_kept_for_ever_by_its_hash(site: Site) -> None:
    address = re.findall(r'data-sheet="([^"]+)"', get(site, "/calculator").text)[0]
    named, plain = (
        get(site, address),
        get(site, "/calculator/sheet.json", headers={"cookie": "a=b", "user-agent": "other", "dnt": "1"}),
    )
    assert named.content == plain.content
    assert "immutable" in named.headers["cache-control"]
    assert "immutable" not in plain.headers["cache-control"]
    assert len(brotli.compress(named.content, quality=5)) < 60_000
    sheet = named.json()
    assert sheet["constants"] == fitted()["constants"]
    assert len(sheet["models"]) >= 60
    assert len(sheet["gpus"]) >= 70
    assert sheet["offers"]


def test_another_hash_leads_to_the_current_sheet_and_other_parameters_are_refused(site: Site) -> None:
    moved = get(site, "/calculator/sheet.json?v=0123456789ab")
    assert moved.status_code == 308
    assert get(site, moved.headers["location"]).status_code == 200
    assert get(site, "/calculator/sheet.json?model=x").status_code == 400


def test_a_new_price_makes_a_new_sheet(inside: Inside) -> None:
    from app.core.version_keys import OFFERS_KEY
    from app.storage.engine import execute, transaction

    async def work(client: httpx.AsyncClient) -> None:
        first = re.findall(r'data-sheet="([^"]+)"', (await client.get("/calculator")).text)[0]
        async with transaction(OFFERS_KEY):
            await execute("UPDATE offer SET usd_per_gpu_hour_micro = 1000 WHERE gpu = 'b200-sxm-180gb'")
        second = re.findall(r'data-sheet="([^"]+)"', (await client.get("/calculator")).text)[0]
        assert first != second
        sheet = (await client.get(second)).json()
        assert 1000 in {offer[5] for offer in sheet["offers"]}

    inside.run(work)


def test_a_page_of_the_calculator_stays_in_its_budget(site: Site) -> None:
    html = get(site, "/calculator")
    folded = set(re.findall(r'data-[a-z]+="(/static/[^"]+)"', " ".join(re.findall(r"<details[^>]*>", html.text))))
    addresses = set(re.findall(r'(?:src|href|data-[a-z]+)="(/static/[^"]+)"', html.text)) - folded
    sizes = {a: len(brotli.compress(get(site, a).content, quality=9)) for a in addresses if not a.endswith(".svg")}
    assert len(brotli.compress(html.content, quality=5)) < 14_000
    assert sum(sizes.values()) + len(brotli.compress(html.content, quality=5)) < 60_000
    assert len(folded) >= 9  # what a folded part loads comes when it is opened, and each part is small
    for part in re.findall(r"<details[^>]*data-part[^>]*>", html.text):
        own = re.findall(r'data-[a-z]+="(/static/[^"]+)"', part)
        assert sum(len(brotli.compress(get(site, a).content, quality=9)) for a in own) < 20_000


def test_every_models_hardware_holds_the_limits_of_each_preset(site: Site) -> None:
    text = get(site, "/calculator/hardware/meta-llama--llama-3.1-8b-instruct").text
    for preset in PRESETS:
        assert f'id="{preset.key}"' in text
    assert "B200" in text or "RTX" in text
    assert text.count("<table") >= 4
    assert "/methodology" in text


def test_a_model_that_is_not_understood_says_why_and_shows_no_number(inside: Inside) -> None:
    from app.storage.engine import execute, transaction

    async def work(client: httpx.AsyncClient) -> None:
        async with transaction("model:openai--gpt-oss-20b", "models"):
            await execute(
                "UPDATE model SET architecture = '', fault = 'unknown kind of attention' "
                "WHERE slug = 'openai--gpt-oss-20b'"
            )
        text = (await client.get("/calculator/hardware/openai--gpt-oss-20b")).text
        assert "No estimate, because its configuration is not supported" in text
        assert "unknown kind of attention" in text
        assert "<table" not in text
        sheet = (await client.get("/calculator/sheet.json")).json()
        assert "openai--gpt-oss-20b" not in [model[0] for model in sheet["models"]]

    inside.run(work)


def test_an_unknown_model_is_a_404_with_near_ones(site: Site) -> None:
    answer = get(site, "/calculator/hardware/meta-llama--llama-3.1-8b-instrukt")
    assert answer.status_code == 404
    assert "/models/meta-llama--llama-3.1-8b-instruct" in answer.text


@pytest.mark.parametrize(
    ("asked", "leads"),
    [("/models/gpt-oss-120b", "/models/openai--gpt-oss-120b"),
     ("/models/DeepSeek-R1", "/models/deepseek-ai--deepseek-r1"),
     ("/models/qwen2.5-7b-instruct", "/models/qwen--qwen2.5-7b-instruct"),
     ("/models/llama-3.1-8b-instruct", "/models/meta-llama--llama-3.1-8b-instruct"),
     ("/models/OpenAI--gpt-oss-120b", "/models/openai--gpt-oss-120b"),
     ("/models/meta-llama/Llama-3.1-8B-Instruct", "/models/meta-llama--llama-3.1-8b-instruct"),
     ("/calculator/hardware/gpt-oss-120b", "/calculator/hardware/openai--gpt-oss-120b")],
)  # fmt: skip
def test_a_tracked_model_without_its_owner_or_in_another_case_is_redirected(site: Site, asked: str, leads: str) -> None:
    answer = httpx.get(f"{site.url}{asked}", follow_redirects=False)
    assert (answer.status_code, answer.headers.get("location")) == (308, leads)
    assert get(site, leads).status_code == 200


@pytest.mark.parametrize("page", ["/models", "/calculator/hardware"])
def test_no_tracked_model_is_called_its_own_relative(site: Site, page: str) -> None:
    text = unescape(get(site, f"{page}/somebody--llama-3.1-8b-instruct").text)
    assert "is not tracked. Its nearest relative here is Llama-3.1-8B-Instruct: the same architecture" in text


def test_model_and_gpu_pages_show_what_the_estimator_says(site: Site) -> None:
    model = get(site, "/models/openai--gpt-oss-120b").text
    assert "Cheapest hardware for common traffic" in model
    assert "/calculator/hardware/openai--gpt-oss-120b" in model
    gpu = get(site, "/gpus/h100-sxm-80gb").text
    assert "The largest models it runs" in gpu
    assert "The largest models it runs" not in get(site, "/gpus/gtx-1050-ti-4gb").text


def test_measurements_can_be_filtered_and_sorted_and_have_one_address(site: Site) -> None:
    every = get(site, "/benchmarks").text
    assert "2,451" in every
    some = get(site, "/benchmarks?engine=llama.cpp&sort=error").text
    offs = [abs(int(value.replace("\u2212", "-"))) for value in re.findall(r'class="n e p">([+\u2212]?\d+)%', some)]
    assert offs == sorted(offs, reverse=True)
    assert len(offs) == 50
    assert get(site, "/benchmarks?sort=error&engine=llama.cpp").status_code == 308
    assert (
        get(site, "/benchmarks?model=deepseek-ai/DeepSeek-R1&engine=llama.cpp").text.count(
            "No measurement matches all of that"
        )
        == 1
    )


@pytest.mark.parametrize(
    "query", ["gpu=voodoo", "sort=beauty", "order=up", "page=0", "page=x", "engine=vllm&engine=sglang"]
)
def test_a_wrong_filter_of_the_measurements_is_told(site: Site, query: str) -> None:
    answer = get(site, f"/benchmarks?{query}")
    assert answer.status_code == 400
    assert "Start again" in answer.text
    assert get(site, "/benchmarks?page=999").status_code == 404


def test_the_methodology_states_every_constant_as_it_is_used(site: Site) -> None:
    text = get(site, "/methodology/constants").text
    for constant in CONSTANTS:
        assert f"<code>{constant.name}</code>" in text
        assert number_format.number(fitted()["constants"][constant.name], 4) in text
        assert constant.source in unescape(text)
    text += get(site, "/methodology").text
    for words in (
        "arXiv:1909.08053",
        "arXiv:2405.04434",
        "Known weaknesses",
        "model × engine × GPU generation",
        "The sealed set",
        "n ÷ (n + 1)",
        "measured here",
    ):
        assert words in text


def ask(site: Site, given: Any, **more: Any) -> httpx.Response:
    return plain.post(
        f"{site.url}/api/estimate", content=given if isinstance(given, bytes) else json.dumps(given), **more
    )


def test_programs_get_an_estimate_that_no_cache_keeps(site: Site) -> None:
    answer = ask(site, EXAMPLE)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    found = answer.json()
    low, high = found["time_per_output_token_ms_range"]
    assert low < found["time_per_output_token_ms"] < high
    assert sum(found["step_ms"].values()) == pytest.approx(found["time_per_output_token_ms"])
    assert found["gpus"] == 4
    assert found["model"] == EXAMPLE["model"]
    assert found["sustained"] is True
    nearest = found["nearest_measurements"]
    assert len(nearest) == 3
    assert all(row["source"] and row["time_per_output_token_ms"] > 0 for row in nearest)
    assert {row["model"] for row in nearest} == {EXAMPLE["model"]}, "this very model was measured"
    assert {row["gpu"] for row in nearest} == {EXAMPLE["gpu"]}


def test_more_requests_than_can_be_served_are_said_to_be_so(site: Site) -> None:
    rates = {name: value for name, value in EXAMPLE.items() if name != "concurrency"}
    assert ask(site, {**rates, "request_rate_per_s": 0.5}).json()["sustained"] is True
    swamped = ask(site, {**rates, "request_rate_per_s": 500}).json()
    assert swamped["sustained"] is False
    assert 0 < swamped["time_to_first_token_ms"] < float("inf")


def test_a_variant_of_a_known_model_is_taken_for_it_and_named(site: Site) -> None:
    found = ask(site, {**EXAMPLE, "model": "somebody/Llama-3.1-70B-Instruct-quantized.w4a16"}).json()
    assert found["model"] == "meta-llama/Meta-Llama-3.1-70B"
    assert ask(site, {**EXAMPLE, "model": "somebody/Llama-3.9-70B-Instruct"}).status_code == 422


@pytest.mark.parametrize(
    ("model", "precision"),
    [("Qwen/Qwen3-8B-AWQ", "int4"), ("Qwen/Qwen3-8B-FP8", "fp8"), ("JunHowie/Qwen3-8B-GPTQ-Int8", "int8"),
        ("qwen--qwen3-8b-awq", "int4"), ("openai/gpt-oss-120b", "mxfp4")],
)  # fmt: skip
def test_a_variant_without_a_stated_precision_is_computed_in_the_one_it_names(
    site: Site, model: str, precision: str
) -> None:
    given = {
        "model": model,
        "gpu": "H100 SXM",
        "engine": "vllm",
        "input_tokens": 100,
        "output_tokens": 100,
        "concurrency": 1,
    }
    found = ask(site, given)
    assert found.status_code == 200, found.text
    assert found.json()["precision"] == precision


def test_what_is_unusual_is_said_and_what_a_prediction_rests_on(site: Site) -> None:
    assert ask(site, EXAMPLE).json()["notes"] == []
    assert ask(site, EXAMPLE).json()["rests_on"] == "measured"
    two = ask(site, {**EXAMPLE, "model": "deepseek-ai/DeepSeek-R1", "tensor_parallel": 16}).json()
    assert "8 share a switch" in two["notes"][0]
    old = ask(site, {**EXAMPLE, "gpu": "a100-sxm-80gb"}).json()
    assert "weights are unpacked" in old["notes"][0]
    refused = ask(site, {**EXAMPLE, "gpu": "t4-16gb", "precision": "bf16"}).json()
    assert "fp16" in refused["detail"]


def test_one_output_token_has_no_time_per_token_but_a_first_one(site: Site) -> None:
    found = ask(site, {**EXAMPLE, "output_tokens": 1}).json()
    assert found["time_per_output_token_ms"] is found["time_per_output_token_ms_range"] is None
    assert found["time_to_first_token_ms"] > 0
    assert found["output_tokens_per_s"] > 0


def test_rows_of_throughput_and_doubtful_ones_are_shown_as_what_they_are(site: Site) -> None:
    offline = get(site, "/benchmarks?gpu=gb200-nvl-186gb").text
    assert re.search(r'class="n o1 rate">[\d,]+ tok/s', offline)
    assert re.search(r'class="n l">all\b', offline)
    doubtful = get(
        site, "/benchmarks?model=deepseek-ai/DeepSeek-R1&gpu=h200-sxm-141gb&engine=trtllm&precision=fp8"
    ).text
    assert "speculative decoding likely on" in doubtful


def test_an_estimate_for_programs_takes_a_slug_and_the_published_weights(site: Site) -> None:
    slug = ask(site, {**EXAMPLE, "model": "meta-llama--llama-3.1-70b-instruct"})
    assert slug.json() == ask(site, EXAMPLE).json()
    published = ask(site, {name: value for name, value in EXAMPLE.items() if name != "precision"})
    assert published.json()["precision"] == "bf16"


@pytest.mark.parametrize(
    ("given", "status", "field"),
    [
        (b"{", 400, "body"), (b"[]", 400, "body"), (b"[" * 100_000, 400, "body"), (b"\xff", 400, "body"),
        ({}, 422, "model"), ({**EXAMPLE, "model": "no/such"}, 422, "model"),
        ({**EXAMPLE, "gpu": "voodoo"}, 422, "gpu"), ({**EXAMPLE, "gpu": "v100-sxm2-32gb"}, 422, "precision"),
        ({**EXAMPLE, "tensor_parallel": 3}, 422, "tensor_parallel"), ({**EXAMPLE, "precision": "fp3"}, 422,
            "precision"),
        ({**EXAMPLE, "concurrency": 0}, 422, "concurrency"), ({**EXAMPLE, "concurrency": True}, 422, "concurrency"),
        ({**EXAMPLE, "concurrency": 10**12}, 422, "concurrency"),
        ({**EXAMPLE, "input_tokens": 200_000}, 422, "input_tokens"),
        ({**EXAMPLE, "output_tokens": 0.5}, 422, "output_tokens"),
        ({**EXAMPLE, "tensor_parallel": 0}, 422, "tensor_parallel"),
        ({**EXAMPLE, "tensor_parallel": 1, "gpu": "l4-24gb"}, 422, "gpu"),
        ({**EXAMPLE, "expert_parallel": 4}, 422, "expert_parallel"), ({**EXAMPLE, "colour": "red"}, 422, "colour"),
        ({**EXAMPLE, "model": {"a": 1}}, 422, "model"), ({**EXAMPLE, "gpu": "x" * 5000}, 422, "gpu"),
    ],
)  # fmt: skip
def test_what_cant_be_estimated_is_said_at_its_field(site: Site, given: Any, status: int, field: str) -> None:
    answer = ask(site, given)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["parameter"] == field
    assert problem["detail"]
    assert problem["hint"]


def test_every_field_of_the_estimate_is_documented(site: Site) -> None:
    page, described = get(site, "/api").text, get(site, "/api/openapi.json").json()["paths"]["/api/estimate"]["post"]
    answer = ask(site, EXAMPLE).json()
    assert set(described["responses"]["200"]["content"]["application/json"]["schema"]["properties"]) == set(answer)
    assert all(f"<code>{name}</code>" in page for name in answer)
    assert set(described["requestBody"]["content"]["application/json"]["schema"]["properties"]) == set(FIELDS)
    assert all(f"<code>{name}</code>" in page for name in FIELDS)
    assert "Its inputs are sent to this server" in page
    for name, example in FIELDS.items():
        if name not in ("concurrency", "request_rate_per_s"):
            assert ask(site, {**EXAMPLE, name: example}).status_code == 200, name


@pytest.mark.parametrize("promise", ["P-2.2a"])
def test_an_estimates_inputs_are_in_no_log_and_no_file(
    site: Site, promise: str, capfd: pytest.CaptureFixture[str]
) -> None:
    ask(site, {**EXAMPLE, "input_tokens": 54_321, "model": "no/such-marker-model"})
    ask(site, {**EXAMPLE, "input_tokens": 54_321})
    out, err = capfd.readouterr()
    assert "54321" not in out + err
    assert "such-marker-model" not in out + err
    for path in site.data.rglob("*"):
        if path.is_file():
            assert b"such-marker-model" not in path.read_bytes()
