"""Receiving a new or corrected report: storing it, and recording in the ledger what was predicted of its measurement
beforehand; both or neither."""

from app.storage import scopes
from app.storage.engine import transaction
from app.submissions import ledger, store
from app.submissions.forms import Values
from app.submissions.store import Submission


async def send(kind: str, values: Values, policy: str, consent: str) -> tuple[str, str] | None:
    """:func:`app.submissions.store.send`, and the ledger's line of the report, in one transaction."""
    async with transaction(scope=scopes.REPORTS):
        kept = await store.send(kind, values, policy, consent)
        if kept:
            await _note(kept[0])
    return kept


async def correct(report: Submission, values: Values) -> bool:
    """:func:`app.submissions.store.correct`, and the ledger's line of the new version, in one transaction; the line of
    the old version is emptied."""
    async with transaction(scope=scopes.REPORTS):
        done = await store.correct(report, values)
        if done:
            await _note(report.id)
    return done


async def _note(one: str) -> None:
    report = await store.by_id(one)
    if report is not None:
        await ledger.write(report)
