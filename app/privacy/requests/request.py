"""Requests in the law's terms: kinds, laws, deadlines, states, and a guess from the text. Pure.

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
"""Kinds that concern a person's stored data: identity has to be verified first."""
GDPR_DAYS, CCPA_DAYS, SILENT_DAYS = 30, 45, 60
WRONG_CODES = 5
REMINDERS = (10, 3, 0)
_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
REFERENCE = re.compile(r"\bPR-([2-9A-HJKMNP-Z]{8})\b", re.IGNORECASE)
CODE = re.compile(r"\bIB-([2-9A-HJKMNP-Z]{4})-([2-9A-HJKMNP-Z]{4})\b", re.IGNORECASE)
"""A code as it is written in our letters."""
_MARK = r"[\s\u00ad\u200b\u2010-\u2015\u2212_.=-]{0,4}"
_FOUR = r"([2-9A-HJKMNP-Z]{4})"
_TYPED = re.compile(rf"(?<![A-Z0-9])IB{_MARK}{_FOUR}{_MARK}{_FOUR}(?![A-Z0-9])", re.IGNORECASE)
"""A code as people type it: without its dashes, with longer ones, with spaces."""
_BARE = re.compile(rf"(?<![A-Z0-9-])(?={_FOUR}[ \u2010-\u2015\u2212-]{_FOUR}(?![A-Z0-9-]))", re.IGNORECASE)
"""A code without the letters IB, and any two words of four letters: it is taken for a code if it is in capitals or has
a digit."""


class Guess(NamedTuple):
    """What a message seems to ask for, for the operator to confirm."""

    kind: str
    law: str


def new_reference() -> str:
    """Such as ``PR-7K3MX9PQ``."""
    return "PR-" + "".join(secrets.choice(_ALPHABET) for _ in range(8))


def new_code() -> str:
    """A single-use code with 40 bits; five wrong tries invalidate it."""
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(8))
    return f"IB-{letters[:4]}-{letters[4:]}"


def hash_of(code: str) -> str:
    """The hash of a code, which is all that is stored of it."""
    return hashlib.sha256(code.upper().encode()).hexdigest()


def deadline(received: int, law: str) -> int:
    """When an answer is due (seconds): under the GDPR the earlier of 30 days and a calendar month, under the CCPA 45
    days, otherwise as under the GDPR."""
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


class Written(NamedTuple):
    """The codes in a reply.

    ``codes`` were written by the person, each once; ``quoted`` is True if there are codes in quoted text; ``denied`` if
    the person's other words may deny the request.
    """

    codes: list[str]
    quoted: bool
    denied: bool


MOST_WORDS = 60
"""A reply with more own words than this beside its code is left to the operator."""


def codes_written(subject: str, text: str) -> Written:
    """The codes that the person wrote.

    Our own letter, sent back, contains its code, and "I did not ask for this" above it confirms nothing: codes in a
    copy of our letter don't count, marked as quoted or not, nor if there is nothing else in the reply: mail programs
    send such replies by themselves. If there are further words that may deny the request, in whatever language, the
    operator decides.
    """
    own = _without_our_letter(f"{classify.own_words(text)}\n{classify.words_below(text)}")
    said = f"{subject}\n{own}"
    written, every = codes_in(said), codes_in(f"{subject}\n{text}")
    bare = [
        f"IB-{a}-{b}".upper()
        for a, b in _BARE.findall(unicodedata.normalize("NFKC", said))
        if (a + b).isupper() or re.search(r"\d", a + b)
    ]
    around = classify.folded(re.split(r"(?m)^-- ?$", _TYPED.sub(" ", said))[0])
    denied = any(word in f" {around} " for word in classify.vocabulary()["denials"]) or len(around.split()) > MOST_WORDS
    return Written(list(dict.fromkeys((*written, *bare))), bool(set(every) - set(written)), denied)


OUR_LETTER = re.compile(
    r"your message has arrived\. its reference is|so that nobody else does this in your name|write the code below "
    r"into your"
    r"|(?:IB-\w{4}-\w{4}\s+)?until then nothing personal is sent|so we know that this address is yours"
    r"|you get an answer by",
    re.IGNORECASE,
)
"""Sentences of our letters: from the first of them on, a reply is a copy of the letter, marked as quoted or not."""
_LETTER_ENDS = re.compile(r"privacy questions:\s*\S+@\S+", re.IGNORECASE)


def _without_our_letter(own: str) -> str:
    """A person's own words, without an unmarked copy of our letter; words below the copy are kept."""
    flat = re.sub(r"[ \t]+", " ", re.sub(r"\s*\n[\s|>]*", " ", own))
    begin = OUR_LETTER.search(flat)
    if begin is None:
        return own
    ends = [match.end() for match in _LETTER_ENDS.finditer(flat)]
    return f"{flat[: begin.start()]}\n{flat[ends[-1] :] if ends else ''}"


_CCPA_NAMES = {"erasure": "delete", "access": "know", "rectification": "correct"}
_GDPR_NAMES = {ccpa: gdpr for gdpr, ccpa in _CCPA_NAMES.items()}
UNSURE = "unsure"
"""The kind of a message about rights that names none clearly: the operator decides."""


def guess(subject: str, text: str) -> Guess:
    """Kind and law from the subject of a ready-made mail, else from the words. Always a proposal only."""
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
    """True if a person's stored data may be meant, whatever the kind: then identity has to be verified."""
    if (marked := _marked(subject)) and guess(subject, text).kind == marked:
        return marked in IDENTITY
    _, speaks_of_rights = classify.kind_of(subject, text)
    kind = guess(subject, text).kind
    return kind in IDENTITY or kind == UNSURE or speaks_of_rights


def _marked(subject: str) -> str:
    """The kind that the subject of a ready-made mail names, ``""`` if it names none."""
    return next((kind for kind in re.findall(r"\[([a-z-]+)\]", subject.casefold()) if kind in KINDS), "")
