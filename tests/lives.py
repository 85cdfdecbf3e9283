"""A process that forks many short-lived children: imports are loaded once, and each child may be killed."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from tests.conftest import ROOT

_MOTHER = """
import os, sys
{before}
def live(argument):
{life}
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        live(line.strip())
        os._exit(0)
    print(child, flush=True)
    os.waitpid(child, 0)
    print('gone', flush=True)
"""


class Lives:
    """``before`` runs once; ``life`` is the body of a function of the text ``argument``, run by each life."""

    def __init__(self, before: str, life: str, environment: dict[str, str]) -> None:
        code = _MOTHER.format(before=before, life=textwrap.indent(life, "    "))
        self._mother = subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def __enter__(self) -> "Lives":
        return self

    def __exit__(self, *_: Any) -> None:
        self._mother.communicate()

    def _said(self) -> str:
        assert self._mother.stdout
        return self._mother.stdout.readline().strip()

    def _begin(self, argument: str) -> int:
        assert self._mother.stdin
        self._mother.stdin.write(f"{argument}\n")
        self._mother.stdin.flush()
        return int(self._said())

    def whole(self, argument: str = "") -> None:
        """Run a child to its end."""
        self._begin(argument)
        assert self._said() == "gone"

    @contextmanager
    def cut_short(self, argument: str = "") -> Iterator[None]:
        """A child that is killed at the end of the block."""
        child = self._begin(argument)
        try:
            yield
        finally:
            with suppress(ProcessLookupError):  # it may have come to its end by itself
                os.kill(child, signal.SIGKILL)
            assert self._said() == "gone"
