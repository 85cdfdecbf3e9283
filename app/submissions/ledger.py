"""The ledger of predictions: what the site predicted of a reported measurement when the report came in.

Each line is chained to the one before (:mod:`app.benchmarks.replay`). Its content lies apart and goes with its report;
the line stays, empty, and the chain holds.
"""

import json

from app.benchmarks.replay import START, Checked, chained, checked, constants_now, content_of, digest, held
from app.core import clock
from app.core.errors import InferenceBenchError
from app.storage.sqlite import execute, fetch
from app.submissions.publish import as_row
from app.submissions.store import Submission


class LedgerError(InferenceBenchError):
    """A line that is asked for is not there."""


async def write(report: Submission) -> None:
    """Write what is predicted of a report's measurement, inside the running transaction. Nothing where it can't be
    predicted, or where this version of the report has its line."""
    if report.kind != "benchmark" or await fetch(
        "SELECT 1 FROM ledger_entry WHERE submission = ? AND version = ?", report.id, report.version
    ):
        return
    body = content_of(as_row(report))
    if not body:
        return
    await forget(report.id)
    last = await fetch("SELECT line, hash FROM ledger_line ORDER BY line DESC LIMIT 1")
    line, before = (last[0][0] + 1, last[0][1]) if last else (1, START)
    day, content = f"{clock.now():%Y-%m-%d}", digest(body)
    await execute("INSERT OR IGNORE INTO ledger_constants (digest, body) VALUES (?, ?)", *constants_now())
    await execute("INSERT INTO ledger_line (line, day, content, hash) VALUES (?, ?, ?, ?)", line, day, content,
        chained(before, line, day, content))  # fmt: skip
    await execute("INSERT INTO ledger_entry (line, submission, version, body) VALUES (?, ?, ?, ?)", line, report.id,
        report.version, body)  # fmt: skip


async def forget(submission: str) -> None:
    """Empty the lines of a report, inside the running transaction."""
    await execute("DELETE FROM ledger_entry WHERE submission = ?", submission)


async def summary() -> dict[str, int]:
    """``judged`` lines, those whose range ``held`` the time per token, and ``withdrawn`` ones, whose report was
    withdrawn, corrected or refused. Only what is published is judged: reports that wait or are frozen are not."""
    rows = await fetch(
        "SELECT e.body, s.state, s.restricted FROM ledger_line l LEFT JOIN ledger_entry e ON e.line = l.line "
        "LEFT JOIN submission s ON s.id = e.submission"
    )
    bodies = [json.loads(body) for body, state, frozen in rows if body and state == "approved" and not frozen]
    withdrawn = sum(body is None for body, _, _ in rows)
    return {"judged": len(bodies), "held": sum(map(held, bodies)), "withdrawn": withdrawn}


async def verify(only: int | None = None) -> list[Checked]:
    """Check the whole chain and compute again what the lines say, or line ``only``. Raises :class:`LedgerError` if it
    is not there."""
    rows = await fetch(
        "SELECT l.line, l.day, l.content, l.hash, e.body FROM ledger_line l LEFT JOIN ledger_entry e ON e.line = "
        "l.line ORDER BY l.line"
    )
    constants = dict(await fetch("SELECT digest, body FROM ledger_constants"))
    if only is not None and not any(row[0] == only for row in rows):
        raise LedgerError(f"the ledger has no line {only}; it has {len(rows)}")
    return checked(rows, constants, only)
