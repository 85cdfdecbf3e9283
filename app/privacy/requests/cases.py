"""Cases: opening, changing state, closing, and figures for the status page.

No mail is sent here.
"""

from typing import Any

from app.core import clock
from app.core.errors import InferenceBenchError
from app.core.units import DAY_S
from app.privacy.requests import request, store
from app.privacy.requests.request import ANSWERED, CLOSED, OPEN, RECEIVED, REFUSED, RESOLVED, SPAM
from app.privacy.requests.store import (
    Case,
    by_address,
    correspondence,
    drop_automatic,
    events,
    find,
    note,
    set_values,
)
from app.storage import scopes
from app.storage.engine import transaction

__all__ = [
    "CASES_KEY", "WOKEN", "Case", "by_address", "close", "close_silent", "correspondence", "drop_automatic", "events",
    "every", "figures", "find", "known", "move", "note", "open_case", "set_values",
]  # fmt: skip
CASES_KEY = "cases"
WOKEN = "written to again after our answer: open once more"
"""The line of a case's history for a message that reopened it."""


async def known(reference: str) -> Case:
    """The case with this reference. Raises :class:`InferenceBenchError` if there is none."""
    case = await find(reference)
    if case is None:
        raise InferenceBenchError(f"there is no case {reference[:20]!r}; inferencebench privacy list names them")
    return case


async def every(*, closed: bool) -> list[Case]:
    """Cases by urgency: the nearest deadline first; with ``closed``, closed ones last."""
    return [case for case in await store.every() if closed or case.resolved_at is None]


async def move(reference: str, state: str, now: int, **values: Any) -> None:
    """Put a case into another state, inside the running transaction, with the second of its end. A reopened case loses
    its end, or it would be purged while somebody waits for an answer. Automatic letters that were not sent yet are
    dropped once the case is answered or ended: "we now carry out your request" must not follow its certificate."""
    ended: dict[str, Any] = {"resolved_at": now if state in (RESOLVED, REFUSED) else None}
    if state in CLOSED:
        ended["code_hash"] = ""  # whoever writes again confirms anew
    if state in CLOSED or state == ANSWERED:
        await drop_automatic(reference)
    await set_values(reference, state=state, **{**ended, **values})


async def open_case(kind: str, law: str, received: int, address: str, way: str, state: str = RECEIVED) -> str:
    """Open a case, inside the running transaction; returns its reference. ``received`` is in seconds."""
    reference = request.new_reference()
    await store.insert(reference, kind, law, received, request.deadline(received, law), state, address, way)
    await note(reference, f"received by {way}, filed as {kind} ({law}); a proposal until the operator confirms it")
    return reference


async def close_silent(now: int) -> int:
    """Resolve answered cases without a message from either side for 60 days; returns how many."""
    async with transaction(CASES_KEY, scope=scopes.CASES):
        silent = await store.silent_since(now - request.SILENT_DAYS * DAY_S)
        for reference in silent:
            await move(reference, RESOLVED, now)
            await note(reference, f"resolved by itself: {request.SILENT_DAYS} days of silence after our answer")
    return len(silent)


async def close(reference: str, state: str, reason: str) -> None:
    """End a case."""
    assert state in CLOSED
    async with transaction(CASES_KEY, scope=scopes.CASES):
        case, now = await known(reference), clock.timestamp()
        answered = {} if case.answered_at or state == SPAM else {"answered_at": now}
        await move(reference, state, now, reason=reason, **answered)
        await note(reference, f"{state}{': ' + reason if reason else ''}")


async def figures(now: int) -> dict[str, Any]:
    """For the status page: the numbers of open and of answered cases, and the share answered in time, among the cases
    still stored."""
    rows = await store.timings()
    answered = [row for row in rows if row.answered_at is not None]
    late = sum(row.answered_at is None and row.deadline_at < now for row in rows)
    in_time = sum((row.answered_at or 0) <= row.deadline_at for row in answered)
    return {
        "open": sum(row.state in OPEN for row in rows), "answered": len(answered), "overdue": late,
        "in_time": in_time / (len(answered) + late) if answered or late else None,
    }  # fmt: skip
