"""Cases and their history in the database. Instants are seconds since 1970."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from app.core import clock
from app.privacy.requests.request import ANSWERED, SPAM
from app.storage.engine import execute, fetch, fetch_column, fetch_one, fetch_rows, marks


@dataclass(frozen=True, slots=True)
class Case:
    """One request. Instants in seconds; ``way`` says how it was received, ``proof`` how identity was verified."""

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


class Event(NamedTuple):
    """What happened in a case, and at which second."""

    at: int
    what: str


class Timing(NamedTuple):
    """The state of a case, when an answer is due and when it was answered."""

    state: str
    deadline_at: int
    answered_at: int | None


_COLUMNS = Case.__match_args__
_CASES = f"SELECT {', '.join(_COLUMNS)} FROM privacy_case"  # noqa: S608 -- names of columns


async def find(reference: str) -> Case | None:
    """The case of a reference."""
    return await fetch_one(Case, f"{_CASES} WHERE reference = {{}}", reference.upper())


async def every() -> list[Case]:
    """Cases by urgency: the nearest deadline first, closed ones last."""
    return await fetch(Case, f"{_CASES} ORDER BY resolved_at IS NOT NULL, deadline_at, reference")


async def by_address(address: str) -> list[Case]:
    """Every case of an address."""
    return await fetch(Case, f"{_CASES} WHERE address = {{}} ORDER BY received_at", address.casefold())


async def newest_of(address: str) -> str | None:
    """The reference of the newest case of an address; among cases of the same second, the one stored last."""
    found = await fetch_column(
        "SELECT reference FROM privacy_case c WHERE address = {} ORDER BY received_at DESC, "
        "coalesce((SELECT min(id) FROM correspondence m WHERE m.reference = c.reference), 0) DESC LIMIT 1",
        address,
    )
    return found[0] if found else None


async def by_code(address: str, code_hashes: list[str]) -> str | None:
    """The reference of a case of an address to which one of the codes was sent."""
    if not code_hashes:
        return None
    found = await fetch_column(
        f"SELECT reference FROM privacy_case WHERE address = {{}} AND code_hash IN ({marks(code_hashes)})",  # noqa: S608
        address, *code_hashes,
    )  # fmt: skip
    return found[0] if found else None


async def newest_waiting_for_code(address: str) -> str | None:
    """The reference of the newest case of an address whose code is not used up."""
    found = await fetch_column(
        "SELECT reference FROM privacy_case WHERE address = {} AND code_hash <> '' ORDER BY received_at DESC LIMIT 1",
        address,
    )
    return found[0] if found else None


async def correspondence(reference: str) -> list[dict[str, Any]]:
    """The messages of a case, in order."""
    return await fetch_rows(
        "SELECT at, direction, sender, subject, body, checks, note FROM correspondence WHERE reference = {} "
        "ORDER BY at, id",
        reference,
    )


async def events(reference: str) -> list[Event]:
    """What happened in a case, in order."""
    return await fetch(Event, "SELECT at, what FROM case_event WHERE reference = {} ORDER BY at, number", reference)


async def note(reference: str, what: str) -> None:
    """Add a line to the case's history, inside the running transaction."""
    await execute(
        "INSERT INTO case_event (reference, at, what, number) "
        "VALUES ({}, {}, {}, (SELECT count(*) FROM case_event WHERE reference = {}))",
        reference, clock.timestamp(), what[:300], reference,
    )  # fmt: skip


async def set_values(reference: str, **values: Any) -> None:
    """Change columns of a case other than its state, inside the running transaction."""
    assert set(values) <= set(_COLUMNS)
    names = ", ".join(f"{name} = {{}}" for name in values)
    await execute(f"UPDATE privacy_case SET {names} WHERE reference = {{}}", *values.values(), reference)  # noqa: S608 -- names of columns


async def insert(
    reference: str, kind: str, law: str, received: int, due: int, state: str, address: str, way: str
) -> None:
    """Insert a case, inside the running transaction; the kind is a proposal until the operator confirms it."""
    await execute(
        "INSERT INTO privacy_case (reference, kind, proposed, law, received_at, deadline_at, state, address, way, "
        "last_heard_at) VALUES ({}, {}, {}, {}, {}, {}, {}, {}, {}, {})",
        reference, kind, kind, law, received, due, state, address.casefold(), way, received,
    )  # fmt: skip


async def delete(reference: str) -> None:
    """Delete a case with its correspondence and history, inside the running transaction."""
    await execute("DELETE FROM privacy_case WHERE reference = {}", reference)


async def is_held(reference: str) -> bool:
    """True if the case is stored."""
    return bool(await fetch_column("SELECT 1 FROM privacy_case WHERE reference = {}", reference))


async def silent_since(before: int) -> list[str]:
    """The references of answered cases without a message from either side after the second ``before``."""
    return await fetch_column(
        "SELECT reference FROM privacy_case c WHERE state = {} AND resolved_at IS NULL AND answered_at <= {} "
        "AND last_heard_at <= {} AND NOT EXISTS "
        "(SELECT 1 FROM correspondence m WHERE m.reference = c.reference AND m.at > {})",
        ANSWERED, before, before, before,
    )  # fmt: skip


async def timings() -> list[Timing]:
    """State and times of every case, for statistics, without spam and canaries."""
    return await fetch(
        Timing,
        "SELECT state, deadline_at, answered_at FROM privacy_case WHERE state <> {} AND way <> 'canary'",
        SPAM,
    )


async def drop_automatic(reference: str) -> None:
    """Drop the automatic letters of a case that are held back or wait to be sent, inside the running transaction. The
    correspondence says that they were not sent."""
    await execute(
        "UPDATE correspondence SET note = 'not sent: out of date before its turn came' WHERE reference = {} "
        "AND direction = 'out' AND (message_key IN (SELECT id FROM mail_held WHERE reference = {}) OR message_key IN "
        "(SELECT id FROM mail_out WHERE reference = {} AND automatic AND sent_at IS NULL AND length(message) > 0))",
        reference, reference, reference,
    )  # fmt: skip
    await execute("DELETE FROM mail_held WHERE reference = {}", reference)
    await execute(
        "UPDATE mail_out SET message = {} WHERE reference = {} AND automatic AND sent_at IS NULL", b"", reference
    )
