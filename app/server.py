"""The application: its routes, its middleware, nothing else."""

import os

from litestar import Litestar
from litestar.datastructures import State

from app import database, logs
from app.settings import Settings, load
from app.web import assets, errors
from app.web.edge import Edge
from app.web.prepared import Prepared


def create_app(settings: Settings | None = None) -> Edge:
    """The whole site as one ASGI application. The data folder must have been prepared (:mod:`app.start`)."""
    os.environ.setdefault("PICCOLO_CONF", "app.piccolo_conf")
    settings = settings or load()
    logs.configure()
    database.use(settings.database_path)
    watch = database.VersionWatch(str(settings.database_path))
    prepared = Prepared(watch)

    async def stop(_: Litestar) -> None:
        await database.ENGINE.close_reader()
        watch.close()

    from app import routes

    litestar = Litestar(
        route_handlers=routes.HANDLERS,
        exception_handlers=errors.HANDLERS,
        state=State({"settings": settings, "prepared": prepared}),
        openapi_config=None,
        on_shutdown=[stop],
        debug=False,
        logging_config=None,
        request_max_body_size=1_000_000,
    )
    return Edge(litestar, prepared, settings, assets.prepared())
