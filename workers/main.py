"""The worker's process: arq with the timetable, back by itself when the queue was away."""

import asyncio
import contextlib
import json
import signal
import sys
import time
from collections.abc import Callable, Coroutine
from datetime import UTC
from typing import Any

from arq import cron, func
from arq.connections import ArqRedis, RedisSettings, create_pool
from arq.cron import CronJob
from arq.worker import Worker
from redis.exceptions import RedisError

from app.core import clock, data_folder, logs
from app.core.errors import InferenceBenchError
from app.core.settings import Settings, load
from app.process import prepare
from app.storage import sqlite
from app.storage.sqlite import fetch
from workers import jobs
from workers.timetable import PURGE, TIMETABLE, Entry, due

QUEUE = "inferencebench"
MAX_JOBS = 8
SHORTEST_WAIT_S, LONGEST_WAIT_S = 0.5, 30
HEALTH_S = 60
STOP_AGAIN_S = 5
"""How long what was cancelled may take to end before it is cancelled again."""


def main() -> int:
    """Work until told to stop. Returns the exit status."""
    data_folder.private_from_now_on()
    try:
        settings = load()
        if not settings.redis_url:
            raise InferenceBenchError(
                "the worker needs a queue; start it with inferencebench work, or set INFERENCEBENCH_REDIS_URL"
            )
        prepare.prepare(settings)
    except InferenceBenchError as error:
        print(f"inferencebench: {error}", file=sys.stderr)
        return 2
    logs.configure()
    sqlite.use(settings.database_path)
    with contextlib.suppress(asyncio.CancelledError):
        sqlite.run(_until_stopped(settings))
    logs.get("worker").info("stopped")
    return 0


async def _until_stopped(settings: Settings) -> None:
    """Run the worker until a signal; whenever the queue goes away, wait and begin again."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def stop() -> None:
        assert task is not None
        task.cancel()
        loop.call_later(STOP_AGAIN_S, stop)  # whoever awaited may have swallowed it

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    wait = SHORTEST_WAIT_S
    while True:
        began = time.monotonic()
        try:
            await _work(settings)
        except (RedisError, OSError) as error:
            if time.monotonic() - began > LONGEST_WAIT_S:
                wait = SHORTEST_WAIT_S
            logs.get("worker").warning("the queue is away", extra={"why": type(error).__name__, "again_in_s": wait})
            await asyncio.sleep(wait)
            wait = min(LONGEST_WAIT_S, wait * 2)


async def _work(settings: Settings) -> None:
    redis = RedisSettings.from_dsn(settings.redis_url)
    redis.conn_retries = 1
    pool = await create_pool(redis, job_serializer=_pack, job_deserializer=json.loads, default_queue_name=QUEUE)
    worker = Worker(
        functions=[func(_job(job), name=job, timeout=timeout, max_tries=tries) for job, timeout, tries in _jobs()],
        cron_jobs=[_cron(entry) for entry in TIMETABLE],
        redis_pool=pool,
        queue_name=QUEUE,
        max_jobs=MAX_JOBS,
        keep_result=60,
        handle_signals=False,
        health_check_interval=HEALTH_S,
        ctx={"settings": settings},
        job_serializer=_pack,
        job_deserializer=json.loads,
        timezone=UTC,
        log_results=False,
    )
    logs.get("worker").info("working", extra={"jobs": len(TIMETABLE)})
    try:
        await _enqueue_due(pool)
        await worker.async_run()
    finally:
        with contextlib.suppress(RedisError, OSError):
            await worker.close()


def _pack(value: Any) -> bytes:
    """Jobs and results as JSON: nothing that comes out of the queue is ever run."""
    return json.dumps(value, default=str).encode()


def _jobs() -> list[tuple[str, int, int]]:
    found = {entry.job: (entry.job, entry.timeout_s, entry.tries) for entry in TIMETABLE}
    return list(found.values())


def _job(name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
    found: Callable[..., Coroutine[Any, Any, Any]] = getattr(jobs, name)
    return found


def _cron(entry: Entry) -> CronJob:
    """One line of the timetable as arq's; ``unique`` keeps two workers from doing it twice."""

    async def run(ctx: dict[str, Any]) -> Any:
        return await _job(entry.job)(ctx, *([entry.argument] if entry.argument else []))

    return cron(
        run, name=entry.name, minute=entry.minutes, hour=entry.hours, second=0, timeout=entry.timeout_s,
        max_tries=entry.tries, unique=True, keep_result=60,
    )  # fmt: skip


async def _enqueue_due(pool: ArqRedis) -> None:
    """What is due already, since the worker was not there at its time, is done now, a second apart."""
    tried = dict(await fetch("SELECT name, tried_at FROM loaded_source"))
    tried |= dict(await fetch("SELECT ?, min(ran_at) FROM purge_run", PURGE))
    for behind, entry in enumerate(due(tried, clock.timestamp())):
        arguments: list[Any] = [entry.argument, 0] if entry.argument else []
        await pool.enqueue_job(entry.job, *arguments, _job_id=f"due:{entry.name}", _defer_by=behind)
