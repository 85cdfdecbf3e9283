"""The protocol for assistants, asked with its own client over loopback: dated prices, no session, nothing logged."""

import ast
import asyncio
import json
import logging
import sqlite3
from typing import Any

import httpx
import pytest

from app.core.errors import BusyError, DatabaseAwayError
from app.pricing.offers import market_store, store
from app.site import assistant_tools, mcp
from app.web.rate_limit import RateLimit
from tests.conftest import ROOT, Inside, Site

HEADERS = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
EXAMPLE = {"model": "meta-llama/Llama-3.1-70B-Instruct", "gpu": "h100-sxm-80gb", "precision": "fp8",
           "tensor_parallel": 4, "input_tokens": 1000, "output_tokens": 300, "concurrency": 32}  # fmt: skip
MARK = "q7marker"


def message(method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


async def asked(url: str, *calls: tuple[str, dict[str, Any]]) -> tuple[list[Any], list[Any]]:
    from mcp import Client

    async with Client(f"{url}/mcp") as client:
        listed = (await client.list_tools()).tools
        return list(listed), [await client.call_tool(name, given) for name, given in calls]


def test_an_assistant_lists_the_tools_and_gets_dated_sourced_answers(site: Site, http: httpx.Client) -> None:
    listed, answers = asyncio.run(
        asked(
            site.url,
            ("search_prices", {"gpu": ["h100-sxm-80gb"], "tier": ["on-demand"], "limit": 3}),
            ("search_prices", {"q": "h100 spot under 9", "limit": 1}),
            ("estimate", EXAMPLE),
            ("compare", {"gpu": ["h100-sxm-80gb", "l4-24gb"]}),
            ("search_prices", {"tier": ["never"]}),
            ("estimate", {**EXAMPLE, "tensor_parallel": 0}),
            ("compare", {"gpu": []}),
            ("search_prices", {"limit": 9999}),
            ("erase", {}),
        )
    )
    assert [tool.name for tool in listed] == ["search_prices", "estimate", "compare"]
    assert all(tool.annotations.read_only_hint for tool in listed)
    prices, words, estimate, compared, *refused = answers
    told = json.loads(prices.content[0].text)
    same = http.get("/api/prices?gpu=h100-sxm-80gb&tier=on-demand&limit=3").json()
    assert told["count"] == same["count"]
    for ours, theirs in zip(told["offers"], same["offers"], strict=True):
        assert ours == {name: theirs[name] for name in ours}
        assert {"fetched_at", "source", "source_url", "stale"} <= set(ours)
    assert json.loads(words.content[0].text)["offers"][0]["tier"] == "spot"
    plain = http.post("/api/estimate", json=EXAMPLE).json()
    assert json.loads(estimate.content[0].text)["output_tokens_per_s"] == pytest.approx(plain["output_tokens_per_s"])
    assert [gpu["gpu"] for gpu in json.loads(compared.content[0].text)["gpus"]] == ["h100-sxm-80gb", "l4-24gb"]
    assert [answer.is_error for answer in refused] == [True] * 5
    assert "on-demand, spot or reserved" in refused[0].content[0].text


def test_an_answer_is_kept_nowhere_and_has_no_session(http: httpx.Client) -> None:
    answer = http.post("/mcp", headers=HEADERS, json=message("tools/list"))
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert "mcp-session-id" not in answer.headers
    assert len(answer.json()["result"]["tools"]) == 3
    gone = http.get("/mcp", headers=HEADERS)
    assert gone.status_code == 405
    assert "POST" in gone.headers["allow"]


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"sec-fetch-site": "cross-site", "origin": "https://example.org"}, b"{}", 403),
        ({"origin": "https://example.org"}, b"{}", 403),
        ({"host": "rebound.example"}, b"{}", 421),
        ({}, b"x" * (mcp.MOST_BYTES + 1), 413),
        ({}, b"{", 400),
        ({}, b"[" * 20_000, 400),
        ({"content-type": "text/plain"}, b"{}", 400),
        ({"accept": "text/html"}, b"{}", 406),
    ],
)
def test_what_is_no_question_is_refused(http: httpx.Client, headers: dict[str, str], body: bytes, status: int) -> None:
    assert http.post("/mcp", headers=HEADERS | headers, content=body).status_code == status


@pytest.mark.parametrize("promise", ["P-2.2a"])
def test_what_an_assistant_asks_is_in_no_log_and_no_file(
    inside: Inside, caplog: pytest.LogCaptureFixture, promise: str
) -> None:
    caplog.set_level(logging.DEBUG)
    base = {**HEADERS, "host": "localhost"}

    async def work(client: httpx.AsyncClient) -> None:
        for given in ({"q": MARK}, {"gpu": [MARK]}, {MARK: 1}):
            question = message("tools/call", name="search_prices", arguments=given)
            answer = await client.post(f"/mcp?{MARK}=1", headers=base, json=question)
            assert answer.status_code == 200
        await client.post("/mcp", headers=base, content=f'{{"{MARK}')
        await client.post("/mcp", headers={**base, "host": f"{MARK}.example"}, json=message("tools/list"))

    inside.run(work)
    inside.log.flush()
    noted = b"".join(file.read_bytes() for file in inside.settings.data_dir.rglob("*") if file.is_file())
    assert b"/mcp" in noted
    assert MARK.encode() not in noted
    assert MARK not in caplog.text


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (DatabaseAwayError(f"{MARK} is away"), "database is not responding"),
        (sqlite3.OperationalError(f"Could not decode to UTF-8 column '{MARK}'"), "went wrong on our side"),
        (ValueError(MARK), "went wrong on our side"),
        (BusyError("Too much at once."), "Too much at once."),
    ],
)
@pytest.mark.parametrize("tool", ["search_prices", "estimate", "compare"])
def test_a_fault_of_our_data_is_told_as_ours_and_without_its_words(
    inside: Inside, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tool: str, fault: Exception,
    words: str,
) -> None:  # fmt: skip
    async def fails(*_: object, **__: object) -> object:
        raise fault

    for module, name in ((store, "rows_between"), (market_store, "kinds"), (assistant_tools, "estimated")):
        monkeypatch.setattr(module, name, fails)
    given = {"compare": {"gpu": ["l4-24gb"]}, "estimate": EXAMPLE}.get(tool, {})

    async def work(client: httpx.AsyncClient) -> None:
        question = message("tools/call", name=tool, arguments=given)
        answer = await client.post("/mcp", headers={**HEADERS, "host": "localhost"}, json=question)
        assert answer.status_code == 200
        result = answer.json()["result"]
        assert result["isError"]
        assert words in result["content"][0]["text"]
        assert MARK not in answer.text + caplog.text

    inside.run(work)


@pytest.mark.parametrize(
    "arguments",
    [
        '{"limit": 1e400}', '{"limit": 1e3}', '{"limit": "3"}', '{"q": "\\ud800"}', '{"\\ud800": "x"}',
        '{"__proto__": "x"}', '{"gpu": [["h100"]]}', '{"max_usd": NaN}', '{"max_usd": 1e999}', '{"max_usd": -0.0}',
        '{"page": 99999999999999999999999}', '{"q": null}', '{"gpu": {"a": 1}}', '{"q": "%s"}' % ("x" * 50_000),
        '{{"gpu": [{}]}}'.format(",".join(['"h100-sxm-80gb"'] * 3_000)), "[1]", '"x"', "null",
        "[" * 500 + "1" + "]" * 500,
    ],
)  # fmt: skip
def test_hostile_arguments_are_answered_and_break_nothing(
    http: httpx.Client, caplog: pytest.LogCaptureFixture, arguments: str
) -> None:
    for tool in ("search_prices", "estimate", "compare"):
        body = f'{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}","arguments":{arguments}}}}}'
        answer = http.post("/mcp", headers=HEADERS, content=body.encode())
        assert answer.status_code in (200, 400), (answer.status_code, answer.text[:200])
        assert "went wrong on our side" not in answer.text, (tool, answer.text[:300])
        assert "Traceback" not in answer.text


def test_one_address_asks_so_often_and_no_more(inside: Inside) -> None:
    inside.app.app.state["mcp_limit"] = RateLimit(2, 3_600)  # type: ignore[attr-defined]

    async def work(client: httpx.AsyncClient) -> None:
        sent = {"headers": {**HEADERS, "host": "localhost"}, "json": message("tools/list")}
        answers = [await client.post("/mcp", **sent) for _ in range(3)]  # type: ignore[arg-type]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert int(answers[2].headers["retry-after"]) > 0

    inside.run(work)


def test_the_start_does_not_load_the_protocol() -> None:
    for path in (ROOT / "app").rglob("*.py"):
        for line in ast.parse(path.read_text()).body:
            names = [line.module or ""] if isinstance(line, ast.ImportFrom) else []
            names += [name.name for name in line.names] if isinstance(line, ast.Import) else []
            assert not {name.split(".")[0] for name in names} & {"mcp", "mcp_types", "starlette", "uvicorn"}, path
