"""A flood of posts from one address, and a mailbox of a hundred thousand messages."""

import os
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

from tests.conftest import free_port
from tools.bench_site import Line, site
from tools.bench_telemetry import latencies, read_answer

POSTS, MESSAGES = 10_000, 100_000


def flood(folder: Path) -> Iterator[Line]:
    """Ten thousand posts of a whole report within a minute, while somebody reads /prices."""
    data, port = folder / "site", free_port()
    form = {
        "provider": "lambda",
        "topic": "support",
        "rating": "5",
        "text": "words " * 600,
        "consent": "yes",
        "age": "yes",
        "policy": "2026-03-27",
    }
    with site(data, port):
        calm = latencies(port, lambda: time.sleep(3))
        before = size(data)
        began = time.perf_counter()
        busy = latencies(port, lambda: post(port, form))
        took = time.perf_counter() - began
        time.sleep(2)
        grown = size(data) - before
        with sqlite3.connect(data / "inferencebench.sqlite") as connection:
            kept = connection.execute("SELECT count(*) FROM submission").fetchone()[0]
        connection.close()
    yield (
        f"{POSTS:,} posts of a report from one address: time, reports kept, growth of the data folder",
        f"{took:.1f} s, {kept}, {grown / 1e6:.2f} MB",
        "the disk is not filled",
    )
    yield (
        "p99 of /prices during the flood, and at rest",
        f"{p99(busy):.2f} ms, {p99(calm):.2f} ms",
        "the pages are not slowed",
    )


def p99(seconds: list[float]) -> float:
    """The 99th percentile of ``seconds``, in milliseconds."""
    return sorted(seconds)[int(len(seconds) * 0.99)] * 1e3


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def post(port: int, form: dict[str, str]) -> None:
    """Send all posts, over four connections."""

    def some(first: int) -> None:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            for number in range(first, POSTS, 4):
                body = urlencode(form | {"text": f"{form['text']} {number}"}).encode()
                head = (
                    "POST /submit/experience HTTP/1.1\r\nHost: x\r\nContent-Type:"
                    f" application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
                )
                connection.sendall(head.encode() + body)
                read_answer(connection)

    threads = [threading.Thread(target=some, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


_POLL = """
import resource, sys, time
from app.core.settings import load
from app.privacy.mail import sync
from app.process import prepare
from app.storage import engine, sqlite
settings = load()
prepare.prepare(settings)
sqlite.use(settings.database_path)
began = time.perf_counter()
counts = engine.run(sync.poll(settings))
print(counts["read"], time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def mailbox(folder: Path) -> Iterator[Line]:
    """One poll of a Maildir with a hundred thousand messages, of which each poll reads a limited number."""
    new = folder / "data" / "mail" / "inbox" / "new"
    new.mkdir(parents=True)
    for number in range(MESSAGES):
        (new / f"{number:06}").write_bytes(
            f"From: p{number}@example.org\r\nSubject: [question] {number}\r\nMessage-ID: <{number}@x>\r\n\r\nwords "
            f"{number}\r\n".encode()
        )
    command = [sys.executable, "-c", _POLL]
    environment = {**os.environ, "INFERENCEBENCH_DATA_DIR": str(folder / "data")}
    out = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()
    yield (
        f"one reading of a mailbox of {MESSAGES:,} messages: messages, time, peak memory",
        f"{int(out[0]):,}, {float(out[1]):.1f} s, {float(out[2]):.0f} MB",
        "within the job's 110 s",
    )
