"""What the web process does besides serving pages: write the log and the counters, and delete expired log files."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from app.core import clock, logs
from app.core.settings import Settings
from app.policies.files import policies
from app.storage.engine import leave_out_damaged
from app.telemetry import access_log_reader, counter_store
from app.telemetry.access_log import AccessLog
from app.telemetry.counters import Counters

COUNTERS_EVERY_S = 60
PURGE_EVERY = 60
"""Old log files are looked for at start, and after every so many writes of the counters."""
log = logs.get("telemetry")


@contextlib.asynccontextmanager
async def beside(settings: Settings, access: AccessLog, counters: Counters) -> AsyncIterator[None]:
    """Write the log and the counters regularly while the site runs, and once more at shutdown."""
    access.start()
    tasks = [asyncio.create_task(_run(settings, access, counters))]
    if settings.redis_url:
        from app.privacy.retention import canary
        from app.telemetry import nodes

        tasks.append(asyncio.create_task(nodes.take_part(settings, lambda: canary.last_death(settings))))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(access.stop)
        await write(counters)


async def _run(settings: Settings, access: AccessLog, counters: Counters) -> None:
    turn = 0
    while True:
        if turn % PURGE_EVERY == 0:
            await asyncio.to_thread(delete_old_logs, access)
            await policies(settings).share()  # also after an older database was restored under a running site
        await asyncio.sleep(COUNTERS_EVERY_S)
        await write(counters)
        if turn % PURGE_EVERY == 0:
            await look_for_damage()
        turn += 1


def delete_old_logs(access: AccessLog) -> None:
    """Delete expired log files, whether or not a worker is running."""
    try:
        gone = access_log_reader.delete_expired(access.folder, clock.timestamp())
    except OSError as error:
        log.error("old files of the access log could not be deleted", extra={"why": error.strerror})
    else:
        if gone:
            log.info("deleted old files of the access log", extra={"files": gone})


async def look_for_damage() -> None:
    """Leave damaged rows out before a reader meets them, and read again what was mended."""
    try:
        await leave_out_damaged()
    except Exception as error:  # the pages go on
        log.warning("damaged rows could not be looked for", extra={"why": type(error).__name__})


async def write(counters: Counters) -> None:
    """Write the counters; those that can't be written now are kept for the next attempt."""
    taken = counters.take()
    try:
        await counter_store.write(taken)
    except Exception as error:  # a full disk or a lock: keep serving, and keep the counts
        counters.add(taken)
        log.warning("counters could not be written", extra={"why": type(error).__name__})
