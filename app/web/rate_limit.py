"""How often one address may do a thing, without keeping the address: a salted hash in memory, whose salt turns over daily."""

import hashlib
import ipaddress
import secrets

DAY_S = 86_400


class Limit:
    """At most ``most`` in each window of ``window_s`` seconds for each address, IPv6 by its /64.

    Counts are forgotten with their window; past ``addresses`` different ones in a window nobody new is let in, so
    memory is bounded too.
    """

    def __init__(self, most: int, window_s: int, addresses: int = 50_000) -> None:
        self.most, self.window_s, self._addresses = most, window_s, addresses
        self._counts: dict[bytes, int] = {}
        self._window = self._day = -1
        self._salt = b""

    def allows(self, address: str, now: int) -> bool:
        """Count one more from ``address`` in the second ``now``; False if that is too many."""
        if now // DAY_S != self._day:
            self._day, self._salt = now // DAY_S, secrets.token_bytes(16)
            self._counts.clear()
        if now // self.window_s != self._window:
            self._window = now // self.window_s
            self._counts.clear()
        key = hashlib.blake2b(_network(address).encode(), key=self._salt, digest_size=12).digest()
        count = self._counts.get(key, 0)
        if count >= self.most or (not count and len(self._counts) >= self._addresses):
            return False
        self._counts[key] = count + 1
        return True

    def wait_s(self, now: int) -> int:
        """Seconds until the next window."""
        return self.window_s - now % self.window_s


def _network(address: str) -> str:
    try:
        read = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((read, 64), strict=False)) if read.version == 6 else address
