"""Which case a message belongs to, by its reference, by what it answers, or by its code. Read-only."""

import re

from app.privacy.mail import store, templates
from app.privacy.mail.parser import Read
from app.privacy.requests import cases, request
from app.privacy.requests.store import by_code, newest_of, newest_waiting_for_code


async def reported_case(message: Read) -> str | None:
    """The case of our letter that a bounce or an automatic reply answers; ``""`` if that case is gone; ``None`` if it
    answers no letter of ours."""
    if found := await store.case_of_answered(list(message.answers), ours=True):
        return found
    named = request.reference_in(message.subject, message.text[:2_000])
    if named:
        case = await cases.find(named)
        return case.reference if case else ""
    if any(_OUR_LETTER.match(answered) for answered in message.answers):
        return ""
    if not message.sender or templates.SUBJECT.casefold() not in message.subject.casefold():
        return None
    return await newest_of(message.sender)  # an absence note that names nothing answers our last letter


_OUR_LETTER = re.compile(r"ib[r0-9a-f]\w{8,24}@")
"""The form of the Message-IDs of our letters."""


async def case_of(message: Read) -> cases.Case | None:
    """The case that a message belongs to: by its reference or by what it answers, and only if it comes from the same
    address. A code that fits none belongs to the case that waits for one: it has to count as a wrong one there."""
    named = request.reference_in(message.subject, message.text[:2_000])
    case = await cases.find(named) if named else None
    if case is None and (found := await store.case_of_answered(list(message.answers), ours=False)):
        case = await cases.find(found)
    if case is None and message.sender and (codes := request.codes_in(f"{message.subject}\n{message.text}")):
        hashes = [request.hash_of(code) for code in codes[: request.WRONG_CODES]]
        known = await by_code(message.sender, hashes) or await newest_waiting_for_code(message.sender)
        case = await cases.find(known) if known else None
    return case if case is not None and message.sender and case.address == message.sender else None
