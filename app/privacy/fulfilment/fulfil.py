"""Carrying a request out: freeze, erase. Nothing of it happens before identity was shown; a dry run says what would."""

import asyncio

from app.core import clock
from app.core.errors import InferenceBenchError
from app.core.settings import Settings
from app.privacy.mail import queue, sync, templates
from app.privacy.mail.mailbox import inbox
from app.privacy.requests import cases, request
from app.privacy.requests.cases import Case
from app.privacy.retention import purge
from app.storage.sqlite import execute, fetch, transaction
from app.submissions import erasure_journal, publish, store
from app.submissions.store import Submission

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
        await asyncio.to_thread(erasure_journal.append, settings.data_dir, "case", [one.reference for one in earlier])
    async with transaction(cases.CASES_KEY):
        for one in earlier:
            await execute("DELETE FROM privacy_case WHERE reference = ?", one.reference)
        await cases.note(
            case.reference, "erased: " + (", ".join(f"{what}: {count}" for what, count in counts) or "nothing was held")
        )
    box = await asyncio.to_thread(inbox, settings)
    for number in {case.reference, *(other.reference for other in earlier)}:
        await sync.let_go(settings, box, reference=number)
    await purge.empty_log()
    return counts, KEPT


async def conclude(settings: Settings, reference: str, counts: list[tuple[str, int]], kept: list[str]) -> None:
    """Send the certificate and call the request answered."""
    text = templates.certificate(reference, counts, kept, clock.timestamp())
    case = await cases.known(reference)
    if case.address:
        await queue.answer(settings, reference, text)
    else:
        await cases.close(reference, request.RESOLVED, "erased; the certificate is to be told another way")
