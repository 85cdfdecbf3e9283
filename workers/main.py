"""The worker's process: it runs the timetable, and reconnects if the queue was unavailable."""

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from app.core import clock, data_folder, logs
from app.core.errors import InferenceBenchError
from app.core.settings import Settings, load
from app.pricing.history.survival_store import until as survival_until
from app.privacy.retention.store import first_run
from app.process import prepare
from app.storage import engine
from app.upstream.store import last_tries
from app.web import cdn_outbox
from workers import queue
from workers.timetable import PURGE, SURVIVAL, Entry, due

if TYPE_CHECKING:
    from app.telemetry.metrics import WorkerMetrics

SHORTEST_WAIT_S, LONGEST_WAIT_S = 0.5, 30
LOOK_EVERY_S, STEP_S = 5, 90
"""How often the clock is checked, and how large a step back counts, in seconds: smaller steps are a time server's
corrections."""
STOP_AGAIN_S = 5
"""How many seconds a cancelled task may take to end before it is cancelled again."""


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
    engine.use(settings.database)
    with contextlib.suppress(asyncio.CancelledError):
        engine.run(_until_stopped(settings))
    logs.get("worker").info("stopped")
    return 0


async def _until_stopped(settings: Settings) -> None:
    """Run the worker until a signal; whenever the queue becomes unavailable, wait and start again."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def stop() -> None:
        assert task is not None
        task.cancel()
        loop.call_later(STOP_AGAIN_S, stop)  # the cancellation may have been swallowed

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    metrics, end = _metrics(settings)
    telling = asyncio.create_task(cdn_outbox.keep_edges_current(settings))  # needs no queue, so it goes on without one
    try:
        await _work_again_and_again(settings, metrics)
    finally:
        end()
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)


def _metrics(settings: Settings) -> "tuple[WorkerMetrics | None, Callable[[], None]]":
    """The worker's metrics, where the settings ask for them, and what ends serving them."""
    if not settings.metrics_port:
        return None, lambda: None
    from app.telemetry.metrics import WorkerMetrics

    made = WorkerMetrics(settings)
    return made, made.serve(settings.metrics_host, settings.metrics_port)


async def _work_again_and_again(settings: Settings, metrics: "WorkerMetrics | None") -> None:
    wait = SHORTEST_WAIT_S
    while True:
        began = time.monotonic()
        try:
            await _until_the_clock_steps_back(queue.work(settings, _overdue, metrics))
        except queue.AWAY as error:
            if time.monotonic() - began > LONGEST_WAIT_S:
                wait = SHORTEST_WAIT_S
            logs.get("worker").warning("the queue is away", extra={"why": type(error).__name__, "again_in_s": wait})
            await asyncio.sleep(wait)
            wait = min(LONGEST_WAIT_S, wait * 2)


async def _until_the_clock_steps_back(work: Coroutine[Any, Any, None]) -> None:
    """Work; return if the clock is set back: the queue has recorded when each job is next due, and would wait until the
    clock gets there again."""
    working, watching = asyncio.create_task(work), asyncio.create_task(_clock_steps_back())
    try:
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
        else:
            logs.get("worker").warning("the clock was put back; the timetable begins anew")
    finally:
        for task in (working, watching):
            task.cancel()
        await asyncio.gather(working, watching, return_exceptions=True)


async def _clock_steps_back() -> None:
    """Return when the clock is behind the elapsed time by more than :data:`STEP_S`."""
    ahead = clock.timestamp() - time.monotonic()
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        now = clock.timestamp() - time.monotonic()
        if now < ahead - STEP_S:
            return
        ahead = max(ahead, now)


async def _overdue() -> list[Entry]:
    """The lines of the timetable that became due while no worker was running."""
    tried = await last_tries()
    return due({**tried, PURGE: await first_run(), SURVIVAL: await survival_until()}, clock.timestamp())
