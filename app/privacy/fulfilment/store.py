"""The stored plan of an erasure: what a case erases, and what of it is gone. Instants are seconds since 1970."""

from collections.abc import Iterable
from typing import NamedTuple

from app.storage.engine import execute_many, fetch


class Planned(NamedTuple):
    """One thing of a plan: its kind, the place of a copy of mail, its id or name, and when it was found to be gone."""

    what: str
    place: str
    name: str
    gone_at: int | None


async def planned(reference: str) -> list[Planned]:
    """The plan of a case."""
    return await fetch(Planned, "SELECT what, place, name, gone_at FROM case_erasure WHERE reference = {}", reference)


async def plan(reference: str, things: Iterable[tuple[str, str, str]]) -> None:
    """Add things to the plan of a case, (what, place, name) each, inside the running transaction."""
    await execute_many(
        "INSERT INTO case_erasure (reference, what, place, name) VALUES ({}, {}, {}, {}) "
        "ON CONFLICT (reference, what, place, name) DO NOTHING",
        [(reference, *thing) for thing in things],
    )


async def mark_gone(reference: str, things: Iterable[tuple[str, str, str]], now: int) -> None:
    """Mark things of a plan as gone, (what, place, name) each, inside the running transaction."""
    await execute_many(
        "UPDATE case_erasure SET gone_at = {} WHERE reference = {} AND what = {} AND place = {} AND name = {}",
        [(now, reference, *thing) for thing in things],
    )
