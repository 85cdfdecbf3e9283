"""The ledger of predictions: what the site predicted of a reported measurement before it was published.

A line is chained to the one before: its hash is SHA-256 of the hash before, its number, its day and the SHA-256 of
its content.
The content (software version, inputs, prediction, range, outcome, and a random salt, so that nobody finds it by
trying) lies apart and goes with its report; the line stays, empty, and the chain holds.
"""

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app import __version__
from app.benchmarks.measured import shipped_shapes
from app.benchmarks.predict import added
from app.benchmarks.rows import question
from app.core import clock
from app.core.errors import InferenceBenchError
from app.estimate.constants import fitted
from app.estimate.inputs import EstimateError
from app.estimate.offsets import basis
from app.estimate.speed import estimate
from app.storage.sqlite import execute, fetch
from app.submissions.publish import as_row
from app.submissions.store import Submission

START = "0" * 64
"""What the first line is chained to."""
SAME = 1e-4
"""How closely a replay has to come to what was written: times are written with four decimals of a millisecond."""
PREDICTED = (
    "predicted_tpot_ms",
    "tpot_low_ms",
    "tpot_high_ms",
    "predicted_ttft_ms",
    "ttft_low_ms",
    "ttft_high_ms",
    "rests_on",
)
_KEPT = ("constants", "offsets", "ranges")


class LedgerError(InferenceBenchError):
    """A line that is asked for is not there."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What became of checking a line: ``fault`` is "" where it holds, ``empty`` where its report is gone."""

    line: int
    day: str
    empty: bool
    fault: str
    told: str


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _hash(before: str, line: int, day: str, content: str) -> str:
    return _digest(f"{before}{line}{day}{content}")


def _constants() -> tuple[str, str]:
    """The digest and the text of everything that predictions are made with."""
    body = json.dumps({name: fitted()[name] for name in _KEPT}, sort_keys=True)
    return _digest(body), body


async def write(report: Submission) -> None:
    """Write what is predicted of a report's measurement, inside the running transaction. Nothing where it can't be
    predicted, or where this version of the report has its line."""
    if await fetch("SELECT 1 FROM ledger_entry WHERE submission = ? AND version = ?", report.id, report.version):
        return
    row = as_row(report)
    guess = added(row)
    if guess["error"] or not guess["predicted_tpot_ms"]:
        return
    await forget(report.id)
    digest, constants = _constants()
    body = json.dumps(
        {
            "version": __version__, "constants": digest, "inputs": row,
            "predicted": {name: guess[name] for name in PREDICTED},
            "outcome": {"tpot_ms": row["tpot_ms"], "ttft_ms": row["ttft_ms"]}, "salt": secrets.token_hex(16),
        },
        sort_keys=True,
    )  # fmt: skip
    last = await fetch("SELECT line, hash FROM ledger_line ORDER BY line DESC LIMIT 1")
    line, before = (last[0][0] + 1, last[0][1]) if last else (1, START)
    day = f"{clock.now():%Y-%m-%d}"
    content = _digest(body)
    await execute("INSERT OR IGNORE INTO ledger_constants (digest, body) VALUES (?, ?)", digest, constants)
    await execute("INSERT INTO ledger_line (line, day, content, hash) VALUES (?, ?, ?, ?)", line, day, content,
        _hash(before, line, day, content))  # fmt: skip
    await execute("INSERT INTO ledger_entry (line, submission, version, body) VALUES (?, ?, ?, ?)", line, report.id,
        report.version, body)  # fmt: skip


async def forget(submission: str) -> None:
    """Empty the lines of a report, inside the running transaction."""
    await execute("DELETE FROM ledger_entry WHERE submission = ?", submission)


async def summary() -> dict[str, int]:
    """``judged`` lines, those whose range ``held`` the time per token, and ``withdrawn`` ones. Frozen reports are not
    counted."""
    rows = await fetch(
        "SELECT e.body, s.restricted FROM ledger_line l LEFT JOIN ledger_entry e ON e.line = l.line LEFT JOIN "
        "submission s ON s.id = e.submission"
    )
    bodies = [json.loads(body) for body, frozen in rows if body and not frozen]
    return {"judged": len(bodies), "held": sum(map(_held, bodies)), "withdrawn": sum(body is None for body, _ in rows)}


def _held(body: Mapping[str, Any]) -> bool:
    told = body["predicted"]
    return float(told["tpot_low_ms"]) <= float(body["outcome"]["tpot_ms"]) <= float(told["tpot_high_ms"])


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
    found, before = [], START
    for number, (line, day, content, hash_, body) in enumerate(rows, 1):
        fault = ""
        if line != number:
            fault, before = f"line {number} is missing", hash_
        elif _hash(before, line, day, content) != hash_:
            fault = "its hash does not follow from the line before"
        elif body is not None and _digest(body) != content:
            fault = "what it says is not what was written"
        told = "empty: the report was withdrawn or corrected"
        if body is not None and not fault:
            fault, told = _replayed(json.loads(body), constants)
        if only in (None, line):
            found.append(Checked(line, day, body is None, fault, told))
        before = hash_
    return found


def _replayed(body: Mapping[str, Any], constants: Mapping[str, str]) -> tuple[str, str]:
    """("" or what is wrong, the line in words): the prediction computed again with the constants of its day."""
    kept = constants.get(body["constants"])
    told = body["predicted"]
    words = (
        f"predicted {told['predicted_tpot_ms']} ms a token ({told['tpot_low_ms']} to {told['tpot_high_ms']}, "
        f"{told['rests_on']}), measured {body['outcome']['tpot_ms']}"
    )
    if kept is None or _digest(kept) != body["constants"]:
        return "the constants it was made with are gone or changed", words
    known = json.loads(kept)
    try:
        ask = question(body["inputs"], shipped_shapes())
    except EstimateError as error:
        return f"its inputs can't be read any more: {error.message}", words
    rests = basis(known["offsets"], ask.family, ask.group)
    again = estimate(ask.shape, ask.card, ask.layout, ask.traffic, known["constants"], rests.factors).tpot * 1e3
    if abs(again - float(told["predicted_tpot_ms"])) <= SAME + SAME * again:
        return "", words
    if body["version"] != __version__:
        return (
            "",
            (
                f"{words}; version {__version__} predicts {again:.4f} with the constants of then, {body['version']} "
                f"wrote it"
            ),
        )
    return f"computed again it is {again:.4f} ms", words
