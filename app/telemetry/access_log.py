"""The access log: one plain file per UTC day, written in batches by its own thread, and deleted as a whole.

A request costs one append to a queue; the thread computes families, routes and lines. Under a flood of requests, rows
are dropped and counted, never requests. Posted reports are logged with the hour only and in a separate file, so that no
neighbouring row reveals the second.
"""

import os
import threading
from collections import Counter, deque
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from traceback import extract_tb
from typing import TYPE_CHECKING, Any

from app.core import client_address, clock, logs
from app.core.settings import Settings
from app.core.units import HOUR_S
from app.telemetry import user_agents
from app.telemetry.counters import DROPPED, REQUESTS, Counters, Key
from app.telemetry.log_paths import EMBEDDED, LogPaths

COLUMNS = ("time", "address", "browser", "system", "referrer", "method", "route", "path", "status", "ms")
FOLDER = "logs"
EVERY_S = 1.0
"""How long a row may be queued, in seconds. If the process is killed, only the queued rows are lost."""
MOST_WAITING = 4_000
KNOWN = 8_192
REPORTS = ("/submit", "/submissions")
UNNOTED = "/beacon"
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
if TYPE_CHECKING:
    from app.telemetry.metrics import WebMetrics

log = logs.get("access")


class AccessLog:
    """The access log of one web process."""

    def __init__(
        self, settings: Settings, places: LogPaths, counters: Counters, metrics: "WebMetrics | None" = None
    ) -> None:
        self._metrics = metrics
        self.folder = settings.data_dir / FOLDER
        self._settings = settings
        self._places = places
        self._counters = counters
        self._trusted = settings.trusted_proxies
        self._place = lru_cache(maxsize=KNOWN)(
            self._place_of
        )  # most rows resemble earlier ones: compute each part once
        self._referrer = lru_cache(maxsize=KNOWN)(self._referrer_of)
        self._waiting: deque[tuple[int, Mapping[str, Any], int, float]] = deque()
        self._dropped = 0
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def note(self, now: int, scope: Mapping[str, Any], status: int, seconds: float) -> None:
        """Queue an answered request for the log. Every request passes through here, so it does almost nothing."""
        if scope["path"] == UNNOTED:
            return
        if len(self._waiting) < MOST_WAITING:
            self._waiting.append((now, scope, status, seconds))
        else:
            self._dropped += 1

    def start(self) -> None:
        """Start writing the queued rows, once a second."""
        self._thread = threading.Thread(target=self._run, name="access-log", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Write the remaining rows and stop."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self.flush()

    def _run(self) -> None:
        while not self._stop.wait(EVERY_S):
            try:
                self.flush()
            except Exception as error:  # whatever it was: the log of the next second is written all the same
                where = [
                    f"{Path(frame.filename).name}:{frame.lineno}" for frame in extract_tb(error.__traceback__)[-4:]
                ]
                log.error("the access log could not be written", extra={"kind": type(error).__name__, "where": where})

    def flush(self) -> None:
        """Write every queued row. If the disk refuses them, they are dropped and counted, and requests are still
        served."""
        counts: Counter[Key] = Counter()
        files: dict[str, list[str]] = {}
        dropped, self._dropped = self._dropped, 0
        while self._waiting:
            waiting = self._waiting.popleft()
            try:
                name, line, key = self._line(*waiting)
            except Exception as error:  # a row that can't be written must not lose the others
                dropped += 1
                log.error("a row of the access log could not be made", extra={"kind": type(error).__name__})
                continue
            files.setdefault(name, []).append(line)
            counts[key] += 1
        for name, lines in files.items():
            try:
                self._append(name, lines)
            except OSError as error:
                dropped += len(lines)
                log.warning("rows of the access log could not be written", extra={"why": error.strerror})
        if dropped:
            if self._metrics is not None:
                self._metrics.note_dropped(dropped)
            counts[(_instant(clock.timestamp())[:10], DROPPED, "", 0)] += dropped
        self._counters.add(counts)

    def _append(self, name: str, lines: list[str]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / name
        heading = "" if path.exists() else "\t".join(COLUMNS) + "\n"
        with path.open("a", encoding="ascii") as file:
            file.write(heading + "".join(lines))
        if name.startswith("reports-"):  # the file's modification time would reveal the second
            hour = clock.timestamp() // HOUR_S * HOUR_S
            os.utime(path, (hour, hour))

    def _line(self, now: int, scope: Mapping[str, Any], status: int, seconds: float) -> tuple[str, str, Key]:
        route, place = self._place(scope["path"], status)
        method = scope["method"] if scope["method"] in METHODS else "OTHER"
        user_agent = referrer = ""
        for name, value in scope["headers"]:
            if name == b"user-agent":
                user_agent = value.decode("latin-1")
            elif name == b"referer" and not route.startswith(EMBEDDED):
                referrer = value.decode("latin-1")
        kind, milliseconds = "access", f"{seconds * 1e3:.1f}"
        if method == "POST" and route.startswith(REPORTS):
            kind, now, milliseconds = "reports", now // HOUR_S * HOUR_S, "-"
        elif self._metrics is not None:  # a post of a report is in no metric: it would tell the second
            self._metrics.note(route, status, seconds)
        instant = _instant(now)
        line = (
            f"{instant}\t{client_address.of(scope, self._trusted)}\t{_families(user_agent)}\t"
            f"{self._referrer(referrer)}\t"
            f"{method}\t{place}\t{status}\t{milliseconds}\n"
        )
        return f"{kind}-{instant[:10]}.tsv", line, (instant[:10], REQUESTS, route, status // 100)

    def _place_of(self, path: str, status: int) -> tuple[str, str]:
        """(route, fields of the row) of a path: the route as it is, and route and path as they are written."""
        route = self._places.route(path)
        return route, f"{_plain(route)}\t{_plain(self._places.path(route, path, status))}"

    def _referrer_of(self, text: str) -> str:
        return _plain(self._places.referrer(text, self._settings.base_url))


@lru_cache(maxsize=KNOWN)
def _families(user_agent: str) -> str:
    return "\t".join(map(_plain, user_agents.families(user_agent)))


@lru_cache(maxsize=512)
def _instant(now: int) -> str:
    return f"{clock.from_timestamp(now):%Y-%m-%dT%H:%M:%SZ}"


def _plain(field: str) -> str:
    """A field without the characters that separate fields and rows."""
    return (
        field
        if field.isascii() and field.isprintable()
        else field.encode("ascii", "replace").decode().translate(_CONTROLS)
    )


_CONTROLS = dict.fromkeys((*range(32), 127), "?")
