"""The real Hub client against a server that answers as the Hub does, and the pages that show what came."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from app.core.settings import load
from app.models.hub.refresh import refresh_models
from app.models.hub.seed import shipped_models
from app.storage import engine
from tests.conftest import Inside, database_of
from tests.database import tuples
from tests.fake_clouds import Clouds, Reply, as_json, bomb, clouds
from tests.fake_hub import HubAnswers, result

QWEN = "Qwen/Qwen3-8B"


class Hubbed:
    """The application on a copy of the data, and the Hub that it asks."""

    def __init__(self, inside: Inside, server: Clouds, hub: HubAnswers) -> None:
        self.inside, self.server, self.hub = inside, server, hub

    def refresh(self) -> Any:
        return engine.run(refresh_models(self.inside.settings))

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return engine.run(tuples(sql))

    def page(self, path: str, status: int = 200) -> str:
        async def ask(client: httpx.AsyncClient) -> str:
            answer = await client.get(path)
            assert answer.status_code == status, answer.text[:200]
            return answer.text

        return str(self.inside.run(ask))


@pytest.fixture
def hubbed(inside: Inside) -> Iterator[Hubbed]:
    with clouds() as server:
        hub = HubAnswers()
        hub.install(server)
        inside.settings = load(database_of(inside.settings, INFERENCEBENCH_HF_ENDPOINT=server.url))
        yield Hubbed(inside, server, hub)


def test_every_tracked_model_is_asked_for_and_understood_or_says_why_not(hubbed: Hubbed) -> None:
    hubbed.hub.gated.add("meta-llama/Meta-Llama-3.1-8B")
    hubbed.hub.missing.add("openai/gpt-oss-20b")
    hubbed.hub.configs["zai-org/GLM-5"] = {"model_type": "x"}
    outcome = hubbed.refresh()
    assert outcome.state == "ok", outcome.note
    faults = dict(hubbed.rows("SELECT model, fault FROM model WHERE fault <> '' AND based_on = ''"))
    assert faults.keys() == {"meta-llama/Meta-Llama-3.1-8B", "openai/gpt-oss-20b", "zai-org/GLM-5"}
    assert faults["meta-llama/Meta-Llama-3.1-8B"].startswith("gated")
    assert "no such model" in faults["openai/gpt-oss-20b"]
    assert "does not state" in faults["zai-org/GLM-5"]
    assert hubbed.rows("SELECT count(*) FROM model WHERE parameters IS NULL") == [(0,)], "what was known stays"
    assert hubbed.rows("SELECT DISTINCT licence, downloads FROM model WHERE from_hub") == [("apache-2.0", 12345)]
    assert "Gated: its files" in hubbed.page("/models/meta-llama--meta-llama-3.1-8b")
    for asked in hubbed.server.asked:
        assert {name.lower() for name in asked.headers} <= {
            "host",
            "user-agent",
            "accept",
            "accept-encoding",
            "connection",
        }, "P-6: nothing of any visitor"


def test_a_second_refresh_that_brings_nothing_new_raises_no_version(hubbed: Hubbed) -> None:
    hubbed.refresh()
    before = hubbed.rows("SELECT key, version FROM data_version ORDER BY key")
    assert hubbed.refresh().state == "ok"
    assert hubbed.rows("SELECT key, version FROM data_version ORDER BY key") == before
    hubbed.hub.evaluations[QWEN] = [result("a/b", "c", 1.0)]
    hubbed.refresh()
    after = hubbed.rows("SELECT key, version FROM data_version ORDER BY key")
    assert {key for (key, now), (_, was) in zip(after, before, strict=True) if now != was} == {
        "models",
        "model:qwen--qwen3-8b",
    }


def test_results_of_other_set_ups_are_never_one_column(hubbed: Hubbed) -> None:
    hubbed.hub.evaluations[QWEN] = [
        result("Idavidrein/gpqa", "gpqa_diamond", 44.1, notes="no-tools", verifyToken="t"),
        result("Idavidrein/gpqa", "gpqa_diamond", 60, notes="tools"),
    ]
    hubbed.hub.evaluations["Qwen/Qwen3-32B"] = [
        result("Idavidrein/gpqa", "gpqa_diamond", "54.6", notes="no-tools"),
        {"error": "bad file", "filename": "x"},
    ]
    evaluation = {
        "task": {"type": "text-generation"},
        "dataset": {"name": "MMLU", "type": "mmlu", "config": "all", "args": {"num_few_shot": 5}},
        "metrics": [{"type": "acc", "value": 62.5, "verified": True}, {"type": "f1", "value": "NaN"}],
    }
    hubbed.hub.index["Qwen/Qwen3-1.7B"] = [{"name": "m", "results": [evaluation]}]
    hubbed.refresh()
    page = hubbed.page("/models?score=Idavidrein%2Fgpqa%7Cgpqa_diamond%7Cno-tools&sort=score".replace("%2F", "/"))
    order = re.findall(r'class="n p">([^<]+)<', page)
    assert order == ["54.6", "44.1"]
    assert "num_few_shot 5" in hubbed.page("/models/qwen--qwen3-1.7b")
    assert hubbed.rows("SELECT value, verified FROM evaluation WHERE slug = 'qwen--qwen3-1.7b'") == [(62.5, 1)]


def test_text_from_the_hub_is_bounded_escaped_and_never_markup(hubbed: Hubbed) -> None:
    evil = "<script>alert(1)</script>"
    hubbed.hub.licence = evil + "x" * 500
    hubbed.hub.evaluations[QWEN] = [
        result(evil, "t\u202e\n" * 100, 1, notes=evil, source={"url": "javascript:alert(1)", "name": evil})
    ]
    hubbed.refresh()
    for path in ("/models", "/models/qwen--qwen3-8b"):
        page = hubbed.page(path)
        assert evil not in page
        assert "javascript:" not in page
        assert "\u202e" not in page
    assert all(len(row[0]) <= 60 for row in hubbed.rows("SELECT licence FROM model"))


@pytest.mark.parametrize("reply", [Reply(b"", 500), Reply(b"<html>", headers={"content-type": "text/html"}),
    bomb(50_000_000), as_json([]), Reply(b"", 302, {"location": "https://elsewhere.example.org/x"})],
                         ids=["500", "html", "bomb", "list", "redirect"])  # fmt: skip
def test_a_hub_that_fails_leaves_everything_as_it_was(hubbed: Hubbed, reply: Reply) -> None:
    before = hubbed.rows("SELECT * FROM model ORDER BY slug")
    hubbed.server.answers["/api/models/*"] = reply
    outcome = hubbed.refresh()
    assert outcome.state == "failed"
    assert hubbed.rows("SELECT * FROM model ORDER BY slug") == before
    assert hubbed.rows("SELECT error FROM loaded_source WHERE name = 'models'") == [(outcome.note,)]


def test_measured_speeds_come_from_the_leaderboards_files_and_unknown_hardware_stays_out(hubbed: Hubbed) -> None:
    hubbed.refresh()
    assert hubbed.rows("SELECT model, gpu, engine, input_tokens, ttft_ms, tpot_ms FROM measured_speed "
                       "ORDER BY model DESC") == [
        ("meta-llama/Meta-Llama-3.1-8B", "a100-sxm-80gb", "transformers", 256, 42.1, 23.8),
        (QWEN, "a100-sxm-80gb", "transformers", 256, 50.0, 25.0)]  # fmt: skip
    assert "LLM-Perf" in hubbed.page("/models/qwen--qwen3-8b")


def test_the_list_searches_sorts_and_refuses_what_it_does_not_know(http: httpx.Client) -> None:
    page = http.get("/models").text
    assert page.count('<td class="g">') == len(shipped_models())
    sizes = [int(count) for count in re.findall(r"<strong>(\d+)</strong> of", http.get("/models?q=qwen3%208b").text)]
    assert 0 < sizes[0] < 10
    first = re.search(r'class="g"><a href="/models/([^"]+)"', http.get("/models?sort=context").text)
    assert first
    assert http.get("/models?sort=size").status_code == 308
    assert http.get("/models?family=Gemma").text.count('<td class="g">') == 5
    for query in ("sort=colour", "family=Nobody", "order=up", "score=x", "sort=score", "q=" + "x" * 101):
        answer = http.get(f"/models?{query}")
        assert answer.status_code == 400, query
    assert "No model matches" in http.get("/models?q=zzzz").text


def test_a_models_page_says_what_it_is_made_of_and_where_it_fits(http: httpx.Client) -> None:
    page = http.get("/models/deepseek-ai--deepseek-v3").text
    assert "61 multi-head latent attention (MLA) layers, 128 query heads, 576 cached values per token" in page
    assert "58 mixture-of-experts layers of 256 experts, 8 active per token" in page
    assert "not yet refreshed from the Hub" in page
    assert '<a href="/gpus/' in page
    assert http.get("/models/DeepSeek-AI--DeepSeek-V3").headers["location"] == "/models/deepseek-ai--deepseek-v3"
    missing = http.get("/models/deepseek-ai--deepseek-v33")
    assert missing.status_code == 404
    assert "/models/deepseek-ai--deepseek-v3" in missing.text
