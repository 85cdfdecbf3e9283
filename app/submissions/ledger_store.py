"""The ledger in the database: its lines, their contents, and the constants that predictions were made with."""

from typing import NamedTuple

from app.storage.engine import execute, fetch, fetch_column, fetch_one, fetch_pairs, whole


class LastLine(NamedTuple):
    """The end of the chain."""

    line: int
    hash: str


class KeptLine(NamedTuple):
    """A line and its content; ``body`` is JSON, ``None`` if the report is gone."""

    line: int
    day: str
    content: str
    hash: str
    body: str | None


class Entry(NamedTuple):
    """The content of a line (JSON), and of which version of which report it is."""

    submission: str
    version: int
    body: str


class JudgedLine(NamedTuple):
    """The content of a line (JSON, or ``None``) and the state of its report."""

    body: str | None
    state: str | None
    restricted: bool | None


async def has_entry(submission: str, version: int) -> bool:
    """True if this version of a report has its line."""
    return bool(
        await fetch_column("SELECT 1 FROM ledger_entry WHERE submission = {} AND version = {}", submission, version)
    )


async def last_line() -> LastLine | None:
    """The newest line; ``None`` if there is none."""
    return await fetch_one(LastLine, "SELECT line, hash FROM ledger_line ORDER BY line DESC LIMIT 1")


async def keep_constants(digest: str, body: str) -> None:
    """Store the constants that predictions are made with, unless they are stored already."""
    await execute(
        "INSERT INTO ledger_constants (digest, body) VALUES ({}, {}) ON CONFLICT (digest) DO NOTHING", digest, body
    )


async def append(line: int, day: str, content: str, hash_: str) -> None:
    """Append a line, inside the running transaction."""
    await execute(
        "INSERT INTO ledger_line (line, day, content, hash) VALUES ({}, {}, {}, {})", line, day, content, hash_
    )


async def keep_entry(line: int, submission: str, version: int, body: str) -> None:
    """Store the content of a line, inside the running transaction."""
    await execute(
        "INSERT INTO ledger_entry (line, submission, version, body) VALUES ({}, {}, {}, {})",
        line, submission, version, body,
    )  # fmt: skip


async def forget(submission: str) -> None:
    """Delete the contents of a report's lines, inside the running transaction."""
    await execute("DELETE FROM ledger_entry WHERE submission = {}", submission)


async def judged() -> list[JudgedLine]:
    """The content of every line, with the state of its report."""
    return await fetch(
        JudgedLine,
        "SELECT e.body AS body, s.state AS state, s.restricted AS restricted FROM ledger_line l "
        "LEFT JOIN ledger_entry e ON e.line = l.line LEFT JOIN submission s ON s.id = e.submission",
    )


async def lines() -> list[KeptLine]:
    """Every line, in order, damaged ones too: one that was left out would pass for an emptied one."""
    return await fetch(
        KeptLine,
        "SELECT l.line AS line, l.day AS day, l.content AS content, l.hash AS hash, e.body AS body "  # noqa: S608 -- names of ours
        f"FROM {whole('ledger_line')} l LEFT JOIN {whole('ledger_entry')} e ON e.line = l.line ORDER BY l.line",
    )


async def entries() -> list[Entry]:
    """Every content, damaged ones too."""
    return await fetch(
        Entry,
        "SELECT submission, version, body "  # noqa: S608 -- names of ours
        f"FROM {whole('ledger_entry')} ORDER BY line",
    )


async def constants() -> dict[str, str]:
    """Digest → the constants that predictions were made with, as JSON."""
    return await fetch_pairs(f"SELECT digest, body FROM {whole('ledger_constants')}")  # noqa: S608 -- names of ours
