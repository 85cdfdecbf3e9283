"""Reports in the database: sending, finding by receipt, correcting, ending, erasing. No HTTP, no HTML."""

import asyncio
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.core import clock, logs
from app.core.errors import ConflictError
from app.core.version_keys import QUEUE_KEY, gpu_key, provider_key
from app.pricing.offers.offer import COMMUNITY
from app.storage.sqlite import execute, fetch, transaction
from app.submissions import erasure_journal, transitions
from app.submissions.forms import CONTACT, FORMS, Values, is_sound
from app.submissions.receipts import hash_of, new_id, new_receipt

log = logs.get("reports")
MOST_WAITING = 5_000
"""So many reports wait for a look at most; past that the site asks to try later, whoever sends."""
_COLUMNS = (
    "s.id, s.kind, s.day, s.state, s.restricted, s.body, s.policy, s.consent, s.ended_on, s.reason, c.address,"
    " coalesce(v.version, 1)"
)
_FROM = (
    "FROM submission s LEFT JOIN submission_contact c ON c.submission = s.id LEFT "
    "JOIN submission_version v ON v.submission = s.id"
)


@dataclass(frozen=True, slots=True)
class Submission:
    """One report. ``day`` is the UTC day on which it was sent; nothing finer is kept."""

    id: str
    kind: str
    day: str
    state: str
    restricted: bool
    values: Values
    policy: str
    consent: str
    ended_on: str
    reason: str
    contact: str
    version: int
    """Raised by each correction; an approval names the version that was looked at."""

    @property
    def sound(self) -> bool:
        """False if what is stored can't be read, as after a fault of the disk: it is then shown nowhere, and
        erased as any other."""
        return is_sound(FORMS[self.kind], self.values) if self.kind in FORMS else False

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of data that show it, when it is shown."""
        provider, gpu = self.values.get("provider"), self.values.get("gpu")
        return (COMMUNITY, *((provider_key(provider),) if provider else ()), *((gpu_key(gpu),) if gpu else ()))


class FullError(Exception):
    """So many reports wait that none is taken in for now."""


def _read(row: tuple[Any, ...]) -> Submission:
    return Submission(
        row[0],
        row[1],
        row[2],
        row[3],
        bool(row[4]),
        _values(row[5]),
        row[6],
        row[7],
        row[8] or "",
        row[9],
        row[10] or "",
        row[11],
    )


def _values(body: str) -> Values:
    """The stored values; none where they can't be read."""
    try:
        found = json.loads(body)
    except (ValueError, TypeError, RecursionError):
        return {}
    return found if isinstance(found, dict) and all(isinstance(value, str) for value in found.values()) else {}


def fingerprint(kind: str, values: Values) -> str:
    """The same for the same report."""
    told = {name: value for name, value in values.items() if name != CONTACT.name}
    return hashlib.sha256(json.dumps([kind, told], sort_keys=True, ensure_ascii=False).encode()).hexdigest()


async def send(kind: str, values: Values, policy: str, consent: str) -> tuple[str, str] | None:
    """Keep a report; (id, receipt), or None if this very report is here already. Raises :class:`FullError`."""
    receipt, one, contact = new_receipt(), new_id(), values.get(CONTACT.name, "")
    told = {name: value for name, value in values.items() if name != CONTACT.name}
    async with transaction(QUEUE_KEY):
        if await fetch("SELECT 1 FROM submission WHERE fingerprint = ?", fingerprint(kind, values)):
            return None
        if (await fetch("SELECT count(*) FROM submission WHERE state = 'waiting'"))[0][0] >= MOST_WAITING:
            raise FullError
        await execute(
            "INSERT INTO submission (id, kind, day, receipt_hash, state, body, fingerprint, policy, consent) "
            "VALUES (?, ?, ?, ?, 'waiting', ?, ?, ?, ?)",
            one, kind, f"{clock.now():%Y-%m-%d}", hash_of(receipt), json.dumps(told, ensure_ascii=False),
            fingerprint(kind, values), policy, consent,
        )  # fmt: skip
        if contact:
            await execute("INSERT INTO submission_contact (submission, address) VALUES (?, ?)", one, contact.casefold())
    return one, receipt


async def by_receipt(receipt: str) -> Submission | None:
    """The report of a receipt."""
    rows = await fetch(f"SELECT {_COLUMNS} {_FROM} WHERE s.receipt_hash = ?", hash_of(receipt))
    return _read(rows[0]) if rows else None


async def by_id(one: str) -> Submission | None:
    """The report of that number."""
    rows = await fetch(f"SELECT {_COLUMNS} {_FROM} WHERE s.id = ?", one)
    return _read(rows[0]) if rows else None


async def by_contact(address: str) -> list[Submission]:
    """Every report with that contact address."""
    rows = await fetch(f"SELECT {_COLUMNS} {_FROM} WHERE c.address = ? ORDER BY s.day, s.id", address.casefold())
    return [_read(row) for row in rows]


async def listed(state: str = "", kind: str = "") -> list[Submission]:
    """Reports by state and kind, the oldest first."""
    rows = await fetch(
        f"SELECT {_COLUMNS} {_FROM} WHERE (? = '' OR s.state = ?) AND (? = '' OR s.kind = ?) ORDER BY s.day, s.id",
        state, state, kind, kind,
    )  # fmt: skip
    return [_read(row) for row in rows]


async def published(kind: str) -> list[Submission]:
    """Approved reports that are not frozen, and can be read."""
    found = [row for row in await listed("approved", kind) if not row.restricted]
    if broken := [row.id for row in found if not row.sound]:
        log.error("reports that can't be read are shown nowhere", extra={"reports": broken[:20], "count": len(broken)})
    return [row for row in found if row.sound]


async def _moved(one: str, action: str) -> str:
    """The state that ``action`` leads to from the one the report is in now, inside the running transaction.

    Raises :class:`ConflictError` where there is no such transition, or no such report any more.
    """
    rows = await fetch("SELECT state, restricted FROM submission WHERE id = ?", one)
    if not rows:
        raise ConflictError("This report was erased.")
    return transitions.after(action, rows[0][0], frozen=bool(rows[0][1]))


async def correct(report: Submission, values: Values) -> bool:
    """Put other values into a report; it waits for a look again. False if another report says the same already.

    Raises :class:`ConflictError` if the report may not be corrected.
    """
    told = {name: value for name, value in values.items() if name != CONTACT.name}
    async with transaction(QUEUE_KEY, *report.keys):
        mark = fingerprint(report.kind, values)
        if await fetch("SELECT 1 FROM submission WHERE fingerprint = ? AND id <> ?", mark, report.id):
            return False
        state = await _moved(report.id, "correct")
        await execute("DELETE FROM ledger_entry WHERE submission = ?", report.id)
        await execute("UPDATE submission SET body = ?, fingerprint = ?, state = ?, ended_on = NULL, reason = '' "
                      "WHERE id = ?",
                      json.dumps(told, ensure_ascii=False), mark, state, report.id)  # fmt: skip
        await execute(
            "INSERT INTO submission_version (submission, version) VALUES (?, 2) ON CONFLICT (submission) DO UPDATE "
            "SET version = version + 1",
            report.id,
        )
        await execute("DELETE FROM submission_contact WHERE submission = ?", report.id)
        if values.get(CONTACT.name):
            await execute(
                "INSERT INTO submission_contact (submission, address) VALUES (?, ?)",
                report.id,
                values[CONTACT.name].casefold(),
            )
    return True


async def withdraw(folder: Path, report: Submission) -> None:
    """End consent: the report is shown nowhere from now on, and the purge erases it. A restored backup erases it too.

    Raises :class:`ConflictError` if it was withdrawn already.
    """
    transitions.after("withdraw", report.state, frozen=report.restricted)
    await _journal(folder, [report.id])
    async with transaction(QUEUE_KEY, *report.keys):
        await execute("DELETE FROM ledger_entry WHERE submission = ?", report.id)
        await execute(
            "UPDATE submission SET state = ?, ended_on = ? WHERE id = ?",
            await _moved(report.id, "withdraw"), f"{clock.now():%Y-%m-%d}", report.id,
        )  # fmt: skip


async def erase(folder: Path, reports: list[Submission]) -> None:
    """Erase reports with their contact addresses, journalled first."""
    await _journal(folder, [report.id for report in reports])
    async with transaction(QUEUE_KEY, *dict.fromkeys(key for report in reports for key in report.keys)):
        for report in reports:
            await execute("DELETE FROM submission_contact WHERE submission = ?", report.id)
            await execute("DELETE FROM ledger_entry WHERE submission = ?", report.id)
            await execute("DELETE FROM submission WHERE id = ?", report.id)


async def _journal(folder: Path, ids: list[str]) -> None:
    """Journal off the event loop: a sync of the disk may take a while."""
    if ids:
        await asyncio.to_thread(erasure_journal.append, folder, "submission", ids)


async def looked_at(report: Submission) -> None:
    """Remember that the operator saw this version of the report."""
    async with transaction():
        await execute(
            "INSERT INTO submission_version (submission, version, seen_version) VALUES (?1, ?2, ?2) "
            "ON CONFLICT (submission) DO UPDATE SET seen_version = excluded.seen_version",
            report.id,
            report.version,
        )


async def was_shown(one: str) -> bool:
    """True if the operator saw some version of the report."""
    return bool(await fetch("SELECT 1 FROM submission_version WHERE submission = ? AND seen_version IS NOT NULL", one))


async def decide(report: Submission, action: str, reason: str, version: int | None = None) -> None:
    """Approve or reject, with a line in the audit trail that holds nothing personal.

    It is of the ``version`` that was looked at: the one named, else, for an approval, the one that was shown last;
    of a report that was never shown and never corrected there is but one. Raises :class:`ConflictError` if the report
    says something else by now, can't be read, or may not be decided.
    """
    ended = None if action == "approve" else f"{clock.now():%Y-%m-%d}"
    async with transaction(QUEUE_KEY, *report.keys):
        state = await _moved(report.id, action)
        if action == "approve" and not report.sound:
            raise ConflictError(f"What is stored of {report.id} can't be read; it can only be erased.")
        rows = await fetch("SELECT version, seen_version FROM submission_version WHERE submission = ?", report.id)
        now, seen = rows[0] if rows else (1, None)
        looked = version or (seen or 1 if action == "approve" else report.version)
        if not looked == report.version == now:
            raise ConflictError(
                f"{report.id} was corrected by its sender: version {looked} was looked at, it is version {now} now. "
                f"Look again: inferencebench submissions show {report.id}"
            )
        await execute(
            "UPDATE submission SET state = ?, ended_on = ?, reason = ? WHERE id = ?", state, ended, reason, report.id
        )
        await execute(
            "INSERT INTO moderation (at, submission, kind, action, reason) VALUES (?, ?, ?, ?, ?)",
            clock.timestamp(), report.id, report.kind, action, reason,
        )  # fmt: skip


async def restrict(reports: list[Submission], frozen: bool) -> None:
    """Freeze reports, or let them go on: kept, and shown nowhere while frozen.

    All of them, or a :class:`ConflictError`.
    """
    async with transaction(QUEUE_KEY, *dict.fromkeys(key for report in reports for key in report.keys)):
        for report in reports:
            await _moved(report.id, "freeze" if frozen else "unfreeze")
            await execute("UPDATE submission SET restricted = ? WHERE id = ?", int(frozen), report.id)
