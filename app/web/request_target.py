"""What a request names: a host, and an address in its one spelling. Pure."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote


def canonical_path(scope: Mapping[str, Any]) -> str | None:
    """The one spelling of a path, ``None`` if it is spelled so: one slash between parts, none at the end, nothing
    escaped that needs no escape. Always on this site, because it begins with exactly one slash."""
    path: str = scope["path"]
    parts = [part for part in path.split("/") if part]
    if {".", ".."} & set(parts) or "\ufffd" in path:
        return None  # no page is spelled so: it is not found, rather than looked for elsewhere
    plain = "/" + "/".join(parts)
    raw = scope.get("raw_path") or path.encode()
    raw_path = raw.decode("latin-1").split("?", 1)[0]
    wanted = quote(plain, safe=UNESCAPED)
    return None if raw_path in (wanted, plain) else wanted


UNESCAPED = "/~:@!$&'()*+,;="
"""What a path may hold unescaped beside letters, digits and ``-._`` (RFC 3986, pchar)."""


def _host_fault(scope: Mapping[str, Any]) -> str | None:
    """What is wrong with the Host of an HTTP/1.1 request (RFC 9112, section 3.2): it has exactly one."""
    if scope.get("http_version") != "1.1":
        return None
    hosts = [value for name, value in scope["headers"] if name == b"host"]
    if len(hosts) == 1 and _HOST.fullmatch(hosts[0]):  # the server puts an empty one where there is none
        return None
    if len(hosts) == 1 and hosts[0]:
        return "The Host header names no host; for example Host: inferencebench.io"
    return f"A request has one Host header; this one has {len(hosts) if any(hosts) else 'none'}."


_HOST = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+,;=%-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")
"""``uri-host [":" port]`` of RFC 9110, section 7.2."""


def refusal(scope: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """Status, words and further headers for a request that names no host or no address of ours; None for all
    others."""
    if (fault := _host_fault(scope)) is not None:
        return 400, fault
    if scope["path"].startswith("/"):
        return None
    if scope["method"] == "OPTIONS":  # of "*", which is the server as a whole (RFC 9110, section 9.3.7)
        return 204, "", (b"allow", b"GET, HEAD, OPTIONS, POST")
    return 400, "An address begins with a slash; for example /prices"


ELSEWHERE = (
    "Reports are taken in by another machine, which does not answer at the moment. Nothing was kept. If you were "
    "sending a report, go back, where what you typed still stands, and send it again in a minute."
)
"""For what a node gets that another one answers: the edge sends it here only where it is set up wrongly."""
