"""Waiting for what a busy machine may take a while to do."""

import time
from collections.abc import Callable
from typing import Any


def until(holds: Callable[..., Any], seconds: float = 40) -> None:
    """Return once ``holds`` gives something true; fails after ``seconds``."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")
