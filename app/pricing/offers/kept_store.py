"""What many pages read of all offers, kept in the process until the offers change or time alone changes the answer.

Without it each first render would read every offer again, though nothing but another page was asked for.
"""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, TypeVar

from app.core.version_keys import OFFERS_KEY
from app.pricing.offers.store import next_stale
from app.storage.engine import ENGINE, fetch_value

T = TypeVar("T")


class _Kept(NamedTuple):
    database: str
    version: int
    made_at: int
    until: int
    value: Any


_KEPT: dict[str, _Kept] = {}


async def kept(name: str, now: int, make: Callable[[], Awaitable[T]]) -> T:
    """What ``make`` gives for the offers at ``now`` (seconds), made once for all who ask for ``name``.

    It is made anew once the version of the offers was raised, and from the second on at which an offer turns stale.
    """
    database = ENGINE.identity
    version = int(await fetch_value("SELECT version FROM data_version WHERE key = {}", OFFERS_KEY) or 0)
    held = _KEPT.get(name)
    if held is not None and held[:2] == (database, version) and held.made_at <= now < held.until:
        value: T = held.value
        return value
    until = await next_stale(now)
    value = await make()
    _KEPT[name] = _Kept(database, version, now, now + 60 if until is None else until, value)
    return value
