"""What a case is to erase, and what of it is gone. Instants are seconds since 1970."""

from collections.abc import Iterable
from typing import NamedTuple

from app.storage.engine import execute_many, fetch


class Planned(NamedTuple):
    """One thing that a case is to erase: what it is, where a copy of mail lies, its name, and when it was gone."""

    what: str
    place: str
    name: str
    gone_at: int | None


async def planned(reference: str) -> list[Planned]:
    """What a case is to erase."""
    return await fetch(Planned, "SELECT what, place, name, gone_at FROM case_erasure WHERE reference = {}", reference)


async def plan(reference: str, things: Iterable[tuple[str, str, str]]) -> None:
    """Write down what a case is to erase, (what, place, name) each, inside the running transaction."""
    await execute_many(
        "INSERT INTO case_erasure (reference, what, place, name) VALUES ({}, {}, {}, {}) "
        "ON CONFLICT (reference, what, place, name) DO NOTHING",
        [(reference, *thing) for thing in things],
    )


async def mark_gone(reference: str, things: Iterable[tuple[str, str, str]], now: int) -> None:
    """Write down what is gone, (what, place, name) each, inside the running transaction."""
    await execute_many(
        "UPDATE case_erasure SET gone_at = {} WHERE reference = {} AND what = {} AND place = {} AND name = {}",
        [(now, reference, *thing) for thing in things],
    )
