"""deploy/cluster, run for real: Varnish with its file, two web nodes, a records node, a worker, PostgreSQL,
Redis."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from app.web import security
from tests import plain, postgres
from tests.conftest import ROOT, free_port, serve
from tests.fake_clouds import Clouds, clouds
from tests.redis_server import RedisServer
from tests.waiting import until

PATH = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"
TOKEN = "Bearer 7f3a"
VCL = ROOT / "deploy" / "cluster" / "varnish.vcl"
AGREED = {"consent": "yes", "age": "yes", "policy": "2026-03-27"}
REPORT = {"provider": "lambda", "topic": "availability", "rating": "4", "text": "clustermark, within a minute"} | AGREED


@dataclass
class Cluster:
    """Running nodes behind an edge."""

    folder: Path
    url: str
    settings: dict[str, str]
    ports: dict[str, int]
    nodes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, root: Path = ROOT) -> None:
        role = "records" if name == "records" else "web"
        self.nodes[name] = serve(self.folder / name, self.ports[name], root, **self.settings, INFERENCEBENCH_NODE=name,
                                 INFERENCEBENCH_ROLE=role)  # fmt: skip

    def stop(self, name: str, how: signal.Signals = signal.SIGTERM) -> None:
        self.nodes[name].send_signal(how)
        self.nodes[name].wait(30)

    def command(self, *words: str) -> str:
        done = subprocess.run([sys.executable, "-m", "app", *words], cwd=ROOT, text=True, capture_output=True,
                              timeout=60, check=True, env={**os.environ, **self.settings,
                              "INFERENCEBENCH_DATA_DIR": str(self.folder / "records"), "INFERENCEBENCH_ROLE": "records",
                              "INFERENCEBENCH_NODE": "records", "INFERENCEBENCH_EDGE_PURGE_URL": ""})  # fmt: skip
        return done.stdout


def varnish(folder: Path, ports: dict[str, int], port: int) -> subprocess.Popen[bytes]:
    """The shipped edge with this machine's ports."""
    text = VCL.read_text()
    for name, at in ports.items():
        text, found = re.subn(rf'\.host = "{name}"; \.port = "8000";', f'.host = "127.0.0.1"; .port = "{at}";', text)
        assert found == 1, name
    (folder / "edge.vcl").write_text(text)
    program = shutil.which("varnishd", path=PATH)
    assert program
    return subprocess.Popen(
        [program, "-F", "-j", "none", "-n", str(folder / "varnish"), "-f", str(folder / "edge.vcl"), "-a",
         f"127.0.0.1:{port}", "-p", "http_gzip_support=off", "-s", "malloc,32m", "-T", "none"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ, "PATH": PATH, "PURGE_TOKEN": TOKEN.removeprefix("Bearer ")},
    )  # fmt: skip


@pytest.fixture(scope="module")
def sources() -> Iterator[Clouds]:
    with clouds() as made:
        yield made


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, prepared_server: str, sources: Clouds) -> Iterator[Cluster]:
    if shutil.which("varnishd", path=PATH) is None:
        pytest.skip("no varnishd on this machine")
    folder = tmp_path_factory.mktemp("cluster")
    redis = RedisServer(folder)
    redis.start()
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    settings = {"INFERENCEBENCH_DATABASE_URL": postgres.server().database(prepared_server),
                "INFERENCEBENCH_REDIS_URL": redis.url, "INFERENCEBENCH_EDGE_PURGE_URL": url,
                "INFERENCEBENCH_EDGE_PURGE_TOKEN": TOKEN, "INFERENCEBENCH_TRUSTED_PROXIES": "127.0.0.1",
                "INFERENCEBENCH_HF_ENDPOINT": sources.url, **sources.environment()}  # fmt: skip
    made = Cluster(folder, url, settings, {name: free_port() for name in ("web-1", "web-2", "records")})
    with ThreadPoolExecutor() as pool:
        list(pool.map(made.start, made.ports))
    edge = varnish(folder, made.ports, port)
    worker = subprocess.Popen([sys.executable, "-m", "app", "work"], cwd=ROOT, start_new_session=True,
                              stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              env={**os.environ, **settings, "INFERENCEBENCH_DATA_DIR": str(folder / "worker"),
                                   "INFERENCEBENCH_ROLE": "web", "INFERENCEBENCH_NODE": "worker"})  # fmt: skip
    until(lambda: _answers(url), 60)
    yield made
    for process in (edge, worker, *made.nodes.values()):
        process.terminate()
        process.wait(30)
    redis.client.close()
    redis.kill()


def _answers(url: str) -> bool:
    try:
        return plain.get(f"{url}/healthz").status_code == 200
    except httpx.TransportError:
        return False


def test_a_report_goes_to_the_records_node_and_is_withdrawn_from_every_cache(cluster: Cluster) -> None:
    with httpx.Client(base_url=cluster.url, timeout=20) as client:
        direct = httpx.post(f"http://127.0.0.1:{cluster.ports['web-1']}/submit/experience", data=REPORT)
        assert direct.status_code == 503
        assert client.get("/submit/experience").status_code == 200
        sent = client.post("/submit/experience", data=REPORT)
        assert sent.status_code == 200
        (receipt,) = set(re.findall(r"ib-[a-z0-9-]{20,}", sent.text))
        number = next(line.split()[0] for line in cluster.command("submissions", "list").splitlines()
                      if "experience" in line)  # fmt: skip
        page = "/providers/lambda"
        assert "clustermark" not in client.get(page).text
        cluster.command("submissions", "approve", number)
        until(lambda: "clustermark" in client.get(page).text, 60)
        for _ in range(4):
            assert client.get(page).status_code == 200
        assert client.get(page).headers["x-cache"] == "HIT"
        assert client.post("/submissions", data={"receipt": receipt, "do": "withdraw"}).status_code == 200
        until(lambda: "clustermark" not in client.get(page).text, 30)


def test_only_who_has_the_token_purges(cluster: Cluster) -> None:
    with httpx.Client(base_url=cluster.url) as client:
        for given in ({}, {"authorization": "Bearer"}, {"authorization": TOKEN + "x"}):
            refused = client.request("PURGE", "/", headers={"surrogate-key": "offers", **given})
            assert refused.status_code == 403
            for name, _ in security.HEADERS:
                assert name in refused.headers
        good = client.request("PURGE", "/", headers={"surrogate-key": "offers", "authorization": TOKEN})
        assert good.status_code == 200


MIGRATION = """
from app.storage.ddl import ddl_migration

ID = "2099-01-01T00:00:00:000000"
STATEMENTS = (
    "ALTER TABLE offer ADD COLUMN of_the_next_version INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE data_version ADD COLUMN of_the_next_version VARCHAR(20)",
    "CREATE TABLE of_the_next_version (id INTEGER PRIMARY KEY NOT NULL, kept BLOB)",
    "CREATE INDEX offer_of_the_next_version ON offer (of_the_next_version, gpu)",
)


async def forwards():
    return ddl_migration(ID, "next version", STATEMENTS)
"""


def next_version(folder: Path) -> Path:
    """A copy of the software with one migration more."""
    for part in ("app", "workers", "static", "templates", "policies"):
        shutil.copytree(ROOT / part, folder / part)
    (folder / "app/storage/migrations/of_the_next_version.py").write_text(MIGRATION)
    return folder


def migrated(cluster: Cluster) -> bool:
    asked = "SELECT count(*) FROM pg_class WHERE relname = 'of_the_next_version'"
    return postgres.server().sql(asked, cluster.settings["INFERENCEBENCH_DATABASE_URL"].rsplit("/", 1)[1]) == "1"


def test_nodes_are_brought_to_the_next_version_in_turn_under_load_and_no_request_fails(
    cluster: Cluster, tmp_path: Path
) -> None:
    """Each request has an address of its own, so that a node answers it and not the edge's store.

    The new version changes tables that every page is made from; the node of the old one serves on with them.
    """
    newer = next_version(tmp_path / "next")
    assert not migrated(cluster)
    over, counts, failed = threading.Event(), Counter[str](), list[str]()
    body = json.dumps({"model": "meta-llama/Llama-3.1-8B-Instruct", "gpu": "h100-sxm-80gb", "gpu_count": 1,
                       "input_tokens": 512, "output_tokens": 128, "concurrency": 4})  # fmt: skip

    def visit(number: int) -> None:
        with httpx.Client(base_url=cluster.url, timeout=30) as client:
            turn = 0
            while not over.is_set():
                turn += 1
                if turn % 5 == 0:
                    answer = client.post("/api/estimate", content=body, headers={"content-type": "application/json"})
                else:
                    answer = client.get(f"/gpus/h100-sxm-80gb?page={number * 100_000 + turn}"
                                        if turn % 2 else f"/healthz?{number}-{turn}")  # fmt: skip
                counts[str(answer.status_code)] += 1
                if answer.status_code >= 500:
                    failed.append(f"{answer.request.method} {answer.request.url.path}: {answer.text[:200]}")

    visitors = [threading.Thread(target=visit, args=(number,)) for number in range(4)]
    for visitor in visitors:
        visitor.start()
    try:
        for name in ("web-1", "web-2"):
            before = counts.total()
            cluster.stop(name)
            cluster.start(name, newer)
            assert migrated(cluster)
            until(lambda: counts.total() > before + 20, 60)  # noqa: B023
            time.sleep(3)  # until the edge, which asks each second, has seen twice that the node is back
    finally:
        over.set()
        for visitor in visitors:
            visitor.join()
    assert not failed, failed[:5]
    assert counts.total() > 100
    assert set(counts) <= {"200", "308", "400", "404", "422"}, counts


def test_a_node_that_is_killed_takes_no_page_with_it(cluster: Cluster) -> None:
    with httpx.Client(base_url=cluster.url, timeout=30) as client:
        cluster.stop("web-2", signal.SIGKILL)
        answers = [client.get(f"/healthz?{turn}").status_code for turn in range(60)]
        assert answers == [200] * 60
        cluster.start("web-2")


def test_while_the_records_node_is_down_pages_are_served_and_reports_are_not_taken(cluster: Cluster) -> None:
    with httpx.Client(base_url=cluster.url, timeout=30) as client:
        cluster.stop("records")
        assert client.get("/prices").status_code == 200
        refused = client.post("/submit/experience", data=REPORT)
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) > 0
        cluster.start("records")
        until(lambda: client.post("/submissions", data={"receipt": "ib-none"}).status_code == 422, 20)
