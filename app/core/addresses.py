"""The site's addresses: query strings, and routes in a readable form. Pure."""

import re
from collections.abc import Iterable
from urllib.parse import quote

_PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")


def encode(pairs: Iterable[tuple[str, str]]) -> str:
    """``pairs`` as a query string, in which only what must be escaped is escaped."""
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='~:,/')}" for name, value in pairs)


def shown(route: str) -> str:
    """A route without the types of its parameters: ``/gpus/{gpu:str}`` → ``/gpus/{gpu}``."""
    return _PARAMETER.sub(r"{\1}", route)
