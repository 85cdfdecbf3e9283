"""The queue of jobs: the only file that knows arq.

The jobs are those of :mod:`workers.jobs`, their times those of the timetable.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC
from typing import TYPE_CHECKING, Any

from arq import Retry, cron, func
from arq.connections import ArqRedis, RedisSettings, create_pool
from arq.cron import CronJob
from arq.worker import Function, Worker
from redis.exceptions import RedisError

from app.core import logs
from app.core.settings import Settings
from app.storage.engine import despite_damage
from workers import jobs
from workers.timetable import FACTS, GROUPS, RECORDS, TIMETABLE, Entry

if TYPE_CHECKING:
    from app.telemetry.metrics import WorkerMetrics

Job = Callable[..., Coroutine[Any, Any, Any]]
AWAY = (RedisError, OSError)
"""Exceptions that mean the queue can't be reached."""
QUEUES = {FACTS: "inferencebench", RECORDS: "inferencebench:records"}
"""Group of jobs → its queue: a worker takes no job that another node has to do."""
MAX_JOBS = 8
HEALTH_S = 60
KEEP_RESULT_S = 60
FIRST_WAIT_S, TIMES_LONGER, LONGEST_WAIT_S = 30, 4, 1800
"""Seconds before a second try; how much longer before each further one; the most, also where a source asks for more."""


async def work(
    settings: Settings, overdue: Callable[[], Awaitable[list[Entry]]], metrics: "WorkerMetrics | None" = None
) -> None:
    """Work the timetable of this node's role, after what is overdue, until cancelled.

    Raises one of :data:`AWAY` when the queue goes away.
    """
    groups = GROUPS[settings.role]
    late = await overdue()
    logs.get("worker").info(
        "working", extra={"role": settings.role, "jobs": sum(entry.group in groups for entry in TIMETABLE)}
    )
    working = [
        asyncio.create_task(_work(settings, one, [e for e in late if e.group == one], metrics)) for one in groups
    ]
    try:
        done, _ = await asyncio.wait(working, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
    finally:
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)


async def _work(settings: Settings, group: str, late: list[Entry], metrics: "WorkerMetrics | None") -> None:
    """Work one group's part of the timetable."""
    redis = RedisSettings.from_dsn(settings.redis_url)
    redis.conn_retries = 1
    pool = await create_pool(redis, job_serializer=_pack, job_deserializer=json.loads, default_queue_name=QUEUES[group])
    worker = Worker(
        functions=_functions(group),
        cron_jobs=[_cron(entry) for entry in TIMETABLE if entry.group == group],
        redis_pool=pool,
        queue_name=QUEUES[group],
        max_jobs=MAX_JOBS,
        keep_result=KEEP_RESULT_S,
        handle_signals=False,
        health_check_interval=HEALTH_S,
        ctx={"settings": settings, "metrics": metrics},
        job_serializer=_pack,
        job_deserializer=json.loads,
        timezone=UTC,
        log_results=False,
    )
    try:
        await _enqueue(pool, late)
        await worker.async_run()
    finally:
        with contextlib.suppress(*AWAY):
            await worker.close()


def _pack(value: Any) -> bytes:
    """Jobs and results as JSON: nothing that comes out of the queue is ever run."""
    return json.dumps(value, default=str).encode()


def _functions(group: str) -> list[Function]:
    """Each job of a group once, with its limits, as arq's."""
    lines = {entry.job: entry for entry in TIMETABLE if entry.group == group}
    return [
        func(called(getattr(jobs, name), entry.tries, name), name=name, timeout=entry.timeout_s, max_tries=entry.tries)
        for name, entry in lines.items()
    ]


def called(job: Job, tries: int, name: str = "") -> Job:
    """``job`` as arq calls it: a try that may succeed later is put off, longer each time, until there were
    ``tries``."""

    async def run(ctx: dict[str, Any], *arguments: Any) -> Any:
        began, outcome = time.monotonic(), "failed"
        try:
            done = await despite_damage(lambda: job(ctx["settings"], *arguments))
            outcome = "ok"
            return done
        except jobs.TryAgainError as error:
            outcome = "again"
            before = ctx["job_try"]
            if before >= tries:
                return error.result
            wait = error.after_s or FIRST_WAIT_S * TIMES_LONGER ** (before - 1)
            raise Retry(defer=min(LONGEST_WAIT_S, wait)) from None
        finally:
            if (metrics := ctx.get("metrics")) is not None:
                metrics.note(name, outcome, time.monotonic() - began)

    return run


def _cron(entry: Entry) -> CronJob:
    """One line of the timetable as arq's; ``unique`` keeps two workers from doing it twice."""
    job = called(getattr(jobs, entry.job), entry.tries, entry.job)

    async def run(ctx: dict[str, Any]) -> Any:
        return await job(ctx, *([entry.argument] if entry.argument else []))

    return cron(
        run, name=entry.name, minute=entry.minutes, hour=entry.hours, second=0, timeout=entry.timeout_s,
        max_tries=entry.tries, unique=True, keep_result=KEEP_RESULT_S,
    )  # fmt: skip


async def _enqueue(pool: ArqRedis, entries: list[Entry]) -> None:
    """What is overdue is done now, a second apart and without a random wait."""
    for behind, entry in enumerate(entries):
        arguments: list[Any] = [entry.argument, 0] if entry.argument else []
        await pool.enqueue_job(entry.job, *arguments, _job_id=f"due:{entry.name}", _defer_by=behind)
