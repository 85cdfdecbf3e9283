"""The states of a report and every transition between them. Web, command line and mail use this one table. Pure.

=========  ====================  ==================================================
action     from                  to
=========  ====================  ==================================================
correct    waiting               waiting, as a new version
correct    approved, rejected    waiting, as a new version
approve    waiting, rejected     approved
reject     waiting, approved     rejected
withdraw   all but withdrawn     withdrawn, which is final: only erasing follows
freeze     all but withdrawn     as it was, frozen: kept, changed by nobody, shown nowhere
unfreeze   all, if frozen        as it was, no longer frozen
erase      all                   gone
=========  ====================  ==================================================

While a report is frozen (GDPR Art. 18) only its end is left to choose: unfreeze, withdraw, erase.
"""

from app.core.errors import ConflictError

WAITING, APPROVED, REJECTED, WITHDRAWN = "waiting", "approved", "rejected", "withdrawn"
STATES = (WAITING, APPROVED, REJECTED, WITHDRAWN)
GONE = ""
"""The state after ``erase``: there is no report any more."""
TABLE: dict[str, dict[str, str]] = {
    "correct": {WAITING: WAITING, APPROVED: WAITING, REJECTED: WAITING},
    "approve": {WAITING: APPROVED, REJECTED: APPROVED},
    "reject": {WAITING: REJECTED, APPROVED: REJECTED},
    "withdraw": {WAITING: WITHDRAWN, APPROVED: WITHDRAWN, REJECTED: WITHDRAWN},
    "freeze": {WAITING: WAITING, APPROVED: APPROVED, REJECTED: REJECTED},
    "unfreeze": {state: state for state in STATES},
    "erase": dict.fromkeys(STATES, GONE),
}
"""Action → state before → state after."""
WHILE_FROZEN = frozenset(("unfreeze", "withdraw", "erase"))
_DONE = {"correct": "corrected", "approve": "approved", "reject": "rejected", "withdraw": "withdrawn",
         "freeze": "frozen", "unfreeze": "set free", "erase": "erased"}  # fmt: skip


def after(action: str, state: str, *, frozen: bool) -> str:
    """The state after ``action`` on a report in ``state``; raises :class:`ConflictError` with the reason if it is not
    allowed."""
    if why := refusal(action, state, frozen=frozen):
        raise ConflictError(why)
    return TABLE[action][state]


def refusal(action: str, state: str, *, frozen: bool) -> str:
    """Why ``action`` is not allowed on a report in ``state``, ``""`` if it is."""
    done = _DONE[action]
    if frozen and action not in WHILE_FROZEN:
        return f"This report is frozen and can't be {done} until the restriction ends."
    if action == "unfreeze" and not frozen:
        return "This report is not frozen."
    if state in TABLE[action]:
        return ""
    if state == WITHDRAWN:
        return f"This report was withdrawn by its sender, which is final: it can't be {done} any more, only erased."
    return f"This report is {state} already."
