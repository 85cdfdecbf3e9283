"""Carrying a request out: gather, freeze, erase. Nothing of it happens before identity was shown; a dry run says what would."""

import asyncio
import csv
import io
import json
import zipfile
from dataclasses import asdict
from typing import Any

from app import clock
from app.database import execute, fetch, transaction
from app.errors import InferenceBenchError
from app.privacy import cases, letters, poll, purge, requests, writing
from app.privacy.cases import Case
from app.privacy.mailbox import inbox
from app.privacy.processors import processors
from app.privacy.retention import KINDS
from app.settings import Settings
from app.submissions import journal, manage, publish, store
from app.submissions.store import Submission
from app.telemetry import access, rows

KEPT = [
    "this request with its correspondence, until 12 months after it was resolved: to show that it was answered (GDPR Art. 5(2) and 17(3)(b), CCPA regulations § 7101)",
    "rows of the server log: they hold an IP address and no name, can't be tied to you (GDPR Art. 11), and go within 90 days",
]


async def proven(reference: str) -> Case:
    """The case, if identity was shown. Raises :class:`InferenceBenchError` otherwise."""
    case = await cases.known(reference)
    if case.verified_at is None:
        raise InferenceBenchError(
            f"identity is not shown for {case.reference}: nothing personal is sent, changed or erased before. Wait for the code, or record the proof: "
            f"inferencebench privacy verify {case.reference} --proof 'what you saw'"
        )
    return case


async def held(case: Case, receipts: list[str]) -> list[Submission]:
    """Every report under the verified address, and those of receipts that were shown."""
    found = {report.id: report for report in (await store.by_contact(case.address) if case.address else [])}
    for receipt in receipts:
        report = await store.by_receipt(receipt)
        if report is None:
            raise InferenceBenchError("no report has this receipt")
        found[report.id] = report
    return list(found.values())


async def log_rows(settings: Settings, address: str, since: int, until: int | None, proof: str) -> list[dict[str, Any]]:
    """Rows of the server log of an address, only on further proof that is recorded (GDPR Art. 11(2))."""
    if not proof.strip():
        raise InferenceBenchError(
            "a mailbox proves no IP address: say with --ip-proof what shows that it was this person's, for example 'statement of the provider, 2026-11-20'"
        )
    return [
        asdict(row)
        for row in await asyncio.to_thread(
            lambda: list(rows.read(settings.data_dir / access.FOLDER, clock.timestamp(), since, until, address))
        )
    ]


README = """What InferenceBench holds about you
====================================

Request {reference}, gathered {day}. Controller: {controller}, {contact}.

reports.json, reports.csv   The reports you sent: number, kind, the day it came, its state, every field as you filled it in, the
                            sentence you agreed to and the version of the privacy policy it names. "frozen" means kept and not shown.
correspondence.json, .csv   What you wrote to us and what we answered: time (UTC), direction, subject, text; and of each case its
                            kind, law, deadline and state.
{logs}
Why we hold it, on what legal basis, for how long and how it is erased stands in purposes.json, one entry for each kind of data.
Where it comes from: from you. Who receives it: {processors}. Nothing is sold. No decision is made about you automatically, and
no profile is made. Where data leaves your country, the safeguard is named in purposes.json.

Your rights: rectification, erasure, restriction, objection, portability, withdrawal of consent, and a complaint to the supervisory
authority where you live or work. {rights}
"""


async def export(
    settings: Settings, reference: str, receipts: list[str], logs: list[dict[str, Any]]
) -> tuple[bytes, dict[str, int]]:
    """All that is held as a zip of JSON, CSV and a README in plain words, with what GDPR Art. 15 asks for; and counts."""
    case = await proven(reference)
    reports = await held(case, receipts)
    mine = await cases.by_address(case.address) if case.address else [case]
    letters = [
        {"reference": one.reference, **letter} for one in mine for letter in await cases.correspondence(one.reference)
    ]
    for letter in letters:
        letter["at"] = f"{clock.from_timestamp(letter['at']):%Y-%m-%dT%H:%M:%SZ}"
    told = [
        {
            "reference": c.reference,
            "kind": c.kind,
            "law": c.law,
            "state": c.state,
            "received": _day(c.received_at),
            "deadline": _day(c.deadline_at),
        }
        for c in mine
    ]
    named = processors(settings) or ()
    purposes = {
        "kinds": [
            {
                name: getattr(kind, name)
                for name in ("title", "fields", "purpose", "basis", "kept", "counted_from", "erased")
            }
            for kind in KINDS
            if kind.personal
        ],
        "processors": [asdict(row) for row in named],
    }
    readme = README.format(
        reference=case.reference, day=writing.day(clock.timestamp()), controller=settings.controller_name, contact=settings.contact_email,
        logs="server-log.json             Requests noted from the IP address and period that you proved to be yours.\n" if logs else "",
        processors=", ".join(row.name for row in named) or "nobody", rights=f"{settings.base_url}/privacy/rights",
    )  # fmt: skip
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as bundle:
        bundle.writestr("README.txt", readme)
        bundle.writestr("reports.json", manage.as_json(reports))
        bundle.writestr("reports.csv", manage.as_csv(reports))
        bundle.writestr(
            "correspondence.json", json.dumps({"cases": told, "messages": letters}, indent=1, ensure_ascii=False)
        )
        bundle.writestr("correspondence.csv", _csv(letters))
        bundle.writestr("purposes.json", json.dumps(purposes, indent=1, ensure_ascii=False))
        if logs:
            bundle.writestr("server-log.json", json.dumps(logs, indent=1))
    return out.getvalue(), {"reports": len(reports), "messages": len(letters), "rows of the server log": len(logs)}


def _day(at: int) -> str:
    return f"{clock.from_timestamp(at):%Y-%m-%d}"


def _csv(letters: list[dict[str, Any]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    names = ("reference", "at", "direction", "sender", "subject", "body")
    writer.writerow(names)
    for letter in letters:
        writer.writerow([f"'{letter[name]}" if str(letter[name])[:1] in "=+-@\t" else letter[name] for name in names])
    return out.getvalue()


async def restrict(settings: Settings, reference: str, receipts: list[str], *, frozen: bool, dry: bool) -> int:
    """Freeze what is held, or end that; returns how many reports."""
    case = await proven(reference)
    reports = await held(case, receipts)
    if not dry:
        await store.restrict(reports, frozen)
        await publish.publish_prices()
        async with transaction(cases.CASES_KEY):
            await cases.note(case.reference, f"{len(reports)} reports {'frozen' if frozen else 'set free'}")
    return len(reports)


async def erase(
    settings: Settings, reference: str, receipts: list[str], *, dry: bool
) -> tuple[list[tuple[str, int]], list[str]]:
    """Erase what is held; (what and how many, what is kept and why). Journalled, purged from every file, copies of mail included."""
    case = await proven(reference)
    reports = await held(case, receipts)
    earlier = (
        [
            one
            for one in await cases.by_address(case.address)
            if one.reference != case.reference and one.resolved_at is not None
        ]
        if case.address
        else []
    )
    copies = [
        name
        for (name,) in await fetch(
            "SELECT name FROM mail_copy WHERE reference IN (SELECT reference FROM privacy_case WHERE address = ?) OR reference = ?",
            case.address or "-",
            case.reference,
        )
    ]
    counts = [("reports", len(reports)), ("addresses for questions", sum(bool(report.contact) for report in reports)), ("earlier, resolved requests with their correspondence", len(earlier)),
              ("copies of mail", len(copies))]  # fmt: skip
    counts = [(what, count) for what, count in counts if count]
    if dry:
        return counts, KEPT
    await store.erase(settings.data_dir, reports)
    await publish.publish_prices()
    if earlier:
        await asyncio.to_thread(journal.append, settings.data_dir, "case", [one.reference for one in earlier])
    async with transaction(cases.CASES_KEY):
        for one in earlier:
            await execute("DELETE FROM privacy_case WHERE reference = ?", one.reference)
        await cases.note(
            case.reference, "erased: " + (", ".join(f"{count} {what}" for what, count in counts) or "nothing was held")
        )
    box = await asyncio.to_thread(inbox, settings)
    for number in {case.reference, *(other.reference for other in earlier)}:
        await poll.let_go(settings, box, reference=number)
    await purge.empty_log()
    return counts, KEPT


async def conclude(settings: Settings, reference: str, counts: list[tuple[str, int]], kept: list[str]) -> None:
    """Send the certificate and call the request answered."""
    text = writing.certificate(reference, counts, kept, clock.timestamp())
    case = await cases.known(reference)
    if case.address:
        await letters.answer(settings, reference, text)
    else:
        await cases.close(reference, requests.RESOLVED, "erased; the certificate is to be told another way")
