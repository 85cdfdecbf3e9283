"""Where copies of mail are stored, and which messages could not be. Instants are seconds since 1970."""

from collections.abc import Iterable
from typing import NamedTuple

from app.storage.engine import execute, execute_many, fetch, fetch_column, marks, no_time, whole


class Aside(NamedTuple):
    """A message that could not be read or stored: the mailbox it is in, its name there, since when, and why."""

    place: str
    name: str
    at: int
    reason: str


class Copy(NamedTuple):
    """A copy of mail: the mailbox or folder it is in, and its name there."""

    place: str
    name: str


async def known_names(place: str, tries: int) -> set[str]:
    """The names of messages in a mailbox that are stored already, or set aside after this many tries."""
    return set(
        await fetch_column(
            "SELECT name FROM mail_copy WHERE place = {} UNION SELECT name FROM mail_aside WHERE place = {} "
            "AND tries >= {}",
            place, place, tries,
        )
    )  # fmt: skip


async def keep_copy(place: str, name: str, reference: str, now: int) -> None:
    """Record where a copy is stored, inside the running transaction; an existing record is left unchanged."""
    await execute(
        "INSERT INTO mail_copy (place, name, reference, stored_at) VALUES ({}, {}, {}, {}) "
        "ON CONFLICT (place, name) DO NOTHING",
        place, name, reference, now,
    )  # fmt: skip


async def forget_copies(place: str, names: Iterable[str]) -> None:
    """Delete the records of copies that are gone, inside the running transaction."""
    await execute_many("DELETE FROM mail_copy WHERE place = {} AND name = {}", [(place, name) for name in names])


async def copies_until(until: int) -> list[Copy]:
    """The copies stored by the second ``until``, and those whose date can't be read."""
    undated = no_time("instant", "stored_at")
    return await fetch(
        Copy, f"SELECT place, name FROM {whole('mail_copy')} WHERE stored_at <= {{}} OR {undated}", until  # noqa: S608
    )  # fmt: skip


async def copies_of(references: list[str]) -> list[Copy]:
    """The copies of mail of cases."""
    if not references:
        return []
    return await fetch(
        Copy, f"SELECT place, name FROM mail_copy WHERE reference IN ({marks(references)})", *references  # noqa: S608
    )  # fmt: skip


async def set_aside(place: str, name: str, reason: str, now: int) -> None:
    """Record that a message could not be stored, once more; inside the running transaction."""
    await execute(
        "INSERT INTO mail_aside (place, name, at, reason) VALUES ({}, {}, {}, {}) ON CONFLICT (place, name) DO UPDATE "
        "SET tries = mail_aside.tries + 1",
        place, name, now, reason,
    )  # fmt: skip


async def aside(tries: int) -> list[Aside]:
    """Messages that could not be stored in this many tries, the oldest first."""
    return await fetch(
        Aside, "SELECT place, name, at, reason FROM mail_aside WHERE tries >= {} ORDER BY at, name", tries
    )


async def not_aside(place: str, name: str) -> None:
    """Delete the record of a message that could be stored after all, inside the running transaction."""
    await execute("DELETE FROM mail_aside WHERE place = {} AND name = {}", place, name)


async def none_aside() -> None:
    """Forget every message that was set aside, inside the running transaction."""
    await execute("DELETE FROM mail_aside")
