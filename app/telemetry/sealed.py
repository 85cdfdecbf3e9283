"""What nodes tell each other over the shared queue, sealed: the queue's server sees random numbers and sizes only.

ChaCha20-Poly1305 (RFC 8439) under a key that is drawn for each question and never passes through the queue. ``place``
is bound to what is sealed, so that nothing can be moved, repeated or left out unseen. Pure, but for the nonce.
"""

import json
import secrets
import zlib
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

KEY_BYTES, NONCE_BYTES = 32, 12


class UnsealedError(ValueError):
    """What was read is not what was sealed under this key for this place."""


def seal(key: bytes, place: str, value: Any) -> bytes:
    """``value``, which JSON can hold, as it is sent."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    packed = zlib.compress(json.dumps(value).encode(), 1)
    return nonce + ChaCha20Poly1305(key).encrypt(nonce, packed, place.encode())


def unseal(key: bytes, place: str, data: bytes) -> Any:
    """The value that was sealed. Nothing that comes out of the queue is ever run. Raises :class:`UnsealedError`."""
    try:
        packed = ChaCha20Poly1305(key).decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], place.encode())
    except (InvalidTag, ValueError) as error:
        raise UnsealedError("sealed under another key, for another place, or not at all") from error
    return json.loads(zlib.decompress(packed))
