"""Reading the access log and deleting its old files. No reader ever sees a row past its limit."""

import ipaddress
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from app.core import clock
from app.core.retention import ACCESS_LOG_DAYS
from app.core.units import DAY_S, HOUR_S
from app.telemetry.access_log import COLUMNS

MARGIN_S = 2 * HOUR_S
"""A file is deleted this long before its first row reaches the limit, because deletion runs only once an hour."""
KINDS = ("access", "reports")


@dataclass(frozen=True, slots=True)
class LogRow:
    """One request as it was logged; ``at`` in seconds since 1970, ``ms`` is ``None`` if only the hour was logged."""

    at: int
    address: str
    browser: str
    system: str
    referrer: str
    method: str
    route: str
    path: str
    status: int
    ms: float | None


def files(folder: Path) -> list[tuple[int, Path]]:
    """(first second of the day, path) of every file of the log, the oldest first."""
    found = []
    for path in folder.glob("*.tsv"):
        kind, _, day = path.stem.partition("-")
        try:
            start = int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())
        except ValueError:
            continue
        if kind in KINDS:
            found.append((start, path))
    return sorted(found)


def goes_at(start: int) -> int:
    """The second from which the file for the day beginning at ``start`` is deleted."""
    return start + ACCESS_LOG_DAYS * DAY_S - MARGIN_S


def expired(folder: Path, now: int) -> list[Path]:
    """The files that are due for deletion."""
    return [path for start, path in files(folder) if goes_at(start) <= now]


def put_back(folder: Path, now: int) -> None:
    """Give files of days to come, which a clock that ran ahead wrote, the day at which they were seen first.

    Only once they have been days to come for a whole day: to a clock that is behind, for instance of a machine that
    was just switched on, today's file is one as well. When a file was seen is its modification time.
    """
    for start, path in files(folder):
        if start <= now + DAY_S:
            continue
        seen = int(path.stat().st_mtime)
        if seen > now:
            hour = now // HOUR_S * HOUR_S
            os.utime(path, (hour, hour))
        elif now - seen >= DAY_S:
            kind = path.stem.partition("-")[0]
            with path.with_name(f"{kind}-{clock.from_timestamp(seen):%Y-%m-%d}.tsv").open("ab") as file:
                file.write(path.read_bytes())
            path.unlink()


def delete_expired(folder: Path, now: int) -> int:
    """Delete the files that are due; returns how many were deleted."""
    put_back(folder, now)
    gone, failed = 0, None
    for path in expired(folder, now):
        try:
            path.unlink(missing_ok=True)
            gone += 1
        except OSError as error:  # the other files are still deleted
            failed = failed or error
    if failed:
        raise failed
    return gone


def read(folder: Path, now: int, since: int = 0, until: int | None = None, address: str = "") -> Iterator[LogRow]:
    """The rows from ``since`` until before ``until``, of one address if given; never a row past its limit."""
    oldest = max(since, now - ACCESS_LOG_DAYS * DAY_S + 1)
    until = now + 1 if until is None else until
    wanted = str(ipaddress.ip_address(address)) if address else ""
    for start, path in files(folder):
        if start >= until or start + DAY_S <= oldest:
            continue
        with path.open(encoding="ascii", errors="replace") as lines:
            for line in lines:
                row = parse(line)
                if row and oldest <= row.at < until and (not wanted or row.address == wanted):
                    yield row


def parse(line: str) -> LogRow | None:
    """The row in one line; ``None`` for the heading or a truncated line."""
    parts = line.rstrip("\n").split("\t")
    if len(parts) != len(COLUMNS) or parts[0] == COLUMNS[0]:
        return None
    try:
        at = int(clock.parse_instant(parts[0]).timestamp())
        return LogRow(at, *parts[1:8], int(parts[8]), None if parts[9] == "-" else float(parts[9]))  # type: ignore[arg-type, call-arg]
    except ValueError:
        return None


def oldest_row(folder: Path, now: int) -> int | None:
    """The second of the oldest request still in the log; rows past their limit count as deleted."""
    return next((row.at for row in read(folder, now)), None)
