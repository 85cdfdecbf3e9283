"""Emptying SQLite's write-ahead log, which holds the text of deleted rows until then."""

import asyncio
import sqlite3
from typing import Any

from app.core import logs
from app.storage.sqlite import ENGINE, closing

TRIES, WAIT_S = 50, 0.1
log = logs.get("storage")


async def empty_log(tries: int = TRIES) -> bool:
    """Write the log back into the database and truncate it, retrying while a reader blocks it.

    Returns False if a reader still blocked it after ``tries`` tries of 0.2 s each; the next purge tries again.
    """
    for turn in range(tries):
        if turn:
            await asyncio.sleep(WAIT_S)
        try:
            async with closing(await ENGINE.get_connection()) as connection:
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
