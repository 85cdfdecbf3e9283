"""Benchmarks of answers over HTTP: prepared pages, the edge, sizes, the start, Lighthouse."""

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import httpx

from tests import edge_server
from tests.conftest import free_port
from tools.bench_site import ROUNDS, Line, first_answer, in_turns, running, site, wait_for

LIGHTHOUSE_PAGES = (
    "/", "/prices", "/gpus/h100-sxm-80gb", "/models/meta-llama--llama-3.3-70b-instruct", "/calculator", "/benchmarks",
)  # fmt: skip
"""A page of each kind that people come to first."""


def page(folder: Path) -> Iterator[Line]:
    """``/prices`` prepared against Litestar's plainest route, on the same server with the same settings."""
    port = free_port()
    plain = [sys.executable, "-m", "tools.bench_plain", str(port)]
    with site(folder / "site", free_port()) as url, running(plain):
        wait_for(f"http://127.0.0.1:{port}/")
        ours, theirs, ratio = in_turns(f"{url}/prices", f"http://127.0.0.1:{port}/")
        yield (
            "/prices prepared ÷ plainest Litestar route",
            f"{ratio:.2f} ({ours:,.0f} ÷ {theirs:,.0f} requests/s)",
            "≥ 0.70",
        )


def edge(folder: Path) -> Iterator[Line]:
    """A hit of the nginx edge against nginx serving the same body as a file with the same headers, over plain HTTP."""
    app_port, static_port, plain_edge = free_port(), free_port(), free_port()
    with site(folder / "site", app_port) as url:
        work = folder / "edge"
        (work / "files").mkdir(parents=True)
        with (
            httpx.Client() as client,
            client.stream("GET", f"{url}/prices", headers={"accept-encoding": "br"}) as answer,
        ):
            (work / "files" / "prices").write_bytes(b"".join(answer.iter_raw()))
            own = {"content-length", "content-type", "server", "date", "etag", "surrogate-key", "cdn-cache-control"}
            same = "".join(
                f'add_header {name} "{value}"; ' for name, value in answer.headers.items() if name not in own
            )
        folder.chmod(0o755)
        # as files are usually served
        place = f"sendfile on; tcp_nopush on; location / {{ default_type text/html; {same} }}"
        extra = f"server {{ listen 127.0.0.1:{static_port}; root {work}/files; {place} }}"
        bridge = f"listen 127.0.0.1:{plain_edge};\n        ssl_protocols"
        real = edge_server.config
        edge_server.config = lambda *given: real(*given).replace("ssl_protocols", bridge, 1)
        server = edge_server.start(work, app_port, free_port(), free_port(), extra)
        edge_server.config = real
        try:
            wait_for(f"http://127.0.0.1:{plain_edge}/prices")
            ours, theirs, ratio = in_turns(
                f"http://127.0.0.1:{plain_edge}/prices", f"http://127.0.0.1:{static_port}/prices"
            )
        finally:
            server.stop()
        yield (
            "/prices through nginx ÷ nginx serving the file",
            f"{ratio:.2f} ({ours:,.0f} ÷ {theirs:,.0f} requests/s)",
            "≥ 0.90",
        )


def size(folder: Path) -> Iterator[Line]:
    def load(client: httpx.Client, address: str) -> tuple[int, str]:
        with client.stream("GET", address, headers={"accept-encoding": "br"}) as answer:
            raw = b"".join(answer.iter_raw())
        return len(raw), client.get(address).text

    with site(folder / "site", free_port()) as url, httpx.Client(base_url=url) as client:
        size, _ = load(client, "/")
        yield "/ compressed HTML", f"{size / 1000:.1f} kB", "≤ 14 kB"
        size, page = load(client, "/prices")
        files = set(re.findall(r'(?:src|href)="(/static/[^"#]+)', page))
        total = size + sum(load(client, file)[0] for file in files)
        yield "everything a first visit to /prices loads", f"{total / 1000:.1f} kB", "≤ 60 kB"


def start(folder: Path) -> Iterator[Line]:
    times = []
    for _ in range(ROUNDS + 1):
        port = free_port()
        begun = time.perf_counter()
        command = [sys.executable, "-m", "app", "serve"]
        with running(command, INFERENCEBENCH_DATA_DIR=str(folder / "started"), INFERENCEBENCH_PORT=str(port)):
            first_answer(port, "/prices")
            times.append(time.perf_counter() - begun)
    yield "start to first answer, data loaded", f"{statistics.median(times[1:]):.2f} s", "< 1.5 s"


def lighthouse(folder: Path) -> Iterator[Line]:
    chromium = shutil.which("chromium")
    if not chromium or not shutil.which("npm"):
        yield "Lighthouse", "not measured: needs npm and chromium", "98; 100"
        return
    tool = Path(tempfile.gettempdir()) / "inferencebench-lighthouse"
    tool.mkdir(exist_ok=True)
    if not (tool / "node_modules" / "lighthouse").exists():
        subprocess.run(
            ["npm", "install", "--silent", "--no-save", "--ignore-scripts", "lighthouse@13.5.0"],
            cwd=tool,
            check=True,
            stdout=subprocess.DEVNULL,
        )
    flags = (
        "--headless=new --no-sandbox --disable-gpu --no-first-run --disable-background-networking"
        " --disable-component-update"
    )
    with site(folder / "site", free_port()) as url:
        for form, path in product(("mobile", "desktop"), LIGHTHOUSE_PAGES):
            report = folder / "report.json"
            command: list[str | Path] = [tool / "node_modules" / ".bin" / "lighthouse", url + path, "--quiet",
                "--output=json", f"--output-path={report}", f"--chrome-flags={flags}",
                       "--only-categories=performance,accessibility,best-practices,seo"]  # fmt: skip
            if form == "desktop":
                command.append("--preset=desktop")
            environment = {**os.environ, "CHROME_PATH": chromium}
            subprocess.run(command, check=True, env=environment, capture_output=True)
            found = json.loads(report.read_text())
            scores = {name: round(category["score"] * 100) for name, category in found["categories"].items()}
            yield (
                f"Lighthouse {path}, {form}",
                ", ".join(f"{name} {score}" for name, score in scores.items()),
                "98; 100, 100, 100",
            )
            for audit in found["audits"].values():
                if (
                    audit.get("score") is not None
                    and audit["score"] < 0.9
                    and audit.get("scoreDisplayMode") in ("binary", "numeric")
                ):
                    print(f"    {path}, {form}: {audit['id']}: {audit.get('displayValue', audit['title'])}")
