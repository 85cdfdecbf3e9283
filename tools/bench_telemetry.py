"""Benchmarks of the access log's cost, and of pages' latency during a large purge."""

import os
import socket
import sqlite3
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.conftest import free_port
from tools.bench_site import Line, running, site, wait_for, wrk

ROUNDS, SECONDS, RATE = 7, 6, 2_000
ROWS, DAYS = 10_000_000, 10
COUNTERS = 1_000_000
TICKS = os.sysconf("SC_CLK_TCK")
REQUEST = (
    b"GET /prices HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:133.0)"
    b" Gecko/20100101 Firefox/133.0\r\n\r\n"
)


def access_log(folder: Path) -> Iterator[Line]:
    """CPU at a steady rate and throughput at saturation, with the log and without, in turns."""
    with _served(folder / "logged", "app", "serve") as logged, _served(folder / "bare", "tools.bench_unlogged") as bare:
        yield _steady(logged, bare)
        yield _saturated(logged[1], bare[1])


@contextmanager
def _served(folder: Path, *module: str) -> Iterator[tuple[int, int]]:
    """A site in a process of its own: the process and the port."""
    port = free_port()
    command = [sys.executable, "-m", *module]
    with running(command, INFERENCEBENCH_DATA_DIR=str(folder), INFERENCEBENCH_PORT=str(port)) as process:
        wait_for(f"http://127.0.0.1:{port}/prices")
        yield process.pid, port


def _steady(logged: tuple[int, int], bare: tuple[int, int]) -> Line:
    """Shares of a core at a steady rate."""
    pairs = []
    for turn in range(ROUNDS + 1):
        costs = {one: cpu_at_rate(*one) for one in ((logged, bare) if turn % 2 else (bare, logged))}
        if turn:
            pairs.append((costs[logged], costs[bare]))
    ours, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
    more = statistics.median(a / b for a, b in pairs) - 1
    points = statistics.median(a - b for a, b in pairs) * 100
    return (
        f"CPU of the web process at {RATE:,} requests/s, with the log against without",
        f"{points:+.1f} % of a core ({ours:.1%} against {theirs:.1%}; relative {more:+.1%})",
        "≤ 3% more",
    )


def _saturated(*ports: int) -> Line:
    """Requests a second of the site on the first port against that on the second."""
    urls = [f"http://127.0.0.1:{port}/prices" for port in ports]
    for url in urls:
        wrk(url)
    rates = [(wrk(urls[0]), wrk(urls[1])) for _ in range(ROUNDS)]
    ours, theirs = (statistics.median(side) for side in zip(*rates, strict=True))
    return (
        "throughput of /prices at saturation, with the log ÷ without",
        f"{statistics.median(a / b for a, b in rates):.2f} ({ours:,.0f} ÷ {theirs:,.0f} requests/s)",
        "≥ 0.90",
    )


def cpu_at_rate(pid: int, port: int) -> float:
    """Cores that the process and its children used while :data:`RATE` requests a second came for :data:`SECONDS`."""
    connections = [socket.create_connection(("127.0.0.1", port)) for _ in range(8)]
    began, used = time.perf_counter(), cpu(pid)
    sent, total = 0, RATE * SECONDS
    while sent < total:
        due = min(total, int((time.perf_counter() - began) * RATE))
        while sent < due:
            connection = connections[sent % len(connections)]
            connection.sendall(REQUEST)
            read_answer(connection)
            sent += 1
        time.sleep(0.0005)
    took, used = time.perf_counter() - began, cpu(pid) - used
    for connection in connections:
        connection.close()
    return used / took


def read_answer(connection: socket.socket) -> None:
    data = connection.recv(65_536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n", 1)[0])
    while len(body) < length:
        body += connection.recv(65_536)


def cpu(pid: int) -> float:
    """Seconds of processor time of a process and all below it so far."""
    parents, spent = {}, {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(path.parent.name)], spent[int(path.parent.name)] = (
            int(fields[1]),
            (int(fields[11]) + int(fields[12])) / TICKS,
        )
    mine, grown = {pid}, True
    while grown:
        more = {child for child, parent in parents.items() if parent in mine} - mine
        mine |= more
        grown = bool(more)
    return sum(spent.get(one, 0) for one in mine)


def purge(folder: Path) -> Iterator[Line]:
    """Deleting ten million expired rows of the log, and a million of counters, while pages are read."""
    from app.core import clock
    from app.core.settings import load
    from app.privacy.retention import purge as privacy_purge
    from app.process import prepare
    from app.storage import engine, sqlite
    from app.telemetry import access_log_reader

    data = folder / "site"
    settings = load({"INFERENCEBENCH_DATA_DIR": str(data)})
    prepare.prepare(settings)
    port = free_port()
    with site(data, port):
        fill_log(data / "logs")
        now = clock.timestamp()
        calm = latencies(port, lambda: time.sleep(3))
        began = time.perf_counter()
        busy = latencies(port, lambda: access_log_reader.delete_expired(data / "logs", now))
        took = time.perf_counter() - began
        left = len(list((data / "logs").glob("access-2020*")))
        yield (
            f"{ROWS:,} expired rows of the access log deleted: time, slowest /prices during, before",
            f"{took:.2f} s, {max(busy or [0]) * 1e3:.1f} ms, {max(calm) * 1e3:.1f} ms; {left} files left",
            "the site serves",
        )
        sqlite.use(settings.database_path)
        fill_counters(settings.database_path)
        waits, busy, took = _waits_during(
            settings.database_path, lambda: latencies(port, lambda: engine.run(privacy_purge.run(settings, now)))
        )
        yield (
            f"{COUNTERS:,} expired rows of counters deleted: time; another writer's wait for the lock, p99 and longest",
            f"{took:.1f} s; {waits[int(len(waits) * 0.99)] * 1e3:.0f} ms, {waits[-1] * 1e3:.0f} ms",
            "< 50 ms",
        )
        yield ("slowest /prices during that deletion", f"{max(busy) * 1e3:.1f} ms of {len(busy):,}", "the site serves")


def _waits_during(path: Path, work: Callable[[], list[float]]) -> tuple[list[float], list[float], float]:
    """Seconds that another writer waited for the write lock while ``work`` ran, sorted; what ``work`` returned; and
    the seconds it took."""
    waits: list[float] = []
    done = threading.Event()
    watcher = threading.Thread(target=write_beside, args=(str(path), waits, done))
    watcher.start()
    began = time.perf_counter()
    found = work()
    took = time.perf_counter() - began
    done.set()
    watcher.join()
    return sorted(waits), found, took


def fill_log(folder: Path) -> None:
    from app.telemetry.access_log import COLUMNS

    folder.mkdir(exist_ok=True)
    block = "".join(
        f"2020-01-01T00:00:{n % 60:02}Z\t203.0.113.{n % 256}\tFirefox\tUbuntu\t-\t"
        f"GET\t/prices\t/prices\t200\t0.{n % 10}\n"
        for n in range(100_000)
    )
    for day in range(DAYS):
        with (folder / f"access-2020-01-{day + 1:02}.tsv").open("w") as file:
            file.write("\t".join(COLUMNS) + "\n")
            for _ in range(ROWS // DAYS // 100_000):
                file.write(block)


def fill_counters(path: Path) -> None:
    from app.core import clock

    first = clock.from_timestamp(0)
    with sqlite3.connect(path) as connection:
        connection.executemany(
            "INSERT INTO daily_counter (day, measure, page, bucket, count) VALUES (?, 'load', ?, 1, 1)",
            ((f"{first + timedelta(days=n // 100):%Y-%m-%d}", f"/{n % 100}") for n in range(COUNTERS)),
        )
    connection.close()


def latencies(port: int, work: Callable[[], Any]) -> list[float]:
    """Seconds that each request for /prices took while ``work`` ran."""
    found: list[float] = []
    done = threading.Event()

    def ask() -> None:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            while not done.is_set():
                began = time.perf_counter()
                connection.sendall(REQUEST)
                read_answer(connection)
                found.append(time.perf_counter() - began)
                time.sleep(0.001)

    thread = threading.Thread(target=ask)
    thread.start()
    work()
    done.set()
    thread.join()
    return found


def write_beside(path: str, waits: list[float], stop: threading.Event) -> None:
    """Take the write lock repeatedly, as a refresh would, and note how long each attempt waited, in ``waits``."""
    connection = sqlite3.connect(path, timeout=10, isolation_level=None)
    connection.execute("PRAGMA busy_timeout = 0")
    while not stop.is_set():
        began = time.perf_counter()
        while True:
            try:
                connection.execute("BEGIN IMMEDIATE")
                break
            except sqlite3.OperationalError:
                time.sleep(0.0005)
        waits.append(time.perf_counter() - began)
        connection.execute("ROLLBACK")
        time.sleep(0.01)
    connection.close()
