"""The site without its access log: what the log's cost is measured against."""

from app.server import create_app as create_site
from app.web.edge import Edge


def create_app() -> Edge:
    """The application, whose log takes note of nothing."""
    made = create_site()
    made.access.note = lambda *_: None  # type: ignore[method-assign]
    return made


if __name__ == "__main__":
    from app import start
    from app.serve import server
    from app.settings import load

    settings = load()
    start.prepare(settings)
    server("tools.bench_unlogged:create_app", settings.host, settings.port).serve()
