"""Cases in the database: opening, adding correspondence, verifying, closing, and the letters that wait. No mail is sent here."""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Any

from app import clock
from app.database import execute, fetch, transaction
from app.errors import InferenceBenchError
from app.privacy import requests, writing
from app.privacy.reading import Read
from app.privacy.requests import CLOSED, IDENTITY, OPEN, RECEIVED, RESOLVED, SPAM, VERIFIED, WAITING
from app.privacy.retention import DAY_S
from app.settings import Settings

CASES_KEY = "cases"
AUTOMATIC_AN_HOUR = 100
_COLUMNS = ("reference", "kind", "proposed", "law", "received_at", "deadline_at", "extended", "state", "address", "way", "verified_at", "proof", "code_hash", "wrong_codes",
            "answered_at", "resolved_at", "last_heard_at", "reason")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Case:
    """One request. Instants in seconds; ``way`` says how it came, ``proof`` how identity was shown."""

    reference: str
    kind: str
    proposed: str
    law: str
    received_at: int
    deadline_at: int
    extended: str
    state: str
    address: str
    way: str
    verified_at: int | None
    proof: str
    code_hash: str
    wrong_codes: int
    answered_at: int | None
    resolved_at: int | None
    last_heard_at: int
    reason: str


def letterhead(settings: Settings) -> writing.Letterhead:
    """Who writes."""
    site = settings.base_url.split("://")[-1]
    return writing.Letterhead(settings.contact_email, site, settings.contact_email.partition("@")[2])


def ours(settings: Settings) -> frozenset[str]:
    """The addresses that we write from."""
    return frozenset(address.casefold() for address in (settings.contact_email,) if address)


async def find(reference: str) -> Case | None:
    """The case of a reference."""
    rows = await fetch(f"SELECT {', '.join(_COLUMNS)} FROM privacy_case WHERE reference = ?", reference.upper())  # noqa: S608
    return Case(*rows[0]) if rows else None


async def known(reference: str) -> Case:
    """The case of a reference. Raises :class:`InferenceBenchError` if there is none."""
    case = await find(reference)
    if case is None:
        raise InferenceBenchError(f"there is no case {reference[:20]!r}; inferencebench privacy list names them")
    return case


async def every(*, closed: bool) -> list[Case]:
    """Cases by urgency: the nearest deadline first; closed ones last, if they are asked for."""
    rows = await fetch(
        f"SELECT {', '.join(_COLUMNS)} FROM privacy_case ORDER BY resolved_at IS NOT NULL, deadline_at, reference"
    )  # noqa: S608
    found = [Case(*row) for row in rows]
    return [case for case in found if closed or case.resolved_at is None]


async def by_address(address: str) -> list[Case]:
    """Every case of an address."""
    rows = await fetch(
        f"SELECT {', '.join(_COLUMNS)} FROM privacy_case WHERE address = ? ORDER BY received_at", address.casefold()
    )  # noqa: S608
    return [Case(*row) for row in rows]


async def correspondence(reference: str) -> list[dict[str, Any]]:
    """What was written, in order."""
    names = ("at", "direction", "sender", "subject", "body", "checks", "note")
    rows = await fetch(f"SELECT {', '.join(names)} FROM correspondence WHERE reference = ? ORDER BY at, id", reference)  # noqa: S608
    return [dict(zip(names, row, strict=True)) for row in rows]


async def events(reference: str) -> list[tuple[int, str]]:
    """What happened, in order."""
    return [
        (at, what)
        for at, what in await fetch("SELECT at, what FROM case_event WHERE reference = ? ORDER BY at, rowid", reference)
    ]


async def note(reference: str, what: str) -> None:
    """Write down what happened, inside the running transaction."""
    await execute(
        "INSERT INTO case_event (reference, at, what) VALUES (?, ?, ?)", reference, clock.timestamp(), what[:300]
    )


async def set_values(reference: str, **values: Any) -> None:
    """Change columns of a case, inside the running transaction."""
    names = ", ".join(f"{name} = ?" for name in values)
    assert set(values) <= set(_COLUMNS)
    await execute(f"UPDATE privacy_case SET {names} WHERE reference = ?", *values.values(), reference)  # noqa: S608 -- names of columns


async def open_case(kind: str, law: str, received: int, address: str, way: str, state: str = RECEIVED) -> str:
    """Open a case, inside the running transaction; its reference."""
    reference = requests.new_reference()
    await execute(
        "INSERT INTO privacy_case (reference, kind, proposed, law, received_at, deadline_at, state, address, way, last_heard_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        reference, kind, kind, law, received, requests.deadline(received, law), state, address.casefold(), way, received,
    )  # fmt: skip
    await note(reference, f"received by {way}, filed as {kind} ({law}); a proposal until the operator confirms it")
    return reference


async def keep_message(settings: Settings, message: Read, place: str, name: str) -> str:
    """Store one message, exactly once: with its case, the answer it gets and the record of its copy, or not at all.

    Returns the reference, ``""`` if this very message was here already.
    """
    now = clock.timestamp()
    async with transaction(CASES_KEY):
        known_already = await fetch("SELECT reference FROM correspondence WHERE message_key = ?", message.key)
        reference = ""
        if not known_already:
            case = await _case_of(message)
            new = case is None
            if case is None:
                guess = requests.guess(message.subject, message.text)
                reference = await open_case(guess.kind, guess.law, now, message.sender, "e-mail")
                case = await known(reference)
            reference = case.reference
            await add(
                reference,
                now,
                "in",
                message.key,
                message.message_id,
                message.sender,
                message.subject,
                message.text,
                message.checks,
                message.note,
            )
            await set_values(reference, last_heard_at=now)
            await (_welcome(settings, case, message, now) if new else _heard(settings, case, message))
        await execute(
            "INSERT OR IGNORE INTO mail_copy (place, name, reference, stored_at) VALUES (?, ?, ?, ?)",
            place,
            name,
            reference or known_already[0][0],
            now,
        )
    return reference


async def add(
    reference: str,
    at: int,
    direction: str,
    key: str,
    message_id: str,
    sender: str,
    subject: str,
    body: str,
    checks: str,
    left_out: str,
) -> None:
    """Keep one message in or out, inside the running transaction."""
    await execute(
        "INSERT INTO correspondence (reference, at, direction, message_key, message_id, sender, subject, body, checks, note) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        reference, at, direction, key, message_id, sender, subject, body, checks, left_out,
    )  # fmt: skip


async def _case_of(message: Read) -> Case | None:
    """The case that a message belongs to: by its reference or by what it answers, and only if it comes from the same address."""
    named = requests.reference_in(message.subject, message.text[:2_000])
    case = await find(named) if named else None
    if case is None and message.answers:
        marks = ",".join("?" * len(message.answers))
        rows = await fetch(
            f"SELECT reference FROM correspondence WHERE message_id IN ({marks}) ORDER BY id DESC LIMIT 1",
            *message.answers,
        )  # noqa: S608
        case = await find(rows[0][0]) if rows else None
    return case if case is not None and message.sender and case.address == message.sender else None


async def _welcome(settings: Settings, case: Case, message: Read, now: int) -> None:
    """The acknowledgement, where one may be sent; with a code where identity matters."""
    if message.automatic:
        await note(case.reference, f"no automatic answer: {message.automatic}")
        return
    code = requests.new_code() if case.kind in IDENTITY else ""
    text = writing.acknowledgement(case.reference, case.kind, case.law, case.deadline_at, code, message.note)
    if (
        await write(
            settings,
            case,
            f"Your privacy request {case.reference}",
            text,
            automatic=True,
            answers=message.message_id,
            now=now,
        )
        and code
    ):
        await set_values(case.reference, code_hash=hash_of(code), state=WAITING)


async def _heard(settings: Settings, case: Case, message: Read) -> None:
    """A further message: it may confirm identity, and it wakes a case that slept."""
    if case.state in (requests.ANSWERED, RESOLVED):
        await set_values(case.reference, state=VERIFIED if case.verified_at else RECEIVED, resolved_at=None)
        await note(case.reference, "written to again after our answer: open once more")
    codes = requests.codes_in(message.text)
    if codes and case.code_hash and not message.automatic:
        await try_codes(settings, case, codes, message.message_id)


async def try_codes(settings: Settings, case: Case, codes: list[str], answers: str = "") -> bool:
    """Check codes against the one that was sent, inside the running transaction; wrong ones are limited."""
    if any(secrets.compare_digest(hash_of(code), case.code_hash) for code in codes):
        await set_values(
            case.reference,
            verified_at=clock.timestamp(),
            state=VERIFIED,
            code_hash="",
            proof="code confirmed by mail from the address on record",
        )
        await note(case.reference, "identity confirmed with the code")
        await write(
            settings,
            case,
            f"Your privacy request {case.reference}",
            writing.confirmed(case.reference, case.deadline_at),
            automatic=True,
            answers=answers,
            now=clock.timestamp(),
        )
        return True
    wrong = case.wrong_codes + 1
    ended = wrong >= requests.WRONG_CODES
    await set_values(case.reference, wrong_codes=wrong, **({"code_hash": ""} if ended else {}))
    await note(
        case.reference,
        f"a wrong code, the {wrong}. of {requests.WRONG_CODES}" + ("; the code has ended" if ended else ""),
    )
    return False


def hash_of(code: str) -> str:
    """The kept hash of a code."""
    return hashlib.sha256(code.upper().encode()).hexdigest()


async def write(
    settings: Settings,
    case: Case,
    subject: str,
    text: str,
    *,
    automatic: bool,
    now: int,
    answers: str = "",
    attachment: tuple[str, bytes] | None = None,
) -> bool:
    """Put a letter into the queue and the correspondence, inside the running transaction. False if a limit on automatic mail forbids it."""
    if automatic:
        today = (
            await fetch(
                "SELECT count(*) FROM mail_out WHERE automatic = 1 AND recipient = ? AND created_at > ?",
                case.address,
                now - DAY_S,
            )
        )[0][0]
        hour = (await fetch("SELECT count(*) FROM mail_out WHERE automatic = 1 AND created_at > ?", now - 3600))[0][0]
        if today or hour >= AUTOMATIC_AN_HOUR:
            await note(
                case.reference,
                "no automatic answer: "
                + ("one a day and recipient" if today else f"{AUTOMATIC_AN_HOUR} an hour in all"),
            )
            return False
    if not case.address:
        await note(case.reference, "nothing sent: no address is known")
        return False
    letter = writing.Letter(f"ib{secrets.token_hex(10)}", case.address, subject, text, automatic, answers, attachment)
    raw = writing.composed(letter, letterhead(settings), now)
    await execute("INSERT INTO mail_out (id, reference, recipient, automatic, created_at, message) VALUES (?, ?, ?, ?, ?, ?)",
                  letter.id, case.reference, case.address, int(automatic), now, raw)  # fmt: skip
    sender, message_id = settings.contact_email, f"{letter.id}@{letterhead(settings).host}"
    kept = requests.CODE.sub("IB-****-****", text)
    await add(
        case.reference,
        now,
        "out",
        letter.id,
        message_id,
        sender,
        subject,
        kept,
        "",
        f"with {attachment[0]}" if attachment else "",
    )
    return True


async def answer(settings: Settings, reference: str, text: str, attachment: tuple[str, bytes] | None = None) -> None:
    """Send the operator's answer, or an export."""
    async with transaction(CASES_KEY):
        case, now = await known(reference), clock.timestamp()
        if not await write(
            settings,
            case,
            f"Your privacy request {case.reference}",
            text,
            automatic=False,
            now=now,
            attachment=attachment,
        ):
            raise InferenceBenchError(
                f"{case.reference} has no address to answer to; tell the person another way and resolve the case"
            )
        await set_values(reference, state=requests.ANSWERED, answered_at=case.answered_at or now)
        await note(reference, "answered" + (f", with {attachment[0]}" if attachment else ""))


async def settle(now: int) -> int:
    """Resolve cases that were silent for 60 days after our answer; returns how many."""
    async with transaction(CASES_KEY):
        rows = await fetch(
            "SELECT reference FROM privacy_case WHERE state = ? AND resolved_at IS NULL AND max(answered_at, last_heard_at) + ? <= ?",
            requests.ANSWERED, requests.SILENT_DAYS * DAY_S, now,
        )  # fmt: skip
        for (reference,) in rows:
            await set_values(reference, state=RESOLVED, resolved_at=now)
            await note(reference, f"resolved by itself: {requests.SILENT_DAYS} days of silence after our answer")
    return len(rows)


async def close(reference: str, state: str, reason: str) -> None:
    """End a case."""
    assert state in CLOSED
    async with transaction(CASES_KEY):
        case, now = await known(reference), clock.timestamp()
        await set_values(
            reference,
            state=state,
            resolved_at=None if state == SPAM else now,
            reason=reason,
            **({} if case.answered_at or state == SPAM else {"answered_at": now}),
        )
        await note(reference, f"{state}{': ' + reason if reason else ''}")


async def figures(now: int) -> dict[str, Any]:
    """For the status page: how many cases are open, were answered, and the share of those in time; of what is still kept."""
    rows = await fetch("SELECT state, deadline_at, answered_at FROM privacy_case WHERE state <> ?", SPAM)
    answered = [(due, at) for _, due, at in rows if at is not None]
    late = sum(at is None and due < now for _, due, at in rows)
    return {
        "open": sum(state in OPEN for state, _, _ in rows), "answered": len(answered), "overdue": late,
        "in_time": sum(at <= due for due, at in answered) / (len(answered) + late) if answered or late else None,
    }  # fmt: skip
