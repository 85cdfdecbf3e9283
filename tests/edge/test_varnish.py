"""The shipped Varnish edge, run for real: a refresh makes the changed GPU's pages new and leaves all others hits."""

import copy
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from app.web import security
from tests import fake_clouds
from tests.conftest import ROOT, Shipped, free_port, serve
from tests.fake_clouds import Clouds, clouds

PATH = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"


@dataclass
class Edge:
    """A running edge, the app behind it, and the clouds that its worker asks."""

    url: str
    app: subprocess.Popen[bytes]
    client: httpx.Client
    server: Clouds
    own: dict[str, str]

    def refresh(self, *names: str) -> None:
        environment = {
            **os.environ,
            **self.server.environment(),
            **self.own,
            "INFERENCEBENCH_EDGE_PURGE_URL": self.url,
        }
        subprocess.run(
            [sys.executable, "-m", "app", "refresh", *names],
            cwd=ROOT,
            env=environment,
            check=True,
            capture_output=True,
            timeout=60,
        )

    def get(self, path: str, coding: str = "identity") -> httpx.Response:
        return self.client.get(path, headers={"accept-encoding": coding})


@pytest.fixture
def edge(tmp_path: Path, shipped: Shipped) -> Iterator[Edge]:
    program = shutil.which("varnishd", path=PATH)
    if program is None:
        pytest.skip("no varnishd on this machine")
    data = tmp_path / "data"
    own = shipped(data)
    app_port, port = free_port(), free_port()
    app = serve(data, app_port, **own)
    text, found = re.subn(r'\.port = "8000";', f'.port = "{app_port}";', (ROOT / "deploy" / "varnish.vcl").read_text())
    assert found == 1
    (tmp_path / "edge.vcl").write_text(text)
    process = subprocess.Popen(
        [program, "-F", "-j", "none", "-n", str(tmp_path / "varnish"), "-f", str(tmp_path / "edge.vcl"), "-a",
         f"127.0.0.1:{port}", "-p", "http_gzip_support=off", "-s", "malloc,32m", "-T", "none"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "PATH": PATH},
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    with clouds() as server, httpx.Client(base_url=url, timeout=20) as client:
        for _ in range(200):
            try:
                if client.get("/healthz").status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.1)
        yield Edge(url, app, client, server, own)
    process.terminate()
    process.wait(10)
    app.terminate()
    app.wait(15)


PAGES = ["/gpus/a10-24gb", "/gpus/h100-sxm-80gb", "/gpus/l4-24gb", "/prices?gpu=l4-24gb", "/prices?gpu=a10-24gb",
         "/providers/aws", "/providers/lambda", "/models", "/prices.csv", "/"]  # fmt: skip
TOUCHED = {"/gpus/a10-24gb", "/prices?gpu=a10-24gb", "/providers/lambda", "/prices.csv", "/"}


def test_a_changed_price_is_seen_at_once_and_everything_else_stays_a_hit(edge: Edge) -> None:
    edge.refresh("lambda")
    for page in PAGES:
        assert edge.get(page).status_code == 200, page
    assert [edge.get(page).headers["x-cache"] for page in PAGES] == ["HIT"] * len(PAGES)
    edge.refresh("lambda")
    assert [edge.get(page).headers["x-cache"] for page in PAGES] == ["HIT"] * len(PAGES), (
        "an unchanged price empties no cache"
    )
    changed = copy.deepcopy(fake_clouds.LAMBDA)
    changed["data"]["gpu_1x_a10"]["instance_type"]["price_cents_per_hour"] = 79
    edge.server.answers["/api/v1/instance-types"] = changed
    edge.refresh("lambda")
    after = {page: edge.get(page) for page in PAGES}
    assert {page for page, answer in after.items() if answer.headers["x-cache"] == "MISS"} == TOUCHED
    assert "$0.79" in after["/gpus/a10-24gb"].text
    assert "$0.75" not in after["/prices?gpu=a10-24gb"].text


def test_codings_stay_apart_and_a_visitor_sees_the_apps_own_orders(edge: Edge) -> None:
    for coding, told in (
        ("gzip, deflate, br, zstd", "br"),
        ("br;q=0, gzip", "gzip"),
        ("zstd", "zstd"),
        ("identity", None),
    ):
        first, again = edge.get("/gpus", coding), edge.get("/gpus", coding)
        assert first.headers.get("content-encoding") == told
        assert again.headers["x-cache"] == "HIT"
        assert again.headers["etag"] == first.headers["etag"]
        assert again.headers["cache-control"].startswith("public, max-age=0")
        assert "xkey" not in again.headers
    assert len({edge.get("/gpus", coding).headers["etag"] for coding in ("br", "gzip", "zstd", "identity")}) == 4
    again = edge.client.get(
        "/gpus", headers={"if-none-match": edge.get("/gpus").headers["etag"], "accept-encoding": "identity"}
    )
    assert again.status_code == 304


def test_pages_stand_while_the_app_is_down_and_what_is_not_public_is_never_kept(edge: Edge) -> None:
    assert edge.get("/readyz").headers["x-cache"] == "MISS"
    assert edge.get("/readyz").headers["x-cache"] == "MISS"
    edge.get("/gpus/l4-24gb")
    edge.app.terminate()
    edge.app.wait(15)
    time.sleep(3)
    assert edge.get("/gpus/l4-24gb").status_code == 200
    refused = edge.get("/gpus/t4-16gb")
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "10")
    _carries_every_header(refused)


def _carries_every_header(answer: httpx.Response) -> None:
    """What the edge answers by itself has the headers of the app's answers; nothing else comes from it."""
    for name in (*(name for name, _ in security.HEADERS), "cross-origin-resource-policy"):
        assert len(answer.headers.get_list(name)) == 1, name
    assert answer.headers["cache-control"] == "no-store"
    assert "varnish" not in answer.text.lower()


def test_purging_wants_keys(edge: Edge) -> None:
    refused = edge.client.request("PURGE", "/")
    assert refused.status_code == 400
    _carries_every_header(refused)
    assert edge.client.request("PURGE", "/", headers={"surrogate-key": "gpu:none"}).status_code == 200
