"""The commands of ``inferencebench privacy`` that verify a person's identity and carry out their request."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from cyclopts import Parameter

from app.cli import new_file
from app.cli.database import open_database
from app.cli.options import one_of
from app.cli.retention import instant
from app.core import clock
from app.core.errors import InferenceBenchError
from app.core.settings import Settings
from app.privacy.fulfilment import export as gather
from app.privacy.fulfilment import fulfil
from app.privacy.mail import queue, templates
from app.privacy.requests import cases, request
from app.storage import engine
from app.storage.engine import transaction

Reference = Annotated[str, Parameter(help="the case, such as PR-7K3M9QXT")]
Receipts = Annotated[
    Sequence[str], Parameter(name="--receipt", help="a report whose receipt was shown; may be repeated")
]


def verify(
    reference: Reference,
    /,
    *,
    code: str = "",
    proof: str = "",
    send_code: bool = False,
    kind: Annotated[str, one_of(request.KINDS, "correct the kind", optional=True)] = "",
    law: Annotated[str, one_of(request.LAWS, "correct the law", optional=True)] = "",
    settings: Settings,
) -> int:
    """Confirm identity with a code or a recorded proof, send a new code, or correct the kind and law of a request.

    Args:
        code: the code that the person gave
        proof: what else shows who they are; recorded
        send_code: send a new code to the address on record
    """
    proof = " ".join(proof.split())
    open_database(settings)

    async def go() -> str:
        case = await cases.known(reference)
        async with transaction(cases.CASES_KEY):
            if kind or law:
                return await _file_as(case, kind or case.kind, law or case.law)
            if proof:
                return await _record_proof(case, proof)
            if code:
                return await _try_code(settings, case, code)
            if send_code:
                return await _send_code(settings, case)
        raise InferenceBenchError("say --code CODE, --proof TEXT, --send-code, or --kind and --law")

    done = engine.run(go())
    print(done)
    return 1 if done == _WRONG else 0


_WRONG = "the code is wrong"


async def _file_as(case: cases.Case, kind: str, law: str) -> str:
    """Correct the kind and law; the deadline follows from the law. Returns the line to print."""
    due = request.deadline(case.received_at, law)
    due = request.extended(case.received_at, due, law) if case.extended else due
    await cases.set_values(case.reference, kind=kind, law=law, deadline_at=due)
    await cases.note(case.reference, f"confirmed as {kind} ({law})")
    return f"filed as {kind} ({law}), due {templates.day(due)}"


async def _record_proof(case: cases.Case, proof: str) -> str:
    now = clock.timestamp()
    await cases.drop_automatic(case.reference)  # it asks for a code
    await cases.move(case.reference, request.VERIFIED, now, verified_at=now, code_hash="", proof=proof[:300])
    await cases.note(case.reference, f"identity shown: {proof}")
    return "identity recorded as shown"


async def _try_code(settings: Settings, case: cases.Case, code: str) -> str:
    if not case.code_hash:
        raise InferenceBenchError("no code is open for this case; send one with --send-code")
    right = await queue.try_codes(settings, case, request.codes_in(code) or [code])
    return "the code is right" if right else _WRONG


async def _send_code(settings: Settings, case: cases.Case) -> str:
    now, code = clock.timestamp(), request.new_code()
    await cases.drop_automatic(case.reference)  # the code in it ends now
    text = templates.acknowledgement(case.reference, case.kind, case.law, case.deadline_at, code, "")
    if not await queue.write(settings, case, text, automatic=False, now=now):
        raise InferenceBenchError("no address is known for this case")
    await cases.move(case.reference, request.WAITING, now, code_hash=request.hash_of(code), wrong_codes=0)
    return "a new code waits to be sent; the worker or inferencebench privacy poll sends it"


def export(
    reference: Reference,
    /,
    *,
    output: str = "",
    send: bool = False,
    ip: str = "",
    ip_proof: str = "",
    since: str = "",
    until: str = "",
    receipts: Receipts = (),
    settings: Settings,
) -> int:
    """Collect everything stored about a person into a zip, as a file or as the answer by mail.

    Args:
        output: the new file to write
        send: send it as the answer
        ip: also rows of the server log with this address
        ip_proof: what shows that the address was theirs; recorded
        since: rows of the log from this date or instant on
        until: rows of the log up to this date or instant
    """
    path = new_file.check(output) if output else None
    open_database(settings)

    async def go() -> tuple[bytes, dict[str, int]]:
        await fulfil.proven(reference)
        logs: list[dict[str, Any]] = []
        if ip:
            begin, end = instant(since, "since") if since else 0, instant(until, "until") if until else None
            logs = await gather.log_rows(settings, ip, begin, end, ip_proof)
        bundle, counts = await gather.export(settings, reference, list(receipts), logs)
        async with transaction(cases.CASES_KEY):
            if logs:
                await cases.note(reference.upper(), f"log rows of an address given on further proof: {ip_proof}")
            await cases.note(reference.upper(), f"exported: {_listed(counts)}")
        if send:
            await queue.answer(settings, reference, _ENCLOSED, (f"{reference.upper()}.zip", bundle))
        return bundle, counts

    bundle, counts = engine.run(go())
    if path:
        new_file.write(path, bundle)
    print(_listed(counts) + (f"; in {output}" if output else "") + ("; waits to be sent" if send else ""))
    return 0


_ENCLOSED = "Enclosed is what we hold about you, with a README that explains each file. What was not found is not held."


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{what}: {count}" for what, count in counts.items())


def restrict(
    reference: Reference, /, *, end: bool = False, dry_run: bool = False, receipts: Receipts = (), settings: Settings
) -> int:
    """Freeze what is stored about a person.

    Args:
        end: end the restriction
        dry_run: print how many reports are affected, and change nothing
    """
    open_database(settings)
    count = engine.run(fulfil.restrict(settings, reference, list(receipts), frozen=not end, dry=dry_run))
    print(f"{count} reports {'would be ' if dry_run else ''}{'set free' if end else 'frozen'}")
    return 0


def erase(reference: Reference, /, *, yes: bool = False, receipts: Receipts = (), settings: Settings) -> int:
    """Print what would be erased or, with --yes, erase it and send the certificate.

    Args:
        yes: erase it
    """
    open_database(settings)

    async def go() -> tuple[list[tuple[str, int]], list[str]]:
        if yes:
            await fulfil.refuse_twice(reference)
        counts, kept = await fulfil.erase(settings, reference, list(receipts), dry=not yes)
        if yes:
            await fulfil.conclude(settings, reference.upper(), counts, kept)
        return counts, kept

    counts, kept = engine.run(go())
    print(templates.certificate(reference.upper(), counts, kept, clock.timestamp()))
    if not yes:
        print("\nNothing was erased: this was a dry run. Say --yes to erase.")
    return 0
