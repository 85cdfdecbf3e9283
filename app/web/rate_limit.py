"""How often one sender may do something, without storing the address: a salted hash in memory, whose salt changes
daily."""

import hashlib
import ipaddress
import secrets
from collections import OrderedDict

from app.core.units import DAY_S

WIDENING = ((64, 1), (56, 4), (48, 16))
"""(prefix length, multiple of the limit): an IPv6 customer gets a /64 to a /48 and may change addresses within it, so
each wider network has a multiple of the limit."""


class RateLimit:
    """At most ``most`` in each window of ``window_s`` seconds for each IPv4 address or IPv6 /64, and a few times that
    for the networks around it.

    Memory is bounded by ``addresses``: beyond that, the least recently seen address is forgotten, so that a flood of
    addresses locks nobody out.
    """

    def __init__(self, most: int, window_s: int, addresses: int = 50_000) -> None:
        self.most, self.window_s, self._addresses = most, window_s, addresses
        self._counts: OrderedDict[bytes, int] = OrderedDict()
        self._window = self._day = -1
        self._salt = b""

    def allows(self, address: str, now: int) -> bool:
        """Count one request from ``address`` at the second ``now``; ``False``, and not counted, if it is over the
        limit."""
        if now // DAY_S != self._day:
            self._day, self._salt = now // DAY_S, secrets.token_bytes(16)
            self._counts.clear()
        if now // self.window_s != self._window:
            self._window = now // self.window_s
            self._counts.clear()
        keys = [(self._key(network), self.most * times) for network, times in networks(address)]
        if any(self._counts.get(key, 0) >= most for key, most in keys):
            return False
        for key, _ in reversed(keys):  # the narrowest last, so that it is the most recently used
            self._counts[key] = self._counts.pop(key, 0) + 1
        while len(self._counts) > self._addresses:
            self._counts.popitem(last=False)
        return True

    def wait_s(self, now: int) -> int:
        """Seconds until the next window."""
        return self.window_s - now % self.window_s

    def _key(self, network: str) -> bytes:
        return hashlib.blake2b(network.encode(), key=self._salt, digest_size=12).digest()


def networks(address: str) -> list[tuple[str, int]]:
    """(network, multiple of the limit) for an address, the narrowest first."""
    try:
        read = ipaddress.ip_address(address)
    except ValueError:
        return [(address, 1)]
    if read.version == 4:
        return [(address, 1)]
    return [(str(ipaddress.ip_network((read, length), strict=False)), times) for length, times in WIDENING]
