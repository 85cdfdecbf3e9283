"""Reminders to the operator: approaching deadlines, waiting letters."""

from app.core import clock
from app.core.settings import Settings
from app.core.units import DAY_S
from app.privacy.mail import queue, store, templates
from app.privacy.requests import cases, request
from app.storage import scopes
from app.storage.engine import transaction


async def remind(settings: Settings) -> int:
    """Queue a mail to the operator about deadlines in 10, 3 and 0 days, each once; returns how many deadlines."""
    if not settings.operator_email:
        return 0
    now, due = clock.timestamp(), []
    for case in await cases.every(closed=False):
        left = (case.deadline_at - now) // DAY_S if case.deadline_at >= now else 0
        step = next((days for days in reversed(request.REMINDERS) if left <= days), None)
        said = {what for at, what in await cases.events(case.reference) if at <= now}  # not of a clock that ran ahead
        if case.state in request.OPEN and step is not None and f"operator reminded, {step} days" not in said:
            due.append((case, step, left))
    if not due:
        return 0
    letter = templates.Letter(f"ibr{now}", settings.operator_email, f"{len(due)} privacy requests are due",
                            templates.reminder([(c.reference, c.kind, c.deadline_at, left) for c, _, left in due], now),
                            automatic=False)  # fmt: skip
    async with transaction(cases.CASES_KEY, scope=scopes.CASES):
        raw = templates.composed(letter, queue.letterhead(settings), now)
        await store.put(letter.id, None, letter.recipient, now, raw, automatic=False)
        for case, step, _ in due:
            await cases.note(case.reference, f"operator reminded, {step} days")
    return len(due)
