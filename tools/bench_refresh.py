"""Benchmarks of live data: a refresh of every source with 60,000 offers, and a year of history.

The clouds run in a process of their own and answer in their real shapes, only larger.
"""

import copy
import http.client
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from app.pricing.sources.machines import azure_sizes
from tests import fake_clouds

ROOT = Path(__file__).resolve().parent.parent
Line = tuple[str, str, str]
GPUS = (
    ("H100", 80, 25.0),
    ("A100", 80, 12.0),
    ("L4", 24, 0.8),
    ("L40S", 48, 1.9),
    ("A10G", 24, 1.2),
    ("H200", 141, 30.0),
)


def large_clouds() -> None:
    """Serve large answers of every source until the process is ended; prints the port."""
    server = fake_clouds.Clouds()
    server.answers.update(fake_clouds.GOOD)
    dice = random.Random(7)

    def price(usual: float) -> float:
        return round(usual * dice.uniform(0.8, 1.3), 4)

    rows = {
        name: [(f"{name}-{n}", f"region-{n % 40}", price(GPUS[n % 6][2]), 8, 64.0, 1, GPUS[n % 6][0],
                float(GPUS[n % 6][1]), n % 3 == 0, "", "nvidia", "", "x86", "{}") for n in range(count)]
        for name, count in (("aws", 9000), ("gcp", 7000), ("oci", 4000), ("nebius", 3000), ("cloudrift", 1000))
    }  # fmt: skip
    packed = {
        name: fake_clouds.catalogue_zip(name, rows.get(name, []))
        for name in ("aws", "gcp", "oci", "nebius", "cloudrift", "lambdalabs", "runpod", "verda", "azure")
    }

    def gpuhunt(asked: fake_clouds.Asked) -> fake_clouds.Reply:
        name = asked.path.split("/")[2]
        return fake_clouds.Reply(b"v1") if asked.path.endswith("version") else fake_clouds.Reply(packed[name])

    sizes = list(azure_sizes())
    azure = [
        fake_clouds.azure_item(size, price(3.6 * 8), region=f"region-{n}", meterId=f"{size}-{n}-{tier}",
                               meterName=f"x {tier}")
        for size in sizes for n in range(60) for tier in ("", "Spot", "Low")
    ][:9000]  # fmt: skip
    lists = {
        cloud: [fake_clouds.sky_row(f"{cloud}-{n}", "H100", "8", 81559, str(price(20)), "", f"region-{n}")
                for n in range(500)]
        for cloud in ("hyperbolic", "jarvislabs", "lium", "mithril", "primeintellect", "seeweb", "spheron",
                      "hyperstack")
    }  # fmt: skip
    fake_clouds.SKYPILOT.clear()
    fake_clouds.SKYPILOT.update(lists)
    shade = copy.deepcopy(fake_clouds.SHADEFORM["instance_types"][0])
    ovh = [fake_clouds.ovh_addon(f"h100-{n}", "H100", 1, 80, int(price(2.8) * 10**8)) for n in range(2000)]
    server.answers.update({
        "/v3/*": gpuhunt,
        "/v1/vms/machine-types-2": {"machineTypes": [
            fake_clouds.cudo_type(f"m{n}", "H100 SXM", str(price(2)), 4, f"centre-{n % 40}") for n in range(2000)]},
        "/v2/sizes": {"sizes": [fake_clouds.droplet_size(f"gpu-{n}", "nvidia_h100", 1, 80, price(4.4))
                                for n in range(1000)]},
        "/api/retail/prices": lambda asked: _page(azure, asked),
        "/api/v1/instance-types": {"data": {f"g{n}": fake_clouds.lambda_type(f"g{n}", "1x H100 (80 GB SXM5)",
            int(price(300)), 1, ["us-west-1"]) for n in range(3000)}},
        "/v1/instances/types": {"instance_types": [{**shade, "cloud_instance_type": f"n{n}",
            "hourly_price": int(price(135))} for n in range(2000)]},
        "/1.0/order/catalog/public/cloud": {**fake_clouds.OVH, "addons": ovh},
        "/v1/instance-types": [fake_clouds.verda_type(f"T{n}", "H100 SXM5", 1, 80, str(price(2.2)), str(price(0.9)))
                               for n in range(2000)],
        "/v2/plans": {"plans": [{**fake_clouds.VULTR["plans"][1], "id": f"p{n}", "hourly_cost": price(1.6)}
                                for n in range(3000)], "meta": {}},
        "/graphql": {"data": {"gpuTypes": [fake_clouds.runpod_type(f"type {n}", "L40S", 48, price(0.9), price(0.7))
            for n in range(1500)]}},
        "/api/v2/locations": {"data": {"locations": [
            {"city": f"c{n}", "country": "US", "gpus": [{"displayName": "H100 SXM5 80GB", "v0Name": "h",
                                                         "max_count": 1, "price_per_hr": price(2.2)}]}
            for n in range(2000)]}},
    })  # fmt: skip
    print(server.port, flush=True)
    time.sleep(10_000)


def _page(rows: list[dict[str, Any]], asked: fake_clouds.Asked) -> fake_clouds.Reply:
    skip = int(asked.query.get("$skip", ["0"])[0])
    more = f"https://prices.azure.com/api/retail/prices?$skip={skip + 1000}" if skip + 1000 < len(rows) else None
    return fake_clouds.as_json({"Items": rows[skip : skip + 1000], "NextPageLink": more})


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


def refresh(folder: Path, site: Any, free_port: Any) -> Iterator[Line]:
    """Twenty-six sources, 60,000 offers: time, memory, and what the web feels of it."""
    server = subprocess.Popen(
        [sys.executable, "-c", "from tools.bench_refresh import large_clouds; large_clouds()"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout
    url = f"http://127.0.0.1:{server.stdout.readline().strip()}"
    names = fake_clouds.NAMES
    environment = {**os.environ, "INFERENCEBENCH_DATA_DIR": str(folder / "site"),
                   **{f"INFERENCEBENCH_SOURCE_{name.upper()}_URL": url for name in names},
                   **{f"INFERENCEBENCH_SOURCE_{name.upper()}_KEY": fake_clouds.KEYS.get(name, "x")
                      for name in fake_clouds.KEYED}}  # fmt: skip
    command = [sys.executable, "-m", "app", "refresh", *(name for name in names if name != "ecb")]
    try:
        with site(folder / "site", free_port()) as pages:
            end = time.perf_counter() + 8
            rest, _, _ = _latency(pages, lambda: time.perf_counter() < end)
            process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )

            def is_running() -> bool:
                return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None

            busy, longest, stalled = _latency(pages, is_running)
            _, _, usage = os.wait4(process.pid, 0)
            alone = time.perf_counter()
            again = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
            unchanged = time.perf_counter() - alone
        import sqlite3

        with sqlite3.connect(folder / "site" / "inferencebench.sqlite") as connection:
            offers = connection.execute(
                "SELECT count(*) FROM offer WHERE source IN (SELECT name FROM loaded_source WHERE live = 1)"
            ).fetchone()[0]
        first = _alone(folder / "alone", command, environment)
        yield (
            f"refresh of {len(names) - 1} sources and the rates, {offers:,} offers, into an empty folder: time",
            f"{first[0]:.1f} s",
            "< 60 s",
        )
        yield (
            "the same: peak memory of the process",
            f"{first[1]:.0f} MB ({usage.ru_maxrss / 1024:.0f} MB beside a busy site)",
            "< 400 MB",
        )
        yield "the same again, no price changed", f"{unchanged:.1f} s", ""
        yield (
            "web p99 during a refresh ÷ at rest, over the requests made",
            f"{busy / rest:.2f} ({busy:.2f} ÷ {rest:.2f} ms)",
            "≤ 2",
        )
        yield (
            "the longest answer during it; share of time in answers of over 5 ms (first renders)",
            f"{longest:.0f} ms; {stalled * 100:.0f} %",
            "",
        )
        if again.returncode > 1:
            print(again.stderr)
    finally:
        server.kill()
        server.wait()


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
    """A year of 20,000 offers of which 5 % change each day: size on disk, and a year's chart against a week's."""
    import httpx

    from app.catalog.facts import gpus
    from app.core import clock
    from app.core.settings import load
    from app.pricing.history import record
    from app.process import application, prepare
    from app.storage import sqlite

    settings = load({"INFERENCEBENCH_DATA_DIR": str(folder)})
    prepare.prepare(settings)
    now, dice, slugs = clock.timestamp(), random.Random(3), list(gpus())[:60]

    async def fill() -> None:
        async with sqlite.transaction("history"):
            series = [
                (n, f"bench-{n}", "aws", slugs[n % 60], ("on-demand", "spot")[n % 2], None, f"region-{n % 30}")
                for n in range(100_000, 120_000)
            ]
            await sqlite.execute_many(
                "INSERT INTO price_series (id, offer, provider, gpu, tier, commitment_months, region) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                series,
            )
            await sqlite.execute_many("INSERT INTO price_span (series, valid_from, valid_to, usd_per_gpu_hour_micro) "
                                      "VALUES (?, ?, ?, ?)",
                                        ((100_000 + dice.randrange(20_000), now - day * 86_400, now - day * 86_400
                                          + 20 * 86_400, dice.randrange(10**6, 10**7)) for day in range(365)
                                          for _ in range(1000)))  # fmt: skip
            levels = ((slug, tier, now - day * 86_400 + hour * 3600, dice.randrange(10**6, 2 * 10**6),
                       dice.randrange(2 * 10**6, 3 * 10**6))
                      for slug in slugs for tier in ("on-demand", "spot") for day in range(1, 366)
                      for hour in range(0, 24, 4))  # fmt: skip
            await sqlite.execute_many(
                "INSERT OR REPLACE INTO price_level (gpu, tier, at, low_micro, median_micro) VALUES (?, ?, ?, ?, ?)",
                levels,
            )
            await record.roll_up(now)  # as the worker does every day

    sqlite.run(fill())
    app = application.create_app(settings)

    async def renders(days: str) -> float:
        times = []
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://x") as client:
            for slug in slugs[:30]:
                begun = time.perf_counter()
                answer = await client.get(f"/gpus/{slug}?days={days}")
                times.append(time.perf_counter() - begun)
                assert answer.status_code == 200
        return statistics.median(times[2:]) * 1000

    sqlite.run(renders("30"))  # what does not depend on the window is computed once
    week, year = sqlite.run(renders("7")), sqlite.run(renders("365"))
    size = sum(path.stat().st_size for path in folder.iterdir() if path.is_file()) / 1e6
    yield "a year of 20,000 offers, 5 % change a day (365,000 changes): the data folder", f"{size:.0f} MB", "< 500 MB"
    yield (
        "a GPU's page with a year's chart ÷ with a week's, first render",
        f"{year / week:.2f} ({year:.1f} ÷ {week:.1f} ms)",
        "about 1",
    )
