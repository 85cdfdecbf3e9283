"""The ledger of predictions: what the site predicted of a reported measurement when the report came in.

Each line is chained to the one before (:mod:`app.benchmarks.ledger_lines`). Its content is stored separately and
deleted with its report; the line stays, empty, so that the chain holds.
"""

from typing import Any

from app.benchmarks.ledger_lines import (
    START,
    Checked,
    chained,
    checked,
    constants_now,
    content_of,
    digest,
    in_range_or_unreadable,
    without_prediction,
)
from app.core import clock
from app.core.errors import InferenceBenchError
from app.submissions import ledger_store
from app.submissions.publish import as_row
from app.submissions.store import Submission


class LedgerError(InferenceBenchError):
    """The requested line does not exist."""


async def write(report: Submission) -> None:
    """Write the prediction for a report's measurement, or that none can be made, inside the running transaction. Writes
    nothing if this version of the report has its line already."""
    if report.kind != "benchmark" or await ledger_store.has_entry(report.id, report.version):
        return
    row = as_row(report)
    body = content_of(row) or without_prediction(row)
    await ledger_store.forget(report.id)
    last = await ledger_store.last_line()
    line, before = (last.line + 1, last.hash) if last else (1, START)
    day, content = f"{clock.now():%Y-%m-%d}", digest(body)
    await ledger_store.keep_constants(*constants_now())
    await ledger_store.append(line, day, content, chained(before, line, day, content))
    await ledger_store.keep_entry(line, report.id, report.version, body)


async def summary() -> dict[str, Any]:
    """``judged`` lines that can be read, those whose range ``held`` the time per token, and ``withdrawn`` ones, whose
    report was withdrawn, corrected or refused. Only what is published is judged: reports that wait or are frozen are
    not. The number of ``lines`` and the ``head``, the hash of the last, tell that none was cut off the end."""
    rows, last = await ledger_store.judged(), await ledger_store.last_line()
    bodies = [row.body for row in rows if row.body and row.state == "approved" and not row.restricted]
    found = [within for body in bodies if (within := in_range_or_unreadable(body)) is not None]
    withdrawn = sum(row.body is None for row in rows)
    return {
        "judged": len(found), "held": sum(found), "withdrawn": withdrawn,
        "lines": last.line if last else 0, "head": last.hash if last else "",
    }  # fmt: skip


async def verify(only: int | None = None) -> list[Checked]:
    """Check the whole chain and compute again what the lines say, or line ``only``. Raises :class:`LedgerError` if it
    is not there."""
    rows, constants = await ledger_store.lines(), await ledger_store.constants()
    if only is not None and not any(row.line == only for row in rows):
        raise LedgerError(f"the ledger has no line {only}; it has {len(rows)}")
    return checked(rows, constants, only)
