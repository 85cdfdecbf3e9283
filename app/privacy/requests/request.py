"""Requests as the law sees them: kinds, laws, deadlines, states, and a guess from the words. Pure.

Instants are seconds since 1970, UTC. Sources: GDPR Art. 12(3) (one month, extended by two); CCPA regulations § 7021
(45 days, extended by 45).
"""

import hashlib
import re
import secrets
import unicodedata
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
    [
        "access",
        "rectification",
        "erasure",
        "restriction",
        "portability",
        "objection",
        "withdrawal",
        "know",
        "delete",
        "correct",
    ]
)
"""Kinds that touch what is held of somebody: who asks must be known first."""
GDPR_DAYS, CCPA_DAYS, SILENT_DAYS = 30, 45, 60
WRONG_CODES = 5
REMINDERS = (10, 3, 0)
_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
REFERENCE = re.compile(r"\bPR-([2-9A-HJKMNP-Z]{8})\b", re.IGNORECASE)
CODE = re.compile(r"\bIB-([2-9A-HJKMNP-Z]{4})-([2-9A-HJKMNP-Z]{4})\b", re.IGNORECASE)
"""A code as letters have it."""
_TYPED = re.compile(
    r"\bIB[\s\u2010-\u2015_.-]{0,3}([2-9A-HJKMNP-Z]{4})[\s\u2010-\u2015_.-]{0,3}([2-9A-HJKMNP-Z]{4})\b", re.IGNORECASE
)
"""A code as people type it: without its dashes, with longer ones, with spaces."""


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


def hash_of(code: str) -> str:
    """The kept hash of a code."""
    return hashlib.sha256(code.upper().encode()).hexdigest()


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
    """Every code in a text, however it is typed, in its usual form."""
    return [f"IB-{a}-{b}".upper() for a, b in _TYPED.findall(unicodedata.normalize("NFKC", text))]


def codes_written(text: str) -> tuple[list[str], bool]:
    """The codes that the person wrote, and whether there are others in what is quoted.

    A quoted letter of ours holds its code, whatever stands above it: "I did not ask for this" confirms nothing. A reply
    without a word of one's own is the letter sent back, as it asks for.
    """
    own = classify.own_words(text)
    written, every = codes_in(own), codes_in(text)
    if not written and not own.strip():
        return every, False
    return written, bool(set(every) - set(written))


_CCPA_NAMES = {"erasure": "delete", "access": "know", "rectification": "correct"}
_GDPR_NAMES = {ccpa: gdpr for gdpr, ccpa in _CCPA_NAMES.items()}
UNSURE = "unsure"
"""The kind of a message that speaks of rights while none stands out: the operator reads it."""


def guess(subject: str, text: str) -> Guess:
    """Kind and law from a subject made by our own links, else from the words. Only ever a proposal."""
    law = classify.law_of(subject, text) or OTHER
    if marked := _marked(subject):
        right = next(right for right in RIGHTS if right.kind == marked)
        added = text.replace(right.asks, "")
        other, _ = classify.kind_of("", added)
        same = {marked, _GDPR_NAMES.get(marked, marked), "question", UNSURE}
        if other not in same and marked != "question" and classify.is_personal(classify.folded(added)):
            return Guess(UNSURE, law)  # the link's subject, and a text that asks for another thing
        return Guess(right.kind, law if right.law not in LAWS or law == GDPR else right.law)
    kind, _ = classify.kind_of(subject, text)
    if kind == "question" and (law != OTHER or not text.strip()):
        kind = UNSURE  # a law is named, or nothing could be read: somebody has to look
    return Guess(_CCPA_NAMES.get(kind, kind) if law == CCPA else kind, law)


def touches_data(subject: str, text: str) -> bool:
    """True where what is held of somebody may be meant, whatever the kind: identity is asked for then."""
    if (marked := _marked(subject)) and guess(subject, text).kind == marked:
        return marked in IDENTITY
    _, speaks_of_rights = classify.kind_of(subject, text)
    kind = guess(subject, text).kind
    return kind in IDENTITY or kind == UNSURE or speaks_of_rights


def _marked(subject: str) -> str:
    """The kind that a subject made by our own links names, ``""`` if it names none."""
    return next((kind for kind in re.findall(r"\[([a-z-]+)\]", subject.casefold()) if kind in KINDS), "")
