"""Waiting until something happens, which may take a while on a busy machine."""

import time
from collections.abc import Callable
from typing import Any


def until(holds: Callable[..., Any], seconds: float = 80) -> None:
    """Return as soon as ``holds`` returns something true; fails after ``seconds``."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")
