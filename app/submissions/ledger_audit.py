"""Whether the ledger agrees with the reports it is about, and with what others noted of it.

A chain of hashes tells that no line in its middle was changed. It tells neither that a content was deleted whose report
is still published, nor that lines were cut off the end, nor that the whole chain was computed anew. The states of the
reports tell the first, a number and a hash that somebody keeps elsewhere the others.
"""

import json
import re
from collections.abc import Iterable, Mapping

from app.core.errors import InferenceBenchError
from app.submissions import ledger_store, store
from app.submissions.ledger_store import Entry
from app.submissions.publish import as_row
from app.submissions.store import Submission
from app.submissions.transitions import APPROVED, WAITING

_NOTED = re.compile(r"([1-9][0-9]{0,8}):([0-9a-f]{16,64})", re.ASCII)


class NotedError(InferenceBenchError):
    """What was noted of the ledger can't be read."""


def noted(texts: Iterable[str]) -> list[tuple[int, str]]:
    """Numbers of lines with the first digits of their hashes, from texts such as ``12:0123456789abcdef``. Raises
    :class:`NotedError`."""
    found = []
    for text in texts:
        if not (match := _NOTED.fullmatch(text)):
            raise NotedError(
                f"{text[:80]!r} is no number of a line with its hash; for example 12:0123456789abcdef, with 16 digits "
                f"or more, as /methodology shows them"
            )
        found.append((int(match[1]), match[2]))
    return found


def against_noted(hashes: Mapping[int, str], kept: Iterable[tuple[int, str]]) -> list[str]:
    """What of the ``hashes`` by line differs from what was ``kept`` elsewhere, in words. Lines that follow are new."""
    return [
        f"line {number} had the hash {digits[:16]} when it was noted, "
        + (f"now it has {hashes[number][:16]}: the chain was made again" if number in hashes else "now it is gone")
        for number, digits in kept
        if not hashes.get(number, "").startswith(digits)
    ]


def against_reports(entries: Iterable[Entry], reports: Iterable[Submission]) -> list[str]:
    """What of the contents does not agree with the reports of benchmarks, in words: one that waits or is published has
    the content of its version, and no other has any."""
    by = {(entry.submission, entry.version): entry.body for entry in entries}
    found, known = [], {}
    for report in reports:
        held = report.state in (WAITING, APPROVED)
        known[report.id] = report.version if held else None
        if not held or not report.sound:
            continue
        body = by.get((report.id, report.version))
        if body is None:
            found.append(f"report {report.id} is {report.state}, but what was predicted of it was deleted")
        elif not _is_about(body, as_row(report)):
            found.append(f"report {report.id} has the line of another measurement")
    return found + [
        f"report {one} is withdrawn, corrected or refused, but what was predicted of version {version} is still there"
        for one, version in by
        if one in known and known[one] != version
    ]


def _is_about(body: str, row: Mapping[str, str]) -> bool:
    """True if the content is of this row, as far as both have the same columns; a damaged one is found by its hash."""
    try:
        inputs = json.loads(body)["inputs"]
        return all(inputs[name] == row[name] for name in inputs.keys() & row.keys())
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return True


async def faults(kept: Iterable[tuple[int, str]] = ()) -> list[str]:
    """What is wrong with the ledger as a whole, in words."""
    hashes = {line.line: str(line.hash) for line in await ledger_store.lines()}
    reports = await store.listed(kind="benchmark")
    return against_noted(hashes, kept) + against_reports(await ledger_store.entries(), reports)
