"""The metrics: at a port of their own, of routes only, and nothing of any visitor."""

import asyncio
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.core.settings import load
from app.telemetry.metrics import WebMetrics, WorkerMetrics
from tests import plain
from tests.conftest import ROOT, Shipped, free_port, serve
from workers import jobs, queue

AGREED = {"consent": "yes", "age": "yes", "policy": "2026-03-27"}
MARKS = ("marker", "203.0.113", "max_usd", "q=", "Firefox")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, shipped: Shipped) -> Any:
    """What a running site tells, after visits with marks in everything that a browser sends."""
    data = tmp_path_factory.mktemp("metrics") / "data"
    own = shipped(data)
    port, metrics_port = free_port(), free_port()
    process = serve(data, port, **own, INFERENCEBENCH_METRICS_PORT=str(metrics_port), INFERENCEBENCH_NODE="web-9",
                    INFERENCEBENCH_TRUSTED_PROXIES="127.0.0.1")  # fmt: skip
    said = {"user-agent": "marker Firefox/9", "referer": "http://marker.example/", "x-forwarded-for": "203.0.113.77"}
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=said) as client:
        for path in ("/prices?max_usd=3.1234", "/gpus/h100-sxm-80gb", "/marker", "/search?q=marker", "/gpus/marker"):
            client.get(path)
        report = {"provider": "lambda", "topic": "availability", "rating": "4", "text": "marker came within a minute"}
        assert client.post("/submit/experience", data=report | AGREED).status_code == 200
        client.post("/submissions", data={"receipt": "marker"})
        assert client.get("/metrics").status_code == 404, "not at the pages' port"
    text = ""
    for _ in range(100):
        text = plain.get(f"http://127.0.0.1:{metrics_port}/metrics").text
        if 'route="/gpus/{gpu}",status="4xx"' in text:
            break
        asyncio.run(asyncio.sleep(0.1))
    yield text, metrics_port
    process.terminate()
    process.wait(20)


def test_requests_are_counted_by_route_and_class_of_status(told: tuple[str, int]) -> None:
    text, _ = told
    for line in ('inferencebench_requests_total{route="/prices",status="2xx"} ',
                 'inferencebench_requests_total{route="/gpus/{gpu}",status="2xx"} 1.0',
                 'inferencebench_request_seconds_count{route="/gpus/{gpu}"} 2.0',
                 'inferencebench_info{node="web-9",process="web",role="all",version="',
                 "inferencebench_prepared_kept ", "inferencebench_log_rows_dropped_total 0.0",
                 "process_resident_memory_bytes "):  # fmt: skip
        assert line in text, line


@pytest.mark.parametrize("promise", ["P-2.1a P-2.2a"])
def test_nothing_of_a_visitor_is_told_and_no_post_of_a_report_is_counted(told: tuple[str, int], promise: str) -> None:
    text, _ = told
    for mark in MARKS:
        assert mark not in text
    assert "/submi" not in text, "a counter that is read every few seconds would tell when a report came"


def test_the_metrics_listen_on_loopback_only(told: tuple[str, int]) -> None:
    _, port = told
    assert load({}).metrics_host == "127.0.0.1"
    own = socket.gethostbyname(socket.gethostname())
    if not own.startswith("127."):
        with socket.socket() as probe:
            probe.settimeout(2)
            assert probe.connect_ex((own, port)) != 0
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_taken_port_is_said_in_one_line(told: tuple[str, int], tmp_path: Path) -> None:
    _, port = told
    environment = {**os.environ, "INFERENCEBENCH_DATA_DIR": str(tmp_path), "INFERENCEBENCH_PORT": str(free_port()),
                   "INFERENCEBENCH_METRICS_PORT": str(port)}  # fmt: skip
    done = subprocess.run([sys.executable, "-m", "app", "serve"], cwd=ROOT, env=environment, capture_output=True,
                          text=True, check=False, timeout=60)  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "INFERENCEBENCH_METRICS_PORT: can't listen on" in done.stderr


def test_a_workers_jobs_are_counted_by_outcome() -> None:
    metrics = WorkerMetrics(load({}))

    async def fine(_: Any) -> str:
        return "ok"

    async def later(_: Any) -> str:
        raise jobs.TryAgainError("failed", None)

    async def broken(_: Any) -> str:
        raise ZeroDivisionError

    async def go() -> None:
        context = {"settings": load({}), "metrics": metrics, "job_try": 1}
        for job, name in ((fine, "fine"), (later, "later"), (broken, "broken")):
            try:
                await queue.called(job, 3, name)(context)
            except Exception:
                continue

    asyncio.run(go())
    from prometheus_client import generate_latest

    text = generate_latest(metrics.registry).decode()
    for job, outcome in (("fine", "ok"), ("later", "again"), ("broken", "failed")):
        assert f'inferencebench_jobs_total{{job="{job}",outcome="{outcome}"}} 1.0' in text


def test_metrics_that_cannot_be_served_stop_nothing() -> None:
    port = free_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        WebMetrics(load({})).serve("127.0.0.1", port)()
