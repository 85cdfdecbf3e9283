"""Running the site: a clean stop, a taken port, transport security where it belongs, logs that tell no secret."""

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

from app.core.settings import load
from app.web import security
from tests import plain
from tests.conftest import ROOT, Inside, free_port, serve


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_cleanly_and_answers_what_was_under_way(tmp_path: Path, stop: signal.Signals) -> None:
    port = free_port()
    process = serve(tmp_path, port)
    answers: list[int] = []

    def ask() -> None:
        for number in range(40):
            try:
                answers.append(plain.get(f"http://127.0.0.1:{port}/prices?max_usd={number + 1}").status_code)
            except httpx.ConnectError:
                return

    asking = threading.Thread(target=ask)
    asking.start()
    while not answers:
        pass
    process.send_signal(stop)
    assert process.wait(15) == 0
    asking.join()
    assert set(answers) == {200}


def test_a_taken_port_is_said_in_one_line(tmp_path: Path) -> None:
    port = free_port()
    process = serve(tmp_path, port)
    second = subprocess.run(
        [sys.executable, "-m", "app", "serve"],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin", "INFERENCEBENCH_PORT": str(port), "INFERENCEBENCH_DATA_DIR": str(tmp_path)},
    )
    process.terminate()
    process.wait(15)
    assert second.returncode == 2
    assert second.stderr.count("\n") == 1
    assert "INFERENCEBENCH_PORT" in second.stderr


def test_strict_transport_security_is_sent_only_where_the_base_address_is_https() -> None:
    plain = dict(security.headers(load({}), "/"))
    secure = dict(security.headers(load({"INFERENCEBENCH_BASE_URL": "https://inferencebench.io"}), "/"))
    assert b"strict-transport-security" not in plain
    assert b"max-age=63072000" in secure[b"strict-transport-security"]


def test_a_crash_is_a_plain_page_and_its_log_holds_no_input(
    inside: Inside, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from app.core import logs
    from app.pricing.offers import store

    logs.configure()

    async def broken(*_: object) -> None:
        raise RuntimeError("secret value 4711")

    monkeypatch.setattr(store, "offer_page", broken)

    async def visit(client: httpx.AsyncClient) -> None:
        for path in ("/prices", "/prices/table", "/api/prices"):
            monkeypatch.setattr(store, "rows_between", broken)
            answer = await client.get(f"{path}?max_usd=47.11")
            assert answer.status_code == 500
            assert "4711" not in answer.text
            assert "Traceback" not in answer.text
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["content-security-policy"]

    inside.run(visit)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines() if line.startswith("{")]
    crashes = [line for line in lines if line["event"] == "crash"]
    assert len(crashes) == 3
    assert crashes[0]["kind"] == "RuntimeError"
    assert "4711" not in json.dumps(lines)
    assert "47.11" not in json.dumps(lines)
