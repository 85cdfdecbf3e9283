"""Running a function on untrusted input in a separate process with limits on memory and time.

``await call("app.submissions.result_files:parse", data)`` starts a Python that imports the function, limits itself
(POSIX resource limits), reads ``data`` from standard input and writes the function's result as JSON. A function that
exceeds a limit ends only that process. At most two run at a time; the rest queue, up to a bounded number.
"""

import asyncio
import contextlib
import importlib
import json
import math
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.core.errors import BusyError, InferenceBenchError
from app.core.settings import HOME
from app.core.units import MIB

AT_ONCE, MOST_WAITING = 2, 16
_slots: dict[asyncio.AbstractEventLoop, asyncio.Semaphore] = {}
_waiting = 0


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bytes of memory beyond what Python itself takes, seconds of processor time, and seconds in total."""

    memory: int = 50 * MIB
    cpu_s: int = 2
    wall_s: float = 10


class LimitError(InferenceBenchError):
    """The function exceeded a limit; ``limit`` is ``memory``, ``time`` or ``crash``."""

    def __init__(self, limit: str) -> None:
        super().__init__({"memory": "It takes more memory to read than is given to one file.",
                          "time": "It takes longer to read than is given to one file."}.get(limit,
                              "It can't be read."))  # fmt: skip
        self.limit = limit


class RefusedError(InferenceBenchError):
    """The function rejected its input; the text is the function's own."""


async def call(function: str, data: bytes, bounds: Bounds | None = None) -> Any:
    """The result of ``module:function`` on ``data``, passed through JSON.

    Raises :class:`RefusedError` with the text of the function's ``ValueError``, :class:`LimitError` if it exceeded a
    limit or crashed, and :class:`BusyError` if too many calls are already queued.
    """
    global _waiting  # noqa: PLW0603 -- of this process
    bounds = bounds or Bounds()
    slots = _slots.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(AT_ONCE))
    if _waiting >= MOST_WAITING:
        raise BusyError("Many files are being read at the moment; please try again in a moment.")
    _waiting += 1
    try:
        async with slots:
            return await _run(function, data, bounds)
    finally:
        _waiting -= 1


async def _run(function: str, data: bytes, bounds: Bounds) -> Any:
    command = [
        sys.executable,
        "-I",
        "-c",
        _START,
        json.dumps(sys.path),
        function,
        str(bounds.memory),
        str(bounds.cpu_s),
    ]
    try:
        done = await asyncio.to_thread(
            subprocess.run, command, input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False,
            env={"PYTHONHASHSEED": "0"}, cwd=HOME, timeout=bounds.wall_s,
        )  # fmt: skip
    except subprocess.TimeoutExpired:  # subprocess.run has killed it
        raise LimitError("time") from None
    if done.returncode == MEMORY_STATUS:
        raise LimitError("memory")
    if done.returncode != 0:  # SIGXCPU, or the kernel's SIGKILL once the processor time is used up
        raise LimitError("time" if done.returncode in (-signal.SIGXCPU, -signal.SIGKILL) else "crash")
    answer = json.loads(done.stdout)
    if "refused" in answer:
        raise RefusedError(answer["refused"])
    return answer["result"]


MEMORY_STATUS = 77
_START = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from app.core.limited_process import child; child()"


def _bytes_of_data(now: resource.struct_rusage) -> int:
    """Bytes that this process already has of what its limit on data counts.

    On Linux, a process inherits the peak of the process that started it through ``ru_maxrss`` (it borrows its parent's
    memory until it has its own): a limit based on that would grow with the site. ``VmData`` counts this process alone.
    """
    with contextlib.suppress(OSError, ValueError, IndexError):
        status = Path("/proc/self/status").read_text("ascii")
        return int(status.partition("VmData:")[2].split(maxsplit=1)[0]) * 1024
    return now.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def child() -> None:
    """The process itself: import, set limits, read, answer. Never called in the site's own processes."""
    name, memory, cpu_s = sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    module, _, attribute = name.partition(":")
    function: Callable[[bytes], Any] = getattr(importlib.import_module(module), attribute)
    data = sys.stdin.buffer.read()
    now = resource.getrusage(resource.RUSAGE_SELF)
    used = _bytes_of_data(now)
    cpu_s += math.ceil(now.ru_utime + now.ru_stime)  # loading Python and the function is not charged to the data
    for limit, most in ((resource.RLIMIT_DATA, used + memory), (resource.RLIMIT_CPU, cpu_s), (resource.RLIMIT_FSIZE, 0),
                        (resource.RLIMIT_NOFILE, 16), (resource.RLIMIT_CORE, 0)):  # fmt: skip
        with contextlib.suppress(ValueError, OSError):
            _, hard = resource.getrlimit(limit)
            bounded = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(limit, (bounded, bounded))
    try:
        answer = json.dumps({"result": function(data)})
    except MemoryError:
        os._exit(MEMORY_STATUS)
    except ValueError as error:
        answer = json.dumps({"refused": str(error)[:500]})
    sys.stdout.write(answer)
    sys.stdout.flush()
    os._exit(0)
