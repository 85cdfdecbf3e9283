"""How many automatic letters go out: a flood is held back, people are not. What is held back goes later, the oldest
first.

A flood is many requests of one sender, or of one domain about one kind of request. Many senders are just many people.
"""

import re

from app.core import clock
from app.core.units import DAY_S, HOUR_S
from app.storage.sqlite import execute, fetch, transaction

MOST_HELD = 3
"""So many automatic letters to one address wait at most; whoever sends more gets no answer to the rest by itself."""
AT_ONCE = 1_000
"""So many held letters are let go of in one go at most."""
ONE_A_DAY = "one a day and recipient"


async def is_flooding(recipient: str) -> bool:
    """True where as many letters wait for this address as ever do."""
    rows = await fetch("SELECT count(*) FROM mail_held WHERE recipient = ?", recipient)
    return int(rows[0][0]) >= MOST_HELD


async def held_back(recipient: str, kind: str, now: int, most_an_hour: int) -> str:
    """Why an automatic letter to ``recipient`` has to wait at ``now`` (seconds), ``""`` if it may go."""
    today = await fetch(
        "SELECT count(*) FROM mail_out WHERE automatic = 1 AND recipient = ? AND created_at > ? AND created_at <= ?",
        recipient, now - DAY_S, now,
    )  # fmt: skip
    if today[0][0]:
        return ONE_A_DAY
    domain = re.sub(r"([!%_])", r"!\1", recipient.rpartition("@")[2])
    alike = await fetch(
        "SELECT count(*) FROM mail_out LEFT JOIN privacy_case USING (reference) WHERE automatic = 1 "
        "AND created_at > ? AND created_at <= ? AND kind = ? AND recipient LIKE ? ESCAPE '!'",
        now - HOUR_S, now, kind, f"%@{domain}",
    )  # fmt: skip
    if alike[0][0] >= most_an_hour:
        return f"{most_an_hour} an hour to one domain about one kind of request"
    return ""


async def release(most_an_hour: int) -> int:
    """Let go of held letters whose limit has passed, the oldest first; returns how many.

    A recipient, or a domain's requests of one kind, whose limit has not passed is asked about once: however many of
    its letters wait, they stand in nobody's way.
    """
    now, gone = clock.timestamp(), 0
    shut: set[tuple[str, ...]] = set()
    for one, reference, recipient, kind in await fetch(
        "SELECT id, reference, recipient, kind FROM mail_held JOIN privacy_case USING (reference) ORDER BY held_at, id"
    ):
        domain = recipient.rpartition("@")[2]
        if {(recipient,), (domain, kind)} & shut:
            continue
        if gone >= AT_ONCE:
            break
        async with transaction():
            why = await held_back(recipient, kind, now, most_an_hour)
            if why:
                shut.add((recipient,) if why == ONE_A_DAY else (domain, kind))
            elif held := await fetch("DELETE FROM mail_held WHERE id = ? RETURNING message", one):
                await hand_on(one, reference, recipient, held[0][0], now)
                gone += 1
    return gone


async def hand_on(one: str, reference: str, recipient: str, message: bytes, now: int) -> None:
    """Put an automatic letter among those to send, inside the running transaction."""
    await execute(
        "INSERT OR IGNORE INTO mail_out (id, reference, recipient, automatic, created_at, message) "
        "VALUES (?, ?, ?, 1, ?, ?)",
        one, reference, recipient, now, message,
    )  # fmt: skip


async def hold(one: str, reference: str, recipient: str, message: bytes, now: int) -> None:
    """Put an automatic letter aside until its limit has passed, inside the running transaction."""
    await execute(
        "INSERT INTO mail_held (id, reference, recipient, held_at, message) VALUES (?, ?, ?, ?, ?)", one, reference,
        recipient, now, message
    )  # fmt: skip
