"""Helpers of the benchmarks: starting a site, sending requests, and measuring two things in turns."""

import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

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
    for _ in range(4_000):
        try:
            httpx.get(url, verify=False)
        except httpx.TransportError:
            time.sleep(0.01)
        else:
            return
    raise SystemExit(f"{url} does not answer")


def first_answer(port: int, path: str) -> None:
    """Wait for the first answer of 200, by plain sockets, so that the requests themselves cost next to nothing."""
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
                connection.sendall(f"GET {path} HTTP/1.0\r\nHost: x\r\n\r\n".encode())
                if b" 200 " in connection.recv(64):
                    return
        except ConnectionError:
            time.sleep(0.005)


@contextmanager
def site(folder: Path, port: int, **more: str) -> Iterator[str]:
    command = [sys.executable, "-m", "app", "serve"]
    with running(command, INFERENCEBENCH_DATA_DIR=str(folder), INFERENCEBENCH_PORT=str(port), **more):
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
