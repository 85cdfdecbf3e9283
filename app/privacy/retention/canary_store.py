"""Inserting canaries, one row of every kind with a limit. Inside the running transaction; instants are seconds since
1970.

It shares no code with the modules that usually fill and empty these tables: a canary checks that those work.
"""

from app.storage.engine import execute


async def counter(day: str, mark: str) -> None:
    """A counter of a page called as the mark."""
    await execute(
        "INSERT INTO daily_counter (day, measure, page, bucket, count) VALUES ({}, 'canary', {}, 0, 1)", day, mark
    )


async def report(one: str, ended: str, state: str, mark: str, body: str) -> None:
    """A report with an address for questions, in a ``state`` that ended on a day."""
    await execute(
        "INSERT INTO submission (id, kind, day, receipt_hash, state, body, fingerprint, policy, consent, ended_on, "
        "reason) VALUES ({}, 'canary', {}, {}, {}, {}, {}, '', {}, {}, {})",
        one, ended, f"{mark}{state}", state, body, f"{mark}{state}", mark, ended, mark,
    )  # fmt: skip
    await execute(
        "INSERT INTO submission_contact (submission, address) VALUES ({}, {})", one, f"{mark}@example.invalid"
    )


async def decision(at: int, mark: str) -> None:
    """A line of the audit trail of moderation."""
    await execute(
        "INSERT INTO moderation (at, submission, kind, action, reason) VALUES ({}, 'canary', 'canary', 'canary', {})",
        at, mark,
    )  # fmt: skip


async def case(reference: str, state: str, at: int, way: str, mark: str) -> None:
    """A case that came and ended at one second, with a message and an event."""
    address = f"{mark}@example.invalid"
    await execute(
        "INSERT INTO privacy_case (reference, kind, proposed, law, received_at, deadline_at, state, address, way, "
        "answered_at, resolved_at, last_heard_at, reason) "
        "VALUES ({}, 'question', 'question', 'other', {}, {}, {}, {}, {}, {}, {}, {}, {})",
        reference, at, at, state, address, way, at, at if state == "resolved" else None, at, mark,
    )  # fmt: skip
    await execute(
        "INSERT INTO correspondence (reference, at, direction, message_key, message_id, sender, subject, body, "
        "checks, note) VALUES ({}, {}, 'in', {}, {}, {}, {}, {}, '', '')",
        reference, at, f"{mark}{state}", mark, address, mark, f"Artificial text. {mark}",
    )  # fmt: skip
    await execute("INSERT INTO case_event (reference, at, what, number) VALUES ({}, {}, {}, 0)", reference, at, mark)


async def letter(one: str, reference: str | None, at: int, mark: str) -> None:
    """A letter that was sent, of a case or of none."""
    await execute(
        "INSERT INTO mail_out (id, reference, recipient, automatic, created_at, sent_at, message) "
        "VALUES ({}, {}, {}, {}, {}, {}, {})",
        one, reference, f"{mark}@example.invalid", True, at, at, mark.encode(),
    )  # fmt: skip


async def copy(place: str, name: str, stored_at: int) -> None:
    """A copy of mail that is known as stored; one that is known already is known as stored then."""
    await execute(
        "INSERT INTO mail_copy (place, name, reference, stored_at) VALUES ({}, {}, 'canary', {}) "
        "ON CONFLICT (place, name) DO UPDATE SET stored_at = excluded.stored_at",
        place, name, stored_at,
    )  # fmt: skip
