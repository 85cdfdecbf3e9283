"""``inferencebench privacy``: read mail, enter and list requests, answer them.

The commands that carry requests out are in :mod:`app.cli.privacy_fulfilment`.
"""

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from app.cli.database import open_database
from app.cli.options import group, one_of
from app.cli.retention import instant
from app.core import clock
from app.core.errors import InferenceBenchError
from app.core.plain_text import visible
from app.core.settings import Settings
from app.core.units import DAY_S
from app.privacy.mail import identifiers, queue, sync, templates
from app.privacy.mail import store as mail_store
from app.privacy.requests import cases, request
from app.privacy.requests import store as requests_store
from app.storage import engine
from app.storage.engine import transaction

app = group("privacy")
Reference = Annotated[str, Parameter(help="the case, such as PR-7K3M9QXT")]
FULFILMENT = (
    ("verify", "Confirm identity with a code or a recorded proof, send a new code, or correct kind and law."),
    ("export", "Collect everything held into a zip, as a file or as the answer by mail."),
    ("restrict", "Freeze what is held."),
    ("erase", "Print what would be erased, or with --yes erase it and send the certificate."),
)
"""(command of :mod:`app.cli.privacy_fulfilment`, what it does)."""
for _name, _help in FULFILMENT:
    app.command(f"app.cli.privacy_fulfilment:{_name}", name=_name, help=_help)


@app.command
def poll(*, settings: Settings) -> int:
    """Read the mailbox now, and send waiting letters."""
    open_database(settings)
    for what, count in engine.run(sync.poll(settings)).items():
        print(f"{what}: {count}")
    return 0


@app.command
def retry(*, settings: Settings) -> int:
    """Read the messages again that were set aside because they could not be stored, and read the mailbox now."""
    open_database(settings)
    print(f"{engine.run(sync.retry())} messages are read again")
    return poll(settings=settings)


@app.command
def record(
    *,
    kind: Annotated[str, one_of(request.KINDS)],
    law: Annotated[str, one_of(request.LAWS)] = request.OTHER,
    address: str = "",
    way: str,
    received: str = "",
    text: str = "",
    settings: Settings,
) -> int:
    """Record a request that did not arrive by mail; the same deadlines and limits apply.

    Args:
        address: the e-mail address for answers, if known
        way: how it arrived, such as 'GitHub issue 12' or 'letter'
        received: the date or instant it arrived; now if not given
        text: a file with its text
    """
    received_at, way = _arrival(received, address, way)
    words = _text(text)
    open_database(settings)

    async def enter() -> str:
        async with transaction(cases.CASES_KEY):
            reference = await cases.open_case(kind, law, received_at, address, way)
            if words:
                await queue.add(
                    reference,
                    received_at,
                    "in",
                    f"recorded:{reference}",
                    "",
                    address,
                    way,
                    words[:20_000],
                    "",
                    "entered by the operator",
                )
        return reference

    reference = engine.run(enter())
    case = engine.run(cases.known(reference))
    print(f"{reference}: {case.kind} ({case.law}), due {templates.day(case.deadline_at)}")
    return 0


def _arrival(received: str, address: str, way: str) -> tuple[int, str]:
    """When a request arrived (seconds), and how, from the options of ``record``, which are checked."""
    received_at = instant(received, "received") if received else clock.timestamp()
    if received_at > clock.timestamp():
        raise InferenceBenchError(f"--received {received!r} lies in the future")
    if address and not identifiers.address(address):
        raise InferenceBenchError(f"--address {address[:60]!r} is no address; for example person@example.org")
    way = " ".join(way.split())[:80]
    if not way:
        raise InferenceBenchError("--way says how the request arrived; for example --way 'letter of 2026-11-20'")
    return received_at, way


def _text(path: str) -> str:
    if not path:
        return ""
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InferenceBenchError(f"{path} can't be read: {error}") from None


@app.command(name="list")
def listing(*, all: bool = False, settings: Settings) -> int:  # noqa: A002 -- the option's name
    """Print the open requests, the most urgent first.

    Args:
        all: include resolved ones
    """
    from rich.console import Console
    from rich.table import Table

    open_database(settings)
    now = clock.timestamp()
    found = engine.run(cases.every(closed=all))
    table = Table("reference", "kind", "law", "state", "due", "left", box=None)
    for case in found:
        left = (case.deadline_at - now) // DAY_S
        table.add_row(
            case.reference,
            case.kind,
            case.law,
            case.state,
            templates.day(case.deadline_at),
            "-" if case.resolved_at else "OVERDUE" if case.deadline_at < now else f"{left} days",
        )
    if found:
        Console(markup=False).print(table)
    print(f"{len(found)} {'case' if len(found) == 1 else 'cases'}")
    return 0


async def _all_of(
    reference: str,
) -> tuple[cases.Case, list[dict[str, Any]], list[requests_store.Event], list[mail_store.Waiting]]:
    """A case, its correspondence, its history, and its letters that are waiting to be sent."""
    case = await cases.known(reference)
    written, happened = await cases.correspondence(case.reference), await cases.events(case.reference)
    return case, written, happened, await mail_store.waiting(case.reference)


@app.command
def show(reference: Reference, /, *, settings: Settings) -> int:
    """Print one case with its correspondence and history."""
    open_database(settings)

    case, letters, history, waiting = engine.run(_all_of(reference))
    extended = f", extended: {case.extended}" if case.extended else ""
    lines = [
        f"{case.reference}  {case.kind} ({case.law})  {case.state}",
        f"from {case.address or 'nobody known'} by {case.way}",
        f"due {templates.day(case.deadline_at)}{extended}",
        f"identity: {case.proof or 'not shown'}",
    ]
    for letter in letters:
        about = f"{letter['direction']} {letter['sender']}  {letter['checks']}  {letter['note']}"
        lines += [f"\n--- {_moment(letter['at'])} {about}", f"{letter['subject']}\n\n{letter['body']}"]
    for at, tries in waiting:
        lines.append(f"\nnot sent yet: the letter of {_moment(at)}" + (f", tried {tries} times" if tries else ""))
    lines += ["\nhistory:", *(f"  {_moment(at)}  {what}" for at, what in history)]
    print(visible("\n".join(lines)))
    return 0


def _moment(at: int) -> str:
    return f"{clock.from_timestamp(at):%Y-%m-%d %H:%M:%S}"


@app.command
def resolve(
    reference: Reference,
    /,
    *,
    state: Annotated[str, one_of((request.ANSWERED, request.REFUSED, request.RESOLVED, request.SPAM))] = "resolved",
    answer: str = "",
    extend: bool = False,
    reason: str = "",
    settings: Settings,
) -> int:
    """Answer, extend, refuse or close a case.

    Args:
        state: answered sends the text of --answer; refused sends the reason, below that text if there is one
        answer: a file with the text to send
        extend: extend the deadline, once
        reason: why it is extended or refused; the person gets it in the answer
    """
    reason = " ".join(reason.split())
    text = _text(answer).strip()
    _check_decision(state, answer, text, reason, extend=extend)
    open_database(settings)

    async def go() -> str:
        async with transaction(cases.CASES_KEY):
            case = await cases.known(reference)
            return await (_extend(settings, case, reason) if extend else _decide(settings, case, state, text, reason))

    print(engine.run(go()))
    return 0


def _check_decision(state: str, answer: str, text: str, reason: str, *, extend: bool) -> None:
    """Refuse options of ``resolve`` that would do less than they say."""
    if answer and not text:
        raise InferenceBenchError(f"{answer} holds no text, so there is no answer to send")
    if extend and (text or state != request.RESOLVED):
        raise InferenceBenchError("--extend stands alone with its --reason: extend first, then answer")
    if state == request.REFUSED and not reason:
        raise InferenceBenchError("a refusal needs its --reason: the person has a right to it")
    if state == request.ANSWERED and not text:
        raise InferenceBenchError("an answer needs its text; for example --state answered --answer letter.txt")
    if state == request.SPAM and text:
        raise InferenceBenchError("spam is not answered; leave out --answer")


async def _decide(settings: Settings, case: cases.Case, state: str, text: str, reason: str) -> str:
    """Answer, refuse or end a case, inside the running transaction. Returns the line to print."""
    if case.state == state and state != request.ANSWERED:
        raise InferenceBenchError(f"{case.reference} is {state} already; nothing was sent or changed")
    if state == request.REFUSED:
        if await queue.refuse(settings, case.reference, reason, text):
            return "refused; the letter with the reason waits to be sent"
        return "refused; no address is known, so tell the person the reason another way"
    if text:
        await queue.answer(settings, case.reference, text)
    if state == request.ANSWERED:
        return "answered; it resolves itself after 60 days of silence"
    await cases.close(case.reference, state, reason)
    return state


async def _extend(settings: Settings, case: cases.Case, reason: str) -> str:
    """Extend a case's deadline and queue the letter that explains why. Returns the line to print."""
    if case.extended or not reason:
        raise InferenceBenchError("a deadline is extended once, with a --reason that the person is told")
    if case.state not in request.OPEN:
        raise InferenceBenchError(f"{case.reference} is {case.state}: only an open request is extended")
    due = request.extended(case.received_at, case.deadline_at, case.law)
    day = templates.day(due)
    letter = f"Your request {case.reference} takes longer: you get the answer by {day}. The reason: {reason}"
    async with transaction(cases.CASES_KEY):
        await cases.set_values(case.reference, deadline_at=due, extended=reason[:300])
        await cases.note(case.reference, f"extended to {day}: {reason}")
        told = await queue.write(settings, case, letter, automatic=False, now=clock.timestamp())
    return f"due {day}; {'the notice waits to be sent' if told else 'no address is known: tell the person'}"
