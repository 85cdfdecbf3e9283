"""Locks between processes on one machine, by files; a killed process releases its own."""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the database file ``path`` while it is migrated, waiting for any other process that holds it."""
    with path.with_suffix(".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def held(folder: Path, name: str) -> Iterator[None]:
    """Hold the lock ``name`` for this process; raises ``BlockingIOError`` if another process holds it."""
    locks = folder / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    with (locks / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
