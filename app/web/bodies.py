"""Request bodies, read within a bounded time: one that is slow, stalls or breaks off affects only its own request."""

import asyncio
from typing import Any

BODY_S = 20.0
"""The seconds within which a whole body must arrive; enough for a megabyte at 400 kbit/s."""


class BodyError(Exception):
    """A body that can't be read to its end; ``status`` is the HTTP status to answer with."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class BoundedBody:
    """An ASGI ``receive`` with a limit on the total time that the body takes."""

    def __init__(self, receive: Any) -> None:
        self._receive = receive
        self._ends: float | None = None
        self._whole = False

    async def receive(self) -> Any:
        """The next message. Raises :class:`BodyError` if the body takes too long or its sender breaks it off."""
        if self._whole:
            return await self._receive()  # after the body, only the client's disconnect can follow
        loop = asyncio.get_running_loop()
        if self._ends is None:
            self._ends = loop.time() + BODY_S
        try:
            async with asyncio.timeout_at(self._ends):
                message = await self._receive()
        except TimeoutError:
            raise BodyError(408, f"The body did not arrive within {BODY_S:.0f} seconds.") from None
        if message["type"] == "http.disconnect":
            raise BodyError(400, "The body was cut off.")
        self._whole = not message.get("more_body", False)
        return message
