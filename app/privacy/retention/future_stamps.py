"""What a clock that ran ahead stamped, put back once the clock is right again.

A limit or a deadline counted from a stamp that is still to come would end as much later as the clock was ahead. Once
stamps have lain in the future for a whole day, the clock that wrote them was wrong, and they are moved back by as much
as the newest of them was ahead when that was seen first. For a day, since a clock that is behind, as on a machine that
has just been switched on, makes every stamp look so, and has been put right by then.
"""

from app.core import clock, logs
from app.core.units import DAY_S, HOUR_S
from app.privacy.requests import cases, request
from app.privacy.retention import store
from app.privacy.retention.store import CLOCK
from app.storage import scopes
from app.storage.engine import transaction

SLACK_S = HOUR_S
"""Machines differ by less: a stamp further ahead is none of another machine's."""
SETTLED_S = DAY_S
MOST_S = 100 * 365 * DAY_S
"""A stamp further ahead is of no clock but a damaged value; whatever it is, it is moved no further."""
STAMPS = {
    "privacy_case": ("received_at", "verified_at", "answered_at", "resolved_at", "last_heard_at"),
    "correspondence": ("at",), "case_event": ("at",), "case_erasure": ("gone_at",),
    "mail_out": ("created_at", "tried_at", "sent_at"), "mail_held": ("held_at",),
    "mail_copy": ("stored_at",), "mail_aside": ("at",), "moderation": ("at",),
}  # fmt: skip
"""Table → its columns that hold a second at which something happened."""
log = logs.get("purge")


async def put_back(now: int) -> int:
    """Move stamps that have lain in the future for a day; returns how many seconds they were moved, 0 if none were."""
    newest = await store.newest_stamp(STAMPS)
    seen = (await store.runs()).get(CLOCK)
    if newest is None or newest <= now + SLACK_S:
        if seen is not None:
            async with transaction():
                await store.forget_run(CLOCK)
        return 0
    if seen is None or now < seen.ran_at:
        async with transaction():
            await store.record_runs({CLOCK: min(newest - now, MOST_S)}, now)
        log.warning("stamps lie in the future: the clock was ahead, or is behind", extra={"ahead_s": newest - now})
        return 0
    if now - seen.ran_at < SETTLED_S:
        return 0
    async with transaction(cases.CASES_KEY, scope=scopes.CASES):
        await _move_cases(now, seen.erased)
        for table, columns in STAMPS.items():
            for column in columns:
                await store.shift_stamps(table, column, now + SLACK_S, seen.erased)
        today, tomorrow = (f"{clock.from_timestamp(at):%Y-%m-%d}" for at in (now, now + DAY_S))
        await store.end_future_days("submission", "ended_on", today, tomorrow)
        await store.drop_future_days("daily_counter", "day", tomorrow)  # counted, but of which day is not known
        await store.forget_run(CLOCK)
    log.warning("stamps of a clock that was ahead were put back", extra={"by_s": seen.erased})
    return seen.erased


async def _move_cases(now: int, seconds: int) -> None:
    """Count the deadline of each case that is said to have come in the future anew, from when it came."""
    for case in await cases.every(closed=True):
        if case.received_at <= now + SLACK_S:
            continue
        due = request.deadline(case.received_at - seconds, case.law)
        if case.extended:
            due = request.extended(case.received_at - seconds, due, case.law)
        await cases.set_values(case.reference, deadline_at=due)
