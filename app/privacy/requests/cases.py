"""Cases in the database: opening, adding correspondence, verifying, closing, and the letters that wait.

No mail is sent here.
"""

from dataclasses import dataclass
from typing import Any

from app.core import clock
from app.core.errors import InferenceBenchError
from app.core.units import DAY_S
from app.privacy.requests import request
from app.privacy.requests.request import CLOSED, OPEN, RECEIVED, REFUSED, RESOLVED, SPAM
from app.storage.sqlite import execute, fetch, transaction

CASES_KEY = "cases"
_COLUMNS = ("reference", "kind", "proposed", "law", "received_at", "deadline_at", "extended", "state", "address", "way",
            "verified_at", "proof", "code_hash", "wrong_codes",
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


async def find(reference: str) -> Case | None:
    """The case of a reference."""
    statement = f"SELECT {', '.join(_COLUMNS)} FROM privacy_case WHERE reference = ?"  # noqa: S608 -- names of columns
    rows = await fetch(statement, reference.upper())
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
        f"SELECT {', '.join(_COLUMNS)} FROM privacy_case ORDER BY resolved_at IS NOT NULL, deadline_at, reference"  # noqa: S608
    )
    found = [Case(*row) for row in rows]
    return [case for case in found if closed or case.resolved_at is None]


async def by_address(address: str) -> list[Case]:
    """Every case of an address."""
    rows = await fetch(
        f"SELECT {', '.join(_COLUMNS)} FROM privacy_case WHERE address = ? ORDER BY received_at",  # noqa: S608
        address.casefold(),
    )
    return [Case(*row) for row in rows]


async def correspondence(reference: str) -> list[dict[str, Any]]:
    """What was written, in order."""
    names = ("at", "direction", "sender", "subject", "body", "checks", "note")
    statement = f"SELECT {', '.join(names)} FROM correspondence WHERE reference = ? ORDER BY at, id"  # noqa: S608 -- names of columns
    rows = await fetch(statement, reference)
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


async def move(reference: str, state: str, now: int, **values: Any) -> None:
    """Put a case into another state, inside the running transaction, with the second of its end: a case that is opened
    again has none, or it would be purged while somebody waits."""
    ended: dict[str, Any] = {"resolved_at": now if state in (RESOLVED, REFUSED) else None}
    if state in CLOSED:
        ended["code_hash"] = ""  # whoever writes again confirms anew
    await set_values(reference, state=state, **{**ended, **values})


async def set_values(reference: str, **values: Any) -> None:
    """Change columns of a case other than its state, inside the running transaction."""
    names = ", ".join(f"{name} = ?" for name in values)
    assert set(values) <= set(_COLUMNS)
    await execute(f"UPDATE privacy_case SET {names} WHERE reference = ?", *values.values(), reference)  # noqa: S608 -- names of columns


async def open_case(kind: str, law: str, received: int, address: str, way: str, state: str = RECEIVED) -> str:
    """Open a case, inside the running transaction; its reference."""
    reference = request.new_reference()
    await execute(
        "INSERT INTO privacy_case (reference, kind, proposed, law, received_at, deadline_at, state, address, way, "
        "last_heard_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        reference, kind, kind, law, received, request.deadline(received, law), state, address.casefold(), way, received,
    )  # fmt: skip
    await note(reference, f"received by {way}, filed as {kind} ({law}); a proposal until the operator confirms it")
    return reference


async def close_silent(now: int) -> int:
    """Resolve answered cases in which nobody wrote for 60 days, neither they nor we; returns how many."""
    async with transaction(CASES_KEY):
        rows = await fetch(
            "SELECT reference FROM privacy_case c WHERE state = ? AND resolved_at IS NULL "
            "AND max(answered_at, last_heard_at, coalesce((SELECT max(at) FROM correspondence WHERE reference = "
            "c.reference), 0)) + ? <= ?",
            request.ANSWERED, request.SILENT_DAYS * DAY_S, now,
        )  # fmt: skip
        for (reference,) in rows:
            await move(reference, RESOLVED, now)
            await note(reference, f"resolved by itself: {request.SILENT_DAYS} days of silence after our answer")
    return len(rows)


async def close(reference: str, state: str, reason: str) -> None:
    """End a case."""
    assert state in CLOSED
    async with transaction(CASES_KEY):
        case, now = await known(reference), clock.timestamp()
        answered = {} if case.answered_at or state == SPAM else {"answered_at": now}
        await move(reference, state, now, reason=reason, **answered)
        if state == SPAM:
            await execute("DELETE FROM mail_held WHERE reference = ?", reference)  # an answer that would still go out
        await note(reference, f"{state}{': ' + reason if reason else ''}")


async def figures(now: int) -> dict[str, Any]:
    """For the status page: how many cases are open, were answered, and the share of those in time; of what is
    still kept."""
    rows = await fetch(
        "SELECT state, deadline_at, answered_at FROM privacy_case WHERE state <> ? AND way <> 'canary'", SPAM
    )
    answered = [(due, at) for _, due, at in rows if at is not None]
    late = sum(at is None and due < now for _, due, at in rows)
    return {
        "open": sum(state in OPEN for state, _, _ in rows), "answered": len(answered), "overdue": late,
        "in_time": sum(at <= due for due, at in answered) / (len(answered) + late) if answered or late else None,
    }  # fmt: skip
