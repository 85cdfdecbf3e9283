"""Reports that say exactly the same: a published one is not published twice, and one that is not published counts for
nobody."""

import hashlib
import json

from app.storage.engine import fetch_column


def fingerprint(one: str, kind: str, body: str) -> str:
    """A hash of a report's content, different for every report even if two say the same."""
    return hashlib.sha256(json.dumps([one, kind, body], ensure_ascii=False).encode()).hexdigest()


async def published_alike(one: str, kind: str, body: str) -> str:
    """The number of a published report other than ``one`` that says exactly the same; ``""`` if there is none.

    Reports that are not published never count: nobody learns of them, and who withdrew a report may send it again.
    """
    found = await fetch_column(
        "SELECT id FROM submission WHERE state = 'approved' AND restricted = {} AND kind = {} AND body = {} "
        "AND id <> {}",
        False, kind, body, one,
    )  # fmt: skip
    return str(found[0]) if found else ""
