"""``inferencebench ledger``: what was predicted of reported measurements before they were published."""

from typing import Annotated

from app.cli.database import open_database
from app.cli.options import group, whole
from app.core.settings import Settings
from app.storage import sqlite
from app.submissions import ledger

app = group("ledger")


@app.command
def verify(line: Annotated[int | None, whole()] = None, /, *, settings: Settings) -> int:
    """Check the chain and compute every line again, or one; exit status 1 where a line does not hold.

    Args:
        line: the number of one line; all of them if not given
    """
    open_database(settings)
    found = sqlite.run(ledger.verify(line))
    for checked in found:
        print(f"{checked.line} {checked.day} {checked.fault or 'holds'}: {checked.told}")
    wrong = sum(bool(checked.fault) for checked in found)
    empty = sum(checked.empty for checked in found)
    print(f"{len(found)} {'line' if len(found) == 1 else 'lines'}, {empty} empty, {wrong} wrong")
    return 1 if wrong else 0
