"""Carrying out a request: freezing and erasing. Nothing happens before identity is verified; a dry run says what would
happen."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from app.core import clock
from app.core.errors import InferenceBenchError
from app.core.settings import Settings
from app.privacy.fulfilment import store
from app.privacy.mail import copy_store, queue, sync, templates
from app.privacy.mail.copy_store import Copy
from app.privacy.requests import cases, request
from app.privacy.requests.cases import Case
from app.privacy.requests.store import delete as delete_case
from app.privacy.requests.store import is_held as is_case_held
from app.storage.engine import scrub, transaction
from app.submissions import erasure_journal, publish, transitions
from app.submissions import store as reports_store
from app.submissions.store import Submission

KEPT = [
    (
        "this request with its correspondence, until 12 months after it was resolved: to show that it was answered "
        "(GDPR Art. 5(2) and 17(3)(b), CCPA regulations § 7101)"
    ),
    (
        "rows of the server log: they hold an IP address and no name, can't be tied to you (GDPR Art. 11), and go "
        "within 90 days"
    ),
]


async def proven(reference: str) -> Case:
    """The case, if identity was verified. Raises :class:`InferenceBenchError` otherwise."""
    case = await cases.known(reference)
    if case.verified_at is None:
        raise InferenceBenchError(
            f"identity is not shown for {case.reference}: nothing personal is sent, changed or erased before. Wait for "
            f"the code, or record the proof: inferencebench privacy verify {case.reference} --proof 'what you saw'"
        )
    return case


async def held(case: Case, receipts: list[str]) -> list[Submission]:
    """Every report with the case's verified address, and those of the given receipts."""
    found = {report.id: report for report in (await reports_store.by_contact(case.address) if case.address else [])}
    for receipt in receipts:
        report = await reports_store.by_receipt(receipt)
        if report is None:
            raise InferenceBenchError("no report has this receipt")
        found[report.id] = report
    return list(found.values())


async def restrict(settings: Settings, reference: str, receipts: list[str], *, frozen: bool, dry: bool) -> int:
    """Freeze the person's reports, or unfreeze them; returns how many.

    Withdrawn ones are left as they are: the purge erases them in a few days.
    """
    case = await proven(reference)
    action = "freeze" if frozen else "unfreeze"
    reports = [r for r in await held(case, receipts) if not transitions.refusal(action, r.state, frozen=r.restricted)]
    if not dry:
        await publish.with_prices(reports_store.restrict(reports, frozen))
        async with transaction(cases.CASES_KEY):
            await cases.note(case.reference, f"{len(reports)} reports {'frozen' if frozen else 'set free'}")
    return len(reports)


REPORTS, CONTACTS = "reports", "addresses for questions"
CASES, COPIES = "earlier, resolved requests with their correspondence", "copies of mail"


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing that a case erases: its kind, its id or name, and for a copy of mail the place where it is stored."""

    what: str
    name: str
    place: str = ""


async def erase(
    settings: Settings, reference: str, receipts: list[str], *, dry: bool
) -> tuple[list[tuple[str, int]], list[str]]:
    """Erase the person's data; returns ([(kind, how many are gone)], [what is kept and why]).

    The plan is stored with the case first, so that an interrupted run can be repeated and counts the same. Only things
    that were looked up afterwards and not found are counted. Raises :class:`InferenceBenchError` while anything is
    left, in the database's write-ahead log too: no certificate is sent then.
    """
    case = await proven(reference)
    if case.kind == "restriction":  # GDPR Art. 18: kept, since the person opposes the erasure or needs the data
        raise InferenceBenchError(
            f"{case.reference} asks to freeze what is held, not to erase it. Should the person have asked for erasure "
            f"since: inferencebench privacy verify {case.reference} --kind erasure"
        )
    found = await _found(case, await held(case, receipts))
    if dry:
        planned = {*found, *(thing for thing, _ in await _planned(case.reference))}
        return _counts(planned), KEPT
    async with transaction():
        await store.plan(case.reference, [(thing.what, thing.place, thing.name) for thing in found])
    left = [thing for thing, gone in await _planned(case.reference) if not gone]
    gone = await _carry_out(settings, left)
    async with transaction(cases.CASES_KEY):
        keys = [(thing.what, thing.place, thing.name) for thing in gone]
        await store.mark_gone(case.reference, keys, clock.timestamp())
        await cases.note(case.reference, f"erased: {_listed(gone) or ('nothing yet' if left else 'nothing was held')}")
    if still := [thing for thing in left if thing not in gone]:
        raise InferenceBenchError(
            f"not everything is gone, so no certificate is sent; {_listed(still)} left"
            f"{_where_left(still)}. Run the same command again"
        )
    if not await scrub():
        raise InferenceBenchError(
            "everything is deleted, but its text is still in the database's log of recent writes, which another "
            "process is reading; no certificate is sent. Run the same command again in a minute"
        )
    return _counts({thing for thing, _ in await _planned(case.reference)}), KEPT


async def _found(case: Case, reports: list[Submission]) -> list[Thing]:
    """The person's data that is stored now, in the order in which it is erased."""
    same = await cases.by_address(case.address) if case.address else []
    earlier = [one.reference for one in same if one.reference != case.reference and one.resolved_at is not None]
    copies = await copy_store.copies_of([case.reference, *earlier])
    return [
        *(Thing(REPORTS, report.id) for report in reports),
        *(Thing(CONTACTS, report.id) for report in reports if report.contact),
        *(Thing(CASES, one) for one in earlier),
        *(Thing(COPIES, copy.name, copy.place) for copy in copies),
    ]


async def _planned(reference: str) -> list[tuple[Thing, bool]]:
    """The stored plan of a case: what it erases, and whether that is gone."""
    return [(Thing(row.what, row.name, row.place), row.gone_at is not None) for row in await store.planned(reference)]


async def _carry_out(settings: Settings, things: list[Thing]) -> set[Thing]:
    """Erase things; returns those of which nothing is left, as looked up afterwards."""
    wanted = [thing.name for thing in things if thing.what == REPORTS]
    reports = [report for one in wanted if (report := await reports_store.by_id(one))]
    await publish.with_prices(reports_store.erase(settings.data_dir, reports))
    earlier = [thing.name for thing in things if thing.what == CASES]
    if copies := [erasure_journal.mark_of(thing.name) for thing in things if thing.what == COPIES]:
        await asyncio.to_thread(erasure_journal.append, settings.data_dir, "mail", copies)
    lying = [Copy(thing.place, thing.name) for thing in things if thing.what == COPIES]
    gone = await sync.delete_copies(settings, lying)
    if earlier:
        await asyncio.to_thread(erasure_journal.append, settings.data_dir, "case", earlier)
    async with transaction(cases.CASES_KEY):
        for one in earlier:
            await delete_case(one)
    return {thing for thing in things if not await _is_left(thing, gone)}


async def _is_left(thing: Thing, gone: set[Copy]) -> bool:
    """True if a thing is still stored, as looked up after it was erased."""
    if thing.what == COPIES:
        return Copy(thing.place, thing.name) not in gone
    is_held = {REPORTS: reports_store.is_held, CONTACTS: reports_store.has_contact, CASES: is_case_held}[thing.what]
    return await is_held(thing.name)


def _counts(things: Iterable[Thing]) -> list[tuple[str, int]]:
    found = Counter(thing.what for thing in things)
    return [(what, found[what]) for what in (REPORTS, CONTACTS, CASES, COPIES) if found[what]]


def _listed(things: Iterable[Thing]) -> str:
    return ", ".join(f"{what}: {count}" for what, count in _counts(things))


def _where_left(things: Iterable[Thing]) -> str:
    places = sorted({thing.place for thing in things if thing.place})
    return f" (in {', '.join(places)}; a mailbox that is no longer set must be set for this)" if places else ""


CERTIFIED = "the certificate of erasure was made"


async def refuse_twice(reference: str) -> None:
    """Raise :class:`InferenceBenchError` if the case was certified and the person has not written since: a second run
    would send the certificate again, and erase the copy of the first that may lie in the outbox."""
    case = await cases.known(reference)
    happened = [event for event in await cases.events(case.reference) if event.what in (CERTIFIED, cases.WOKEN)]
    if case.state not in request.OPEN and happened and happened[-1].what == CERTIFIED:
        raise InferenceBenchError(
            f"{case.reference} was carried out and certified on {templates.day(happened[-1].at)}, and nobody has "
            "written since: nothing is erased or sent again"
        )


async def conclude(settings: Settings, reference: str, counts: list[tuple[str, int]], kept: list[str]) -> None:
    """Send the certificate and mark the request as answered."""
    text = templates.certificate(reference, counts, kept, clock.timestamp())
    async with transaction(cases.CASES_KEY):
        case = await cases.known(reference)
        if case.address:
            await queue.answer(settings, reference, text)
        else:
            await cases.close(reference, request.RESOLVED, "erased; the certificate is to be told another way")
        await cases.note(reference, CERTIFIED)
