"""The journal of erasures: a file outside the database and its backups, so that erased data is erased again after a
restore.

A line is a kind and an id, nothing else. It is on disk before an erasure is confirmed, and is replayed at every start.
"""

import hashlib
import os
import re
from collections import Counter
from pathlib import Path

from app.core.errors import DatabaseError
from app.storage import inspection

FILE = "erasures.journal"
LONGEST_LINE = 400
_ID = re.compile(rb"[\w.:,=@%+-]{0,300}")
KINDS = {"submission": "id", "case": "reference", "mail": ""}
"""Kind → the column of its id in its table; a copy of mail is known by a hash of its name and lies in no table."""
TABLES = {"submission": "submission", "case": "privacy_case"}


def mark_of(name: str) -> str:
    """The journal's id of a copy of mail: a hash of its name in the mailbox, since that name may hold any character."""
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()


def append(folder: Path, kind: str, ids: list[str]) -> None:
    """Record erasures; the file and its folder entry are synced to disk before this returns."""
    with os.fdopen(os.open(folder / FILE, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "r+b") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - 1))
        mend = "\n" if file.read(1) not in (b"", b"\n") else ""  # a line truncated by a crash stays a line of its own
        file.write((mend + "".join(f"{kind}\t{one}\n" for one in ids)).encode("ascii"))
        file.flush()
        os.fsync(file.fileno())
    entry = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(entry)
    finally:
        os.close(entry)


def read(folder: Path) -> dict[str, set[str]]:
    """Kind → the ids that were withdrawn or erased. Raises as :func:`times`."""
    return {kind: set(ids) for kind, ids in times(folder).items()}


def times(folder: Path) -> dict[str, Counter[str]]:
    """Kind → id → how often it is listed: a report once when withdrawn and again when erased. A line truncated by a
    crash is skipped.

    Raises :class:`DatabaseError` with one line if the file holds anything else: what was erased could come back.
    """
    path = folder / FILE
    found: dict[str, Counter[str]] = {}
    try:
        with path.open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE), b""), 1):
                kind, mark, one = line.rstrip(b"\n").partition(b"\t")
                if not mark and any(name.encode().startswith(kind) for name in KINDS):
                    continue  # cut off within its kind
                if kind.decode("ascii", "replace") not in KINDS or not _ID.fullmatch(one):
                    raise DatabaseError(
                        f"{path}: line {number} is no erasure; put the file back from a backup, or take that line out, "
                        "before the site starts: what was erased could come back otherwise"
                    )
                if one:
                    found.setdefault(kind.decode(), Counter())[one.decode()] += 1
    except FileNotFoundError:
        pass
    except OSError as error:
        raise DatabaseError(f"{path} can't be read: {error.strerror}") from None
    return found


def missing(folder: Path, database: Path | str) -> list[str]:
    """Reports that the database knows to be withdrawn or erased and the journal does not list: lines of it are lost.

    A report that waited when it was erased leaves no trace in the database, nor is one missed here. Raises as
    :func:`times`.
    """
    if isinstance(database, Path) and not database.exists():
        return []
    withdrawn = inspection.values(database, "submission", "id", "state = ? AND kind <> ?", "withdrawn", "canary")
    approved = inspection.values(database, "moderation", "submission", "action = ?", "approve")
    rejected = inspection.values(database, "moderation", "submission", "action = ?", "reject")
    erased = approved - rejected - inspection.values(database, "submission", "id")
    return sorted((withdrawn | erased) - read(folder).get("submission", set()))


def risen(folder: Path, database: Path | str) -> dict[str, list[str]]:
    """What the journal lists as erased but the database holds, as after restoring a backup."""
    erased = times(folder)
    if not erased or (isinstance(database, Path) and not database.exists()):
        return {}
    back: dict[str, list[str]] = {}
    for kind, ids in erased.items():
        if kind not in TABLES:
            continue
        held = inspection.values(database, TABLES[kind], KINDS[kind])
        if kind == "submission":  # one that was withdrawn, and is so here, has its days left; the purge erases it
            withdrawn = inspection.values(database, "submission", "id", "state = ?", "withdrawn")
            held -= {one for one in withdrawn if ids[one] == 1}
        if again := sorted(held & ids.keys()):
            back[kind] = again
    return back
