"""The purge: what the retention table says is past its limit goes, in short batches, and out of the files as well."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from time import perf_counter

from app.core import clock, logs
from app.core.retention import KINDS, Aged, Kind, Limit, start_of
from app.core.settings import Settings
from app.core.version_keys import RETENTION_KEY
from app.privacy.retention import canary
from app.storage.sqlite import execute, execute_many, fetch, transaction
from app.storage.write_ahead_log import empty_log
from app.telemetry import access_log, access_log_reader

FIRST_BATCH, MOST_IN_BATCH = 200, 20_000
AIM_S = 0.02
"""A batch holds the write lock about so long; one that takes longer makes the next smaller. The bound is 50 ms."""
PAUSE_S = 0.005
"""Between batches the lock is free so long, for whoever waits."""
PAGE = 20_000
MAX_INSTANT = 253_402_300_799
"""The last second of the year 9999."""
log = logs.get("purge")


@dataclass(frozen=True, slots=True)
class State:
    """How a kind of data stands: things held, the start of the oldest, how many are due, when the next one is, the
    last purge."""

    kind: Kind
    held: int
    oldest: int | None
    due: int
    next_at: int | None
    ran_at: int | None
    erased: int | None


async def held_by_kind(settings: Settings, now: int) -> list[State]:
    """Every kind, in the table's order."""
    runs = {
        name: (ran_at, erased) for name, ran_at, erased in await fetch("SELECT kind, ran_at, erased FROM purge_run")
    }
    found = [await _state(kind, settings, now, *runs.get(kind.name, (None, None))) for kind in KINDS]
    planted = await asyncio.to_thread(canary.living_rows, settings, now)
    return [replace(state, held=max(0, state.held - planted.get(state.kind.name, 0))) for state in found]


async def next_due(settings: Settings, now: int) -> int | None:
    """The next second at which something is due, ``now`` if something is due already; None where nothing ages."""
    found = [await _state(kind, settings, now, None, None) for kind in KINDS]
    if any(state.due for state in found):
        return now
    return min((state.next_at for state in found if state.next_at is not None), default=None)


async def _state(kind: Kind, settings: Settings, now: int, ran_at: int | None, erased: int | None) -> State:
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
        for value, count in await fetch(f"SELECT +{aged.column}, count(*) FROM {aged.table}{_where(aged)} GROUP BY 1"):  # noqa: S608
            held += count
            if (ends := _ends(limit, value)) is None:
                due_count += count
                continue
            start = start_of(value)
            due_count += count * (ends <= now)
            oldest = start if oldest is None else min(oldest, start)
            if ends > now:
                next_at = ends if next_at is None else min(next_at, ends)
    return State(kind, held, oldest, due_count, next_at, ran_at, erased)


async def _copies(kind: Kind, now: int, ran_at: int | None, erased: int | None) -> State:
    """Copies go where they lie, and their record with them."""
    found = [at for (at,) in await fetch("SELECT stored_at FROM mail_copy ORDER BY 1")]
    assert kind.limit is not None
    ends = [kind.limit.ends(at) for at in found]
    return State(
        kind,
        len(found),
        min(found, default=None),
        sum(end <= now for end in ends),
        min((end for end in ends if end > now), default=None),
        ran_at,
        erased,
    )


async def _files(kind: Kind, settings: Settings, now: int) -> int:
    """Delete what is due of kinds that lie in files of their own."""
    if kind.name == "access-log":
        return await asyncio.to_thread(access_log_reader.delete_expired, settings.data_dir / access_log.FOLDER, now)
    if kind.name == "mail-copies":
        from app.privacy.mail import sync

        return await sync.let_go(settings, now=now)
    return 0


def _where(aged: Aged) -> str:
    return f" WHERE {aged.column} IS NOT NULL AND {aged.column} <> ''" + (f" AND {aged.where}" if aged.where else "")


def _ends(limit: Limit, value: int | str) -> int | None:
    """The second in which what is counted from ``value`` is gone; None where that is no time, as after a fault of the
    disk: what can't be dated is past its limit."""
    try:
        return limit.ends(start_of(value))
    except (ValueError, TypeError, OverflowError, OSError):
        return None


_NO_TIME = {
    "instant": f"typeof({{0}}) <> 'integer' OR {{0}} NOT BETWEEN 0 AND {MAX_INSTANT}",
    "day": "date({0}) IS NOT {0}",
}
"""What a column of each type must not hold."""


def _limit(kind: Kind, aged: Aged) -> Limit:
    limit = aged.limit or kind.limit
    assert limit is not None, f"{kind.name} ages without a limit"
    return limit


async def run(settings: Settings, now: int) -> dict[str, int]:
    """Erase everything that is past its limit at ``now`` (seconds): kind → how many things went.

    Safe to run at any time. A kind that can't be erased stands in no other's way; its failure is raised at the end.
    """
    gone: dict[str, int] = {}
    failed: Exception | None = None
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
    await empty_log()  # also of what was erased at somebody's own wish since
    ran_at = clock.timestamp()
    async with transaction(RETENTION_KEY):
        await execute_many(
            "INSERT INTO purge_run (kind, ran_at, erased) VALUES (?, ?, ?) ON CONFLICT (kind) DO UPDATE "
            "SET ran_at = excluded.ran_at, erased = excluded.erased",
            [(name, ran_at, count) for name, count in gone.items()],
        )
    log.info("purged", extra={"erased": {name: count for name, count in gone.items() if count}})
    if failed:
        raise failed
    return gone


async def _erase(kind: Kind, aged: Aged, now: int) -> int:
    count = 0
    async for keys in _due(aged, _limit(kind, aged), now):
        count += await delete_in_batches(aged.table, keys)
    return count


async def _due(aged: Aged, limit: Limit, now: int) -> AsyncIterator[list[int]]:
    """The row numbers that are due, a page at a time."""
    latest: int | str = limit.latest_start(now)
    if aged.counts == "day":
        latest = f"{datetime.fromtimestamp(int(latest), UTC):%Y-%m-%d}"
    past = -1
    statement = (
        f"SELECT rowid AS number, +{aged.column} AS start FROM {aged.table}{_where(aged)} "  # noqa: S608
        f"AND ({aged.column} <= ? OR {_NO_TIME[aged.counts].format(aged.column)}) AND rowid > ? "
        f"ORDER BY rowid LIMIT {PAGE}"
    )
    while page := await fetch(statement, latest, past):
        past = page[-1][0]
        yield [number for number, start in page if (ends := _ends(limit, start)) is None or ends <= now]


async def delete_in_batches(table: str, keys: list[int]) -> int:
    """Delete the rows with those row numbers, holding the write lock for moments only."""
    size, at = FIRST_BATCH, 0
    while at < len(keys):
        batch = keys[at : at + size]
        began = perf_counter()
        async with transaction(RETENTION_KEY):
            marks = ",".join(str(int(key)) for key in batch)
            await execute(f"DELETE FROM {table} WHERE rowid IN ({marks})")  # noqa: S608 -- whole numbers
        took = perf_counter() - began
        at += len(batch)
        size = max(1, min(MOST_IN_BATCH, int(size * min(2, AIM_S / max(took, 1e-6)))))
        await asyncio.sleep(PAUSE_S)
    return len(keys)
