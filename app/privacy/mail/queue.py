"""The correspondence of cases: storing a message exactly once, queueing the answer if one may be sent, checking codes.
No mail is sent here."""

import secrets

from app.core import clock
from app.core.errors import InferenceBenchError
from app.core.settings import Settings
from app.privacy.mail import automatic_limits, copy_store, store, templates
from app.privacy.mail.case_of_message import case_of, reported_case
from app.privacy.mail.parser import Read
from app.privacy.requests import cases, request
from app.privacy.requests.request import IDENTITY, RECEIVED, RESOLVED, VERIFIED, WAITING
from app.storage import scopes
from app.storage.engine import transaction

AUTOMATIC_AN_HOUR = 100


def letterhead(settings: Settings) -> templates.Letterhead:
    """The sender of our letters, from the settings."""
    site = settings.base_url.split("://")[-1]
    return templates.Letterhead(settings.contact_email, site, settings.contact_email.partition("@")[2])


def ours(settings: Settings) -> frozenset[str]:
    """The addresses that we send from."""
    return frozenset(address.casefold() for address in (settings.contact_email,) if address)


async def keep_message(settings: Settings, message: Read, place: str, name: str, arrived: int = 0) -> str:
    """Store one message exactly once: with its case, the answer to it and the record of its copy, or not at all.

    The deadline counts from when the message ``arrived`` in the mailbox (seconds), however late it is read. Returns the
    case's reference, ``""`` if this very message was stored before.
    """
    now = clock.timestamp()
    async with transaction(cases.CASES_KEY, scope=scopes.CASES):
        known_already = await store.case_of_key(message.key)
        reference = ""
        if known_already is None:
            if message.is_report and (theirs := await reported_case(message)) is not None:
                return await _attach(theirs, message, place, name, now)
            case = await case_of(message)
            new, touches = case is None, False
            if case is None:
                guess = request.guess(message.subject, message.text)
                touches = request.touches_data(message.subject, message.text)
                if guess.kind == "question" and "beginning" in message.note:
                    guess, touches = guess._replace(kind=request.UNSURE), True  # what was asked may stand in the rest
                reference = await cases.open_case(
                    guess.kind, guess.law, min(arrived or now, now), message.sender, "e-mail"
                )
                case = await cases.known(reference)
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
            await cases.set_values(reference, last_heard_at=now)
            await (
                _acknowledge(settings, case, message, now, with_code=touches)
                if new
                else _continue_case(settings, case, message)
            )
        await copy_store.keep_copy(place, name, reference or known_already or "", now)
    return reference


async def _attach(reference: str, message: Read, place: str, name: str, now: int) -> str:
    """Store a bounce or automatic reply with its case, inside the running transaction. It opens and reopens no case,
    and is not answered."""
    if reference:
        await add(
            reference, now, "in", message.key, message.message_id, message.sender, message.subject, message.text,
            message.checks,
            "a report about our letter",
        )  # fmt: skip
        await cases.note(reference, f"a report about our letter arrived: {message.subject[:120]}")
    await copy_store.keep_copy(place, name, reference, now)
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
    """Store one message, received or sent, inside the running transaction. Codes are blotted out: whoever reads the
    case could use them."""
    body = request.CODE.sub("IB-****-****", body)
    await store.add(reference, at, direction, key, message_id, sender, subject, body, checks, left_out)


async def _acknowledge(settings: Settings, case: cases.Case, message: Read, now: int, *, with_code: bool) -> None:
    """Queue the acknowledgement, if one may be sent; with a code if identity has to be verified."""
    if message.automatic:
        await cases.note(case.reference, f"no automatic answer: {message.automatic}")
        return
    code = request.new_code() if with_code or case.kind in IDENTITY else ""
    text = templates.acknowledgement(case.reference, case.kind, case.law, case.deadline_at, code, message.note)
    if (
        await write(
            settings,
            case,
            text,
            automatic=True,
            answers=message.message_id,
            now=now,
        )
        and code
    ):
        await cases.move(case.reference, WAITING, now, code_hash=request.hash_of(code))


async def _continue_case(settings: Settings, case: cases.Case, message: Read) -> None:
    """Handle a further message of a case: it may confirm identity, and it reopens a case that was answered."""
    if case.state in (request.ANSWERED, RESOLVED):
        await cases.move(case.reference, VERIFIED if case.verified_at else RECEIVED, clock.timestamp())
        await cases.note(case.reference, cases.WOKEN)
    found = request.codes_written(message.subject, message.text)
    if not case.code_hash or message.automatic:
        return
    if found.codes and found.denied:
        await cases.note(
            case.reference,
            "the reply holds a code, and further words that may take the request back: read it, then confirm with "
            f"inferencebench privacy verify {case.reference} --code",
        )
    elif found.codes:
        await try_codes(settings, case, found.codes, message.message_id)
    elif found.quoted:
        await cases.note(
            case.reference,
            "the code stands only in what the reply quotes: identity is not confirmed by it, unless you do so with "
            f"inferencebench privacy verify {case.reference} --code",
        )
        await write(
            settings,
            case,
            templates.quoted_only(case.reference),
            automatic=True,
            answers=message.message_id,
            now=clock.timestamp(),
        )


async def try_codes(settings: Settings, case: cases.Case, codes: list[str], answers: str = "") -> bool:
    """Check codes against the one that was sent, in their order and inside the running transaction; True if one is
    right. The number of wrong ones is limited, however many come in one message."""
    tried = list(dict.fromkeys(codes))[: request.WRONG_CODES - case.wrong_codes]
    if any(secrets.compare_digest(request.hash_of(code), case.code_hash) for code in tried):
        now = clock.timestamp()
        await cases.drop_automatic(case.reference)  # it asks for the code that has just come
        await cases.move(
            case.reference,
            VERIFIED,
            now,
            verified_at=now,
            code_hash="",
            proof="code confirmed by mail from the address on record",
        )
        await cases.note(case.reference, "identity confirmed with the code")
        await write(
            settings,
            case,
            templates.confirmed(case.reference, case.deadline_at),
            automatic=True,
            answers=answers,
            now=clock.timestamp(),
        )
        return True
    wrong = case.wrong_codes + len(tried)
    ended = wrong >= request.WRONG_CODES
    await cases.set_values(case.reference, wrong_codes=wrong, **({"code_hash": ""} if ended else {}))
    await cases.note(
        case.reference,
        f"{len(tried)} wrong {'code' if len(tried) == 1 else 'codes'}, {wrong} of {request.WRONG_CODES} so far"
        + ("; the code has ended" if ended else ""),
    )
    return False


async def write(
    settings: Settings,
    case: cases.Case,
    text: str,
    *,
    automatic: bool,
    now: int,
    answers: str = "",
    attachment: tuple[str, bytes] | None = None,
) -> bool:
    """Put a letter into the queue and the correspondence, inside the running transaction. False if it can't be sent: no
    address is known, or a limit on automatic mail forbids it."""
    why = ""
    if automatic:
        if await automatic_limits.is_flooding(case.address):
            await cases.note(case.reference, "no automatic answer: several wait for this recipient already")
            return False
        why = await automatic_limits.held_back(case.address, case.kind, now, AUTOMATIC_AN_HOUR)
        if why:
            await cases.note(case.reference, f"the automatic answer waits: {why}")
    if not case.address:
        await cases.note(case.reference, "nothing sent: no address is known")
        return False
    subject = f"{templates.SUBJECT} {case.reference}"
    letter = templates.Letter(f"ib{secrets.token_hex(10)}", case.address, subject, text, automatic, answers, attachment)
    raw = templates.composed(letter, letterhead(settings), now)
    if why:
        await store.hold(letter.id, case.reference, case.address, raw, now)
    else:
        await store.put(letter.id, case.reference, case.address, now, raw, automatic=automatic)
    sender, message_id = settings.contact_email, f"{letter.id}@{letterhead(settings).host}"
    await add(
        case.reference,
        now,
        "out",
        letter.id,
        message_id,
        sender,
        subject,
        text,
        "",
        f"with {attachment[0]}" if attachment else "",
    )
    return True


async def refuse(settings: Settings, reference: str, reason: str, text: str = "") -> bool:
    """Refuse a request and queue the letter that tells the person why, with the operator's ``text`` above it. False if
    no address is known, so that the person has to be told another way."""
    async with transaction(cases.CASES_KEY, scope=scopes.CASES):
        case, now = await cases.known(reference), clock.timestamp()
        words = templates.refused(case.reference, reason)
        told = await write(
            settings, case, f"{text.strip()}\n\n{words}" if text else words, automatic=False, now=now
        )  # fmt: skip
        await cases.close(case.reference, request.REFUSED, reason[:300])
    return told


async def answer(settings: Settings, reference: str, text: str, attachment: tuple[str, bytes] | None = None) -> None:
    """Queue the operator's answer, or an export as its ``attachment`` (name, content)."""
    async with transaction(cases.CASES_KEY, scope=scopes.CASES):
        case, now = await cases.known(reference), clock.timestamp()
        if not await write(
            settings,
            case,
            text,
            automatic=False,
            now=now,
            attachment=attachment,
        ):
            raise InferenceBenchError(
                f"{case.reference} has no address to answer to; tell the person another way and resolve the case"
            )
        await cases.move(reference, request.ANSWERED, now, answered_at=case.answered_at or now)
        await cases.note(reference, "answered" + (f", with {attachment[0]}" if attachment else ""))
