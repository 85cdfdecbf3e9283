"""The queue's server (Redis or Valkey), as a web process uses it: with short patience, and not at all while it is away.

Only an installation that sets ``INFERENCEBENCH_REDIS_URL`` has one; what is kept there is named where it is written.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from app.core import logs

T = TypeVar("T")
AWAY = (RedisError, OSError, TimeoutError)
"""Exceptions that mean the server can't be reached, or not in time."""
PATIENCE_S = 0.5
PAUSE_S = 2.0
"""After a failure nobody asks for so long: a server that is away must not slow every request."""
IN_MEMORY_ONLY = {"save": "", "appendonly": "no", "slowlog-max-len": "0"}
"""Settings of a server that keeps nothing on a disk and no note of slow commands."""
log = logs.get("queue")


def connect(url: str, patience_s: float = PATIENCE_S) -> Redis:
    """A client of the server at ``url`` that waits ``patience_s`` seconds for a connection and for an answer."""
    client: Redis = Redis.from_url(url, socket_timeout=patience_s, socket_connect_timeout=patience_s)
    return client


class SharedQueue:
    """The server for the calls of one event loop; a new loop gets a connection of its own."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._client: Redis | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._away_until = 0.0

    async def ask(self, question: Callable[[Redis], Awaitable[T]]) -> T | None:
        """What the server answers to ``question``; None while it is away. Takes :data:`PATIENCE_S` seconds at most."""
        if time.monotonic() < self._away_until:
            return None
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await question(self._connected())
        except AWAY as error:
            self._away_until = time.monotonic() + PAUSE_S
            log.warning("the shared queue is away", extra={"why": type(error).__name__})
            return None

    def _connected(self) -> Redis:
        loop = asyncio.get_running_loop()
        if self._client is None or self._loop is not loop:
            self._client, self._loop = connect(self._url), loop
        return self._client

    async def close(self) -> None:
        """Close the connection of this loop."""
        if self._client is not None and self._loop is asyncio.get_running_loop():
            with contextlib.suppress(*AWAY):
                await self._client.aclose()
        self._client = None


async def settings_of(url: str) -> dict[str, str] | None:
    """The server's settings that :func:`on_its_disk` looks at; those that it does not tell are left out. None while it
    is away."""
    redis = connect(url)
    found: dict[str, str] = {}
    try:
        await redis.ping()
        for name in IN_MEMORY_ONLY:
            with contextlib.suppress(ResponseError):  # a hosted one may not tell
                found |= await redis.config_get(name)  # the one answer that the library decodes
    except AWAY:
        return None
    finally:
        with contextlib.suppress(*AWAY):
            await redis.aclose()
    return found


def on_its_disk(said: Mapping[str, str]) -> list[str]:
    """Which of the server's settings would put what it holds on a disk or into a log, by their names and values."""
    return [f"{name} {said[name]!r}" for name, value in IN_MEMORY_ONLY.items() if said.get(name, value) != value]
