"""The ledger of rows that ship with the software: what the last release predicted of them before it was fitted to them.

``make calibrate`` writes a line for each new row of ``measured.csv`` before it fits anything. The rows that were there
when this ledger began had been fitted already: they are named, and have no line.
"""

import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from app.benchmarks.ledger_lines import START, Checked, chained, checked, constants_now, content_of, digest, is_in_range
from app.benchmarks.measured import every_row
from app.core import clock
from app.core.errors import InferenceBenchError

SHIPPED = Path(__file__).with_name("shipped_ledger.json")
_DIGITS = 12
_NOTED_LATER = ("kv_format", "speculative_tokens", "max_running", "prefix_cached", "doubt")
"""Columns that may be filled in when more is known of a row: it is the same row then."""


class ShippedLedgerError(InferenceBenchError):
    """The requested line does not exist."""


def name_of(row: Mapping[str, str]) -> str:
    """The first digits of the SHA-256 of a measured row."""
    cells = sorted((column, value) for column, value in row.items() if value and column not in _NOTED_LATER)
    return digest(json.dumps(cells))[:_DIGITS]


@cache
def shipped() -> dict[str, Any]:
    """The file: ``seen_before``, names of rows in one string; ``constants`` by digest; ``lines``."""
    found: dict[str, Any] = json.loads(SHIPPED.read_text(encoding="utf-8"))
    return found


def seen(kept: Mapping[str, Any]) -> set[str]:
    """The names of the rows that are in the ledger or are older than it."""
    names = kept["seen_before"]
    return {names[i : i + _DIGITS] for i in range(0, len(names), _DIGITS)} | {line["row"] for line in kept["lines"]}


def recorded(rows: Iterable[Mapping[str, str]], kept: Mapping[str, Any]) -> dict[str, Any]:
    """The ledger with a line for each of the ``rows`` that is not in it yet, predicted with today's constants, which
    must not have been fitted to them. A row for which no prediction can be made is named without a line."""
    lines, constants, known, names = list(kept["lines"]), dict(kept["constants"]), seen(kept), kept["seen_before"]
    day, (key, constants_body) = f"{clock.now():%Y-%m-%d}", constants_now()
    for row in rows:
        if (name := name_of(row)) in known:
            continue
        known.add(name)
        body = "" if row["doubt"] else content_of(row)
        if not body:
            names += name
            continue
        number, before, content = len(lines) + 1, lines[-1]["hash"] if lines else START, digest(body)
        lines.append({
            "line": number, "day": day, "row": name, "content": content,
            "hash": chained(before, number, day, content), "body": body,
        })  # fmt: skip
        constants[key] = constants_body
    return {"seen_before": names, "constants": constants, "lines": lines}


def write() -> int:
    """Bring the file up to date with the shipped rows; how many lines are new. To be called before a fit."""
    kept = recorded(every_row(), shipped())
    SHIPPED.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    return len(kept["lines"]) - len(shipped()["lines"])


def summary() -> dict[str, Any]:
    """``judged`` lines and those whose range ``held`` the time per token; the number of ``lines`` and the ``head``, the
    hash of the last: what tells that none was cut off the end."""
    lines = shipped()["lines"]
    bodies = [json.loads(line["body"]) for line in lines]
    return {
        "judged": len(bodies), "held": sum(map(is_in_range, bodies)), "lines": len(lines),
        "head": lines[-1]["hash"] if lines else "",
    }  # fmt: skip


def verify(only: int | None = None, kept: Mapping[str, Any] | None = None) -> list[Checked]:
    """Check the chain and compute again what the lines say, or line ``only``. Raises :class:`ShippedLedgerError` if it
    is not there."""
    kept = shipped() if kept is None else kept
    lines = [(e["line"], e["day"], e["content"], e["hash"], e["body"]) for e in kept["lines"]]
    if only is not None and not any(line[0] == only for line in lines):
        raise ShippedLedgerError(f"the ledger of shipped rows has no line {only}; it has {len(lines)}")
    return checked(lines, kept["constants"], only)
