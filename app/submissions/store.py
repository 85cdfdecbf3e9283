"""Reports in the database: sending, finding by receipt, correcting, ending, erasing. No HTTP, no HTML."""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from app.core import clock, logs
from app.core.errors import ConflictError
from app.core.version_keys import QUEUE_KEY, gpu_key, provider_key
from app.pricing.offers.offer import COMMUNITY
from app.storage import scopes
from app.storage.engine import execute, fetch, fetch_column, fetch_one, fetch_value, transaction
from app.submissions import alike_store, erasure_journal, ledger_store, transitions, version_store
from app.submissions.forms import CONTACT, FORMS, Values
from app.submissions.receipts import hash_of, new_id, new_receipt
from app.submissions.soundness import is_sound

log = logs.get("reports")
MOST_WAITING = 5_000
"""The most reports that wait for moderation; beyond that the site asks every sender to try later."""
_REPORTS = (
    "SELECT s.id AS id, s.kind AS kind, s.day AS day, s.state AS state, s.restricted AS restricted, s.body AS body, "
    "s.policy AS policy, s.consent AS consent, s.ended_on AS ended_on, s.reason AS reason, c.address AS contact, "
    "coalesce(v.version, 1) AS version FROM submission s LEFT JOIN submission_contact c ON c.submission = s.id "
    "LEFT JOIN submission_version v ON v.submission = s.id"
)


class StoredReport(NamedTuple):
    """A report as stored: the values are JSON, the contact address is in another table."""

    id: str
    kind: str
    day: str
    state: str
    restricted: bool
    body: str
    policy: str
    consent: str
    ended_on: str | None
    reason: str
    contact: str | None
    version: int


class ReportState(NamedTuple):
    """The state of a report, and whether it is frozen."""

    state: str
    restricted: bool


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
    """Raised by each correction; an approval is of the version that the operator saw."""

    @property
    def sound(self) -> bool:
        """False if the stored values can't be read, as after a fault of the disk: the report is then shown nowhere, but
        erased as any other."""
        return is_sound(FORMS[self.kind], self.values) if self.kind in FORMS else False

    @property
    def keys(self) -> tuple[str, ...]:
        """The version keys of the data that include it while it is published."""
        provider, gpu = self.values.get("provider"), self.values.get("gpu")
        return (COMMUNITY, *((provider_key(provider),) if provider else ()), *((gpu_key(gpu),) if gpu else ()))


class FullError(Exception):
    """Too many reports are waiting to accept another for now."""


def _read(row: StoredReport) -> Submission:
    return Submission(
        row.id, row.kind, row.day, row.state, bool(row.restricted), _values(row.body), row.policy, row.consent,
        row.ended_on or "", row.reason, row.contact or "", row.version,
    )  # fmt: skip


def _values(body: str) -> Values:
    """The stored values without empty ones; none where they can't be read."""
    try:
        found = json.loads(body)
    except (ValueError, TypeError, RecursionError):
        return {}
    sound = isinstance(found, dict) and all(isinstance(value, str) for value in found.values())
    return {name: value for name, value in found.items() if value} if sound else {}


def _without_contact(values: Values) -> Values:
    """The values of a report that may be published; its contact address is stored apart."""
    return {name: value for name, value in values.items() if name != CONTACT.name}


async def send(kind: str, values: Values, policy: str, consent: str) -> tuple[str, str] | None:
    """Store a report; (id, receipt), or None if an identical report is published. Raises :class:`FullError`."""
    receipt, one, contact = new_receipt(), new_id(), values.get(CONTACT.name, "")
    body = json.dumps(_without_contact(values), ensure_ascii=False)
    async with transaction(QUEUE_KEY, scope=scopes.REPORTS):
        if await alike_store.published_alike(one, kind, body):
            return None
        if await fetch_value("SELECT count(*) FROM submission WHERE state = 'waiting'") >= MOST_WAITING:
            raise FullError
        await execute(
            "INSERT INTO submission (id, kind, day, receipt_hash, state, body, fingerprint, policy, consent) "
            "VALUES ({}, {}, {}, {}, 'waiting', {}, {}, {}, {})",
            one, kind, f"{clock.now():%Y-%m-%d}", hash_of(receipt), body, alike_store.fingerprint(one, kind, body),
            policy, consent,
        )  # fmt: skip
        if contact:
            await _keep_contact(one, contact)
    return one, receipt


async def by_receipt(receipt: str) -> Submission | None:
    """The report of a receipt."""
    row = await fetch_one(StoredReport, f"{_REPORTS} WHERE s.receipt_hash = {{}}", hash_of(receipt))
    return _read(row) if row else None


async def by_id(one: str) -> Submission | None:
    """The report of that number."""
    return _read(row) if (row := await fetch_one(StoredReport, f"{_REPORTS} WHERE s.id = {{}}", one)) else None


async def by_contact(address: str) -> list[Submission]:
    """Every report with that contact address."""
    found = await fetch(StoredReport, f"{_REPORTS} WHERE c.address = {{}} ORDER BY s.day, s.id", address.casefold())
    return [_read(row) for row in found]


async def listed(state: str = "", kind: str = "", provider: str = "") -> list[Submission]:
    """Reports by state, kind and provider, the oldest first; "" is any."""
    wanted = {"s.state = {}": state, "s.kind = {}": kind, "s.body LIKE {}": provider and f'%"{provider}"%'}
    where = " AND ".join(name for name, value in wanted.items() if value) or "1 = 1"
    asked = f"{_REPORTS} WHERE {where} ORDER BY s.day, s.id"
    found = map(_read, await fetch(StoredReport, asked, *filter(None, wanted.values())))
    return [row for row in found if not provider or row.values.get("provider") == provider]


async def published(kind: str, provider: str = "") -> list[Submission]:
    """Approved reports that are not frozen, and can be read; those about one provider if its slug is given."""
    found = [row for row in await listed("approved", kind, provider) if not row.restricted]
    if broken := [row.id for row in found if not row.sound]:
        log.error("reports that can't be read are shown nowhere", extra={"reports": broken[:20], "count": len(broken)})
    return [row for row in found if row.sound]


async def _moved(one: str, action: str) -> str:
    """The state to which ``action`` leads from the report's present one, inside the running transaction.

    Raises :class:`ConflictError` if there is no such transition, or no such report any more.
    """
    now = await fetch_one(ReportState, "SELECT state, restricted FROM submission WHERE id = {}", one)
    if now is None:
        raise ConflictError("This report was erased.")
    return transitions.after(action, now.state, frozen=bool(now.restricted))


async def _keep_contact(one: str, address: str) -> None:
    """Store the contact address of a report, inside the running transaction."""
    await execute("INSERT INTO submission_contact (submission, address) VALUES ({}, {})", one, address.casefold())


async def _forget_contact(one: str) -> None:
    await execute("DELETE FROM submission_contact WHERE submission = {}", one)


async def forget(one: str) -> None:
    """Erase a report with its contact address and its content in the ledger, inside the running transaction."""
    await _forget_contact(one)
    await ledger_store.forget(one)
    await execute("DELETE FROM submission WHERE id = {}", one)


async def is_held(one: str) -> bool:
    """True if the report of that number is stored, in whatever state."""
    return bool(await fetch_column("SELECT 1 FROM submission WHERE id = {}", one))


async def has_contact(one: str) -> bool:
    """True if a contact address is stored for a report."""
    return bool(await fetch_column("SELECT 1 FROM submission_contact WHERE submission = {}", one))


async def correct(report: Submission, values: Values) -> bool:
    """Replace a report's values; it waits for moderation again. False if another one with these values is published.
    Raises :class:`ConflictError` if the report may not be corrected."""
    body = json.dumps(_without_contact(values), ensure_ascii=False)
    async with transaction(QUEUE_KEY, *report.keys, scope=scopes.REPORTS):
        if await alike_store.published_alike(report.id, report.kind, body):
            return False
        state = await _moved(report.id, "correct")
        await ledger_store.forget(report.id)
        await execute("UPDATE submission SET body = {}, fingerprint = {}, state = {}, ended_on = NULL, reason = '' "
                      "WHERE id = {}",
                      body, alike_store.fingerprint(report.id, report.kind, body), state, report.id)  # fmt: skip
        await version_store.raise_version(report.id)
        await _forget_contact(report.id)
        if values.get(CONTACT.name):
            await _keep_contact(report.id, values[CONTACT.name])
    return True


async def withdraw(folder: Path, report: Submission) -> None:
    """End consent: the report is no longer shown anywhere, and the purge erases it, also from a restored backup.
    Raises :class:`ConflictError` if it was withdrawn already."""
    transitions.after("withdraw", report.state, frozen=report.restricted)
    await _journal(folder, [report.id])
    async with transaction(QUEUE_KEY, *report.keys, scope=scopes.REPORTS):
        await ledger_store.forget(report.id)
        await execute(
            "UPDATE submission SET state = {}, ended_on = {} WHERE id = {}",
            await _moved(report.id, "withdraw"), f"{clock.now():%Y-%m-%d}", report.id,
        )  # fmt: skip


async def erase(folder: Path, reports: list[Submission]) -> None:
    """Erase reports with their contact addresses, after they are written into the erasure journal in ``folder``."""
    await _journal(folder, [report.id for report in reports])
    async with transaction(QUEUE_KEY, *{key for report in reports for key in report.keys}, scope=scopes.REPORTS):
        for report in reports:
            await forget(report.id)


async def _journal(folder: Path, ids: list[str]) -> None:
    """Write the journal off the event loop, because syncing the disk may take a while."""
    if ids:
        await asyncio.to_thread(erasure_journal.append, folder, "submission", ids)


async def mark_seen(report: Submission) -> None:
    """Record that the operator saw this version of the report."""
    async with transaction(scope=scopes.REPORTS):
        await version_store.mark_seen(report.id, report.version)


async def decide(report: Submission, action: str, reason: str, version: int | None = None) -> None:
    """Approve or reject a report, with a line without personal data in the audit trail.

    The decision is about a ``version``: the named one or, for an approval, the one last shown to the operator; a report
    that was never shown and never corrected has only one. Raises :class:`ConflictError` if the report has been
    corrected since, can't be read, or may not be decided in its state.
    """
    ended = None if action == "approve" else f"{clock.now():%Y-%m-%d}"
    async with transaction(QUEUE_KEY, *report.keys, scope=scopes.REPORTS):
        state = await _moved(report.id, action)
        if action == "approve" and not report.sound:
            raise ConflictError(f"What is stored of {report.id} can't be read; it can only be erased.")
        body = json.dumps(report.values, ensure_ascii=False)
        if action == "approve" and (twin := await alike_store.published_alike(report.id, report.kind, body)):
            raise ConflictError(f"{report.id} says exactly what {twin} says, which is published; reject it")
        now, seen = await version_store.version_of(report.id)
        looked = version or (seen or 1 if action == "approve" else report.version)
        if not looked == report.version == now:
            raise ConflictError(
                f"{report.id} was corrected by its sender: version {looked} was looked at, it is version {now} now. "
                f"Look again: inferencebench submissions show {report.id}"
            )
        await execute(
            "UPDATE submission SET state = {}, ended_on = {}, reason = {} WHERE id = {}",
            state, ended, reason, report.id,
        )  # fmt: skip
        await execute(
            "INSERT INTO moderation (at, submission, kind, action, reason) VALUES ({}, {}, {}, {}, {})",
            clock.timestamp(), report.id, report.kind, action, reason,
        )  # fmt: skip


async def restrict(reports: list[Submission], frozen: bool) -> None:
    """Freeze reports or unfreeze them: a frozen report is kept but shown nowhere.

    All of them, or a :class:`ConflictError`.
    """
    async with transaction(QUEUE_KEY, *{key for report in reports for key in report.keys}, scope=scopes.REPORTS):
        for report in reports:
            await _moved(report.id, "freeze" if frozen else "unfreeze")
            await execute("UPDATE submission SET restricted = {} WHERE id = {}", frozen, report.id)
