"""Prepared answers: rendered once per version of their data, compressed once, served as bytes.

An address declares what it shows (:func:`public`); no other code has to think about caches. An answer is kept until a
version that it shows is raised, by any process, or until its ``valid_until``. :class:`Front` wraps Litestar: it serves
what is prepared, adds the security headers to everything and answers HEAD.
"""

import asyncio
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any, Protocol

from litestar import Request, get
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, Receive, Scope, Send

from app.core import clock
from app.core.addresses import shown
from app.core.errors import DatabaseAwayError
from app.core.settings import Settings
from app.web import security
from app.web.answers import MOVED, ROUTE, Answer, Ask
from app.web.bodies import BodyError, BoundedBody
from app.web.content_encoding import encode, negotiate
from app.web.http_cache import IMMUTABLE, SHARED_LIFE_S, STALE_IF_ERROR_S, as_old, cache_headers, etag, life, matches
from app.web.page_cache import COMPRESS_IN_THREAD_BYTES, Kept, Prepared, Render
from app.web.request_target import ELSEWHERE, canonical_path, refusal

PAGES: set[str] = set()
"""The routes of public pages; measurements are accepted only for these."""


async def body_of(kept: Kept, coding: str) -> bytes:
    """The prepared body in ``coding``, compressed when it is first used."""
    body = kept.bodies.get(coding)
    if body is None:
        if len(kept.answer.body) > COMPRESS_IN_THREAD_BYTES:
            body = await asyncio.to_thread(encode, kept.answer.body, coding, best=kept.answer.immutable)
        else:
            body = encode(kept.answer.body, coding, best=kept.answer.immutable)
        kept.bodies[coding] = body
    return body


def public(path: str, *, shows: tuple[str, ...] = ()) -> Callable[[Render], HTTPRouteHandler]:
    """Declare a public GET address and the version keys of what it shows; ``{name}`` in a key stands for that path
    parameter.

    The function gets an :class:`Ask` and returns an :class:`Answer`.
    """

    PAGES.add(shown(path))

    def declare(render: Render) -> HTTPRouteHandler:
        async def named(ask: Ask) -> Answer:
            ROUTE.set(shown(path))
            return await render(ask)

        @get(path, name=f"{render.__module__}.{render.__name__}")
        async def handler(request: Request[Any, Any, Any]) -> ASGIApp:
            prepared: Prepared = request.app.state.prepared
            parts = {name: str(value) for name, value in request.path_params.items()}
            query = request.scope["query_string"]
            ask = Ask(
                request.scope["path"], parts, query.decode("latin-1"), clock.timestamp(), request.app.state.settings
            )
            keys = tuple(key.format(**{n: v[:80] for n, v in parts.items()}) for key in shows)
            key = (request.scope["path"], query)
            try:
                return _Send(await prepared.make(key, ask, keys, named), request.app.state.settings)
            except DatabaseAwayError:
                if (found := prepared.last_good(key, ask.now)) is None:
                    raise
                return _Send(found[0], request.app.state.settings, old_s=found[1])

        return handler

    return declare


class _Send:
    """A prepared answer as an ASGI application."""

    def __init__(self, kept: Kept, settings: Settings, old_s: int | None = None) -> None:
        self._kept = kept
        self._settings = settings
        self._old_s = old_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send_kept(self._kept, self._settings, scope, send, self._old_s)


async def send_kept(kept: Kept, settings: Settings, scope: Any, send: Send, old_s: int | None = None) -> int:
    """Send a prepared answer: the right coding, 304 on a match, no body on HEAD. Returns the status.

    ``old_s`` says how many seconds ago it was known to be current, where that is not known now.
    """
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
    if old_s is not None:
        head = as_old(head, old_s)
    if if_none_match and matches(if_none_match, etag(kept.digest, coding)):
        head = [pair for pair in head if pair[0] not in (b"content-length", b"content-type", b"content-encoding")]
        await send({"type": "http.response.start", "status": 304, "headers": head})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return 304
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body, "more_body": False})
    return 200


def _head(kept: Kept, settings: Settings, path: str, coding: str, length: int) -> list[tuple[bytes, bytes]]:
    span = life(kept.answer.valid_until, clock.timestamp()) if kept.answer.valid_until else life(None, 0)
    steady = span.shared == SHARED_LIFE_S and span.if_error == STALE_IF_ERROR_S
    if steady and (made := kept.heads.get(coding)):
        return made
    pairs = [
        ("content-type", kept.answer.media_type),
        ("content-length", str(length)),
        ("etag", etag(kept.digest, coding)),
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


class RequestLog(Protocol):
    """A log of every answered request."""

    def note(self, now: int, scope: Mapping[str, Any], status: int, seconds: float) -> None:
        """Log a request that arrived at ``now`` and took ``seconds``."""


class Front:
    """The outermost application: prepared answers first, then Litestar; security headers on everything."""

    def __init__(
        self,
        app: ASGIApp,
        prepared: Prepared,
        settings: Settings,
        assets: dict[str, Kept],
        access: RequestLog,
        elsewhere: tuple[str, ...] = (),
    ) -> None:
        """``elsewhere`` are the paths that another node answers, with all below them: refused here."""
        self.app = app
        self._elsewhere = tuple(f"{path}/" for path in elsewhere)
        self.access = access
        self._prepared = prepared
        self._settings = settings
        self._assets = assets

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, now = perf_counter(), clock.timestamp()
        status = await self._answer(scope, receive, send, now)
        self.access.note(now, scope, status, perf_counter() - began)

    async def _answer(self, scope: Any, receive: Any, send: Any, now: int) -> int:
        path = scope["path"]
        refused = refusal(scope)
        if refused is None and self._elsewhere and f"{path}/".startswith(self._elsewhere):
            refused = 503, ELSEWHERE, (b"retry-after", b"30")
        if refused is not None:
            return await self._refuse(scope, send, *refused)
        if (address := canonical_path(scope)) is not None:
            return await self._moved(address, scope, send)
        if scope["method"] in ("GET", "HEAD"):
            kept = self._prepared.find((path, scope["query_string"]), now) or self._assets.get(path)
            if kept is not None:
                return await send_kept(kept, self._settings, scope, send)
        elif path in self._assets:
            allow = (b"allow", b"GET, HEAD, OPTIONS")
            if scope["method"] == "OPTIONS":
                return await self._refuse(scope, send, 204, "", allow)
            return await self._refuse(scope, send, 405, f"{scope['method'][:20]} is not taken here.", allow)
        return await self._through(scope, receive, send)

    async def _refuse(self, scope: Any, send: Any, status: int, words: str, *more: tuple[bytes, bytes]) -> int:
        """Send a short plain-text answer with the headers that every answer has, and close the connection."""
        body = f"{words}\n".encode() if words else b""
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode()),
                (b"connection", b"close")] if body else []  # fmt: skip
        head = [*headers, (b"cache-control", b"no-store"), *more, *security.headers(self._settings, scope["path"])]
        await send({"type": "http.response.start", "status": status, "headers": head})
        await send(
            {"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body, "more_body": False}
        )
        return status

    async def _moved(self, path: str, scope: Any, send: Any) -> int:
        """Redirect to the canonical path, keeping the query."""
        query = scope["query_string"]
        address = path.encode() + (b"?" + query if query else b"")
        life = MOVED if scope["method"] in ("GET", "HEAD") else "no-store"
        head = [
            (b"location", address),
            (b"content-length", b"0"),
            (b"cache-control", life.encode()),
            *security.headers(self._settings, scope["path"]),
        ]
        await send({"type": "http.response.start", "status": 308, "headers": head})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return 308

    async def _through(self, scope: Any, receive: Any, send: Any) -> int:
        """Pass the request to Litestar: HEAD becomes GET and loses its body; every answer gets the security headers."""
        head_only = scope["method"] == "HEAD"
        extra = security.headers(self._settings, scope["path"])
        names = {name for name, _ in extra}
        status, status_sent = 500, False

        async def finish(message: Any) -> None:
            nonlocal status, status_sent
            if message["type"] == "http.response.start":
                status_sent = True
                status = message["status"]
                kept = [pair for pair in message["headers"] if pair[0].lower() not in names]
                if scope["method"] == "OPTIONS" and "litestar_app" in asked:
                    allow = asked["litestar_app"].state["allow"](scope["path"]).encode()
                    kept = [(name, allow if name.lower() == b"allow" else value) for name, value in kept]
                message = {**message, "headers": [*kept, *extra]}
            elif message["type"] == "http.response.body" and head_only:
                message = {**message, "body": b""}
            await send(message)

        asked: Any = {**scope, "method": "GET"} if head_only else scope
        body = BoundedBody(receive)
        try:
            await self.app(asked, body.receive, finish)
        except BodyError as error:
            if status_sent:
                raise
            return await self._refuse(scope, send, error.status, str(error))
        return status
