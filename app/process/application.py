"""The application: its routes and its middleware, nothing else."""

import asyncio
import os
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any

from litestar import Litestar
from litestar.datastructures import State

from app.core import logs
from app.core.addresses import shown
from app.core.settings import Settings, load
from app.policies.files import policies
from app.process import lifespan
from app.site import beacon, error_pages
from app.storage import engine
from app.telemetry.access_log import AccessLog
from app.telemetry.counters import Counters
from app.telemetry.log_paths import LogPaths
from app.web import assets
from app.web.front import PAGES, Front
from app.web.page_cache import Prepared
from app.web.shared_limit import SharedLimits

if TYPE_CHECKING:
    from app.telemetry.metrics import WebMetrics


def create_app(settings: Settings | None = None) -> Front:
    """The whole site as one ASGI application. The data folder must have been prepared (:mod:`app.process.prepare`)."""
    os.environ.setdefault("PICCOLO_CONF", "app.storage.piccolo_conf")
    settings = settings or load()
    logs.configure()
    engine.use(settings.database)
    policies(settings).show()
    watch = engine.watch(settings.database)
    prepared = Prepared(watch, policies(settings).next_change)

    from app.site import mcp, reports, routes

    counters, limits = Counters(), SharedLimits(settings)
    log_paths = LogPaths(path for handler in routes.HANDLERS for path in handler.paths)
    metrics = _metrics(settings, prepared)
    access = AccessLog(settings, log_paths, counters, metrics)
    methods = _methods_by_path(routes.HANDLERS)
    state = {
        "settings": settings,
        "prepared": prepared,
        "counters": counters,
        "pages": PAGES,
        "allow": lambda path: ", ".join(sorted(methods[log_paths.route(path)])),
        "limits": limits,
        "beacon_limit": beacon.limit(),
        "submit_limits": reports.limits(),
        "mcp_limit": mcp.limit(),
    }
    litestar = Litestar(
        route_handlers=routes.HANDLERS,
        exception_handlers=error_pages.HANDLERS,
        state=State(state),
        openapi_config=None,  # docs/architecture.md says who describes the API instead
        lifespan=[_lifespan(settings, watch, access, counters, limits, metrics)],
        debug=False,
        logging_config=None,
        request_max_body_size=1_000_000,
    )
    elsewhere = () if settings.keeps_records else routes.RECORDS
    return Front(litestar, prepared, settings, assets.prepared(), access, elsewhere)


def _methods_by_path(handlers: Iterable[Any]) -> dict[str, set[str]]:
    """Path as the log shows it → the HTTP methods that it answers, for the ``Allow`` header."""
    methods: dict[str, set[str]] = defaultdict(set)
    for handler in handlers:
        for path in handler.paths:
            also = ("OPTIONS", "HEAD") if "GET" in handler.http_methods else ("OPTIONS",)
            methods[shown(path)] |= {*handler.http_methods, *also}
    return methods


def _lifespan(
    settings: Settings, watch: engine.VersionWatch, access: AccessLog, counters: Counters, limits: SharedLimits,
    metrics: "WebMetrics | None",
) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:  # fmt: skip
    """What runs beside the site from its start to its end, and is closed after its last answer."""

    @asynccontextmanager
    async def beside(_: Litestar) -> AsyncIterator[None]:
        watch.start()
        await policies(settings).share()
        end = metrics.serve(settings.metrics_host, settings.metrics_port) if metrics else None
        async with lifespan.beside(settings, access, counters):
            yield
        if end is not None:
            await asyncio.to_thread(end)
        await limits.close()
        await engine.close()
        watch.close()

    return beside


def _metrics(settings: Settings, prepared: Prepared) -> "WebMetrics | None":
    """The metrics of the web process, where the settings ask for them."""
    if not settings.metrics_port:
        return None
    from app.telemetry.metrics import WebMetrics

    made = WebMetrics(settings)
    for name, meaning in (("kept", "Answers that are kept"), ("bytes", "Size of the answers that are kept"),
                          ("under_way", "Answers that are being prepared")):  # fmt: skip
        made.measure(f"prepared_{name}", meaning, lambda name=name: prepared.figures()[name])  # type: ignore[misc]
    return made
