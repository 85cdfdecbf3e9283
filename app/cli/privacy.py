"""``inferencebench privacy``: read mail, list what is due, verify, carry out, resolve."""

from pathlib import Path
from typing import Any

from app.cli.retention import instant
from app.core import clock
from app.core.errors import InferenceBenchError
from app.core.settings import Settings
from app.core.units import DAY_S
from app.privacy.fulfilment import export as gather
from app.privacy.fulfilment import fulfil
from app.privacy.mail import queue, sync, templates
from app.privacy.requests import cases, request
from app.process import prepare
from app.storage import sqlite
from app.storage.sqlite import transaction


def _open(settings: Settings) -> None:
    prepare.prepare(settings)
    sqlite.use(settings.database_path)


def polling(settings: Settings, _: Any) -> int:
    """Read the mailbox now."""
    _open(settings)
    for what, count in sqlite.run(sync.poll(settings)).items():
        print(f"{what}: {count}")
    return 0


def retry(settings: Settings, _: Any) -> int:
    """Let the messages that were set aside be read again, and read the mailbox now."""
    _open(settings)
    print(f"{sqlite.run(sync.retry())} messages are read again")
    return polling(settings, None)


def record(settings: Settings, asked: Any) -> int:
    """Enter a request that came another way; it has the same deadlines and limits."""
    received = instant(asked.received, "received") if asked.received else clock.timestamp()
    if received > clock.timestamp():
        raise InferenceBenchError(f"--received {asked.received!r} lies in the future")
    text = _text(asked.text)
    _open(settings)

    async def enter() -> str:
        async with transaction(cases.CASES_KEY):
            reference = await cases.open_case(asked.kind, asked.law, received, asked.address, asked.way)
            if text:
                await queue.add(
                    reference,
                    received,
                    "in",
                    f"recorded:{reference}",
                    "",
                    asked.address,
                    asked.way,
                    text[:20_000],
                    "",
                    "entered by the operator",
                )
        return reference

    reference = sqlite.run(enter())
    case = sqlite.run(cases.known(reference))
    print(f"{reference}: {case.kind} ({case.law}), due {templates.day(case.deadline_at)}")
    return 0


def _text(path: str) -> str:
    if not path:
        return ""
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InferenceBenchError(f"{path} can't be read: {error}") from None


def listing(settings: Settings, asked: Any) -> int:
    """Print cases, the most urgent first."""
    from rich.console import Console
    from rich.table import Table

    _open(settings)
    now = clock.timestamp()
    found = sqlite.run(cases.every(closed=asked.all))
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
        Console().print(table)
    print(f"{len(found)} {'case' if len(found) == 1 else 'cases'}")
    return 0


def show(settings: Settings, asked: Any) -> int:
    """Print one case with its correspondence and history."""
    _open(settings)

    async def gather() -> tuple[cases.Case, list[dict[str, Any]], list[tuple[int, str]]]:
        case = await cases.known(asked.reference)
        return case, await cases.correspondence(case.reference), await cases.events(case.reference)

    case, letters, history = sqlite.run(gather())
    print(f"{case.reference}  {case.kind} ({case.law})  {case.state}\nfrom {case.address or 'nobody known'} by {case.way}\ndue {templates.day(case.deadline_at)}"
          + (f", extended: {case.extended}" if case.extended else ""))  # fmt: skip
    print(f"identity: {case.proof or 'not shown'}")
    for letter in letters:
        print(
            f"\n--- {_moment(letter['at'])} {letter['direction']} {letter['sender']}  {letter['checks']}  {letter['note']}\n{letter['subject']}\n\n{letter['body']}"
        )
    print("\nhistory:")
    for at, what in history:
        print(f"  {_moment(at)}  {what}")
    return 0


def _moment(at: int) -> str:
    return f"{clock.from_timestamp(at):%Y-%m-%d %H:%M:%S}"


def verify(settings: Settings, asked: Any) -> int:
    """Confirm identity with a code or a recorded proof, send a new code, or put kind and law right."""
    _open(settings)

    async def go() -> str:
        case = await cases.known(asked.reference)
        async with transaction(cases.CASES_KEY):
            if asked.kind or asked.law:
                kind, law = asked.kind or case.kind, asked.law or case.law
                due = request.deadline(case.received_at, law)
                due = request.extended(case.received_at, due, law) if case.extended else due
                await cases.set_values(case.reference, kind=kind, law=law, deadline_at=due)
                await cases.note(case.reference, f"confirmed as {kind} ({law})")
                return f"filed as {kind} ({law}), due {templates.day(due)}"
            if asked.proof:
                now = clock.timestamp()
                await cases.move(
                    case.reference,
                    request.VERIFIED,
                    now,
                    verified_at=now,
                    code_hash="",
                    proof=asked.proof[:300],
                )
                await cases.note(case.reference, f"identity shown: {asked.proof}")
                return "identity recorded as shown"
            if asked.code:
                if not case.code_hash:
                    raise InferenceBenchError("no code is open for this case; send one with --send-code")
                right = await queue.try_codes(settings, case, request.codes_in(asked.code) or [asked.code])
                return "the code is right" if right else "the code is wrong"
            if asked.send_code:
                code = request.new_code()
                text = templates.acknowledgement(case.reference, case.kind, case.law, case.deadline_at, code, "")
                if not await queue.write(
                    settings,
                    case,
                    f"Your privacy request {case.reference}",
                    text,
                    automatic=False,
                    now=clock.timestamp(),
                ):
                    raise InferenceBenchError("no address is known for this case")
                code_hash = queue.hash_of(code)
                await cases.move(case.reference, request.WAITING, clock.timestamp(), code_hash=code_hash, wrong_codes=0)
                return "a new code waits to be sent; the worker or inferencebench privacy poll sends it"
        raise InferenceBenchError("say --code CODE, --proof TEXT, --send-code, or --kind and --law")

    answer = sqlite.run(go())
    print(answer)
    return 1 if answer == "the code is wrong" else 0


def export(settings: Settings, asked: Any) -> int:
    """Gather what is held into a zip, as a file or as the answer by mail."""
    _open(settings)

    async def go() -> tuple[bytes, dict[str, int]]:
        await fulfil.proven(asked.reference)
        logs: list[dict[str, Any]] = []
        if asked.ip:
            since = instant(asked.since, "since") if asked.since else 0
            logs = await gather.log_rows(
                settings, asked.ip, since, instant(asked.until, "until") if asked.until else None, asked.ip_proof
            )
        bundle, counts = await gather.export(settings, asked.reference, asked.receipt, logs)
        async with transaction(cases.CASES_KEY):
            if logs:
                await cases.note(
                    asked.reference.upper(), f"log rows of an address given on further proof: {asked.ip_proof}"
                )
            await cases.note(
                asked.reference.upper(), "exported: " + ", ".join(f"{what}: {n}" for what, n in counts.items())
            )
        if asked.send:
            text = "Enclosed is what we hold about you, with a README that explains each file. What was not found is not held."
            await queue.answer(settings, asked.reference, text, (f"{asked.reference.upper()}.zip", bundle))
        return bundle, counts

    bundle, counts = sqlite.run(go())
    if asked.output:
        Path(asked.output).write_bytes(bundle)
    print(
        ", ".join(f"{what}: {count}" for what, count in counts.items())
        + (f"; in {asked.output}" if asked.output else "")
        + ("; waits to be sent" if asked.send else "")
    )
    return 0


def restrict(settings: Settings, asked: Any) -> int:
    """Freeze what is held."""
    _open(settings)
    count = sqlite.run(
        fulfil.restrict(settings, asked.reference, asked.receipt, frozen=not asked.end, dry=asked.dry_run)
    )
    print(f"{count} reports {'would be ' if asked.dry_run else ''}{'set free' if asked.end else 'frozen'}")
    return 0


def erase(settings: Settings, asked: Any) -> int:
    """Say what would be erased, or with --yes erase it and send the certificate."""
    _open(settings)

    async def go() -> tuple[list[tuple[str, int]], list[str]]:
        counts, kept = await fulfil.erase(settings, asked.reference, asked.receipt, dry=not asked.yes)
        if asked.yes:
            await fulfil.conclude(settings, asked.reference.upper(), counts, kept)
        return counts, kept

    counts, kept = sqlite.run(go())
    print(templates.certificate(asked.reference.upper(), counts, kept, clock.timestamp()))
    if not asked.yes:
        print("\nNothing was erased: this was a dry run. Say --yes to erase.")
    return 0


def resolve(settings: Settings, asked: Any) -> int:
    """Answer, extend, refuse or end a case."""
    if asked.state == "refused" and not asked.reason:
        raise InferenceBenchError("a refusal needs its --reason: the person has a right to it")
    text = _text(asked.answer)
    _open(settings)

    async def go() -> str:
        case = await cases.known(asked.reference)
        if asked.extend:
            if case.extended or not asked.reason:
                raise InferenceBenchError("a deadline is extended once, with a --reason that the person is told")
            due = request.extended(case.received_at, case.deadline_at, case.law)
            async with transaction(cases.CASES_KEY):
                await cases.set_values(case.reference, deadline_at=due, extended=asked.reason[:300])
                await cases.note(case.reference, f"extended to {templates.day(due)}: {asked.reason}")
                told = f"Your request {case.reference} takes longer: you get the answer by {templates.day(due)}. The reason: {asked.reason}"
                await queue.write(
                    settings,
                    case,
                    f"Your privacy request {case.reference}",
                    told,
                    automatic=False,
                    now=clock.timestamp(),
                )
            return f"due {templates.day(due)}; the notice waits to be sent"
        if text:
            await queue.answer(settings, case.reference, text)
        if asked.state == "answered":
            return "answered; it resolves itself after 60 days of silence"
        await cases.close(case.reference, asked.state, asked.reason)
        return str(asked.state)

    print(sqlite.run(go()))
    return 0
