"""Emptying SQLite's write-ahead log, which holds the text of deleted rows until then."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Awaitable, Callable
from typing import Any

import aiosqlite

from app.core import logs

WAIT_S = 0.1
log = logs.get("storage")


async def empty_log(connect: Callable[[], Awaitable[aiosqlite.Connection]], tries: int) -> bool:
    """Write the log back into the database and truncate it, retrying while a reader blocks it.

    Returns False if a reader still blocked it after ``tries`` tries of 0.2 s each; the next purge tries again.
    """
    for turn in range(tries):
        if turn:
            await asyncio.sleep(WAIT_S)
        try:
            async with contextlib.AsyncExitStack() as stack:
                connection = await connect()
                stack.push_async_callback(connection.close)
                await connection.execute(f"PRAGMA busy_timeout = {int(WAIT_S * 1000)}")  # or one try would wait 10 s
                cursor = await connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                result: Any = await cursor.fetchone()
                await cursor.close()
        except sqlite3.OperationalError:
            continue
        if result["busy"] == 0:
            return True
    log.error("the write-ahead log could not be emptied; the next purge tries again")
    return False
