"""Locks between processes on one machine, by files; a killed process releases its own."""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the database file ``path``, waiting for whoever holds it, while it is brought up to date."""
    with path.with_suffix(".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def held(folder: Path, name: str) -> Iterator[None]:
    """Hold what is called ``name`` for this process; raises ``BlockingIOError`` where another process holds it."""
    locks = folder / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    with (locks / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
