"""Prepared answers: rendered once per version of their data, compressed once, served as bytes.

An address declares what it shows (:func:`public`); nothing else in the house thinks of caches. An answer is kept
until a version it shows is raised, by any process, or its ``valid_until`` comes. Outside Litestar stands
:class:`Edge`, which serves what is prepared, adds the security headers to everything and answers HEAD.
"""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from litestar import Request, get
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, Receive, Scope, Send

from app import clock
from app.database import VersionWatch
from app.errors import BusyError
from app.settings import Settings
from app.web import security
from app.web.answers import Answer, Ask
from app.web.coding import encode, negotiate

SHARED_LIFE_S = 60
STALE_WHILE_REVALIDATE_S = 60
STALE_IF_ERROR_S = 86_400
IMMUTABLE = [("cache-control", "public, max-age=31536000, immutable"), ("vary", "Accept-Encoding")]
MAX_KEPT = 4_000
MAX_KEPT_BYTES = 128 * 2**20
MAX_RENDERS = 8
MAX_WAITING = 64
COMPRESS_IN_THREAD_BYTES = 200_000

Render = Callable[[Ask], Awaitable[Answer]]


@dataclass(slots=True)
class Kept:
    """A prepared answer with its bodies by coding, and the versions of what it shows."""

    answer: Answer
    shows: tuple[str, ...]
    versions: tuple[int, ...]
    digest: str
    seen: dict[str, int] | None = None
    bodies: dict[str, bytes] = field(default_factory=dict)
    heads: dict[str, list[tuple[bytes, bytes]]] = field(default_factory=dict)

    @property
    def size(self) -> int:
        return len(self.answer.body) * 2 + 4_000

    def is_current(self, versions: dict[str, int], now: int) -> bool:
        """True while neither its data nor the time has moved on."""
        if self.answer.valid_until is not None and now >= self.answer.valid_until:
            return False
        if self.seen is versions:
            return True
        if tuple(versions.get(key, 0) for key in self.shows) != self.versions:
            return False
        self.seen = versions
        return True


@dataclass(frozen=True, slots=True)
class Life:
    """How long an edge may keep an answer, in seconds: fresh, then while it asks anew, then while we are down."""

    shared: int
    while_revalidating: int
    if_error: int


def life(valid_until: int | None, now: int) -> Life:
    """The life of an answer; nothing is served past ``valid_until``, not even by an edge that can't reach us."""
    if valid_until is None:
        return Life(SHARED_LIFE_S, STALE_WHILE_REVALIDATE_S, STALE_IF_ERROR_S)
    left = max(0, valid_until - now)
    shared = min(SHARED_LIFE_S, left)
    return Life(shared, min(STALE_WHILE_REVALIDATE_S, left - shared), min(STALE_IF_ERROR_S, left - shared))


def cache_headers(span: Life, shows: Iterable[str]) -> list[tuple[str, str]]:
    """The headers that tell browsers, and apart from them edges, how long an answer holds and what it shows."""
    return [
        ("cache-control", f"public, max-age=0, must-revalidate, s-maxage={span.shared}"),
        ("cdn-cache-control", (f"public, max-age={span.shared}, stale-while-revalidate={span.while_revalidating}, "
                              f"stale-if-error={span.if_error}")),
        ("surrogate-key", " ".join(shows)),
        ("vary", "Accept-Encoding"),
    ]  # fmt: skip


class Prepared:
    """The kept answers, bounded in number and bytes, and the renders under way, bounded too."""

    def __init__(self, watch: VersionWatch) -> None:
        self._watch = watch
        self._kept: OrderedDict[tuple[str, bytes], Kept] = OrderedDict()
        self._bytes = 0
        self._under_way: dict[tuple[str, bytes], asyncio.Future[Kept]] = {}
        self._places = asyncio.Semaphore(MAX_RENDERS)

    def find(self, key: tuple[str, bytes], now: int) -> Kept | None:
        """The prepared answer of an address, if it is current."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        if not kept.is_current(self._watch.versions(), now):
            return None
        self._kept.move_to_end(key)
        return kept

    async def make(self, key: tuple[str, bytes], ask: Ask, shows: tuple[str, ...], render: Render) -> Kept:
        """Render an address once, however many ask at the same time; raises :class:`BusyError` past the bounds."""
        if (running := self._under_way.get(key)) is not None:
            return await asyncio.shield(running)
        if len(self._under_way) >= MAX_WAITING:
            raise BusyError("Too many pages are being prepared at once; please try again in a moment.")
        future: asyncio.Future[Kept] = asyncio.get_running_loop().create_future()
        self._under_way[key] = future
        try:
            async with self._places:
                kept = await self._render(ask, shows, render)
            self._keep(key, kept)
            future.set_result(kept)
            return kept
        except BaseException as error:
            if not future.done():
                future.set_exception(error if isinstance(error, Exception) else BusyError("Interrupted; try again."))
                future.exception()
            raise
        finally:
            del self._under_way[key]

    async def _render(self, ask: Ask, shows: tuple[str, ...], render: Render) -> Kept:
        for _ in range(2):  # data that moved under a render could mix two states: render again, once
            before = self._watch.versions()
            answer = await render(ask)
            keys = (*shows, *answer.shows)
            if all(before.get(key, 0) == self._watch.versions().get(key, 0) for key in keys):
                break
        digest = hashlib.sha256(answer.body).hexdigest()[:24]
        return Kept(answer, keys, tuple(before.get(key, 0) for key in keys), digest)

    def _keep(self, key: tuple[str, bytes], kept: Kept) -> None:
        if (old := self._kept.pop(key, None)) is not None:
            self._bytes -= old.size
        self._kept[key] = kept
        self._bytes += kept.size
        while self._kept and (len(self._kept) > MAX_KEPT or self._bytes > MAX_KEPT_BYTES):
            _, gone = self._kept.popitem(last=False)
            self._bytes -= gone.size


async def body_of(kept: Kept, coding: str) -> bytes:
    """The prepared body in ``coding``, compressed at its first use."""
    body = kept.bodies.get(coding)
    if body is None:
        if len(kept.answer.body) > COMPRESS_IN_THREAD_BYTES:
            body = await asyncio.to_thread(encode, kept.answer.body, coding)
        else:
            body = encode(kept.answer.body, coding, best=kept.answer.immutable)
        kept.bodies[coding] = body
    return body


def etag_of(kept: Kept, coding: str) -> str:
    """A strong validator: the content's hash and the coding, the same for everyone."""
    return f'"{kept.digest}"' if coding == "identity" else f'"{kept.digest}-{coding}"'


def matches(if_none_match: str, etag: str) -> bool:
    """True if a request's ``If-None-Match`` names ``etag`` (weak comparison, as RFC 9110 §13.1.2 asks)."""
    if if_none_match.strip() == "*":
        return True
    return etag in [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]


def public(path: str, *, shows: tuple[str, ...] = ()) -> Callable[[Render], HTTPRouteHandler]:
    """Declare a public GET address and what data it shows; ``{name}`` in a key stands for that part of the path.

    The function gets an :class:`Ask` and returns an :class:`Answer`.
    """

    def declare(render: Render) -> HTTPRouteHandler:
        @get(path, name=f"{render.__module__}.{render.__name__}", opt={"shows": shows})
        async def handler(request: Request[Any, Any, Any]) -> ASGIApp:
            prepared: Prepared = request.app.state.prepared
            parts = {name: str(value) for name, value in request.path_params.items()}
            query = request.scope["query_string"]
            ask = Ask(
                request.scope["path"], parts, query.decode("latin-1"), clock.timestamp(), request.app.state.settings
            )
            keys = tuple(key.format(**{n: v[:80] for n, v in parts.items()}) for key in shows)
            kept = await prepared.make((request.scope["path"], query), ask, keys, render)
            return _Send(kept, request.app.state.settings)

        return handler

    return declare


class _Send:
    """A prepared answer as an ASGI application."""

    def __init__(self, kept: Kept, settings: Settings) -> None:
        self._kept = kept
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send_kept(self._kept, self._settings, scope, send)


async def send_kept(kept: Kept, settings: Settings, scope: Any, send: Send) -> None:
    """Send a prepared answer: the right coding, 304 on a match, no body on HEAD."""
    accept = if_none_match = ""
    for name, value in scope["headers"]:
        if name == b"accept-encoding":
            accept = value.decode("latin-1")
        elif name == b"if-none-match":
            if_none_match = value.decode("latin-1")
    coding = negotiate(accept) or "identity"
    body = kept.bodies.get(coding)
    if body is None:
        body = await body_of(kept, coding)
    head = _head(kept, settings, scope["path"], coding, len(body))
    if if_none_match and matches(if_none_match, etag_of(kept, coding)):
        head = [pair for pair in head if pair[0] not in (b"content-length", b"content-type", b"content-encoding")]
        await send({"type": "http.response.start", "status": 304, "headers": head})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body, "more_body": False})


def _head(kept: Kept, settings: Settings, path: str, coding: str, length: int) -> list[tuple[bytes, bytes]]:
    span = life(kept.answer.valid_until, clock.timestamp()) if kept.answer.valid_until else life(None, 0)
    steady = span.shared == SHARED_LIFE_S and span.if_error == STALE_IF_ERROR_S
    if steady and (made := kept.heads.get(coding)):
        return made
    pairs = [
        ("content-type", kept.answer.media_type),
        ("content-length", str(length)),
        ("etag", etag_of(kept, coding)),
        *(IMMUTABLE if kept.answer.immutable else cache_headers(span, kept.shows)),
        *kept.answer.headers,
    ]
    if coding != "identity":
        pairs.append(("content-encoding", coding))
    head = [(name.encode(), value.encode("latin-1", "replace")) for name, value in pairs]
    head += security.headers(settings, path)
    if steady:
        kept.heads[coding] = head
    return head


class Edge:
    """The outermost application: prepared answers first, then Litestar; security headers on everything."""

    def __init__(self, app: ASGIApp, prepared: Prepared, settings: Settings, assets: dict[str, Kept]) -> None:
        self.app = app
        self._prepared = prepared
        self._settings = settings
        self._assets = assets

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = scope["path"]
        if path.endswith("/") and path != "/":
            await self._without_slash(scope, send)
            return
        if scope["method"] in ("GET", "HEAD"):
            kept = self._prepared.find((path, scope["query_string"]), clock.timestamp()) or self._assets.get(path)
            if kept is not None:
                await send_kept(kept, self._settings, scope, send)
                return
        await self._through(scope, receive, send)

    async def _without_slash(self, scope: Any, send: Any) -> None:
        """The canonical address has no slash at its end; what is not plain text stays escaped."""
        query = scope["query_string"]
        address = quote("/" + scope["path"].strip("/")).encode() + (b"?" + query if query else b"")
        head = [(b"location", address), (b"content-length", b"0"), *security.headers(self._settings, scope["path"])]
        await send({"type": "http.response.start", "status": 308, "headers": head})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _through(self, scope: Any, receive: Any, send: Any) -> None:
        """Through Litestar: HEAD is asked as GET and loses its body; every answer gets the security headers."""
        head_only = scope["method"] == "HEAD"
        extra = security.headers(self._settings, scope["path"])
        names = {name for name, _ in extra}

        async def finish(message: Any) -> None:
            if message["type"] == "http.response.start":
                kept = [pair for pair in message["headers"] if pair[0].lower() not in names]
                message = {**message, "headers": [*kept, *extra]}
            elif message["type"] == "http.response.body" and head_only:
                message = {**message, "body": b""}
            await send(message)

        asked: Any = {**scope, "method": "GET"} if head_only else scope
        await self.app(asked, receive, finish)
