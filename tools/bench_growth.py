"""Benchmarks of growth: first renders and the memory of a node with 10,000 offers, then with a million of them, ten
million levels of history and ten thousand reports. ``make bench ARGS=growth`` for SQLite, ``ARGS=growth-postgres`` for
a server.

The rows are multiplied in the database from the shipped ones, so that GPUs, providers and regions keep their shares.
"""

import asyncio
import hashlib
import json
import os
import statistics
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import httpx

from app.core import clock
from app.core.settings import load
from app.pricing.history import provider_lows
from app.pricing.history import store as history_store
from app.pricing.offers import summary_store
from app.pricing.offers.offer import COMMUNITY
from app.process import prepare
from app.storage import engine
from app.submissions import publish
from tests import postgres as database
from tests.conftest import free_port
from tools.bench_site import Line, running, wait_for

FEW, MANY, LEVELS, REPORTS = 10_000, 1_000_000, 10_000_000, 10_000
ROUNDS = 3
NODE_MB = 500
PAGES = (
    "/", "/prices", "/prices?gpu=h100-sxm-80gb", "/prices?gpu=h100-sxm-80gb&region=europe&tier=spot",
    "/prices?provider=aws", "/prices?q=h100+infiniband", "/prices?max_usd=1.5", "/prices?sort=region&page=3", "/gpus",
    "/gpus/h100-sxm-80gb", "/gpus/h100-sxm-80gb/history", "/providers", "/providers/aws", "/providers/lambda",
    "/models", "/models/meta-llama--llama-3.1-8b-instruct", "/calculator", "/prices/changes", "/prices/lasting",
    "/compare?gpu=h100-sxm-80gb&gpu=a100-sxm-80gb", "/index", "/status", "/benchmarks", "/search?q=h100",
    "/api/prices?gpu=h100-sxm-80gb", "/bill?gpu=h100-sxm-80gb",
)  # fmt: skip
"""A page of each kind."""
SETTLED = {"fsync": "on", "synchronous_commit": "off", "full_page_writes": "on", "shared_buffers": "512MB",
           "max_wal_size": "4GB", "work_mem": "16MB", "autovacuum": "on"}  # fmt: skip


def growth(folder: Path) -> Iterator[Line]:
    """On SQLite."""
    return _measured("SQLite", {"INFERENCEBENCH_DATA_DIR": str(folder / "site")})


def growth_postgres(folder: Path) -> Iterator[Line]:
    """On PostgreSQL."""
    server = database.server()
    server.process.terminate()
    server.process.wait(20)
    server.start(**SETTLED)
    url = server.database()
    return _measured(
        "PostgreSQL", {"INFERENCEBENCH_DATA_DIR": str(folder / "site"), "INFERENCEBENCH_DATABASE_URL": url}
    )


def _measured(name: str, environment: dict[str, str]) -> Iterator[Line]:
    settings = load(environment)
    prepare.prepare(settings)
    engine.use(settings.database)
    engine.run(_offers(FEW))
    small, _ = _first_renders(environment)
    begun = time.perf_counter()
    engine.run(_offers(MANY))
    engine.run(_levels())
    engine.run(_reports())
    engine.run(_looked_at())
    took = time.perf_counter() - begun
    large, megabytes = _first_renders(environment)
    what = (
        f"{name}, first render of {len(PAGES)} kinds of pages, {MANY:,} offers, {LEVELS:,} levels, {REPORTS:,} reports"
    )
    total = sum(large.values()) / sum(small.values())
    yield f"{what} ÷ {FEW:,} offers, all together (written in {took:.0f} s)", f"{total:.2f}", "≤ 2"
    for page in sorted(PAGES, key=lambda page: small[page] / large[page]):
        ratio = large[page] / small[page]
        yield f"{name}, `{page}`", f"{ratio:.2f} ({large[page] * 1000:.0f} ÷ {small[page] * 1000:.0f} ms)", "≤ 2"
    yield f"{name}, memory of the node at its peak", f"{megabytes:.0f} MB", f"< {NODE_MB} MB"


async def _offers(count: int) -> None:
    """Multiply the shipped offers to ``count``: other ids and products, prices spread by 30 % each way, one in
    twenty stale."""
    columns = await _columns("offer")
    have = await engine.fetch_value("SELECT count(*) FROM offer WHERE source <> 'growth'")
    seen = clock.timestamp() - 600
    changed = {
        "id": "'g' || n.n || '-' || o.number", "source": "'growth'", "product": "'type-' || n.n || '-' || o.number",
        "fetched_at": f"{seen}", "stale_at": f"{seen} + CASE WHEN n.n % 20 = 0 THEN 0 ELSE 86400 * 3 END",
        "usd_per_gpu_hour_micro": "o.usd_per_gpu_hour_micro * (70 + (n.n * 7919 + o.number * 104729) % 61) / 100 + 1",
    }  # fmt: skip
    chosen = ", ".join(changed.get(column, f"o.{column}") for column in columns)
    async with engine.transaction("offers", "tally"):
        await engine.execute("DELETE FROM offer WHERE source = 'growth'")
        await engine.execute(
            f"{_NUMBERS} INSERT INTO offer ({', '.join(columns)}) SELECT {chosen} FROM "
            "(SELECT offer.*, row_number() OVER (ORDER BY id) AS number FROM offer) o CROSS JOIN n "
            f"WHERE (n.n - 1) * {have} + o.number <= {count - have}".replace("%N%", str(count // have + 1))
        )
        await engine.execute(
            "INSERT INTO loaded_source (name, title, fetched_at, offers, set_aside, error) VALUES "
            "('growth', 'Growth', {}, {}, 0, '') ON CONFLICT (name) DO NOTHING", seen, count,
        )  # fmt: skip
        await summary_store.rebuild()


_NUMBERS = "WITH RECURSIVE n (n) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT n + 1 FROM n WHERE n < %N%)"


async def _columns(table: str) -> list[str]:
    return list((await engine.fetch_rows(f"SELECT * FROM {table} LIMIT 1"))[0])


async def _levels() -> None:
    """Levels of every GPU and tier, evenly over three years; a series and a price that stands for every offer."""
    pairs = await engine.fetch_value("SELECT count(*) FROM (SELECT DISTINCT gpu, tier FROM offer) p")
    each = LEVELS // pairs
    step = 3 * 365 * 86_400 // each
    async with engine.transaction("history"):
        await engine.execute("DELETE FROM price_level")
        await engine.execute(
            f"{_NUMBERS} INSERT INTO price_level (gpu, tier, at, low_micro, median_micro, in_stock_micro) "
            f"SELECT p.gpu, p.tier, 1700000000 + n.n * {step}, 1000000 + n.n * 7919 % 500000, "
            "2000000 + n.n * 104729 % 900000, NULL FROM (SELECT DISTINCT gpu, tier FROM offer) p CROSS JOIN n".replace(
                "%N%", str(each)
            )
        )
        await engine.execute(
            "INSERT INTO price_series (offer, provider, gpu, tier, commitment_months, region) "
            "SELECT id, provider, gpu, tier, coalesce(commitment_months, 0), region FROM offer WHERE source = 'growth'"
        )
        await engine.execute(
            "INSERT INTO price_span (series, valid_from, valid_to, usd_per_gpu_hour_micro) "
            "SELECT id, 1780000000 + id % 1000000, NULL, 2000000 + id % 999983 FROM price_series"
        )
        await provider_lows.rebuild()
        await history_store.rebuild_days()


async def _reports() -> None:
    """Approved reports: prices of every provider and GPU, and experiences."""
    kinds = await engine.fetch_rows("SELECT DISTINCT provider, gpu FROM offer ORDER BY provider, gpu")
    rows = []
    for number in range(REPORTS):
        kind = kinds[number % len(kinds)]
        day = f"{date(2026, 1, 1) + timedelta(number % 300)}"
        if number % 2:
            body = {**kind, "gpu_count": str(1 + number % 8), "tier": "on-demand", "region": f"place-{number}",
                    "price": "2.5", "per": "gpu-hour", "seen_on": day, "seen_where": "the console"}  # fmt: skip
        else:
            body = {"provider": kind["provider"], "topic": "availability", "rating": str(1 + number % 5),
                    "text": f"Number {number}: came within a minute, three days in a row. " * 5}  # fmt: skip
        what = ("experience", "price")[number % 2]
        mark = hashlib.sha256(str(number).encode()).hexdigest()
        rows.append((f"g{number}", what, day, mark, "approved", json.dumps(body), mark, "2026-03-27", "yes"))
    async with engine.transaction("community"):
        await engine.execute_many(
            "INSERT INTO submission (id, kind, day, receipt_hash, state, body, fingerprint, policy, consent) "
            "VALUES ({}, {}, {}, {}, {}, {}, {}, {}, {})",
            rows,
        )
    written = await publish.publish_prices()
    assert written.added > REPORTS // 4, written


async def _looked_at() -> None:
    """What a server's own upkeep does by itself within minutes, and SQLite's with each refresh."""
    if engine.ENGINE.engine_type == "sqlite":
        async with engine.transaction():
            await engine.execute("ANALYZE")
    else:
        await engine.fetch_rows("ANALYZE")


def _first_renders(environment: dict[str, str]) -> tuple[dict[str, float], float]:
    """Page → the median time of its first render, in seconds; the node's memory at its peak, in MB."""
    import sys

    port = free_port()
    with running([sys.executable, "-m", "app", "serve"], **environment, INFERENCEBENCH_PORT=str(port)) as process:
        url = f"http://127.0.0.1:{port}"
        wait_for(f"{url}/readyz")
        found = asyncio.run(_ask(url))
        return found, max(_peak(int(pid.name)) for pid in _of_group(process.pid))


async def _ask(url: str) -> dict[str, float]:
    times: dict[str, list[float]] = {page: [] for page in PAGES}
    keys = {*await engine.fetch_column("SELECT key FROM data_version"), COMMUNITY}
    async with httpx.AsyncClient(base_url=url, timeout=300, follow_redirects=True) as client:
        for page in PAGES:
            answer = await client.get(page)
            assert answer.status_code == 200, (page, answer.status_code)
        for _ in range(ROUNDS):
            async with engine.transaction(*keys):
                pass  # every page is a first render again
            await asyncio.sleep(1.5)
            for page in PAGES:
                begun = time.perf_counter()
                await client.get(page)
                times[page].append(time.perf_counter() - begun)
    await engine.close()
    return {page: statistics.median(taken) for page, taken in times.items()}


def _of_group(group: int) -> list[Path]:
    """The processes of a group."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if os.getpgid(int(path.name)) == group:
                found.append(path)
        except OSError:
            continue
    return found


def _peak(pid: int) -> float:
    text = Path(f"/proc/{pid}/status").read_text()
    return next((int(line.split()[1]) / 1024 for line in text.splitlines() if line.startswith("VmHWM")), 0.0)
