"""One function a job, each a call into the app. Jobs carry names only."""

import asyncio
import random
from typing import Any

from arq import Retry

from app.core import clock, logs
from app.core.settings import Settings
from app.pricing.history import record
from app.pricing.refresh.refresh_source import refresh
from app.storage.sqlite import transaction
from app.web import cdn_purge
from workers.timetable import JITTER_S, TRIES

MINUTE_S = 60
LONGEST_WAIT_S = 1800
"""The longest that a job is put off when a source asks to wait."""


async def refresh_source(ctx: dict[str, Any], name: str, jitter_s: float = JITTER_S) -> str:
    """Refresh one source of prices; what may pass by itself is tried again, later each time."""
    settings: Settings = ctx["settings"]
    await asyncio.sleep(random.uniform(0, jitter_s))  # noqa: S311 -- no secret
    outcome = await refresh(name, settings)
    await cdn_purge.purge(settings, outcome.keys)
    log = logs.get("worker")
    log.info("refreshed", extra={"source": name, "state": outcome.state, "offers": outcome.shown})
    if outcome.state == "failed" and outcome.may_pass and ctx["job_try"] < TRIES:
        raise Retry(defer=min(LONGEST_WAIT_S, outcome.retry_after or 30 * 4 ** (ctx["job_try"] - 1)))
    return outcome.state


async def refresh_models(ctx: dict[str, Any]) -> str:
    """Refresh model facts, evaluation results and measured speeds from the Hub."""
    from app.models.hub.refresh import refresh_models as refresh_all

    settings: Settings = ctx["settings"]
    outcome = await refresh_all(settings)
    await cdn_purge.purge(settings, outcome.keys)
    logs.get("worker").info("refreshed models", extra={"state": outcome.state, "models": outcome.shown})
    return outcome.state


async def roll_up(_: dict[str, Any]) -> int:
    """Thin the old history of price levels."""
    async with transaction():
        gone = await record.roll_up(clock.timestamp())
    logs.get("worker").info("rolled up", extra={"rows": gone})
    return gone


async def purge(ctx: dict[str, Any]) -> dict[str, int]:
    """Erase what the retention table says is past its limit."""
    from app.privacy.retention.purge import run

    return await run(ctx["settings"], clock.timestamp())


async def purge_when_due(ctx: dict[str, Any]) -> dict[str, int]:
    """Erase at the very second a limit is reached, where that is within the next minute; the hourly purge makes up for what was missed."""
    from app.privacy.retention.purge import next_due, run

    settings: Settings = ctx["settings"]
    at = await next_due(settings, clock.timestamp())
    if at is None or at - clock.timestamp() >= MINUTE_S:
        return {}
    await asyncio.sleep(max(0, at - clock.timestamp()))
    return await run(settings, clock.timestamp())


async def canary(ctx: dict[str, Any]) -> list[str]:
    """Plant artificial rows of every kind, wait for their limit, and look whether they are gone; returns where they are not."""
    from app.privacy.retention import canary as canaries

    settings: Settings = ctx["settings"]
    await canaries.look_again(settings)
    return (await canaries.check(settings, await canaries.plant(settings))).found


async def mail(ctx: dict[str, Any]) -> dict[str, int]:
    """Read privacy requests, answer, remind, and let go of copies."""
    from app.privacy.mail.mailbox import MailboxError
    from app.privacy.mail.sync import poll

    try:
        return await poll(ctx["settings"])
    except MailboxError as error:
        logs.get("worker").warning("mail", extra={"why": str(error)})
        return {}
