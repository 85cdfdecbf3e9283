"""Addresses of the site: query strings and routes as people read them. Pure."""

import re
from collections.abc import Iterable
from urllib.parse import quote

_PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")


def encode(pairs: Iterable[tuple[str, str]]) -> str:
    """``pairs`` as a query string; only what must be escaped is."""
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='~:,/')}" for name, value in pairs)


def shown(route: str) -> str:
    """A route as people read it: ``/gpus/{gpu:str}`` → ``/gpus/{gpu}``."""
    return _PARAMETER.sub(r"{\1}", route)
