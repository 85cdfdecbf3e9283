"""Telling the operator: deadlines that come near, letters that wait."""

from app.core import clock
from app.core.settings import Settings
from app.core.units import DAY_S
from app.privacy.mail import queue, templates
from app.privacy.requests import cases, request
from app.storage.sqlite import execute, fetch, transaction


async def remind(settings: Settings) -> int:
    """Tell the operator of deadlines 10, 3 and 0 days before, each once."""
    if not settings.operator_email:
        return 0
    now, due = clock.timestamp(), []
    for case in await cases.every(closed=False):
        left = (case.deadline_at - now) // DAY_S if case.deadline_at >= now else 0
        step = next((days for days in reversed(request.REMINDERS) if left <= days), None)
        said = {what for _, what in await cases.events(case.reference)}
        if case.state in request.OPEN and step is not None and f"operator reminded, {step} days" not in said:
            due.append((case, step, left))
    if not due:
        return 0
    letter = templates.Letter(f"ibr{now}", settings.operator_email, f"{len(due)} privacy requests are due",
                            templates.reminder([(c.reference, c.kind, c.deadline_at, left) for c, _, left in due], now),
                            automatic=False)  # fmt: skip
    async with transaction(cases.CASES_KEY):
        raw = templates.composed(letter, queue.letterhead(settings), now)
        await execute(
            "INSERT OR IGNORE INTO mail_out (id, reference, recipient, automatic, created_at, message) "
            "VALUES (?, NULL, ?, 0, ?, ?)",
            letter.id,
            letter.recipient,
            now,
            raw,
        )
        for case, step, _ in due:
            await cases.note(case.reference, f"operator reminded, {step} days")
    return len(due)


async def waiting_letters(reference: str) -> list[tuple[int, int]]:
    """(second of writing, tries) of each letter of a case that was not sent yet, and of those held back, with no
    tries."""
    return [
        (at, tries)
        for at, tries in await fetch(
            "SELECT created_at, tries FROM mail_out WHERE reference = ?1 AND sent_at IS NULL AND message <> '' "
            "UNION ALL SELECT held_at, 0 FROM mail_held WHERE reference = ?1 ORDER BY 1",
            reference,
        )
    ]
