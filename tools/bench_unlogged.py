"""The site without its access log: what the log's cost is measured against."""

from typing import Any

from app.process.application import create_app as create_site
from app.web.front import Front


class _NoLog:
    def note(self, *_: Any) -> None:
        """Write nothing."""


def create_app() -> Front:
    """The application, with a log that writes nothing."""
    made = create_site()
    made.access = _NoLog()
    return made


if __name__ == "__main__":
    from app.core.settings import load
    from app.process import prepare
    from app.process.serve import server

    settings = load()
    prepare.prepare(settings)
    server("tools.bench_unlogged:create_app", settings.host, settings.port).serve()
