"""What the log may record about a request's path: its route, and the path itself only if it reveals nothing about a
visitor."""

import re
from collections.abc import Iterable
from urllib.parse import quote, urlsplit

from app.core.addresses import shown

NOWHERE = "(no such page)"
NEVER_IN_FULL = ("/calculator", "/submit", "/submissions", "/api/estimate")
"""Below these, a path would reveal what somebody chose or sent: only the route is logged."""
EMBEDDED = "/badge/"
"""Below this are images that other sites embed; the page that embeds them is not logged."""
LONGEST = 200
_PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")


class LogPaths:
    """The routes of the site."""

    def __init__(self, routes: Iterable[str]) -> None:
        known = {shown(route) for route in routes}
        self.routes = known
        self._fixed = {route for route in known if "{" not in route}
        self._patterns = [(route, re.compile(_pattern(route))) for route in sorted(known - self._fixed)]

    def route(self, path: str) -> str:
        """The route of a path; fixed routes take precedence, as in the router."""
        path = path.rstrip("/") or "/"
        if path in self._fixed:
            return path
        if path.startswith("/static/"):
            return "/static"
        return next((route for route, pattern in self._patterns if pattern.fullmatch(path)), NOWHERE)

    def path(self, route: str, path: str, status: int) -> str:
        """The path if it may be logged, otherwise ``-``: a path that matches no route is text of the visitor's own."""
        if route == NOWHERE or status >= 400 or route.startswith(NEVER_IN_FULL):
            return "-"
        return quote(path[:LONGEST])

    def referrer(self, text: str, base_url: str) -> str:
        """Origin and path of a referring address, without the query; one of our own pages is logged as a request for it
        would be."""
        if not text:
            return "-"
        try:
            parts = urlsplit(text)
            host = parts.hostname or ""
        except ValueError:
            return "-"
        if parts.scheme not in ("http", "https") or not host:
            return "-"
        origin = f"{parts.scheme}://{quote(parts.netloc.rpartition('@')[2][:LONGEST], safe='.:[]')}"
        if host == urlsplit(base_url).hostname:
            route = self.route(parts.path)
            path = self.path(route, parts.path, 200)
            return origin + (route if path == "-" and route != NOWHERE else "" if path == "-" else path)
        return origin + quote(parts.path[:LONGEST], safe="/%")


def _pattern(route: str) -> str:
    parts = _PARAMETER.split(route)
    return "".join("[^/]+" if index % 2 else re.escape(part) for index, part in enumerate(parts))
