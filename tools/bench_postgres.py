"""Benchmarks of an installation on PostgreSQL: pages, a refresh, and a change that another node made.

The server is a separate PostgreSQL on loopback, with every write synced to disk. Pages of both engines are measured in
turns, so that the drift of the machine affects both.
"""

import asyncio
import dataclasses
import http.client
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

from app.core.settings import load
from app.pricing.offers.offer import Offer
from app.pricing.refresh import replace_offers
from app.pricing.snapshot import files
from app.process import prepare
from app.storage import engine
from tests import postgres as database
from tests.conftest import free_port
from tools.bench_site import Line, site

ROUNDS, REQUESTS = 9, 300
MANY, GROWN, CHANGES = 50_000, 1_000_000, 200
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "shared_buffers": "256MB"}


def postgres(folder: Path) -> Iterator[Line]:
    """Pages of both engines, a change on another node, a refresh, and a million offers."""
    server = database.server()
    server.process.terminate()
    server.process.wait(20)
    server.start(**DURABLE)
    yield from _pages(folder)
    yield from _refresh(folder)


def _prepared(name: str) -> str:
    """The URL of a new database with the shipped prices."""
    url = database.server().database()
    with tempfile.TemporaryDirectory() as folder:
        prepare.prepare(load({"INFERENCEBENCH_DATA_DIR": f"{folder}/{name}", "INFERENCEBENCH_DATABASE_URL": url}))
    return url


def _seconds(client: http.client.HTTPConnection, path: str, times: int) -> float:
    client.close()  # the site closes a connection that asked nothing while the other was measured
    client.connect()
    begun = time.perf_counter()
    for _ in range(times):
        client.request("GET", path, headers={"accept-encoding": "br"})
        client.getresponse().read()
    return time.perf_counter() - begun


def _pages(folder: Path) -> Iterator[Line]:
    """Prepared ``/prices`` on both engines, in turns; how soon a change on one node is on another."""
    url = _prepared("pages")
    with ExitStack() as stack:
        of_file = stack.enter_context(site(folder / "file", free_port()))
        node = stack.enter_context(site(folder / "node", free_port(), INFERENCEBENCH_DATABASE_URL=url))
        clients = [http.client.HTTPConnection(urlsplit(one).netloc) for one in (of_file, node)]
        for client in clients:
            _seconds(client, "/prices", 50)
        pairs = [[_seconds(client, "/prices", REQUESTS) for client in clients] for _ in range(ROUNDS)]
        ratio = statistics.median(file / server_ for file, server_ in pairs)
        rate = REQUESTS / statistics.median(server_ for _, server_ in pairs)
        yield (
            "prepared /prices with PostgreSQL ÷ with SQLite (requests/s, in turns)",
            f"{ratio:.2f} ({rate:,.0f}/s)",
            ("≥ 0.95"),
        )
        waits = sorted(engine.run(_changes(url, clients[1])))
        clients[0].close()
        clients[1].close()
    yield (
        f"a change on one node is on another: p50, p99, longest of {CHANGES}",
        f"{waits[len(waits) // 2] * 1000:.0f}, {waits[int(len(waits) * 0.99)] * 1000:.0f}, {waits[-1] * 1000:.0f} ms",
        "p99 < 2 s",
    )


async def _changes(url: str, client: http.client.HTTPConnection) -> list[float]:
    """Seconds from each change of a price, made by another process, until it is on the node's page."""
    engine.use(url)
    path, waits = "/api/prices?gpu=h100-sxm-80gb&tier=on-demand", []
    async with engine.alone():
        first = await engine.fetch_value(
            "SELECT id FROM offer WHERE gpu = {} AND tier = {} ORDER BY rank_group, usd_per_gpu_hour_micro, id LIMIT 1",
            "h100-sxm-80gb", "on-demand",
        )  # fmt: skip
        for number in range(CHANGES):
            micro = 1_000_000 + number * 100
            async with engine.transaction("gpu:h100-sxm-80gb", "offers"):
                await engine.execute("UPDATE offer SET usd_per_gpu_hour_micro = {} WHERE id = {}", micro, first)
            begun = time.perf_counter()
            shown = f"{micro / 1e6:.4f}".rstrip("0")
            while shown not in await asyncio.to_thread(_text, client, path):
                if time.perf_counter() - begun > 10:
                    raise AssertionError(f"{shown} is not on {path}")
                await asyncio.sleep(0.002)
            waits.append(time.perf_counter() - begun)
    return waits


def _text(client: http.client.HTTPConnection, path: str) -> str:
    client.request("GET", path)
    return client.getresponse().read().decode()


def _many(number: int) -> list[Offer]:
    shipped = files.offers()
    return [
        dataclasses.replace(shipped[n % len(shipped)], id=f"b{n}", source="bench", region=f"r{n // len(shipped)}")
        for n in range(number)
    ]


def _refresh(folder: Path) -> Iterator[Line]:
    """Replacing the offers of a source on PostgreSQL: 50,000 new ones, then unchanged, then grown to a million."""
    server = database.server()
    url = _prepared("refresh")
    engine.use(url)
    fresh = _timed(_many(MANY), 1_800_000_000)
    same = _timed(_many(MANY), 1_800_000_600)
    yield f"refresh of {MANY:,} offers on PostgreSQL: new; unchanged", f"{fresh:.1f} s; {same:.1f} s", "< 60 s"
    with site(folder / "node", free_port(), INFERENCEBENCH_DATABASE_URL=url) as node:
        small = _first_render(node)
    grown = _timed(_many(GROWN), 1_800_001_200)
    with site(folder / "grown", free_port(), INFERENCEBENCH_DATABASE_URL=url) as node:
        large = _first_render(node)
        size = int(server.sql("SELECT pg_database_size(current_database()) / 1000000", url.rsplit("/", 1)[1]))
    yield (
        f"first render of /prices with {GROWN:,} offers ÷ with {MANY:,} (written in {grown:.0f} s, {size:,} MB)",
        f"{large / small:.1f} ({large * 1000:.0f} ÷ {small * 1000:.0f} ms)",
        "≤ 2",
    )


def _timed(offers: list[Offer], at: int) -> float:
    begun = time.perf_counter()
    engine.run(replace_offers.replace_source("bench", "Bench", offers, [], at))
    return time.perf_counter() - begun


def _first_render(node: str) -> float:
    """The median of first renders of pages of one kind, each of its own address, in seconds."""
    client = http.client.HTTPConnection(urlsplit(node).netloc)
    _seconds(client, "/prices?page=2", 1)
    found = [_seconds(client, f"/prices?page={page}", 1) for page in range(3, 10)]
    client.close()
    return statistics.median(found)
