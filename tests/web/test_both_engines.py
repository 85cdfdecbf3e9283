"""The same questions to a site on SQLite and to one on PostgreSQL: the answers are the same, to the letter.

What PostgreSQL takes otherwise is asked on purpose: U+0000, numbers without end, text that sorts or folds by language,
days that are none.
"""

import asyncio
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.core.settings import Settings, load
from app.storage import engine
from tests import postgres
from tests.conftest import Inside

ODD = ("%00", "a%00b", "%ED%A0%80", "9" * 30, "9223372036854775808", "-1", "NaN", "Infinity", "1e400", "%EF%BC%99",
       "%C4%B0", "%25", "_", "%5C", "h%5C100", "%7B%7D", "$1", "2026-02-30", "10000-01-01", "2026-10-01",
       "LAMBDA")  # fmt: skip
ASKED = {
    "/prices": ("gpu", "provider", "region", "gpu_count", "min_memory_gb", "max_usd", "q", "page"),
    "/api/prices": ("limit", "cursor", "as_of", "region"), "/search": ("q",), "/bill": ("gpus", "disk", "currency"),
    "/calculator": ("model",), "/compare": ("gpu",), "/prices/lasting": ("region",), "/prices/changes": ("gpu",),
}  # fmt: skip
PLACES = ("/gpus/{}", "/providers/{}", "/models/{}", "/badge/{}", "/policies/privacy/{}", "/calculator/hardware/{}")
PAGES = (
    "/", "/gpus", "/gpus/h100-sxm-80gb?window=year", "/gpus/h100-sxm-80gb/history", "/providers", "/providers/lambda",
    "/models", "/calculator", "/compare", "/index", "/prices/changes", "/prices/lasting", "/bill", "/benchmarks",
    "/methodology", "/sitemap.xml", "/llms.txt", "/prices.csv", "/prices.atom", "/status/rejected",
    *(f"/prices?min_memory_gb=0&sort={sort}&order={order}&page=2" for sort in ("price", "memory", "region", "provider",
                                                                              "reclaims") for order in ("asc", "desc")),
)  # fmt: skip
"""Pages that show what is stored; ``/status`` and the privacy policy say which engine keeps it."""
EXPERIENCE = {"provider": "lambda", "topic": "availability", "rating": "4", "consent": "yes", "age": "yes",
              "policy": "2026-03-27"}  # fmt: skip


def asked() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(method, address, what is sent)."""
    for page in PAGES:
        yield "GET", page, {}
    for path, names in ASKED.items():
        for turn, name in enumerate(names):
            for value in ODD[turn % 3 :: 3] if name != "q" else ODD:
                yield "GET", f"{path}?{name}={value}", {}
    for turn, place in enumerate(PLACES):
        for value in ("%00", "a%00b", *ODD[turn % 4 :: 4]):
            yield "GET", place.format(value), {}
    for text in ("a\0b came within a minute", "\u0130stanbul \u00df came within a minute", "short"):
        yield "POST", "/submit/experience", {"data": {**EXPERIENCE, "text": text}}
        yield "POST", "/submit/experience", {"data": {**EXPERIENCE, "text": "came within minutes", "contact": text}}
        yield "POST", "/submissions", {"data": {"receipt": text}}
    for body in ({"model": "a\0b"}, {"model": "\ud800"}, {"model": "mistral-7b", "input_tokens": 10**30}):
        yield "POST", "/api/estimate", {"content": json.dumps(body), "headers": {"content-type": "application/json"}}


def answers(settings: Settings) -> dict[str, tuple[int, str]]:
    """Question → (status, text without what differs from report to report)."""
    inside = Inside(settings)

    async def ask(client: httpx.AsyncClient) -> dict[str, tuple[int, str]]:
        found = {}
        for method, url, sent in asked():
            answer = await client.request(method, url, **sent)
            text = re.sub(r"ib-[a-z0-9-]{20,}|\br[a-z0-9]{9}\b|\d\d:\d\d:\d\d", "", answer.text)
            found[f"{method} {url} {sent}"] = (answer.status_code, answer.headers.get("location", text))
        return found

    found: dict[str, tuple[int, str]] = inside.run(ask)
    inside.app._prepared._watch.close()
    return found


def test_both_engines_answer_alike(tmp_path: Path, prepared_data: Path, prepared_server: str) -> None:
    of_file = answers(load({"INFERENCEBENCH_DATA_DIR": str(shutil.copytree(prepared_data, tmp_path / "file"))}))
    of_server = answers(load({"INFERENCEBENCH_DATA_DIR": str(tmp_path / "server"),
                              "INFERENCEBENCH_DATABASE_URL": postgres.server().database(prepared_server)}))  # fmt: skip
    assert {question for question, (status, _) in of_file.items() if status >= 500} == set()
    assert {question for question, (status, _) in of_server.items() if status >= 500} == set()
    assert [question for question in of_file if of_file[question] != of_server[question]] == []
    assert len(of_file) > 200


@pytest.mark.both_engines
def test_text_with_a_zero_character_is_looked_for_in_vain(empty_database: Path | str) -> None:
    async def go() -> list[Any]:
        async with engine.transaction():
            await engine.execute("INSERT INTO data_version (key, version) VALUES ({}, 1)", "a")
        found = await engine.fetch_column("SELECT key FROM data_version WHERE key IN ({}, {})", "a\0", "\0a")
        return [*found, *await asyncio.gather(engine.fetch_value("SELECT 1 WHERE CAST({} AS TEXT) = 'a'", "a\0"))]

    assert engine.run(go()) == [None]
