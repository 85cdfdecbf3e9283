"""``inferencebench ledger``: what was predicted of measurements before the site saw them."""

from collections.abc import Sequence
from typing import Annotated

from app.benchmarks import shipped_ledger
from app.cli.database import open_database
from app.cli.options import group, whole
from app.core.settings import Settings
from app.storage import engine
from app.submissions import ledger, ledger_audit

app = group("ledger")


@app.command
def verify(
    line: Annotated[int | None, whole()] = None, /, *, shipped: bool = False, noted: Sequence[str] = (),
    settings: Settings,
) -> int:  # fmt: skip
    """Check the chain and compute every line again, or one; exit status 1 where a line does not hold. The lines of
    reports are followed by those of rows that ship with the software. A report that waits or is published must have its
    line's content, one that is withdrawn, corrected or refused none.

    Args:
        line: the number of one line; all of them if not given
        shipped: only the lines of shipped rows, and what was noted of them
        noted: number and hash of a line as they were noted elsewhere, for example 12:0123456789abcdef; once for each
    """
    found = []
    kept = ledger_audit.noted(noted)
    heads = {"shipped ": shipped_ledger.summary()["head"]}
    if not shipped:
        open_database(settings)
        found = [("", checked) for checked in engine.run(ledger.verify(line))]
        heads = {"": engine.run(ledger.summary())["head"], **heads}
        faults = engine.run(ledger_audit.faults(kept)) if line is None or kept else []
    else:
        hashes = {entry["line"]: entry["hash"] for entry in shipped_ledger.shipped()["lines"]}
        faults = ledger_audit.against_noted(hashes, kept)
    if shipped or line is None:
        found += [("shipped ", checked) for checked in shipped_ledger.verify(line)]
    for name, checked in found:
        print(f"{name}{checked.line} {checked.day} {checked.fault or 'holds'}: {checked.text}")
    for name, head in heads.items():
        if head:
            print(f"{name}chain ends with {head}")
    for fault in faults:
        print(fault)
    wrong = sum(bool(checked.fault) for _, checked in found) + len(faults)
    empty = sum(checked.empty for _, checked in found)
    print(f"{len(found)} {'line' if len(found) == 1 else 'lines'}, {empty} empty, {wrong} wrong")
    return 1 if wrong else 0
