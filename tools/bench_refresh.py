"""Benchmarks of live data: a refresh of every source with 60,000 offers, and a year of history.

The clouds run in a process of their own: :mod:`tools.bench_clouds`.
"""

import http.client
import os
import random
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from app.core.units import DAY_S
from tests import fake_clouds
from tests.conftest import free_port
from tools.bench_site import ROOT, Line, site


def _latency(url: str, going: Callable[[], bool]) -> tuple[float, float, float]:
    """p99 in milliseconds of a client that asks without pause while ``going``; the longest answer, and the share of
    the time that went into answers of over 5 ms."""
    parts = urlsplit(url)
    client = http.client.HTTPConnection(parts.hostname or "", parts.port)
    times = []
    while going():
        begun = time.perf_counter()
        client.request("GET", "/prices", headers={"accept-encoding": "br"})
        client.getresponse().read()
        times.append((time.perf_counter() - begun) * 1000)
    client.close()
    times.sort()
    return times[int(len(times) * 0.99)], times[-1], sum(t for t in times if t > 5) / sum(times)


def refresh(folder: Path) -> Iterator[Line]:
    """A refresh of twenty-six sources with 60,000 offers: its time and memory, and the web's latency meanwhile."""
    with _large_clouds() as url:
        names = fake_clouds.NAMES
        environment = {**os.environ, "INFERENCEBENCH_DATA_DIR": str(folder / "site"),
                       **{f"INFERENCEBENCH_SOURCE_{name.upper()}_URL": url for name in names},
                       **{f"INFERENCEBENCH_SOURCE_{name.upper()}_KEY": fake_clouds.KEYS.get(name, "x")
                          for name in fake_clouds.KEYED}}  # fmt: skip
        command = [sys.executable, "-m", "app", "refresh", *(name for name in names if name != "ecb")]
        felt, memory, unchanged = _beside_a_site(folder / "site", command, environment)
        with sqlite3.connect(folder / "site" / "inferencebench.sqlite") as connection:
            offers = connection.execute(
                "SELECT count(*) FROM offer WHERE source IN (SELECT name FROM loaded_source WHERE live = 1)"
            ).fetchone()[0]
        seconds, megabytes = _alone(folder / "alone", command, environment)
    yield (
        f"refresh of {len(names) - 1} sources and the rates, {offers:,} offers, into an empty folder: time",
        f"{seconds:.1f} s",
        "< 60 s",
    )
    yield (
        "the same: peak memory of the process",
        f"{megabytes:.0f} MB ({memory:.0f} MB beside a busy site)",
        "< 400 MB",
    )
    yield "the same again, no price changed", f"{unchanged:.1f} s", ""
    yield from felt


@contextmanager
def _large_clouds() -> Iterator[str]:
    """The address of the clouds, which run in a process of their own."""
    server = subprocess.Popen(
        [sys.executable, "-c", "from tools.bench_clouds import large_clouds; large_clouds()"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout
    try:
        yield f"http://127.0.0.1:{server.stdout.readline().strip()}"
    finally:
        server.kill()
        server.wait()


def _beside_a_site(folder: Path, command: list[str], environment: dict[str, str]) -> tuple[list[Line], float, float]:
    """A refresh while pages are read: lines about the pages' latency; its peak memory in MB; and the seconds of a
    second refresh, which finds nothing new."""
    with site(folder, free_port()) as pages:
        end = time.perf_counter() + 8
        rest, _, _ = _latency(pages, lambda: time.perf_counter() < end)
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

        def is_running() -> bool:
            return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None

        busy, longest, stalled = _latency(pages, is_running)
        _, _, usage = os.wait4(process.pid, 0)
        began = time.perf_counter()
        again = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        unchanged = time.perf_counter() - began
    if again.returncode > 1:
        print(again.stderr)
    felt: list[Line] = [
        (
            "web p99 during a refresh ÷ at rest, over the requests made",
            f"{busy / rest:.2f} ({busy:.2f} ÷ {rest:.2f} ms)",
            "≤ 2",
        ),
        (
            "the longest answer during it; share of time in answers of over 5 ms (first renders)",
            f"{longest:.0f} ms; {stalled * 100:.0f} %",
            "",
        ),
    ]
    return felt, usage.ru_maxrss / 1024, unchanged


def _alone(folder: Path, command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**environment, "INFERENCEBENCH_DATA_DIR": str(folder)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    begun = time.perf_counter()
    _, _, usage = os.wait4(process.pid, 0)
    return time.perf_counter() - begun, usage.ru_maxrss / 1024


def history(folder: Path) -> Iterator[Line]:
    """A year of 20,000 offers of which 5% change each day: size on disk, and a year's chart against a week's."""
    from app.catalog.facts import gpus
    from app.core.settings import load
    from app.process import application, prepare
    from app.storage import engine

    settings = load({"INFERENCEBENCH_DATA_DIR": str(folder)})
    prepare.prepare(settings)
    slugs = list(gpus())[:60]
    engine.run(_a_years_prices(slugs))
    app = application.create_app(settings)

    engine.run(_renders(app, slugs[:30], "30"))  # what does not depend on the window is computed once
    week, year = engine.run(_renders(app, slugs[:30], "7")), engine.run(_renders(app, slugs[:30], "365"))
    size = sum(path.stat().st_size for path in folder.iterdir() if path.is_file()) / 1e6
    yield "a year of 20,000 offers, 5% change a day (365,000 changes): the data folder", f"{size:.0f} MB", "< 500 MB"
    yield (
        "a GPU's page with a year's chart ÷ with a week's, first render",
        f"{year / week:.2f} ({year:.1f} ÷ {week:.1f} ms)",
        "about 1",
    )


async def _a_years_prices(slugs: list[str]) -> None:
    from app.core import clock
    from app.pricing.history import record
    from app.storage import engine

    now, dice = clock.timestamp(), random.Random(3)
    async with engine.transaction("history"):
        series = [
            (n, f"bench-{n}", "aws", slugs[n % 60], ("on-demand", "spot")[n % 2], None, f"region-{n % 30}")
            for n in range(100_000, 120_000)
        ]
        await engine.execute_many(
            "INSERT INTO price_series (id, offer, provider, gpu, tier, commitment_months, region) "
            "VALUES ({}, {}, {}, {}, {}, {}, {})",
            series,
        )
        await engine.execute_many("INSERT INTO price_span (series, valid_from, valid_to, usd_per_gpu_hour_micro) "
                                  "VALUES ({}, {}, {}, {})",
                                    ((100_000 + dice.randrange(20_000), now - day * DAY_S, now - day * DAY_S
                                      + 20 * DAY_S, dice.randrange(10**6, 10**7)) for day in range(365)
                                      for _ in range(1000)))  # fmt: skip
        levels = ((slug, tier, now - day * DAY_S + hour * 3600, dice.randrange(10**6, 2 * 10**6),
                   dice.randrange(2 * 10**6, 3 * 10**6))
                  for slug in slugs for tier in ("on-demand", "spot") for day in range(1, 366)
                  for hour in range(0, 24, 4))  # fmt: skip
        await engine.execute_many(
            "INSERT INTO price_level (gpu, tier, at, low_micro, median_micro) VALUES ({}, {}, {}, {}, {}) "
            "ON CONFLICT (gpu, tier, at) DO UPDATE SET low_micro = excluded.low_micro",
            levels,
        )
        await record.roll_up(now)  # as the worker does every day


async def _renders(app: Any, slugs: list[str], days: str) -> float:
    """Median milliseconds of the first render of the pages of ``slugs``."""
    import httpx

    times = []
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://x") as client:
        for slug in slugs:
            begun = time.perf_counter()
            answer = await client.get(f"/gpus/{slug}?days={days}")
            times.append(time.perf_counter() - begun)
            assert answer.status_code == 200
    return statistics.median(times[2:]) * 1000
