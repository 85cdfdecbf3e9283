"""Litestar's plainest text route on the server and with the settings of the site: what the pages are measured
against."""

import sys

from litestar import Litestar, get


@get("/")
async def plain() -> str:
    """Two bytes."""
    return "ok"


def create_app() -> Litestar:
    """The application."""
    return Litestar([plain], openapi_config=None, logging_config=None)


if __name__ == "__main__":
    from app.process.serve import server

    server("tools.bench_plain:create_app", "127.0.0.1", int(sys.argv[1])).serve()
