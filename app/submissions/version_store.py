"""Versions of reports: raised by each correction, and which of them the operator saw."""

from typing import NamedTuple

from app.storage.engine import execute, fetch_one


class SeenVersion(NamedTuple):
    """The version that a report is in, and the one that the operator was shown last."""

    version: int
    seen_version: int | None


async def raise_version(submission: str) -> None:
    """A report was corrected; inside the running transaction. One that never was is in its first version."""
    await execute(
        "INSERT INTO submission_version (submission, version) VALUES ({}, 2) ON CONFLICT (submission) DO UPDATE "
        "SET version = submission_version.version + 1",
        submission,
    )


async def mark_seen(submission: str, version: int) -> None:
    """The operator was shown this version of a report; inside the running transaction."""
    await execute(
        "INSERT INTO submission_version (submission, version, seen_version) VALUES ({}, {}, {}) "
        "ON CONFLICT (submission) DO UPDATE SET seen_version = excluded.seen_version",
        submission, version, version,
    )  # fmt: skip


async def version_of(submission: str) -> SeenVersion:
    """The version that a report is in."""
    asked = "SELECT version, seen_version FROM submission_version WHERE submission = {}"
    return await fetch_one(SeenVersion, asked, submission) or SeenVersion(1, None)


async def was_shown(one: str) -> bool:
    """True if the operator saw some version of the report."""
    return (await version_of(one)).seen_version is not None
