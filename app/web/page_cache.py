"""The page cache: answers rendered once per version of their data, kept until that version or the time changes.
Bounded."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from app.core.errors import BusyError
from app.core.units import MIB
from app.storage.engine import VersionWatch, despite_damage
from app.web.answers import Answer, Ask

MAX_KEPT = 4_000
MAX_KEPT_BYTES = 128 * MIB
MAX_RENDERS = 8
MAX_WAITING = 64
COMPRESS_IN_THREAD_BYTES = 200_000
CLOCK_STEP_S = 90
"""A clock that is put back by less was corrected; by more, it was wrong."""

Render = Callable[[Ask], Awaitable[Answer]]


@dataclass(slots=True)
class Kept:
    """A prepared answer with its bodies by coding, and the versions of what it shows."""

    answer: Answer
    shows: tuple[str, ...]
    versions: tuple[int, ...]
    digest: str
    made_at: int = 0
    lineage: int = 0
    seen: dict[str, int] | None = None
    bodies: dict[str, bytes] = field(default_factory=dict)
    heads: dict[str, list[tuple[bytes, bytes]]] = field(default_factory=dict)

    @property
    def size(self) -> int:
        return len(self.answer.body) * 2 + 4_000

    def is_current(self, versions: dict[str, int], now: int) -> bool:
        """True while its data is unchanged, it has not expired, and it is not of a time to come, made while the clock
        ran ahead."""
        if now + CLOCK_STEP_S < self.made_at:
            return False
        if self.answer.valid_until is not None and now >= self.answer.valid_until:
            return False
        if self.seen is versions:
            return True
        if tuple(versions.get(key, 0) for key in self.shows) != self.versions:
            return False
        self.seen = versions
        return True


class Prepared:
    """The kept answers, bounded in number and bytes, and the renders in progress, bounded too."""

    def __init__(self, watch: VersionWatch, next_change: Callable[[int], int | None] = lambda _: None) -> None:
        """``next_change`` gives the instant at which every page changes, for example because another policy version
        takes effect."""
        self._watch = watch
        self._next_change = next_change
        self._kept: OrderedDict[tuple[str, bytes], Kept] = OrderedDict()
        self._bytes = 0
        self._under_way: dict[tuple[str, bytes], asyncio.Task[Kept]] = {}
        self._places = asyncio.Semaphore(MAX_RENDERS)

    async def reach(self) -> None:
        """Ask the database now, whenever it was asked last. Raises :class:`app.core.errors.DatabaseAwayError`; after
        it, pages that were never prepared are prepared again."""
        await self._watch.look(surely=True)

    def figures(self) -> dict[str, int]:
        """How many answers are kept, of how many bytes, and how many are being prepared."""
        return {"kept": len(self._kept), "bytes": self._bytes, "under_way": len(self._under_way)}

    def find(self, key: tuple[str, bytes], now: int) -> Kept | None:
        """The prepared answer for an address, if it is current."""
        versions = self._watch.versions()
        return None if versions is None else self._current(key, versions, now)

    def _current(self, key: tuple[str, bytes], versions: dict[str, int], now: int) -> Kept | None:
        kept = self._kept.get(key)
        if kept is None or kept.lineage != self._watch.lineage or not kept.is_current(versions, now):
            return None
        self._kept.move_to_end(key)
        return kept

    def last_good(self, key: tuple[str, bytes], now: int) -> tuple[Kept, int] | None:
        """While the database can't be reached: the answer that was current when it was read last, and how many seconds
        ago that was. Never one whose own time is over."""
        kept, known = self._kept.get(key), self._watch.last_known()
        if kept is None or known is None or kept.lineage != self._watch.lineage or not kept.is_current(known[0], now):
            return None
        return kept, int(known[1])

    async def make(self, key: tuple[str, bytes], ask: Ask, shows: tuple[str, ...], render: Render) -> Kept:
        """Render an address once, however many requests wait for it. Raises :class:`BusyError` beyond the bounds."""
        if (running := self._under_way.get(key)) is not None:
            return await asyncio.shield(running)
        if len(self._under_way) >= MAX_WAITING:
            raise BusyError("Too many pages are being prepared at once; please try again in a moment.")
        task = asyncio.create_task(
            self._prepare(key, ask, shows, render)
        )  # it belongs to no single request: one that is cancelled leaves it running for the others
        self._under_way[key] = task
        task.add_done_callback(
            lambda done: done.cancelled() or done.exception()
        )  # an error is raised by those who await it
        return await asyncio.shield(task)

    async def _prepare(self, key: tuple[str, bytes], ask: Ask, shows: tuple[str, ...], render: Render) -> Kept:
        try:
            async with self._places:
                versions = await self._watch.look()
                if (kept := self._current(key, versions, ask.now)) is not None:  # they were merely read too long ago
                    return kept
                kept = await self._render(ask, shows, render)
            self._keep(key, kept)
            return kept
        finally:
            del self._under_way[key]

    async def _render(self, ask: Ask, shows: tuple[str, ...], render: Render) -> Kept:
        for _ in range(2):  # data that moved under a render could mix two states: render again, once
            lineage = self._watch.lineage
            before = await self._watch.look()
            answer = self._bounded(await despite_damage(lambda: render(ask)), ask.now)
            keys = (*shows, *answer.shows)
            after = await self._watch.look()
            if lineage == self._watch.lineage and all(before.get(key, 0) == after.get(key, 0) for key in keys):
                break
        digest = hashlib.sha256(answer.body).hexdigest()[:24]
        versions = tuple(before.get(key, 0) for key in keys)
        return Kept(answer, keys, versions, digest, ask.now, lineage)

    def _bounded(self, answer: Answer, now: int) -> Answer:
        """The answer, valid no longer than what every page shows."""
        change = None if answer.immutable else self._next_change(now)
        return answer if change is None else replace(answer, valid_until=min(change, answer.valid_until or change))

    def _keep(self, key: tuple[str, bytes], kept: Kept) -> None:
        if (old := self._kept.pop(key, None)) is not None:
            self._bytes -= old.size
        self._kept[key] = kept
        self._bytes += kept.size
        while self._kept and (len(self._kept) > MAX_KEPT or self._bytes > MAX_KEPT_BYTES):
            _, gone = self._kept.popitem(last=False)
            self._bytes -= gone.size
