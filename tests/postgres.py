"""A real PostgreSQL server on loopback for the tests of one process; it ends with the process."""

import atexit
import contextlib
import functools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

USER = "nobody"
"""PostgreSQL refuses to run as root."""


def program(name: str) -> str | None:
    """A program of PostgreSQL, newest version first."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    return str(found[-1]) if found else shutil.which(name)


class Server:
    """A server with its own folder and port. It trusts every client, and listens on loopback only."""

    def __init__(self) -> None:
        from tests.conftest import free_port

        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="postgres-", dir="/tmp"))
        self.number = 0
        if os.getuid() == 0:
            user = pwd.getpwnam(USER)
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        self.data = self.folder / "data"
        self._run(
            "initdb", "-D", str(self.data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N"
        )
        self.process = self.start()
        atexit.register(self.stop)

    def as_user(self, *command: str) -> list[str]:
        if os.getuid():
            return [*command]
        user = pwd.getpwnam(USER)
        return [
            "setpriv",
            "--pdeathsig=INT",
            f"--reuid={user.pw_uid}",
            f"--regid={user.pw_gid}",
            "--clear-groups",
            "--",
            *command,
        ]

    def _run(self, name: str, *arguments: str) -> None:
        tool = program(name)
        assert tool
        subprocess.run(self.as_user(tool, *arguments), check=True, capture_output=True, cwd="/tmp")

    def start(self, **more: str) -> subprocess.Popen[bytes]:
        """Start it and wait until it answers."""
        tool = program("postgres")
        assert tool
        settings = {
            "port": str(self.port), "listen_addresses": "127.0.0.1", "unix_socket_directories": str(self.folder),
            "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "64MB",
            "autovacuum": "off", "max_connections": "100", "wal_recycle": "off", "min_wal_size": "32MB", **more,
        }  # fmt: skip
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self.as_user(tool, "-D", str(self.data), *options), cwd="/tmp", start_new_session=True,
                stdout=subprocess.DEVNULL, stderr=log,
            )  # fmt: skip
        ready = program("pg_isready")
        assert ready
        for _ in range(600):
            asked = subprocess.run([ready, "-q", "-h", "127.0.0.1", "-p", str(self.port)], check=False)
            if asked.returncode == 0:
                return self.process
            assert self.process.poll() is None, (self.folder / "log").read_text()[-2000:]
            time.sleep(0.05)
        raise AssertionError("PostgreSQL did not become ready")

    def kill(self) -> None:
        """Kill the server and all its processes at once, as kill -9 or a power cut would."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    @contextlib.contextmanager
    def hanging(self) -> Iterator[None]:
        """Its processes stand still meanwhile: connections are taken by the kernel, and nothing is answered."""
        os.kill(self.process.pid, signal.SIGSTOP)  # first, so that it makes no other process
        pids = [self.process.pid, *map(int, Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
                                       .read_text().split())]  # fmt: skip
        try:
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)  # a fast shutdown
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, name: str) -> str:
        return f"postgres://postgres@127.0.0.1:{self.port}/{name}"

    def sql(self, statement: str, database: str = "postgres") -> str:
        """The output of ``psql`` for a statement."""
        tool = program("psql")
        assert tool
        return subprocess.run(
            [tool, "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-d", self.url(database), "-c", statement],
            check=True, capture_output=True, text=True,
        ).stdout.strip()  # fmt: skip

    def dump(self, database: str) -> bytes:
        """What ``pg_dump`` writes of a database, as text."""
        tool = program("pg_dump")
        assert tool
        return subprocess.run([tool, "--dbname", self.url(database)], check=True, capture_output=True).stdout

    def database(self, template: str = "template0") -> str:
        """The URL of a new database, a copy of ``template``."""
        self.number += 1
        name = f"test_{os.getpid()}_{self.number}"
        self.sql(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return self.url(name)

    def close(self, name: str) -> None:
        """Nobody can connect to the database called ``name``, and whoever was connected is no more."""
        self.sql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        self.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")

    def reopen(self, name: str) -> None:
        """Let everybody connect again to what :meth:`close` closed."""
        self.sql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")

    def replace(self, name: str, template: str) -> None:
        """Make the database called ``name`` a copy of ``template``."""
        self.sql(f"DROP DATABASE {name} WITH (FORCE)")
        self.sql(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")


@functools.cache
def server() -> Server:
    """The server of this process, started when it is first used."""
    if program("postgres") is None:
        pytest.skip("no PostgreSQL on this machine; install the package postgresql")
    return Server()
