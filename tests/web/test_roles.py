"""Of several nodes one keeps the records of persons: what the others refuse, and which jobs run where."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.cli.database import open_database
from app.core.errors import SettingError
from app.core.settings import load
from app.process import prepare
from app.storage import engine
from app.web import security
from tests.conftest import Inside, Shipped
from tests.database import tuples
from workers import queue
from workers.timetable import FACTS, GROUPS, RECORDS, TIMETABLE

QUEUE = "redis://127.0.0.1:1/0"
AGREED = {"consent": "yes", "age": "yes", "policy": "2026-03-27"}
REPORT = {"provider": "lambda", "topic": "availability", "rating": "4", "text": "came within a minute"} | AGREED


@pytest.fixture
def web(tmp_path: Path, shipped: Shipped) -> Any:
    made = Inside(replace(load(shipped(tmp_path / "data")), role="web", redis_url=QUEUE))
    yield made
    made.app._prepared._watch.close()


ASKED = [("GET", "/submit"), ("GET", "/submit/price"), ("POST", "/submit/experience"), ("POST", "/submissions"),
         ("GET", "/submissions"), ("HEAD", "/submit/benchmark"), ("OPTIONS", "/submit/price"),
         ("POST", "/submit/nothing"), ("PUT", "/submissions/more")]  # fmt: skip


def test_a_web_node_takes_in_no_report_and_says_what_to_do(web: Inside) -> None:
    async def ask(client: httpx.AsyncClient) -> list[httpx.Response]:
        return [await client.request(way, path, data=REPORT if way == "POST" else None) for way, path in ASKED]

    for (way, path), answer in zip(ASKED, web.run(ask), strict=True):
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "30"), (way, path)
        assert answer.headers["cache-control"] == "no-store"
        assert way == "HEAD" or "Nothing was kept" in answer.text
        for name, _ in security.HEADERS:
            assert name in answer.headers
    assert engine.run(tuples("SELECT count(*) FROM submission")) == [(0,)]


def test_a_web_node_serves_everything_else_and_no_spelling_of_a_path_gets_past(web: Inside) -> None:
    async def ask(client: httpx.AsyncClient) -> dict[str, httpx.Response]:
        paths = ("/", "/prices", "/status", "/privacy/rights", "/submitted", "//submit/price", "/submit/price/",
                 "/%73ubmit/price", "/submit%2Fprice", "/./submit/price")  # fmt: skip
        return {path: await (client.post(path, data=REPORT) if "submit" in path else client.get(path))
                for path in paths}  # fmt: skip

    found = web.run(ask)
    assert [found[path].status_code for path in ("/", "/prices", "/status", "/privacy/rights")] == [200] * 4
    assert found["/submitted"].status_code == 404
    assert not any(found[path].is_success for path in found if "submit" in path)
    assert engine.run(tuples("SELECT count(*) FROM submission")) == [(0,)]


@pytest.mark.parametrize("role", ["all", "records"])
def test_the_other_roles_take_reports_in(web: Inside, role: str) -> None:
    made = Inside(replace(web.settings, role=role, redis_url=""))

    async def ask(client: httpx.AsyncClient) -> int:
        return (await client.post("/submit/experience", data=REPORT)).status_code

    assert made.run(ask) == 200
    made.app._prepared._watch.close()


def test_each_job_belongs_where_its_data_lies() -> None:
    of = {role: {entry.job for entry in TIMETABLE if entry.group in groups} for role, groups in GROUPS.items()}
    assert of["records"] == {"mail", "purge", "purge_when_due", "canary"}
    assert of["web"] == {"refresh_source", "refresh_models", "roll_up", "price_survival"}
    assert of["all"] == of["web"] | of["records"]
    assert {entry.group for entry in TIMETABLE} == {FACTS, RECORDS}
    names = {group: {line.name for line in queue._functions(group)} for group in (FACTS, RECORDS)}
    assert names[RECORDS] == of["records"]
    assert len(set(queue.QUEUES.values())) == 2, "no worker is given another group's job"


def test_commands_on_records_are_refused_on_a_web_node_in_one_line(web: Inside) -> None:
    with pytest.raises(SettingError, match=r"^INFERENCEBENCH_ROLE is web: run this on the node whose role is records"):
        open_database(web.settings)


def test_a_web_node_gets_no_mailbox(tmp_path: Path, web: Inside) -> None:
    folder = tmp_path / "fresh"
    prepare.prepare(replace(web.settings, data_dir=folder))
    assert not (folder / "mail").exists()


def test_a_role_without_what_nodes_share_is_refused() -> None:
    shared = {"INFERENCEBENCH_REDIS_URL": QUEUE, "INFERENCEBENCH_DATABASE_URL": "postgres://db.example.org/site"}
    for left_out in shared:
        with pytest.raises(SettingError, match=f"set {left_out} on each"):
            load({"INFERENCEBENCH_ROLE": "records"} | {key: shared[key] for key in shared if key != left_out})
    assert load({"INFERENCEBENCH_ROLE": "records", **shared}).keeps_records
    with pytest.raises(SettingError, match="none of all, web, records"):
        load({"INFERENCEBENCH_ROLE": "reader", "INFERENCEBENCH_REDIS_URL": QUEUE})
    with pytest.raises(SettingError, match="INFERENCEBENCH_NODE"):
        load({"INFERENCEBENCH_NODE": "../etc"})
    assert load({}).node
    assert load({"INFERENCEBENCH_EDGE_PURGE_URL": "http://a:1 https://b/x http://a:1"}).edge_purge_url == (
        "http://a:1", "https://b/x")  # fmt: skip
