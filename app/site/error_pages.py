"""Errors in the form their reader needs: a page, a fragment, or problem+json (RFC 9457). Never a stack trace."""

import json
from http import HTTPStatus
from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException, MethodNotAllowedException

from app.core import logs
from app.core.errors import (
    BusyError,
    ConflictError,
    DatabaseAwayError,
    ForbiddenError,
    NotFoundError,
    QueryError,
    TooLargeError,
    UnavailableError,
)
from app.site.render import render
from app.storage.engine import is_disk_full
from app.web import htmx, security
from app.web.answers import MOVED, MovedError, unkept
from app.web.bodies import BodyError

PROBLEM = "application/problem+json"
_EXPLAINED = {
    404: "There is no page at this address.",
    405: "This address does not accept this method.",
    413: "That is more than this address accepts.",
    500: "Something went wrong on our side. It has been logged, with nothing about you.",
    503: "Too many requests at once. Please try again in a moment.",
}
AWAY = "Our database is not responding. Please try again in a few seconds."
log = logs.get("web")


def _answer(request: Request[Any, Any, Any], status: int, title: str, hint: str = "",
            links: tuple[tuple[str, str], ...] = (), parameter: str = "", headers: dict[str, str]
            | None = None) -> Response[bytes]:  # fmt: skip
    path = request.scope["path"]
    given = dict(headers or {})
    if security.is_data(path) or path == "/mcp":
        problem = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": title}
        problem |= {k: v for k, v in (("hint", hint), ("parameter", parameter), ("help", "/api")) if v}
        body = json.dumps(problem).replace("<", "\\u003c").encode()
        return unkept(body, PROBLEM, status, given)
    template = "errors/_fragment.html" if htmx.is_fragment(path) else "errors/page.html"
    if status >= 500:
        given["hx-reswap"] = "none"
    body = render(template, settings=request.app.state.settings, status=status,
                  title=title, hint=hint, links=links, path="", description=title)  # fmt: skip
    return unkept(body, status=status, headers=given)


def on_query_error(request: Request[Any, Any, Any], error: QueryError) -> Response[bytes]:
    """A wrong parameter: what was wrong, and an example that works."""
    return _answer(request, error.status, error.message, error.hint, parameter=error.parameter,
                   links=(("Start again without it", htmx.page_of(request.scope["path"])),))  # fmt: skip


def on_not_found(request: Request[Any, Any, Any], error: NotFoundError) -> Response[bytes]:
    """Something that does not exist, with similar things that do."""
    return _answer(request, 404, error.message, links=error.suggestions)


def on_busy(request: Request[Any, Any, Any], error: BusyError) -> Response[bytes]:
    """Too many pages are being rendered."""
    return _answer(request, 503, str(error), headers={"retry-after": "2"})


def on_forbidden(request: Request[Any, Any, Any], error: ForbiddenError) -> Response[bytes]:
    """A post sent by another site's page."""
    return _answer(request, 403, str(error))


def on_too_large(request: Request[Any, Any, Any], error: TooLargeError) -> Response[bytes]:
    """A body larger than any valid one."""
    return _answer(request, 413, str(error))


def on_conflict(request: Request[Any, Any, Any], error: ConflictError) -> Response[bytes]:
    """A request that can't be carried out in the current state."""
    return _answer(request, 409, str(error))


def on_unavailable(request: Request[Any, Any, Any], error: UnavailableError) -> Response[bytes]:
    """Something that the answer needs is not available right now."""
    return _answer(request, 503, str(error), headers={"retry-after": "300"})


def on_away(request: Request[Any, Any, Any], error: DatabaseAwayError) -> Response[bytes]:
    """The database can't be reached, and nothing that was prepared before answers this."""
    if is_disk_full(error):
        return on_crash(request, error)
    return _answer(request, 503, AWAY, headers={"retry-after": "5"})


def on_body(request: Request[Any, Any, Any], error: BodyError) -> Response[bytes]:
    """A body that did not arrive completely."""
    return _answer(request, error.status, str(error), headers={"connection": "close"})


def on_moved(request: Request[Any, Any, Any], error: MovedError) -> Response[bytes]:
    """The canonical address is another one: 308, which keeps the method and may be cached."""
    return Response(b"", status_code=308, headers={"location": error.address, "cache-control": MOVED},
                    media_type="text/plain")  # fmt: skip


def on_http_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """A refusal by Litestar itself."""
    status = error.status_code
    headers = (
        {"allow": request.app.state.allow(request.scope["path"])}
        if isinstance(error, MethodNotAllowedException)
        else {}
    )
    links = (("All prices", "/prices"), ("All GPUs", "/gpus"), ("Home", "/")) if status == 404 else ()
    return _answer(
        request, status, _EXPLAINED.get(status, HTTPStatus(status).phrase + "."), links=links, headers=headers
    )


def on_crash(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """An unforeseen error."""
    if is_disk_full(error):
        return on_unavailable(
            request,
            UnavailableError("Our disk is full, so nothing can be saved right now. Please try again later."),
        )
    return _answer(request, 500, words_for_crash(error))


def words_for_crash(error: Exception) -> str:
    """What is told of an unforeseen error, which is logged by kind and place, without addresses, values or input."""
    log.error("crash", extra={"kind": type(error).__name__, "where": _frames(error)[-4:]})
    return _EXPLAINED[500]


def _frames(error: BaseException) -> list[str]:
    found: list[str] = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        found.append(f"{code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return found


HANDLERS: dict[type[Exception] | int, Any] = {
    QueryError: on_query_error,
    NotFoundError: on_not_found,
    BodyError: on_body,
    BusyError: on_busy,
    ConflictError: on_conflict,
    UnavailableError: on_unavailable,
    DatabaseAwayError: on_away,
    ForbiddenError: on_forbidden,
    TooLargeError: on_too_large,
    MovedError: on_moved,
    HTTPException: on_http_error,
    Exception: on_crash,
}
