"""The application: its routes, its middleware, nothing else."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar import Litestar
from litestar.datastructures import State

from app import database, logs
from app.policies.files import policies
from app.settings import Settings, load
from app.telemetry import beacon, running
from app.telemetry.access import AccessLog
from app.telemetry.counters import Counters
from app.telemetry.places import Places
from app.web import assets, errors
from app.web.edge import PAGES, Edge
from app.web.prepared import Prepared


def create_app(settings: Settings | None = None) -> Edge:
    """The whole site as one ASGI application. The data folder must have been prepared (:mod:`app.start`)."""
    os.environ.setdefault("PICCOLO_CONF", "app.piccolo_conf")
    settings = settings or load()
    logs.configure()
    database.use(settings.database_path)
    policies(settings).show()
    watch = database.VersionWatch(str(settings.database_path))
    prepared = Prepared(watch)

    from app import routes
    from app.submissions import pages as reports

    counters = Counters()
    places = Places(path for handler in routes.HANDLERS for path in handler.paths)
    access = AccessLog(settings, places, counters)

    @asynccontextmanager
    async def beside(_: Litestar) -> AsyncIterator[None]:
        async with running.beside(settings, access, counters):
            yield
        await database.ENGINE.close_reader()
        watch.close()

    state = {
        "settings": settings,
        "prepared": prepared,
        "counters": counters,
        "pages": PAGES,
        "beacon_limit": beacon.limit(),
        "submit_limits": reports.limits(),
    }
    litestar = Litestar(
        route_handlers=routes.HANDLERS,
        exception_handlers=errors.HANDLERS,
        state=State(state),
        openapi_config=None,
        lifespan=[beside],
        debug=False,
        logging_config=None,
        request_max_body_size=1_000_000,
    )
    return Edge(litestar, prepared, settings, assets.prepared(), access)
