"""What sources whose lists are files in a repository ask of GitHub's interface."""

from typing import Any

from app.core import clock
from app.core.http_client import Fault, FetchError
from app.pricing.sources.base import text

API = "https://api.github.com"
PRIVACY = "https://docs.github.com/en/site-policy/privacy-policies/github-general-privacy-statement"
RAW = {"accept": "application/vnd.github.raw+json"}
"""The request header for a file's raw content."""


def last_change(answer: Any, name: str) -> int:
    """When a file last changed, as GitHub's list of its commits says, in seconds since 1970."""
    try:
        return int(clock.parse_instant(text(answer[0]["commit"]["committer"]["date"])).timestamp())
    except (KeyError, IndexError, TypeError, ValueError):
        raise FetchError(Fault.SCHEMA, f"{name}: it is not said when the list last changed") from None
