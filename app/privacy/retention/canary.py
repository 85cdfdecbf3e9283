"""Canaries: artificial rows of every kind of data with a limit, planted shortly before it, to check that they are
really deleted.

Planting and checking know the retention table and the tables' columns, and nothing of the purge. Whether a canary is
gone is looked up by :mod:`app.privacy.retention.canary_reader`, in the bytes of the files.
"""

import asyncio
import json
import secrets
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

from app.core import clock, logs
from app.core.retention import (
    CASE_MONTHS,
    COPY_DAYS,
    COUNTER_MONTHS,
    KINDS,
    REJECTED_DAYS,
    SPAM_DAYS,
    WITHDRAWN_DAYS,
    Limit,
)
from app.core.settings import Settings
from app.core.units import DAY_S
from app.core.version_keys import RETENTION_KEY
from app.privacy.mail.mailbox import Imap, MailboxError, Maildir, inbox, outbox
from app.privacy.retention import canary_reader, canary_store
from app.storage.damaged_rows import MAX_INSTANT
from app.storage.engine import raise_versions, transaction
from app.telemetry import access_log, access_log_reader

RECORD = "canaries.json"
WAY = "canary"
"""The ``way`` of a planted case, by which statistics leave it out."""
LEAST_WAIT_S = 65
"""The least seconds to the limit of a planted row: the worker looks once a minute for what is due within the next
minute."""
AFTER_S = 1
"""Seconds after its limit by which a canary must be gone."""
KEPT = 60
log = logs.get("canary")


@dataclass
class Canary:
    """One planting. ``hidden`` is its mark spelled backwards: otherwise the search would find it in this very record.

    ``due_at`` is the second at which the last of its limits is reached. ``found`` lists the places where the mark was
    one second later; ``died_at`` is the second of a search that found nothing.
    """

    planted_at: int
    due_at: int
    hidden: str
    rows: dict[str, int] = field(default_factory=dict)
    checked_at: int | None = None
    died_at: int | None = None
    found: list[str] = field(default_factory=list)

    @property
    def mark(self) -> str:
        return self.hidden[::-1]

    @property
    def is_alive(self) -> bool:
        """True until a search found it gone."""
        return self.died_at is None


def recorded(settings: Settings) -> list[Canary]:
    """Every recorded canary, the oldest first; none if the record can't be read, and no row that holds what no canary
    can."""
    try:
        rows = json.loads((settings.data_dir / RECORD).read_text(encoding="utf-8"))
        return [one for row in rows if _is_sound(one := Canary(**row))]
    except (OSError, ValueError, TypeError, RecursionError):
        return []


def _is_sound(one: Canary) -> bool:
    instants = (one.planted_at, one.due_at, one.checked_at or 0, one.died_at or 0)
    return (
        all(type(number) is int and 0 <= number <= MAX_INSTANT for number in instants)
        and isinstance(one.hidden, str) and one.hidden.isascii() and one.hidden.isalnum()
        and isinstance(one.rows, dict) and all(type(count) is int and 0 <= count < KEPT for count in one.rows.values())
        and isinstance(one.found, list) and all(isinstance(place, str) for place in one.found)
    )  # fmt: skip


def last_death(settings: Settings) -> int | None:
    """The second at which a canary was last found to be gone."""
    return max((one.died_at for one in recorded(settings) if one.died_at), default=None)


def living_rows(settings: Settings, now: int) -> dict[str, int]:
    """Kind → the number of planted rows that may still exist, for statistics to leave out."""
    found: dict[str, int] = {}
    for one in recorded(settings):
        if one.is_alive and (one.due_at > now or one.found):
            for kind, count in one.rows.items():
                found[kind] = found.get(kind, 0) + count
    return found


def _remember(settings: Settings, canary: Canary) -> None:
    others = [one for one in recorded(settings) if one.hidden != canary.hidden]
    path = settings.data_dir / RECORD
    half = path.with_suffix(".tmp")
    half.write_text(json.dumps([asdict(one) for one in [*others, canary][-KEPT:]], indent=1), encoding="utf-8")
    half.replace(path)


def _start(limit: Limit, due: int) -> int:
    """A start whose limit is reached at ``due``, or slightly earlier if a month has no such day."""
    start = limit.latest_start(due) - (3 * DAY_S if limit.months else 0)
    while limit.ends(start) > due:
        start -= DAY_S
    return start


def _last_day(limit: Limit, now: int) -> str:
    """The latest UTC day whose limit is reached by ``now``: limits of days are reached at midnight."""
    day = now - now % DAY_S
    while limit.ends(day) > now:
        day -= DAY_S
    return f"{datetime.fromtimestamp(day, UTC):%Y-%m-%d}"


async def plant(settings: Settings, wait_s: int = LEAST_WAIT_S) -> Canary:
    """Plant a row of every kind of data with a limit.

    Limits in seconds are reached after ``wait_s``; limits in days are reached already.
    """
    now = clock.timestamp()
    mark = f"canary{secrets.token_hex(12)}"
    canary = Canary(now, now + max(wait_s, 1), mark[::-1])
    await asyncio.to_thread(_remember, settings, canary)  # first, so that a planting that is cut off is looked for too
    await asyncio.to_thread(_plant_log, settings.data_dir, mark, now)
    canary.rows["access-log"] = 1
    async with transaction(RETENTION_KEY):
        await _plant_rows(canary, mark)
    await _plant_mail(settings, canary, mark)
    assert set(canary.rows) == {kind.name for kind in KINDS if kind.ages}, "a kind that ages has no canary"
    await asyncio.to_thread(_remember, settings, canary)
    log.info("canary planted", extra={"due_in_s": canary.due_at - now})
    return canary


def _plant_log(folder: Path, mark: str, now: int) -> None:
    """Write a log file with one row, of the latest day whose limit is reached."""
    logs_folder = folder / access_log.FOLDER
    logs_folder.mkdir(parents=True, exist_ok=True)
    day = now - now % DAY_S
    while access_log_reader.goes_at(day) > now:
        day -= DAY_S
    name = f"access-{datetime.fromtimestamp(day, UTC):%Y-%m-%d}.tsv"
    row = [
        f"{datetime.fromtimestamp(day, UTC):%Y-%m-%dT%H:%M:%SZ}",
        "192.0.2.1",
        "-",
        "-",
        mark,
        "GET",
        "/",
        "/",
        "200",
        "1",
    ]
    (logs_folder / name).write_text("\t".join(access_log.COLUMNS) + "\n" + "\t".join(row) + "\n", encoding="ascii")


async def _plant_rows(canary: Canary, mark: str) -> None:
    """Insert the rows in the database, inside the running transaction."""
    counters = Limit(months=COUNTER_MONTHS)
    await canary_store.counter(_last_day(counters, canary.planted_at), mark)
    await canary_store.decision(_start(counters, canary.due_at), mark)
    for state, days in (("rejected", REJECTED_DAYS), ("withdrawn", WITHDRAWN_DAYS)):
        ended = _last_day(Limit(days=days), canary.planted_at)
        await canary_store.report(f"k{secrets.token_hex(7)}", ended, state, mark, json.dumps({"text": mark}))
    for state, limit in (("resolved", Limit(months=CASE_MONTHS)), ("spam", Limit(days=SPAM_DAYS))):
        reference, at = _reference(), _start(limit, canary.due_at)
        await canary_store.case(reference, state, at, WAY, mark)
        await canary_store.letter(f"k{secrets.token_hex(8)}", reference, at, mark)
    await canary_store.letter(f"k{secrets.token_hex(8)}", None, _start(Limit(days=COPY_DAYS), canary.due_at), mark)
    canary.rows |= {"counters": 1, "submissions": 2, "moderation": 1, "requests": 3}


def _reference() -> str:
    return f"PK-{secrets.token_hex(4).upper()}"


async def _plant_mail(settings: Settings, canary: Canary, mark: str) -> None:
    """Put a message into the mailbox and one into the outbox, each recorded as stored already."""
    message = EmailMessage(policy=SMTP)
    message["From"] = message["To"] = f"{mark}@example.invalid"
    message["Subject"] = mark
    message["Auto-Submitted"] = "auto-generated"  # should the mail job read it meanwhile, it opens no case
    message.set_content(f"An artificial message, to see that copies of mail go. {mark}")
    raw = message.as_bytes()
    box = await asyncio.to_thread(inbox, settings)
    kept = [(await asyncio.to_thread(outbox, settings)).put]
    places = ["mail/outbox"]
    if isinstance(box, Maildir):
        kept.append(box.put)
        places.append(box.place)
    names: list[str] = []
    for place, put in zip(places, kept, strict=True):
        name = f"{mark[::-1]}.{len(names)}"
        await _known(place, name, canary.due_at)  # known first: the mail job passes over it
        await asyncio.to_thread(put, name, raw)
        names.append(name)
    if isinstance(box, Imap):
        try:
            await _known(box.place, await asyncio.to_thread(box.append, raw, mark), canary.due_at)
            names.append(mark)
        except MailboxError as error:
            log.warning("no canary could be put into the mailbox", extra={"why": str(error)})
    canary.rows["mail-copies"] = len(names)


async def _known(place: str, name: str, due: int) -> None:
    async with transaction():
        await canary_store.copy(place, name, _start(Limit(days=COPY_DAYS), due))


async def check(settings: Settings, canary: Canary) -> Canary:
    """Wait until one second after the limit, then search for the mark; records and returns the result."""
    await asyncio.sleep(max(0, canary.due_at + AFTER_S - clock.timestamp()))
    canary.found = await canary_reader.search(settings, canary.mark)
    canary.checked_at = clock.timestamp()
    canary.died_at = None if canary.found else canary.checked_at
    await asyncio.to_thread(_remember, settings, canary)
    async with transaction():
        await raise_versions([RETENTION_KEY])
    if canary.found:
        log.error("a canary outlived its limit", extra={"places": canary.found})
    else:
        log.info("the canary is gone", extra={"after_s": canary.checked_at - canary.due_at})
    return canary


async def look_again(settings: Settings) -> list[Canary]:
    """Search again for canaries that outlived their limit, or whose check was interrupted; returns all of them, also
    those that are gone now."""
    now = clock.timestamp()
    waiting = [one for one in recorded(settings) if one.is_alive and one.due_at + AFTER_S <= now]
    return [await check(settings, one) for one in waiting]
