"""Limits on one sender that hold over all nodes: counted in the shared queue's server, by the node while that is away.

No address gets there. The name of a count is a keyed hash of the network, whose key is drawn for each UTC day, stands
in the server's memory only and ends with the day.
"""

import hashlib
import secrets
from typing import TYPE_CHECKING, Any

from app.core.settings import Settings
from app.core.units import DAY_S
from app.web.rate_limit import RateLimit, networks

if TYPE_CHECKING:
    from app.core.shared_queue import SharedQueue

PREFIX = "inferencebench:limit"
SALT = "inferencebench:limit-salt"
_COUNT = """
for i, key in ipairs(KEYS) do
  if tonumber(redis.call('GET', key) or '0') >= tonumber(ARGV[i + 1]) then return 0 end
end
for _, key in ipairs(KEYS) do
  if redis.call('INCR', key) == 1 then redis.call('EXPIRE', key, ARGV[1]) end
end
return 1
"""
"""All counts of an address, or none: the rule of :class:`RateLimit`, in one step of the server."""


class SharedLimits:
    """The limits of all nodes together; of this node alone where it has no shared queue, or that is away."""

    def __init__(self, settings: Settings) -> None:
        self._queue = _queue(settings.redis_url) if settings.redis_url else None

    async def allows(self, name: str, limit: RateLimit, address: str, now: int) -> bool:
        """Count one request from ``address`` at the second ``now`` under the limit called ``name``; False, and not
        counted, if it is over the limit."""
        if self._queue is not None:
            counted = await self._queue.ask(lambda redis: _count(redis, name, limit, address, now))
            if counted is not None:
                return counted
        return limit.allows(address, now)

    async def close(self) -> None:
        """Close the connection."""
        if self._queue is not None:
            await self._queue.close()


def _queue(url: str) -> "SharedQueue":
    from app.core.shared_queue import SharedQueue  # its client takes a fifth of a second to import

    return SharedQueue(url)


async def _count(redis: Any, name: str, limit: RateLimit, address: str, now: int) -> bool:
    salt = await _salt(redis, now)
    found = [
        (f"{PREFIX}:{{{name}}}:{now // limit.window_s}:{_hashed(network, salt)}", limit.most * times)
        for network, times in networks(address)
    ]
    keys, most = zip(*found, strict=True)
    return bool(await redis.eval(_COUNT, len(keys), *keys, limit.window_s, *most))


async def _salt(redis: Any, now: int) -> bytes:
    """The day's key, drawn by the first node that asks; it is gone a minute after the day."""
    name = f"{SALT}:{now // DAY_S}"
    if (salt := await redis.get(name)) is None:
        await redis.set(name, secrets.token_bytes(16), nx=True, ex=DAY_S - now % DAY_S + 60)
        salt = await redis.get(name)
    return bytes(salt)


def _hashed(network: str, salt: bytes) -> str:
    return hashlib.blake2b(network.encode(), key=salt, digest_size=12).hexdigest()
