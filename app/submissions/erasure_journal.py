"""The journal of erasures: a file outside the database and its backups, so that a restored database erases again.

A line is a kind and an id, nothing else. It is on disk before an erasure is confirmed, and replayed at every start.
"""

import os
import sqlite3
from pathlib import Path

FILE = "erasures.journal"
KINDS = {"submission": "id", "case": "reference"}
"""Kind → the column of its id; the tables are ``submission`` and ``privacy_case``."""
TABLES = {"submission": "submission", "case": "privacy_case"}


def append(folder: Path, kind: str, ids: list[str]) -> None:
    """Write down erasures, synced to the disk with the folder's entry."""
    with os.fdopen(os.open(folder / FILE, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "r+b") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - 1))
        mend = "\n" if file.read(1) not in (b"", b"\n") else ""  # what a crash cut off stays a line of its own
        file.write((mend + "".join(f"{kind}\t{one}\n" for one in ids)).encode("ascii"))
        file.flush()
        os.fsync(file.fileno())
    entry = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(entry)
    finally:
        os.close(entry)


def read(folder: Path) -> dict[str, set[str]]:
    """Kind → the ids that were erased; a line that a crash cut off is passed over."""
    path = folder / FILE
    found: dict[str, set[str]] = {}
    for line in path.read_text(encoding="ascii", errors="replace").splitlines() if path.exists() else ():
        kind, _, one = line.partition("\t")
        if kind in KINDS and one:
            found.setdefault(kind, set()).add(one)
    return found


def risen(folder: Path, database: Path) -> dict[str, list[str]]:
    """What the journal says is erased and the database holds again, as after a restored backup."""
    erased = read(folder)
    if not erased or not database.exists():
        return {}
    back: dict[str, list[str]] = {}
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        for kind, ids in erased.items():
            if TABLES[kind] in tables:
                held = {row[0] for row in connection.execute(f"SELECT {KINDS[kind]} FROM {TABLES[kind]}")}  # noqa: S608
                if again := sorted(held & ids):
                    back[kind] = again
    finally:
        connection.close()
    return back
