"""Reading the mailbox and sending queued letters: each message is stored exactly once, each letter sent once, and
copies are deleted after seven days."""

import asyncio
import json
from collections.abc import Awaitable, Callable

from app.core import clock, limited_process, logs
from app.core.retention import COPY_DAYS
from app.core.settings import Settings
from app.core.units import DAY_S, MIB
from app.privacy.mail import copy_store, delivery, queue
from app.privacy.mail.copy_store import Copy
from app.privacy.mail.mailbox import OUTBOX, Item, Mailbox, MailboxError, inbox, outbox
from app.privacy.mail.parser import Read, read, read_beginning
from app.privacy.mail.reminders import remind
from app.privacy.requests import cases
from app.storage import scopes
from app.storage.engine import UNAVAILABLE, in_turn, transaction
from app.upstream.outcome import place_of

MOST_AT_ONCE = 2_000
READ_TRIES = 3
"""A message that could not be stored in this many readings of the mailbox is set aside, and not read again until the
operator runs ``privacy retry``."""
log = logs.get("mail")


async def poll(settings: Settings) -> dict[str, int]:
    """Read new mail, close silent cases, send reminders and queued letters, and delete old copies. Returns the number
    of each.

    One process at a time: another one waits.
    """
    async with in_turn(settings.data_dir, "mail"):
        return await _poll(settings)


async def _poll(settings: Settings) -> dict[str, int]:
    box = await asyncio.to_thread(inbox, settings)
    counts = {"read": 0, "failed": 0, "cases": 0, "settled": 0, "reminded": 0, "sent": 0, "copies": 0}
    try:
        await _read_all(settings, box, counts)
    finally:
        await _rest(settings, counts)
    return counts


async def _rest(settings: Settings, counts: dict[str, int]) -> None:
    """The steps after reading the mailbox, also if that failed; each runs even if another fails. Raises the first
    failure afterwards."""
    failed: Exception | None = None
    parts: tuple[tuple[str, Callable[[], Awaitable[int]]], ...] = (
        ("settled", lambda: cases.close_silent(clock.timestamp())),
        ("reminded", lambda: remind(settings)),
        ("sent", lambda: delivery.deliver(settings)),
        ("copies", lambda: delete_old_copies(settings)),
    )
    for part, work in parts:
        try:
            counts[part] = await work()
        except Exception as error:
            log.error(
                "a part of reading the mail failed",
                extra={"part": part, "kind": type(error).__name__, "where": place_of(error)},
            )
            failed = failed or error
    if failed:
        raise failed


async def _read_all(settings: Settings, box: Mailbox, counts: dict[str, int]) -> None:
    known = await copy_store.known_names(box.place, READ_TRIES)
    items = await asyncio.to_thread(box.new, known)
    ours = queue.ours(settings)
    try:
        while counts["read"] < MOST_AT_ONCE and (item := await asyncio.to_thread(next, items, None)) is not None:
            if item.fault:
                await _set_aside(box.place, item.name, item.fault)
                counts["failed"] += 1
                continue
            try:
                message = await _parsed(item, ours)
                reference = await queue.keep_message(settings, message, box.place, item.name, item.arrived)
                await asyncio.to_thread(box.stored, item.name)
            except UNAVAILABLE as error:  # a full disk or a lock is no fault of the message
                log.error("a message could not be kept", extra={"kind": type(error).__name__})
                counts["failed"] += 1
                continue
            except Exception as error:  # this message fails whenever it is read: it is set aside, and the next is read
                log.error("a message could not be kept", extra={"kind": type(error).__name__, "where": place_of(error)})
                await _set_aside(box.place, item.name, f"{type(error).__name__} in {place_of(error)}")
                counts["failed"] += 1
                continue
            async with transaction(scope=scopes.CASES):
                await copy_store.not_aside(box.place, item.name)
            counts["read"] += 1
            counts["cases"] += bool(reference)
    finally:
        await asyncio.to_thread(items.close)


SMALL_BYTES = 100_000
"""A smaller message is parsed in this process: parsing takes time in proportion to its length."""


async def _parsed(item: Item, ours: frozenset[str]) -> Read:
    """The parsed message. A large one is parsed in a process with limits; if it exceeds them, only its beginning is
    read."""
    if len(item.raw) <= SMALL_BYTES:
        return await asyncio.to_thread(read, item.raw, item.size, ours)
    head = json.dumps([item.size, sorted(ours)]).encode() + b"\n"
    try:
        parts = await limited_process.call("app.privacy.mail.parser:read_plain", head + item.raw, READING)
    except (limited_process.LimitError, limited_process.RefusedError) as error:
        why = error.limit if isinstance(error, limited_process.LimitError) else "refused"
        return await asyncio.to_thread(read_beginning, item.raw, item.size, ours, why)
    key, message_id, answers, *rest = parts
    return Read(key, message_id, tuple(answers), *rest)


READING = limited_process.Bounds(memory=150 * MIB, cpu_s=2, wall_s=10)


async def _set_aside(place: str, name: str, reason: str) -> None:
    async with transaction(cases.CASES_KEY, scope=scopes.CASES):
        await copy_store.set_aside(place, name, reason[:200], clock.timestamp())


async def aside() -> list[copy_store.Aside]:
    """Messages that could not be read or stored, the oldest first."""
    return await copy_store.aside(READ_TRIES)


async def troubles() -> list[str]:
    """Mail the operator should look at: messages set aside, letters given up."""
    waiting = await aside()
    found = [
        f"{len(waiting)} messages in {place} can't be kept and are set aside ({why}); inferencebench privacy retry "
        f"reads them again"
        for place, why in {(one.place, one.reason) for one in waiting[:20]}
    ]
    found += await delivery.troubles()
    return found


async def retry() -> int:
    """Have every message that was set aside read again; returns how many."""
    waiting = await aside()
    async with transaction(cases.CASES_KEY, scope=scopes.CASES):
        await copy_store.none_aside()
    return len(waiting)


async def delete_copies(settings: Settings, copies: list[Copy]) -> set[Copy]:
    """Delete copies in mailbox and folders, and their records; returns those that are gone.

    A copy in a mailbox that is no longer set, or can't be reached, is not among them.
    """
    gone: set[Copy] = set()
    box, out = await asyncio.to_thread(inbox, settings), await asyncio.to_thread(outbox, settings)
    for place, keeper in ((box.place, box), (OUTBOX, out)):
        names = [copy.name for copy in copies if copy.place == place]
        if not names:
            continue
        try:
            deleted = await asyncio.to_thread(keeper.delete, names)
        except (MailboxError, OSError) as error:
            log.warning("copies could not be deleted", extra={"why": type(error).__name__})
            continue
        async with transaction(scope=scopes.CASES):
            await copy_store.forget_copies(place, deleted)
        gone |= {Copy(place, name) for name in deleted}
    return gone


async def delete_old_copies(settings: Settings, now: int | None = None) -> int:
    """Delete copies in mailbox, Maildir and outbox seven days after they were stored; returns how many are gone."""
    now = clock.timestamp() if now is None else now
    return len(await delete_copies(settings, await copy_store.copies_until(now - COPY_DAYS * DAY_S)))
