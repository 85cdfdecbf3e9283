"""The benchmark harness: ``make bench``. Ratios first: a machine's speed drifts, a ratio taken in turns holds.

``make bench ARGS="page edge"`` runs some of: page, edge, render, size, import, start, refresh,
history, estimate, log, purge, flood, mailbox, parsers, lighthouse.
"""

import json
import os
import random
import re
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from tests import edge_server
from tests.conftest import free_port
from tools import bench_estimate, bench_parsers, bench_refresh, bench_submissions, bench_telemetry

ROOT = Path(__file__).resolve().parent.parent
ROUNDS, SECONDS = 5, 3
Line = tuple[str, str, str]
"""(what, measured, goal)."""


@contextmanager
def running(command: list[str], **more: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **more}, start_new_session=True, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(15)


def wait_for(url: str) -> None:
    for _ in range(400):
        try:
            httpx.get(url, verify=False)
        except httpx.TransportError:
            time.sleep(0.01)
        else:
            return
    raise SystemExit(f"{url} does not answer")


def first_answer(port: int, path: str) -> None:
    """Wait for the first 200; plain sockets, so that the asking costs next to nothing."""
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
                connection.sendall(f"GET {path} HTTP/1.0\r\nHost: x\r\n\r\n".encode())
                if b" 200 " in connection.recv(64):
                    return
        except ConnectionError:
            time.sleep(0.005)


@contextmanager
def site(folder: Path, port: int) -> Iterator[str]:
    command = [sys.executable, "-m", "app", "serve"]
    with running(command, INFERENCEBENCH_DATA_DIR=str(folder), INFERENCEBENCH_PORT=str(port)):
        wait_for(f"http://127.0.0.1:{port}/readyz")
        yield f"http://127.0.0.1:{port}"


def wrk(url: str) -> float:
    """Requests a second with 32 connections and browsers' Accept-Encoding."""
    command = ["wrk", "-t1", "-c32", f"-d{SECONDS}s", "-H", "Accept-Encoding: gzip, deflate, br", url]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "Non-2xx" not in out, out
    found = re.search(r"Requests/sec:\s+([\d.]+)", out)
    assert found, out
    return float(found[1])


def in_turns(a: str, b: str) -> tuple[float, float, float]:
    """Medians of A and B, and the median of the ratios A ÷ B taken pair by pair."""
    wrk(a), wrk(b)
    pairs = [(wrk(a), wrk(b)) for _ in range(ROUNDS)]
    return (*(statistics.median(side) for side in zip(*pairs, strict=True)), statistics.median(x / y for x, y in pairs))


def bench_page(folder: Path) -> Iterator[Line]:
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


def bench_edge(folder: Path) -> Iterator[Line]:
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


def many_offers(count: int) -> list[Any]:
    """``count`` offers made from the shipped ones with other names and prices, the same each time."""
    from app.pricing.snapshot import files as shipped

    base, dice = shipped.offers(), random.Random(7)
    return [
        replace(base[n % len(base)], id=f"{n:020d}", product=f"type-{n}", source="bench",
                usd_per_gpu_hour_micro=max(1, int(base[n % len(base)].usd_per_gpu_hour_micro * dice.uniform(0.7, 1.4))))
        for n in range(count)
    ]  # fmt: skip


def first_renders(folder: Path, count: int) -> tuple[float, float]:
    """Median milliseconds of the first render of ``/prices?gpu=…`` of full pages with ``count`` offers stored,
    and of every GPU's page, whether full or not."""
    from app.core.settings import load
    from app.core.version_keys import OFFERS_KEY, TALLY_KEY
    from app.pricing.refresh import replace_offers
    from app.process import application, prepare
    from app.storage import sqlite

    settings = load({"INFERENCEBENCH_DATA_DIR": str(folder)})
    prepare.prepare(settings)
    app = application.create_app(settings)

    async def go() -> tuple[float, float]:
        for name in ("gpu-pricing", "daily-list"):
            await replace_offers.replace_source(name, "", [], [], 1)
        offers = many_offers(count)
        await replace_offers.replace_source("bench", "", offers, [], 1)
        counts = Counter(offer.gpu for offer in many_offers(1_000))
        full = [gpu for gpu, n in counts.most_common() if n >= 50]  # full pages of 50 rows on both sides
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://x") as client:
            await client.get("/gpus/l4-24gb")
            return await timed(client, full * 8), await timed(client, list(counts) * 3)

    async def timed(client: httpx.AsyncClient, gpus: list[str]) -> float:
        times = []
        for gpu in gpus:
            async with sqlite.transaction(OFFERS_KEY, TALLY_KEY):
                pass  # a write: the next answer is a first render again
            begun = time.perf_counter()
            answer = await client.get(f"/prices?gpu={gpu}", headers={"accept-encoding": "br"})
            times.append(time.perf_counter() - begun)
            assert answer.status_code == 200
        return statistics.median(times) * 1000

    return sqlite.run(go())


def bench_render(folder: Path) -> Iterator[Line]:
    small, large = first_renders(folder / "small", 1_000), first_renders(folder / "large", 100_000)
    for what, a, b in (("full pages of 50 rows", small[0], large[0]), ("pages as they come", small[1], large[1])):
        yield f"first render, 100,000 offers ÷ 1,000, {what}", f"{b / a:.2f} ({b:.1f} ÷ {a:.1f} ms)", "≤ 2.0"


def bench_size(folder: Path) -> Iterator[Line]:
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


def import_raw_offers(folder: Path, count: int) -> tuple[float, float]:
    """Seconds and peak MB of normalising and storing ``count`` raw offers, in this process."""
    from app.core.settings import load
    from app.pricing.offers.normalise_batch import normalise_batch
    from app.pricing.offers.offer import RawOffer
    from app.pricing.refresh import replace_offers
    from app.process import prepare
    from app.storage import sqlite

    prepare.prepare(load({"INFERENCEBENCH_DATA_DIR": str(folder)}))
    dice = random.Random(7)
    kinds = [
        ("aws", "H100 SXM", 5),
        ("gcp", "L4", 0.6),
        ("azure", "A100 80GB", 3.5),
        ("runpod", "RTX 4090", 0.5),
        ("verda", "B200", 4.5),
    ]

    def raws() -> Iterator[RawOffer]:
        for n in range(count):
            provider, gpu, usual = kinds[n % len(kinds)]
            yield RawOffer(source="bench", provider=provider, gpu=gpu, tier="on-demand", gpu_count=1 + n % 8,
                           region=f"region-{n % 90}",
                           amount_per_gpu_hour=f"{usual * dice.uniform(0.8, 1.3):.4f}", product=f"type-{n}",
                           fetched_at=1_780_000_000)  # fmt: skip

    begun = time.perf_counter()
    batch = normalise_batch(raws(), {}, 1_790_000_000)
    assert len(batch.offers) + len(batch.set_aside) == count
    sqlite.run(replace_offers.replace_source("bench", "", list(batch.offers), [], 1))
    seconds = time.perf_counter() - begun
    sqlite.ENGINE.path = ""
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def bench_import(folder: Path) -> Iterator[Line]:
    code = (
        "from tools.bench import import_raw_offers; from pathlib import Path;"
        f" print(*import_raw_offers(Path({str(folder / 'import')!r}), 100_000))"
    )
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    seconds, megabytes = map(float, out.split())
    yield "import of 100,000 raw offers: time", f"{seconds:.1f} s", "< 10 s"
    yield "import of 100,000 raw offers: peak memory", f"{megabytes:.0f} MB", "< 300 MB"


def bench_start(folder: Path) -> Iterator[Line]:
    times = []
    for _ in range(ROUNDS + 1):
        port = free_port()
        begun = time.perf_counter()
        command = [sys.executable, "-m", "app", "serve"]
        with running(command, INFERENCEBENCH_DATA_DIR=str(folder / "started"), INFERENCEBENCH_PORT=str(port)):
            first_answer(port, "/prices")
            times.append(time.perf_counter() - begun)
    yield "start to first answer, data loaded", f"{statistics.median(times[1:]):.2f} s", "< 1.5 s"


def bench_lighthouse(folder: Path) -> Iterator[Line]:
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
        for path in ("/", "/prices", "/gpus/h100-sxm-80gb", "/calculator"):
            report = folder / "report.json"
            command: list[str | Path] = [tool / "node_modules" / ".bin" / "lighthouse", url + path, "--quiet",
                "--output=json", f"--output-path={report}", f"--chrome-flags={flags}",
                       "--only-categories=performance,accessibility,best-practices,seo"]  # fmt: skip
            environment = {**os.environ, "CHROME_PATH": chromium}
            subprocess.run(command, check=True, env=environment, capture_output=True)
            found = json.loads(report.read_text())
            scores = {name: round(category["score"] * 100) for name, category in found["categories"].items()}
            yield (
                f"Lighthouse {path}",
                ", ".join(f"{name} {score}" for name, score in scores.items()),
                "98; 100, 100, 100",
            )
            for audit in found["audits"].values():
                if (
                    audit.get("score") is not None
                    and audit["score"] < 0.9
                    and audit.get("scoreDisplayMode") in ("binary", "numeric")
                ):
                    print(f"    {path}: {audit['id']}: {audit.get('displayValue', audit['title'])}")


PARTS: dict[str, Callable[[Path], Iterator[Line]]] = {
    "page": bench_page,
    "edge": bench_edge,
    "render": bench_render,
    "size": bench_size,
    "import": bench_import,
    "start": bench_start,
    "refresh": lambda folder: bench_refresh.refresh(folder, site, free_port),
    "history": bench_refresh.history,
    "estimate": lambda folder: bench_estimate.estimate(folder, site, free_port),
    "log": lambda folder: bench_telemetry.access_log(folder, running, wait_for, wrk, free_port),
    "purge": lambda folder: bench_telemetry.purge(folder, site, free_port),
    "flood": lambda folder: bench_submissions.flood(folder, site, free_port),
    "mailbox": bench_submissions.mailbox,
    "parsers": bench_parsers.parsers,
    "lighthouse": bench_lighthouse,
}


def main(names: list[str]) -> None:
    print("| what | measured | goal |\n|---|---|---|")
    for name in names or PARTS:
        with tempfile.TemporaryDirectory() as folder:
            for what, measured, goal in PARTS[name](Path(folder)):
                print(f"| {what} | {measured} | {goal} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
