"""Versions of reports, raised by each correction, and the version that the operator saw."""

from typing import NamedTuple

from app.storage.engine import execute, fetch_one


class SeenVersion(NamedTuple):
    """A report's present version, and the version that the operator was last shown."""

    version: int
    seen_version: int | None


async def raise_version(submission: str) -> None:
    """Raise the version of a corrected report, inside the running transaction. A report without a row has version 1."""
    await execute(
        "INSERT INTO submission_version (submission, version) VALUES ({}, 2) ON CONFLICT (submission) DO UPDATE "
        "SET version = submission_version.version + 1",
        submission,
    )


async def mark_seen(submission: str, version: int) -> None:
    """Record that the operator was shown this version of a report, inside the running transaction."""
    await execute(
        "INSERT INTO submission_version (submission, version, seen_version) VALUES ({}, {}, {}) "
        "ON CONFLICT (submission) DO UPDATE SET seen_version = excluded.seen_version",
        submission, version, version,
    )  # fmt: skip


async def version_of(submission: str) -> SeenVersion:
    """The present version of a report, and the one that the operator saw."""
    asked = "SELECT version, seen_version FROM submission_version WHERE submission = {}"
    return await fetch_one(SeenVersion, asked, submission) or SeenVersion(1, None)


async def was_shown(one: str) -> bool:
    """True if the operator saw some version of the report."""
    return (await version_of(one)).seen_version is not None
