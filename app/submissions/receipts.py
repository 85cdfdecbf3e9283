"""Receipts: a secret that proves a report is one's own. Shown once; only its hash is kept."""

import hashlib
import re
import secrets

PREFIX = "ib"
_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
_GROUPS, _LENGTH = 6, 4
"""24 characters of 31: 118 bits, so that a plain hash is enough and no receipt can be guessed."""


def new_receipt() -> str:
    """A new receipt such as ``ib-7k3m-x9pq-…``, without letters that are easily confused."""
    groups = ("".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH)) for _ in range(_GROUPS))
    return "-".join((PREFIX, *groups))


def new_id() -> str:
    """The public number of a report; it proves nothing."""
    return "r" + "".join(secrets.choice(_ALPHABET) for _ in range(9))


def hash_of(receipt: str) -> str:
    """The stored hash of a receipt, as it was typed: case, spaces and missing hyphens don't matter."""
    letters = re.sub(r"[^0-9a-z]", "", receipt.casefold())
    return hashlib.sha256(letters.encode()).hexdigest()


def looks_right(receipt: str) -> bool:
    """True if the text has the form of a receipt."""
    return bool(
        re.fullmatch(rf"{PREFIX}[{_ALPHABET}]{{{_GROUPS * _LENGTH}}}", re.sub(r"[\s-]", "", receipt.casefold()))
    )
