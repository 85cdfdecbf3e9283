"""Which case a message belongs to: by its reference, by what it answers, by its code. Nothing is written here."""

import re

from app.privacy.mail import templates
from app.privacy.mail.parser import Read
from app.privacy.requests import cases, request
from app.storage.sqlite import fetch


async def reported_case(message: Read) -> str | None:
    """The case of our letter that a bounce or an automatic reply answers; ``""`` for a letter whose case is gone; None
    where it answers none of ours."""
    if found := await _answered(message, "direction = 'out' AND "):
        return found
    named = request.reference_in(message.subject, message.text[:2_000])
    if named:
        case = await cases.find(named)
        return case.reference if case else ""
    if any(_OUR_LETTER.match(answered) for answered in message.answers):
        return ""
    if not message.sender or templates.SUBJECT.casefold() not in message.subject.casefold():
        return None
    rows = await fetch(
        "SELECT reference FROM privacy_case WHERE address = ? ORDER BY received_at DESC, rowid DESC LIMIT 1",
        message.sender,
    )
    return str(rows[0][0]) if rows else None  # an absence note that names nothing answers our last letter


_OUR_LETTER = re.compile(r"ib[r0-9a-f]\w{8,24}@")
"""The identifiers that letters of ours have."""


async def case_of(message: Read) -> cases.Case | None:
    """The case that a message belongs to: by its reference or by what it answers, and only if it comes from the same
    address."""
    named = request.reference_in(message.subject, message.text[:2_000])
    case = await cases.find(named) if named else None
    if case is None and (found := await _answered(message)):
        case = await cases.find(found)
    if case is None and message.sender and (codes := request.codes_in(f"{message.subject}\n{message.text}")):
        marks = ",".join("?" * len(codes[:9]))
        rows = await fetch(
            f"SELECT reference FROM privacy_case WHERE address = ? AND code_hash IN ({marks})",  # noqa: S608 -- question marks
            message.sender, *map(request.hash_of, codes[:9]),
        )  # fmt: skip
        case = await cases.find(rows[0][0]) if rows else None
    return case if case is not None and message.sender and case.address == message.sender else None


async def _answered(message: Read, condition: str = "") -> str:
    """The case of the newest letter that the message answers, of those that ``condition`` allows; ``""`` if of none."""
    if not message.answers:
        return ""
    marks = ",".join("?" * len(message.answers))
    rows = await fetch(
        f"SELECT reference FROM correspondence WHERE {condition}message_id IN ({marks}) ORDER BY id DESC LIMIT 1",  # noqa: S608
        *message.answers,
    )
    return str(rows[0][0]) if rows else ""
