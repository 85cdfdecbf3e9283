"""The keys under which nodes' questions and answers are sealed. Instants are seconds since 1970."""

from app.storage import scopes
from app.storage.engine import execute, fetch_value, transaction


async def put(number: str, key: bytes, now: int, until: int) -> None:
    """Keep the key of the question ``number``; keys that are over at ``now`` go."""
    async with transaction(scope=scopes.COUNTERS):
        await execute("DELETE FROM question_key WHERE until <= {}", now)
        await execute("INSERT INTO question_key (id, key, until) VALUES ({}, {}, {})", number, key, until)


async def key(number: str, now: int) -> bytes | None:
    """The key of the question ``number``; None where there is none, or it is over at ``now``."""
    found = await fetch_value("SELECT key FROM question_key WHERE id = {} AND until > {}", number, now)
    return None if found is None else bytes(found)


async def drop(number: str) -> None:
    """Forget the key of a question that was answered."""
    async with transaction(scope=scopes.COUNTERS):
        await execute("DELETE FROM question_key WHERE id = {}", number)
