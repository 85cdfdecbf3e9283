"""Limits on automatic letters, against floods and mail loops. Held letters are sent later, the oldest first.

A flood is many requests of one sender, or of one domain about one kind of request. Many different senders are no flood.
"""

import re

from app.core import clock
from app.core.units import DAY_S, HOUR_S
from app.privacy.mail import store
from app.storage import scopes
from app.storage.engine import transaction

MOST_HELD = 3
"""The most automatic letters held for one address; further messages of that sender get no automatic answer."""
AT_ONCE = 1_000
"""The most held letters that one call releases."""
ONE_A_DAY = "one a day and recipient"


async def is_flooding(recipient: str) -> bool:
    """True if :data:`MOST_HELD` letters are already held for this address."""
    return await store.number_held(recipient) >= MOST_HELD


async def held_back(recipient: str, kind: str, now: int, most_an_hour: int) -> str:
    """Why an automatic letter to ``recipient`` has to wait at ``now`` (seconds), ``""`` if it may go."""
    if await store.automatic_to(recipient, now - DAY_S, now):
        return ONE_A_DAY
    domain = re.sub(r"([!%_])", r"!\1", recipient.rpartition("@")[2])
    if await store.automatic_alike(kind, f"%@{domain}", now - HOUR_S, now) >= most_an_hour:
        return f"{most_an_hour} an hour to one domain about one kind of request"
    return ""


async def release(most_an_hour: int) -> int:
    """Queue the held letters whose limit has passed, the oldest first; returns how many.

    A recipient, or a domain and kind of request, that is still limited is checked once, so that its many letters do not
    delay those of others.
    """
    now, gone = clock.timestamp(), 0
    shut: set[tuple[str, ...]] = set()
    for letter in await store.held():
        domain = letter.recipient.rpartition("@")[2]
        if {(letter.recipient,), (domain, letter.kind)} & shut:
            continue
        if gone >= AT_ONCE:
            break
        async with transaction(scope=scopes.CASES):
            why = await held_back(letter.recipient, letter.kind, now, most_an_hour)
            if why:
                shut.add((letter.recipient,) if why == ONE_A_DAY else (domain, letter.kind))
            elif (message := await store.unhold(letter.id)) is not None:
                await store.put(letter.id, letter.reference, letter.recipient, now, message, automatic=True)
                gone += 1
    return gone
