"""The purge: deletes data whose limit in the retention table has passed, in short batches, and from the database's
files too."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from time import perf_counter

from app.core import clock, logs
from app.core.retention import KINDS, Aged, Kind, Limit, start_of
from app.core.settings import Settings
from app.core.version_keys import RETENTION_KEY
from app.privacy.retention import canary, future_stamps, store
from app.storage.engine import in_turn, scrub, transaction
from app.telemetry import access_log, access_log_reader

FIRST_BATCH, MOST_IN_BATCH = 200, 20_000
AIM_S = 0.02
"""About how many seconds a batch holds the write lock; one that takes longer makes the next smaller. The goal is under
50 ms."""
PAUSE_S = 0.005
"""Seconds between batches in which other writers can take the lock."""
PAGE = 20_000
log = logs.get("purge")


@dataclass(frozen=True, slots=True)
class State:
    """The state of a kind of data: the number of things stored, the start of the oldest, how many are due, when the
    next one will be, and the last purge with its number. Instants in seconds."""

    kind: Kind
    held: int
    oldest: int | None
    due: int
    next_at: int | None
    ran_at: int | None
    erased: int | None


async def held_by_kind(settings: Settings, now: int) -> list[State]:
    """The state of every kind of data at ``now`` (seconds), in the retention table's order."""
    runs = await store.runs()
    found = [await _state(kind, settings, now, runs.get(kind.name)) for kind in KINDS]
    planted = await asyncio.to_thread(canary.living_rows, settings, now)
    return [replace(state, held=max(0, state.held - planted.get(state.kind.name, 0))) for state in found]


async def next_due(settings: Settings, now: int) -> int | None:
    """The next second at which something is due, ``now`` if something is due already; None where nothing ages."""
    found = [await _state(kind, settings, now, None) for kind in KINDS]
    if any(state.due for state in found):
        return now
    return min((state.next_at for state in found if state.next_at is not None), default=None)


async def _state(kind: Kind, settings: Settings, now: int, run: store.Run | None) -> State:
    ran_at, erased = (run.ran_at, run.erased) if run else (None, None)
    if kind.name == "access-log":
        files = await asyncio.to_thread(access_log_reader.files, settings.data_dir / access_log.FOLDER)
        due = [start for start, _ in files if access_log_reader.goes_at(start) <= now]
        later = [access_log_reader.goes_at(start) for start, _ in files if access_log_reader.goes_at(start) > now]
        return State(
            kind, len(files), files[0][0] if files else None, len(due), min(later, default=None), ran_at, erased
        )
    if kind.name == "mail-copies":
        return await _copies(kind, now, ran_at, erased)
    held, due_count, oldest, next_at = 0, 0, None, None
    for aged in kind.aged:
        limit = _limit(kind, aged)
        for group in await store.started(aged):
            held += group.rows
            if (ends := _ends(limit, group.start)) is None:
                due_count += group.rows
                continue
            start = start_of(group.start)
            due_count += group.rows * (ends <= now)
            oldest = start if oldest is None else min(oldest, start)
            if ends > now:
                next_at = ends if next_at is None else min(next_at, ends)
    return State(kind, held, oldest, due_count, next_at, ran_at, erased)


async def _copies(kind: Kind, now: int, ran_at: int | None, erased: int | None) -> State:
    """The state of copies of mail, which are deleted in their mailbox, and their records with them."""
    found = await store.copies_stored()
    assert kind.limit is not None
    ends = [_ends(kind.limit, at) for at in found]
    dated = [start_of(at) for at, end in zip(found, ends, strict=True) if end is not None]
    return State(
        kind,
        len(found),
        min(dated, default=None),
        sum(end is None or end <= now for end in ends),
        min((end for end in ends if end is not None and end > now), default=None),
        ran_at,
        erased,
    )


async def _files(kind: Kind, settings: Settings, now: int) -> int:
    """Delete what is due of a kind that is stored in files of its own; returns how many."""
    if kind.name == "access-log":
        return await asyncio.to_thread(access_log_reader.delete_expired, settings.data_dir / access_log.FOLDER, now)
    if kind.name == "mail-copies":
        from app.privacy.mail import sync

        return await sync.delete_old_copies(settings, now=now)
    return 0


def _ends(limit: Limit, value: int | str) -> int | None:
    """The second at which the limit counted from ``value`` is reached. ``None`` if ``value`` is no time, as after a
    fault of the disk: data that can't be dated is past its limit."""
    try:
        return limit.ends(start_of(value))
    except (ValueError, TypeError, OverflowError, OSError):
        return None


def _limit(kind: Kind, aged: Aged) -> Limit:
    limit = aged.limit or kind.limit
    assert limit is not None, f"{kind.name} ages without a limit"
    return limit


async def run(settings: Settings, now: int) -> dict[str, int]:
    """Erase everything whose limit has passed at ``now`` (seconds); returns kind → how many things were erased.

    Safe to run at any time; if another process runs it, this one waits. If one kind can't be erased, the others still
    are, and the failure is raised at the end.
    """
    async with in_turn(settings.data_dir, "purge"):
        return await _run(settings, now)


async def _run(settings: Settings, now: int) -> dict[str, int]:
    gone: dict[str, int] = {}
    failed: Exception | None = None
    await future_stamps.put_back(now)
    for kind in KINDS:
        if not kind.ages:
            continue
        try:
            erased = await _files(kind, settings, now)
            for aged in kind.aged:
                erased += await _erase(kind, aged, now)
        except Exception as error:
            log.error("a kind of data could not be erased", extra={"data": kind.name, "why": type(error).__name__})
            failed = failed or error
            continue
        gone[kind.name] = erased
    await scrub()  # this also covers what was erased on request since the last purge
    ran_at = clock.timestamp()
    async with transaction(RETENTION_KEY):
        await store.record_runs(gone, ran_at)
    log.info("purged", extra={"erased": {name: count for name, count in gone.items() if count}})
    if failed:
        raise failed
    return gone


async def _erase(kind: Kind, aged: Aged, now: int) -> int:
    count, limit = 0, _limit(kind, aged)
    latest: int | str = limit.latest_start(now)
    if aged.counts == "day":
        latest = f"{datetime.fromtimestamp(int(latest), UTC):%Y-%m-%d}"
    async for keys in _due(aged, limit, latest, now):
        count += await delete_in_batches(aged, latest, keys)
    return count


async def _due(aged: Aged, limit: Limit, latest: int | str, now: int) -> AsyncIterator[list[int]]:
    """The row numbers that are due, a page at a time."""
    past = -1
    while page := await store.aged_rows(aged, latest, past, PAGE):
        past = page[-1].number
        yield [row.number for row in page if (ends := _ends(limit, row.start)) is None or ends <= now]


async def delete_in_batches(aged: Aged, latest: int | str, keys: list[int]) -> int:
    """Delete the rows with these numbers whose start is ``latest`` or earlier, in short batches; returns how many."""
    size, at = FIRST_BATCH, 0
    while at < len(keys):
        batch = keys[at : at + size]
        began = perf_counter()
        async with transaction(RETENTION_KEY):
            await store.delete_rows(aged, latest, batch)
        took = perf_counter() - began
        at += len(batch)
        size = max(1, min(MOST_IN_BATCH, int(size * min(2, AIM_S / max(took, 1e-6)))))
        await asyncio.sleep(PAUSE_S)
    return len(keys)
