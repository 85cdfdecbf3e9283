"""Answers that are made of every stored price: one is made at a time, a few wait, and who comes after is asked to come
again.

What such an answer takes grows with the number of offers; sixteen at once would take memory sixteen times.
"""

import asyncio
import contextlib
import weakref
from collections.abc import AsyncIterator

from app.core.errors import BusyError

MOST_WAITING = 3
"""With the one under way these are half of the pages that may be prepared at once: the other half stays free."""


class _Turns:
    """The turns of one event loop."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.waiting = 0


_TURNS: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Turns] = weakref.WeakKeyDictionary()


@contextlib.asynccontextmanager
async def one_at_a_time() -> AsyncIterator[None]:
    """Wait for one's turn. Raises :class:`BusyError` where as many wait already as may."""
    turns = _TURNS.setdefault(asyncio.get_running_loop(), _Turns())
    if turns.waiting >= MOST_WAITING:
        raise BusyError("Too many answers of every price are being made at once; please try again in a moment.")
    turns.waiting += 1
    try:
        await turns.lock.acquire()
    finally:
        turns.waiting -= 1
    try:
        yield
    finally:
        turns.lock.release()
