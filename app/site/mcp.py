"""``/mcp``: the Model Context Protocol over streamable HTTP, for assistants. Read-only, without sessions.

The protocol's package is loaded at the first request, in a thread, so that neither the start nor other visitors wait
for it. No log contains what is asked: the access log has only the route, and the package's own messages are dropped.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from litestar import Request, post
from litestar.types import ASGIApp, Receive, Scope, Send

from app import __version__
from app.core import client_address, clock
from app.core.errors import BusyError, DatabaseAwayError
from app.core.settings import Settings
from app.core.units import HOUR_S
from app.site import assistant_tools, error_pages
from app.site.reports import refused_often
from app.web.rate_limit import RateLimit
from app.web.same_origin import read_body, refuse_foreign

MOST_BYTES = 64_000
MOST_AN_HOUR = 600
MOST_AT_ONCE = 16
ANSWER_S = 20.0
INSTRUCTIONS = ("GPU cloud prices with day and source, predicted speed and memory of models on GPUs, facts of GPUs. "
                "Quote a price with the day of fetched_at.")  # fmt: skip
_under_way = 0


def limit() -> RateLimit:
    """How often one address may send a message."""
    return RateLimit(MOST_AN_HOUR, HOUR_S)


@post("/mcp", status_code=200)
async def mcp(request: Request[Any, Any, Any]) -> ASGIApp:
    """One message of the protocol, answered as JSON. 403 from another site's page, 413 past the size limit, 429 if sent
    too often, 503 if too many are in progress."""
    state, now = request.app.state, clock.timestamp()
    refuse_foreign(request.scope, state.settings)
    address = client_address.of(request.scope, state.settings.trusted_proxies)
    if not await state.limits.allows("mcp", state.mcp_limit, address, now):
        return refused_often(state.mcp_limit.wait_s(now)).to_asgi_response(None, request)
    body = await read_body(request, MOST_BYTES)
    if _under_way >= MOST_AT_ONCE:
        raise BusyError("Too many questions at once; please try again in a moment.")
    if "mcp_manager" not in state:
        state["mcp_manager"] = await asyncio.to_thread(_loaded, state.settings)
    return _Answered(body, state["mcp_manager"])


class _Answered:
    """The protocol's answer to one body, as an ASGI application."""

    def __init__(self, body: bytes, manager: Callable[[], Any]) -> None:
        self._body, self._manager = body, manager

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        global _under_way  # noqa: PLW0603 -- a count of the process
        sent = False

        async def once_more() -> Any:
            nonlocal sent
            if sent:
                return await receive()
            sent = True
            return {"type": "http.request", "body": self._body, "more_body": False}

        async def unkept(message: Any) -> None:
            if message["type"] == "http.response.start":
                kept = [pair for pair in message["headers"] if pair[0].lower() != b"cache-control"]
                message = {**message, "headers": [*kept, (b"cache-control", b"no-store")]}
            await send(message)

        _under_way += 1
        try:
            async with asyncio.timeout(ANSWER_S):
                manager = self._manager()
                async with manager.run():
                    await manager.handle_request(scope, once_more, unkept)
        except TimeoutError:
            raise BusyError("The answer took too long; please ask for less, or again in a moment.") from None
        finally:
            _under_way -= 1


async def _told(name: str, given: Mapping[str, Any], settings: Settings) -> tuple[str, bool]:
    """(the answer of a tool, whether it is a refusal). A fault of ours is told in our words: the protocol's package
    would send the error's own, which may hold a path or a value."""
    try:
        return await assistant_tools.answer(name, given, settings)
    except BusyError as error:
        return str(error), True
    except DatabaseAwayError:
        return error_pages.AWAY, True
    except Exception as error:  # whatever it is, the assistant is told that it was not its question
        return error_pages.words_for_crash(error), True


def _loaded(settings: Settings) -> Callable[[], Any]:
    """A factory for the protocol's session managers; each answers one message, so nothing is kept between messages."""
    import mcp_types as types
    from mcp.server.lowlevel import Server
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
    from mcp.server.transport_security import TransportSecuritySettings

    for name in ("mcp", "sse_starlette"):  # their messages would contain hosts, origins and questions
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    read_only = types.ToolAnnotations(read_only_hint=True, open_world_hint=False)
    listed = [
        types.Tool(name=tool.name, description=tool.description, input_schema=tool.schema, annotations=read_only)
        for tool in assistant_tools.tools()
    ]

    async def list_tools(_: Any, __: Any) -> Any:
        return types.ListToolsResult(tools=listed)

    async def call_tool(_: Any, params: Any) -> Any:
        text, refused = await _told(params.name, params.arguments or {}, settings)
        return types.CallToolResult(content=[types.TextContent(text=text)], is_error=refused)

    server: Any = Server("inferencebench", version=__version__, title="InferenceBench", instructions=INSTRUCTIONS,
                         website_url=settings.base_url, on_list_tools=list_tools, on_call_tool=call_tool)  # fmt: skip
    host = urlsplit(settings.base_url).netloc
    security = TransportSecuritySettings(
        allowed_hosts=[host, "127.0.0.1", "127.0.0.1:*", "localhost", "localhost:*", "[::1]", "[::1]:*"],
        allowed_origins=[settings.base_url],
    )
    return lambda: StreamableHTTPSessionManager(
        server, json_response=True, stateless=True, security_settings=security, max_request_body_size=MOST_BYTES
    )
