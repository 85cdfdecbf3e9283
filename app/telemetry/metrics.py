"""Figures for Prometheus, at a port of their own: how a process does, and nothing of any visitor.

Requests are counted by route and class of status. There is no path, no query, no address, and posts of reports are left
out altogether: a counter that is read every few seconds would tell when one came.
"""

from collections.abc import Callable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    start_http_server,
)

from app import __version__
from app.core import logs
from app.core.settings import Settings
from app.core.units import HOUR_S

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
JOB_SECONDS = (0.1, 0.5, 1, 5, 15, 60, 300, 900, HOUR_S)
log = logs.get("metrics")


class Metrics:
    """The metrics of one process. Gauges are read when they are scraped; ``measure`` adds them."""

    def __init__(self, settings: Settings, process: str) -> None:
        """``process`` is ``web`` or ``worker``."""
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        about = Info("inferencebench", "The process", registry=self.registry)
        about.info({"version": __version__, "process": process, "role": settings.role, "node": settings.node})

    def measure(self, name: str, meaning: str, read: Callable[[], float]) -> None:
        """A gauge ``inferencebench_{name}`` whose value is what ``read`` gives."""
        Gauge(f"inferencebench_{name}", meaning, registry=self.registry).set_function(read)

    def serve(self, host: str, port: int) -> Callable[[], None]:
        """Answer at ``http://host:port/metrics`` from a thread; returns what ends that. A port that is taken is logged,
        since no page depends on this."""
        try:
            server, thread = start_http_server(port, host, registry=self.registry)
        except OSError as error:
            log.error("the metrics can't be served", extra={"why": error.strerror, "port": port})
            return lambda: None

        def end() -> None:
            server.shutdown()
            server.server_close()
            thread.join(5)

        return end


class WebMetrics(Metrics):
    """Of a web process."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, "web")
        self._requests = Counter("inferencebench_requests", "Answered requests", ("route", "status"),
                                 registry=self.registry)  # fmt: skip
        self._seconds = Histogram("inferencebench_request_seconds", "Time to the answer's end", ("route",),
                                  buckets=SECONDS, registry=self.registry)  # fmt: skip
        self._dropped = Counter("inferencebench_log_rows_dropped", "Rows that the access log let go",
                                registry=self.registry)  # fmt: skip

    def note(self, route: str, status: int, seconds: float) -> None:
        """Count an answered request."""
        self._requests.labels(route, f"{status // 100}xx").inc()
        self._seconds.labels(route).observe(seconds)

    def note_dropped(self, rows: int) -> None:
        """Count rows that the access log let go."""
        self._dropped.inc(rows)


class WorkerMetrics(Metrics):
    """Of a worker."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, "worker")
        self._jobs = Counter("inferencebench_jobs", "Jobs done", ("job", "outcome"), registry=self.registry)
        self._seconds = Histogram("inferencebench_job_seconds", "Time a job took", ("job",), buckets=JOB_SECONDS,
                                  registry=self.registry)  # fmt: skip

    def note(self, job: str, outcome: str, seconds: float) -> None:
        """Count a job that ended ``ok``, ``again`` (it is tried once more) or ``failed``."""
        self._jobs.labels(job, outcome).inc()
        self._seconds.labels(job).observe(seconds)
