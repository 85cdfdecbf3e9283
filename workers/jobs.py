"""What the worker does: plain functions of the settings, each a call into the app.

Only :mod:`workers.queue` knows arq.
"""

import asyncio
import random
from collections import Counter

from app.core import clock, logs
from app.core.settings import Settings
from app.pricing.history import record, survival_curves
from app.pricing.refresh.refresh_source import refresh
from app.storage import scopes
from app.storage.engine import transaction
from workers.timetable import JITTER_S

MINUTE_S = 60


class TryAgainError(Exception):
    """A job failed for a reason that may pass by itself.

    ``result`` is the job's result if it is not tried again; ``after_s`` is the requested wait in seconds, if any.
    """

    def __init__(self, result: str, after_s: int | None) -> None:
        super().__init__(result)
        self.result = result
        self.after_s = after_s


async def refresh_source(settings: Settings, name: str, jitter_s: float = JITTER_S) -> str:
    """Refresh one source of prices after a random wait of up to ``jitter_s`` seconds.

    Returns the outcome's state; raises :class:`TryAgainError` if another attempt may succeed.
    """
    await asyncio.sleep(random.uniform(0, jitter_s))  # noqa: S311 -- no secret
    outcome = await refresh(name, settings)
    log = logs.get("worker")
    log.info("refreshed", extra={"source": name, "state": outcome.state, "offers": outcome.shown})
    if outcome.state == "failed" and outcome.may_pass:
        raise TryAgainError(outcome.state, outcome.retry_after)
    return outcome.state


async def refresh_models(settings: Settings) -> str:
    """Refresh model facts, evaluation results and measured speeds from the Hub."""
    from app.models.hub.refresh import refresh_models as refresh_all

    outcome = await refresh_all(settings)
    logs.get("worker").info("refreshed models", extra={"state": outcome.state, "models": outcome.shown})
    return outcome.state


async def roll_up(_: Settings) -> int:
    """Thin the old history of price levels and of stock."""
    async with transaction(scope=scopes.PRICES):
        gone = await record.roll_up(clock.timestamp())
        await record.forget_returns(clock.timestamp())
    logs.get("worker").info("rolled up", extra={"rows": gone})
    return gone


async def price_survival(_: Settings) -> int:
    """Compute how long prices last from the history up to the end of yesterday, for the pages to show."""
    curves = await survival_curves.record(clock.timestamp())
    logs.get("worker").info("computed how long prices last", extra={"curves": curves})
    return curves


async def purge(settings: Settings) -> dict[str, int]:
    """Erase what the retention table says is past its limit."""
    from app.privacy.retention.purge import run

    return await run(settings, clock.timestamp())


async def purge_when_due(settings: Settings, for_s: int = 0) -> dict[str, int]:
    """For the rest of the minute, or for ``for_s`` seconds, erase at the very second when a limit is reached.

    Returns the number of things erased, by kind. The next limit is looked up again whenever the database was written
    to. What can't be erased, such as a copy in a mailbox that does not answer, is left to the hourly purge.
    """
    from app.privacy.retention.purge import next_due, run
    from app.storage import engine

    gone: Counter[str] = Counter()
    over = clock.timestamp() + for_s if for_s else (clock.timestamp() // MINUTE_S + 1) * MINUTE_S
    watch, seen, due = engine.watch(settings.database), None, None
    try:
        while (now := clock.timestamp()) < over:
            if (written := await watch.written()) != seen:
                seen, due = written, await next_due(settings, now)
            if due is not None and due <= now:
                gone.update(await run(settings, now))
                due = None if (after := await next_due(settings, now)) is None or after <= now else after
                seen = await watch.written()
            await asyncio.sleep(min(1, due - clock.now().timestamp()) if due is not None and due > now else 1)
    finally:
        watch.close()
    return dict(gone)


async def canary(settings: Settings) -> list[str]:
    """Plant artificial rows of every kind, wait for their limit, and check that they are gone.

    Returns the places where they still are.
    """
    from app.privacy.retention import canary as canaries

    await canaries.look_again(settings)
    return (await canaries.check(settings, await canaries.plant(settings))).found


async def mail(settings: Settings) -> dict[str, int]:
    """Read privacy requests, answer them, send reminders, and delete old copies."""
    from app.privacy.mail.mailbox import MailboxError
    from app.privacy.mail.sync import poll

    try:
        return await poll(settings)
    except MailboxError as error:
        logs.get("worker").warning("mail", extra={"why": str(error)})
        return {}
