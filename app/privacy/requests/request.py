"""Requests as the law sees them: kinds, laws, deadlines, states, and a guess from the words. Pure.

Instants are seconds since 1970, UTC. Sources: GDPR Art. 12(3) (one month, extended by two); CCPA regulations § 7021
(45 days, extended by 45).
"""

import re
import secrets
from typing import NamedTuple

from app.core.retention import add_months
from app.core.units import DAY_S
from app.privacy.requests import classify
from app.privacy.requests.rights import CCPA, GDPR, RIGHTS

OTHER = "other"
LAWS = (GDPR, CCPA, OTHER)
KINDS = tuple(right.kind for right in RIGHTS)
RECEIVED, WAITING, VERIFIED, IN_PROGRESS = "received", "waiting for identity", "verified", "in progress"
ANSWERED, REFUSED, RESOLVED, SPAM = "answered", "refused", "resolved", "spam"
OPEN = (RECEIVED, WAITING, VERIFIED, IN_PROGRESS)
CLOSED = (RESOLVED, REFUSED, SPAM)
IDENTITY = frozenset(
    ("access", "rectification", "erasure", "restriction", "portability", "withdrawal", "know", "delete", "correct")
)
"""Kinds that touch what is held of somebody: who asks must be known first."""
GDPR_DAYS, CCPA_DAYS, SILENT_DAYS = 30, 45, 60
WRONG_CODES = 5
REMINDERS = (10, 3, 0)
_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
REFERENCE = re.compile(r"\bPR-([2-9A-HJKMNP-Z]{8})\b", re.IGNORECASE)
CODE = re.compile(r"\bIB-([2-9A-HJKMNP-Z]{4})-([2-9A-HJKMNP-Z]{4})\b", re.IGNORECASE)


class Guess(NamedTuple):
    """What a message seems to ask for, for the operator to confirm."""

    kind: str
    law: str


def new_reference() -> str:
    """Such as ``PR-7K3MX9PQ``."""
    return "PR-" + "".join(secrets.choice(_ALPHABET) for _ in range(8))


def new_code() -> str:
    """A single-use code, 40 bits: five wrong ones end it."""
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(8))
    return f"IB-{letters[:4]}-{letters[4:]}"


def deadline(received: int, law: str) -> int:
    """When an answer is due: GDPR the earlier of 30 days and a calendar month, CCPA 45 days, anything else as the
    GDPR."""
    if law == CCPA:
        return received + CCPA_DAYS * DAY_S
    return min(received + GDPR_DAYS * DAY_S, add_months(received, 1))


def extended(received: int, due: int, law: str) -> int:
    """The one extension: two calendar months more under the GDPR, 45 days more under the CCPA."""
    return received + 2 * CCPA_DAYS * DAY_S if law == CCPA else add_months(due, 2)


def reference_in(*texts: str) -> str:
    """The first reference in the texts, ``""`` if there is none."""
    for text in texts:
        if found := REFERENCE.search(text):
            return f"PR-{found[1].upper()}"
    return ""


def codes_in(text: str) -> list[str]:
    """Every code in a text, in its usual form."""
    return [f"IB-{a}-{b}".upper() for a, b in CODE.findall(text)]


_CCPA_NAMES = {"erasure": "delete", "access": "know", "rectification": "correct"}
UNSURE = "unsure"
"""The kind of a message that speaks of rights while none stands out: the operator reads it."""


def guess(subject: str, text: str) -> Guess:
    """Kind and law from a subject made by our own links, else from the words. Only ever a proposal."""
    law = classify.law_of(subject, text) or OTHER
    if marked := _marked(subject):
        right = next(right for right in RIGHTS if right.kind == marked)
        return Guess(right.kind, right.law if right.law in LAWS else law)
    kind, _ = classify.kind_of(subject, text)
    if kind == "question" and (law != OTHER or not text.strip()):
        kind = UNSURE  # a law is named, or nothing could be read: somebody has to look
    return Guess(_CCPA_NAMES.get(kind, kind) if law == CCPA else kind, law)


def touches_data(subject: str, text: str) -> bool:
    """True where what is held of somebody may be meant, whatever the kind: identity is asked for then."""
    if marked := _marked(subject):
        return marked in IDENTITY
    _, speaks_of_rights = classify.kind_of(subject, text)
    kind = guess(subject, text).kind
    return kind in IDENTITY or kind == UNSURE or speaks_of_rights


def _marked(subject: str) -> str:
    """The kind that a subject made by our own links names, ``""`` if it names none."""
    return next((kind for kind in re.findall(r"\[([a-z-]+)\]", subject.casefold()) if kind in KINDS), "")
