"""The API's description agrees with what the API answers: types of columns, what it allows, what it refuses."""

import json
import re
import shlex
from html import unescape
from typing import Any

import httpx
import msgspec
import pytest
from litestar import Litestar

from app.core.settings import load
from app.pricing.offers.tables import OfferRow
from app.site import openapi
from app.site.estimate_schema import EXAMPLE, Estimate
from app.site.price_schema import COLUMNS, Prices
from tests.conftest import Inside

NUMERIC = {"gpu_count": "number", "usd_per_gpu_hour": "number", "usd_per_instance_hour": "number",
           "quoted_amount": "number",
           "disk_usd_per_gb_month": "number", "traffic_usd_per_gb": "number", "commitment_months": "integer",
           "gpu_memory_gb": "integer",
           "vcpus": "integer", "ram_gb": "integer", "disk_gb": "integer", "min_nodes": "integer",
           "reclaim_low": "integer", "reclaim_high": "integer", "reclaim_hours": "integer",
           "reliability": "number", "still_stands": "number"}  # fmt: skip


def estimate_schema() -> dict[str, Any]:
    post = openapi.description(load({}))["paths"]["/api/estimate"]["post"]
    schema: dict[str, Any] = post["requestBody"]["content"]["application/json"]["schema"]
    return schema


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_is_declared_as_what_it_holds(name: str) -> None:
    declared = openapi.description(load({}))["components"]["schemas"]["Offer"]["properties"][name]["type"]
    kinds = {declared} if isinstance(declared, str) else set(declared)
    assert kinds - {"null"} == {NUMERIC.get(name, "boolean" if name == "stale" else "string")}


def test_every_column_that_the_database_holds_as_a_number_is_declared_as_one() -> None:
    stored = {column._meta.name: column.value_type for column in OfferRow._meta.columns}
    published = set(COLUMNS) - {"fetched_at"}  # kept in seconds, told as an instant
    whole = {name for name in published if stored.get(name) is int}
    money = {name for name in published if f"{name}_micro" in stored}
    assert {"disk_gb", "min_nodes"} <= whole
    assert {"disk_usd_per_gb_month", "traffic_usd_per_gb"} <= money
    assert whole | money <= set(NUMERIC)


@pytest.mark.parametrize("engine", ["foo", "vllm2", "v llm", "None", "0", 7])
def test_an_engine_that_is_not_known_is_refused_by_name(inside: Inside, engine: object) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        answer = await client.post("/api/estimate", content=json.dumps({**EXAMPLE, "engine": engine}))
        assert answer.status_code == 422
        assert answer.json()["parameter"] == "engine"
        assert str(engine) in answer.json()["detail"]
        assert "sglang" in answer.json()["detail"]

    inside.run(work)


@pytest.mark.parametrize(
    ("spelled", "engine"),
    [("VLLM", "vllm"), ("TensorRT-LLM", "trtllm"), ("llamacpp", "llama.cpp"), (" sglang ", "sglang"), ("", "vllm")],
)
def test_an_engine_is_known_by_its_usual_spellings(inside: Inside, spelled: str, engine: str) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        answer = await client.post("/api/estimate", content=json.dumps({**EXAMPLE, "engine": spelled}))
        assert answer.status_code == 200
        assert answer.json()["engine"] == engine

    inside.run(work)


@pytest.mark.parametrize(
    ("split", "status"), [(1, 200), (1.0, 200), ("1", 200), (0, 422), (-5, 422), ("x", 422), ("nan", 422)]
)
def test_experts_are_split_over_one_gpu_or_more(inside: Inside, split: object, status: int) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        answer = await client.post("/api/estimate", content=json.dumps({**EXAMPLE, "expert_parallel": split}))
        assert answer.status_code == status

    inside.run(work)


def _outside(schema: dict[str, Any]) -> list[object]:
    """Values just past what a field's schema allows."""
    found: list[object] = []
    if "minimum" in schema:
        found.append(schema["minimum"] - 1)
    if "exclusiveMinimum" in schema:
        found.append(schema["exclusiveMinimum"])
    if "maximum" in schema:
        found.append(schema["maximum"] + 1)
    return found + ([1.5] if schema["type"] == "integer" else [])


def test_what_is_refused_is_described(inside: Inside) -> None:
    fields = estimate_schema()["properties"]
    numbers = {name for name, schema in fields.items() if schema["type"] in ("integer", "number")}
    assert numbers == {"tensor_parallel", "pipeline_parallel", "attention_data_parallel", "expert_parallel",
                       "input_tokens", "output_tokens", "concurrency", "request_rate_per_s"}  # fmt: skip
    assert all(_outside(fields[name]) for name in numbers)

    async def work(client: httpx.AsyncClient) -> None:
        for name in numbers:
            for value in _outside(fields[name]):
                given = {**EXAMPLE, name: value}
                if name == "request_rate_per_s":
                    del given["concurrency"]
                answer = await client.post("/api/estimate", content=json.dumps(given))
                assert answer.status_code == 422, (name, value)

    inside.run(work)


def test_what_is_answered_is_of_the_described_types(inside: Inside) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        page = msgspec.json.decode((await client.get("/api/prices")).content, type=Prices, strict=True)
        assert len(page.offers) == 1000
        one = await client.post("/api/estimate", content=json.dumps({**EXAMPLE, "output_tokens": 1}))
        assert msgspec.json.decode(one.content, type=Estimate, strict=True).time_per_output_token_ms is None

    inside.run(work)


def test_what_is_left_out_is_no_value(inside: Inside) -> None:
    document = openapi.description(load({}))
    queries = [p["schema"] for p in document["paths"]["/api/prices"]["get"]["parameters"]]
    for schema in (*queries, *estimate_schema()["properties"].values()):
        assert isinstance(schema["type"], str)
        assert schema.get("default", 1) not in (None, "", [])
    assert {p["name"] for p in document["paths"]["/api/prices"]["get"]["parameters"] if "default" in p["schema"]} == {
        "sort", "order", "limit",
    }  # fmt: skip


NO_DATA = ("/robots.txt", "/sitemap.xml", "/.well-known/", "/favicon.ico", "/previews/", "/healthz", "/readyz",
           "/beacon", "/static/")  # fmt: skip
"""What browsers, crawlers and operators ask: no data of the site."""


def answers_data(path: str) -> bool:
    return not path.startswith(NO_DATA) and (
        path == "/mcp"
        or path.startswith(("/api/", "/badge/"))
        or path.rpartition(".")[2] in ("csv", "atom", "txt", "json")
    )


def test_every_data_address_is_described(inside: Inside) -> None:
    assert isinstance(inside.app.app, Litestar)
    routes = {route.path for route in inside.app.app.routes}
    data = {path.replace("{name:str}", "{gpu}.svg") for path in routes if answers_data(path)}
    assert data == set(openapi.description(load({}))["paths"])
    assert len(data) > 14


def test_every_curl_line_of_the_api_is_answered_with_what_it_says(http: httpx.Client) -> None:
    described = http.get("/api/openapi.json").json()
    page = unescape(http.get("/api").text)
    for address, methods in described["paths"].items():
        for operation in methods.values():
            [sample] = operation["x-codeSamples"]
            assert sample["source"] in page, address
            words = shlex.split(sample["source"])
            [url] = [word for word in words if word.startswith(described["servers"][0]["url"])]
            path = url.removeprefix(described["servers"][0]["url"])
            if "-d" in words:
                headers = dict(words[n + 1].split(": ", 1) for n, word in enumerate(words) if word == "-H")
                answer = http.post(path, headers=headers, content=words[words.index("-d") + 1])
                assert "error" not in answer.json()
                assert not answer.json().get("result", {}).get("isError")
            else:
                answer = http.get(path)
            assert answer.status_code == 200, sample
            assert answer.headers["content-type"].split(";")[0] in operation["responses"]["200"]["content"], address


def test_the_description_is_valid_and_its_names_are_unique() -> None:
    described = openapi.description(load({}))
    assert described["openapi"].startswith("3.1")
    names = [operation["operationId"] for methods in described["paths"].values() for operation in methods.values()]
    assert len(set(names)) == len(names)
    for address, methods in described["paths"].items():
        for operation in methods.values():
            in_path = {p["name"] for p in operation.get("parameters", []) if p["in"] == "path"}
            assert in_path == set(re.findall(r"{(\w+)}", address))
            assert operation["responses"]["200"]["description"]
