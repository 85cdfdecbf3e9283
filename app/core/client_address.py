"""The client address of a request. A forwarded header is trusted only if it comes from a trusted proxy."""

import ipaddress
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")
"""Holds every IPv4 address, as a machine that has IPv6 alone sees it (RFC 6052)."""
Networks = tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]


def header(scope: Mapping[str, Any], name: bytes) -> str:
    """The last value of a request's header, ``""`` if it is absent."""
    found = b""
    for key, value in scope["headers"]:
        if key == name:
            found = value
    return found.decode("latin-1")


def forwarded(scope: Mapping[str, Any]) -> str:
    """The whole chain of forwarded addresses, as it was sent."""
    return ",".join(value.decode("latin-1") for key, value in scope["headers"] if key == b"x-forwarded-for")


@lru_cache(maxsize=4096)
def client(peer: str, chain: str, trusted: Networks) -> str:
    """The visitor's address: the peer or, behind trusted peers, the last address in the chain that is not one of them.

    Without ``trusted`` networks, a forwarded header is ignored. Anything that is not an address ends the search:
    nothing to its left is trusted.
    """
    address = _read(peer)
    if address is None:
        return "-"
    for text in reversed(chain.split(",") if chain else []):
        if not any(address in network for network in trusted):
            break
        further = _read(text)
        if further is None:
            break
        address = further
    return str(address)


def of(scope: Mapping[str, Any], trusted: Networks) -> str:
    """The visitor's address of a request, ``-`` if it has none."""
    peer = scope.get("client")
    return client(peer[0] if peer else "", forwarded(scope) if trusted else "", trusted)


def _read(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in TRANSLATED:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address
