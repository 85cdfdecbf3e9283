"""A real Redis on loopback for tests, which can be killed, stopped and searched."""

import contextlib
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError

from tests.conftest import free_port


class RedisServer:
    """A Redis on loopback that can be killed and come back empty."""

    def __init__(self, folder: Path) -> None:
        self.notes = 128
        self.port, self.folder = free_port(), folder
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.client = Redis.from_url(self.url)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program = shutil.which("redis-server") or shutil.which("valkey-server")
        if program is None:
            pytest.skip("no redis-server on this machine")
        self.process = subprocess.Popen(
            [
                program,
                "--port",
                str(self.port),
                "--save",
                "",
                "--dir",
                str(self.folder),
                "--bind",
                "127.0.0.1",
                "--slowlog-max-len",
                str(self.notes),
            ],
            stdout=subprocess.DEVNULL,
        )
        for _ in range(400):
            try:
                self.client.ping()
                return
            except (OSError, RedisError):
                time.sleep(0.02)
        raise AssertionError("Redis did not start")

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def everything(self) -> bytes:
        """Everything in its memory: keys, values and its log of slow commands."""
        held = [b"%s %s" % (name, self.client.dump(name) or b"") for name in self.client.keys("*")]  # type: ignore[union-attr]
        return b"\n".join(held) + repr(self.client.slowlog_get(1000)).encode()


@contextlib.contextmanager
def running_redis(folder: Path) -> Iterator[RedisServer]:
    """A server that runs during a ``with`` block."""
    server = RedisServer(folder)
    try:
        server.start()
        yield server
    finally:
        server.client.close()
        server.kill()
