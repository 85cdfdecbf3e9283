"""The record of what the site showed, as all its nodes share it."""

from collections.abc import Mapping

from app.storage import scopes
from app.storage.engine import execute_many, fetch_pairs, transaction


async def shown() -> dict[str, int]:
    """Name of a version → when the site first showed it, in seconds since 1970."""
    return await fetch_pairs("SELECT name, at FROM policy_shown")


async def add(record: Mapping[str, int]) -> None:
    """Add versions; where one is known the earlier instant stays."""
    async with transaction(scope=scopes.POLICIES):
        await execute_many(
            "INSERT INTO policy_shown (name, at) VALUES ({}, {}) ON CONFLICT (name) DO UPDATE SET at = excluded.at "
            "WHERE excluded.at < policy_shown.at",
            sorted(record.items()),
        )
