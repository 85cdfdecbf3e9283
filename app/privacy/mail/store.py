"""Mail in the database: correspondence, and the queue of letters. Instants are seconds since 1970."""

from typing import NamedTuple

from app.storage.engine import execute, fetch, fetch_column, fetch_one, fetch_value, marks


class Letter(NamedTuple):
    """A letter to send now, with the number of tries so far. ``reference`` is ``None`` if it belongs to no case."""

    reference: str | None
    recipient: str
    automatic: bool
    message: bytes
    tries: int


class HeldLetter(NamedTuple):
    """An automatic letter held back by a limit; ``kind`` is that of its case."""

    id: str
    reference: str
    recipient: str
    kind: str


class Waiting(NamedTuple):
    """When an unsent letter was written, and how often sending it was tried."""

    at: int
    tries: int


class Late(NamedTuple):
    """How many unsent letters there are, and the most tries of one."""

    letters: int
    most: int | None


# Correspondence


async def add(
    reference: str, at: int, direction: str, key: str, message_id: str, sender: str, subject: str, body: str,
    checks: str, left_out: str,
) -> None:  # fmt: skip
    """Store one message, received or sent, inside the running transaction."""
    await execute(
        "INSERT INTO correspondence (reference, at, direction, message_key, message_id, sender, subject, body, "
        "checks, note) VALUES ({}, {}, {}, {}, {}, {}, {}, {}, {}, {})",
        reference, at, direction, key, message_id, sender, subject, body, checks, left_out,
    )  # fmt: skip


async def case_of_key(key: str) -> str | None:
    """The case in which this very message is stored already; ``None`` if it is not."""
    found = await fetch_value("SELECT reference FROM correspondence WHERE message_key = {}", key)
    return None if found is None else str(found)


async def case_of_answered(message_ids: list[str], *, ours: bool) -> str:
    """The case of the newest message with one of these identifiers, among our own letters only if ``ours``; ``""`` if
    there is none."""
    if not message_ids:
        return ""
    found = await fetch_column(
        f"SELECT reference FROM correspondence WHERE {'direction = {} AND ' if ours else ''}"  # noqa: S608
        f"message_id IN ({marks(message_ids)}) ORDER BY id DESC LIMIT 1",
        *(("out",) if ours else ()), *message_ids,
    )  # fmt: skip
    return str(found[0]) if found else ""


# Letters to send

_DUE = (
    "sent_at IS NULL AND length(message) > 0 AND tries < {} AND (tried_at IS NULL OR tried_at <= {} OR tried_at > {})"
)
"""The condition of a letter that is to be sent: its last try is long enough ago, or in the future, since a clock may
have been ahead. The values are the most tries, the second before which the last try must be, and now."""
GONE = b""
"""The text of a letter that was sent or given up: none is kept."""


async def put(one: str, reference: str | None, recipient: str, now: int, message: bytes, *, automatic: bool) -> None:
    """Put a letter into the queue, inside the running transaction; one that is there already is left unchanged."""
    await execute(
        "INSERT INTO mail_out (id, reference, recipient, automatic, created_at, message) "
        "VALUES ({}, {}, {}, {}, {}, {}) ON CONFLICT (id) DO NOTHING",
        one, reference, recipient, automatic, now, message,
    )  # fmt: skip


async def due(most_tries: int, tried_before: int, now: int) -> list[str]:
    """The ids of letters to send at ``now``, the oldest first."""
    return await fetch_column(
        f"SELECT id FROM mail_out WHERE {_DUE} ORDER BY created_at, id",  # noqa: S608 -- a condition of ours
        most_tries, tried_before, now,
    )  # fmt: skip


async def claim(one: str, most_tries: int, tried_before: int, now: int) -> Letter | None:
    """Claim a letter, inside the running transaction, so that no other process sends it; ``None`` if one did."""
    return await fetch_one(
        Letter,
        f"UPDATE mail_out SET tried_at = {{}}, tries = tries + 1 WHERE id = {{}} AND {_DUE} "  # noqa: S608
        "RETURNING reference, recipient, automatic, message, tries",
        now, one, most_tries, tried_before, now,
    )  # fmt: skip


async def mark_sent(one: str, now: int) -> None:
    """Mark a letter as sent, and delete its text."""
    await execute("UPDATE mail_out SET sent_at = {}, message = {} WHERE id = {}", now, GONE, one)


async def give_up(one: str) -> None:
    """Give up a letter that can't be sent, and delete its text."""
    await execute("UPDATE mail_out SET message = {} WHERE id = {}", GONE, one)


async def late(least: int, most: int) -> Late:
    """The unsent letters with ``least`` to ``most`` tries."""
    found = await fetch_one(
        Late,
        "SELECT count(*) AS letters, max(tries) AS most FROM mail_out WHERE sent_at IS NULL "
        "AND tries BETWEEN {} AND {}",
        least, most,
    )  # fmt: skip
    return found or Late(0, None)


async def given_up(most_tries: int) -> int:
    """How many letters were given up after ``most_tries`` tries."""
    return int(await fetch_value("SELECT count(*) FROM mail_out WHERE sent_at IS NULL AND tries >= {}", most_tries))


async def waiting(reference: str) -> list[Waiting]:
    """The unsent letters of a case, and those held back, which have no tries."""
    return await fetch(
        Waiting,
        "SELECT created_at AS at, tries FROM mail_out WHERE reference = {} AND sent_at IS NULL AND length(message) > 0 "
        "UNION ALL SELECT held_at AS at, 0 AS tries FROM mail_held WHERE reference = {} ORDER BY 1",
        reference, reference,
    )  # fmt: skip


# Limits on automatic letters


async def number_held(recipient: str) -> int:
    """How many letters to an address are held back."""
    return int(await fetch_value("SELECT count(*) FROM mail_held WHERE recipient = {}", recipient))


async def automatic_to(recipient: str, since: int, now: int) -> int:
    """How many automatic letters were written to an address after ``since``, up to ``now``."""
    return int(
        await fetch_value(
            "SELECT count(*) FROM mail_out WHERE automatic AND recipient = {} AND created_at > {} "
            "AND created_at <= {}",
            recipient, since, now,
        )
    )  # fmt: skip


async def automatic_alike(kind: str, recipients: str, since: int, now: int) -> int:
    """How many automatic letters about one kind of request were written after ``since``, up to ``now``, to
    ``recipients``: a pattern of LIKE in which ``!`` takes the next character as it is."""
    return int(
        await fetch_value(
            "SELECT count(*) FROM mail_out LEFT JOIN privacy_case USING (reference) WHERE automatic "
            "AND created_at > {} AND created_at <= {} AND kind = {} AND recipient LIKE {} ESCAPE '!'",
            since, now, kind, recipients,
        )
    )  # fmt: skip


async def held() -> list[HeldLetter]:
    """Every letter that is held back, the oldest first; without its text, of which there may be much."""
    return await fetch(
        HeldLetter,
        "SELECT id, reference, recipient, kind FROM mail_held JOIN privacy_case USING (reference) ORDER BY held_at, id",
    )


async def hold(one: str, reference: str, recipient: str, message: bytes, now: int) -> None:
    """Hold an automatic letter until its limit has passed, inside the running transaction."""
    await execute(
        "INSERT INTO mail_held (id, reference, recipient, held_at, message) VALUES ({}, {}, {}, {}, {})",
        one, reference, recipient, now, message,
    )  # fmt: skip


async def unhold(one: str) -> bytes | None:
    """Delete a held letter, inside the running transaction, and return its text; ``None`` if another process did."""
    found: list[bytes] = await fetch_column("DELETE FROM mail_held WHERE id = {} RETURNING message", one)
    return found[0] if found else None
