"""Running the web process: prepare the data folder, then Granian until it is told to stop."""

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

from app.core.errors import SettingError
from app.core.settings import PREFIX, Settings
from app.process import prepare

WORKER_DELAY_S = 1.5
"""The worker loads after the pages, so that it does not delay their first answer."""

if TYPE_CHECKING:
    from granian.server.mp import MPServer
    from granian.server.mt import MTServer


def run(settings: Settings, *, with_worker: bool = False) -> int:
    """Serve until SIGTERM or SIGINT; requests under way are finished. Returns the exit status.

    ``with_worker`` keeps a worker and its queue running beside the pages.
    """
    _refuse_taken_port(settings)
    loaded = prepare.prepare(settings)
    granian = server("app.process.application:create_app", settings.host, settings.port)
    granian.on_startup(lambda: _say(settings, loaded))  # while the web process loads, so that it costs no time
    with contextlib.ExitStack() as stack:
        if with_worker:
            from app.process import supervise

            ready = stack.enter_context(supervise.beside(settings))
            granian.on_startup(lambda: threading.Timer(WORKER_DELAY_S, ready.set).start())
        granian.serve()
    from app.core import logs

    logs.get("serve").info("stopped")
    return 0


def _say(settings: Settings, loaded: bool) -> None:
    from app.core import logs

    logs.configure()
    log = logs.get("serve")
    if loaded:
        log.info("loaded the shipped prices")
    log.info("serving", extra={"address": settings.base_url})


def server(target: str, host: str, port: int) -> "MPServer | MTServer":
    """Granian for the application factory ``target``, as the site runs it: one process, no log of requests."""
    from granian import Granian
    from granian.constants import Interfaces
    from granian.log import LogLevels

    return Granian(
        target,
        factory=True,
        interface=Interfaces.ASGI,
        address=host,
        port=port,
        workers=1,
        websockets=False,
        backlog=1024,
        log_level=LogLevels.warning,
        log_access=False,
        workers_kill_timeout=20,
        respawn_failed_workers=True,
    )


def _refuse_taken_port(settings: Settings) -> None:
    """Say it in one line where something else listens already."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except socket.gaierror:
            raise SettingError(
                f"{PREFIX}HOST: {settings.host!r} is no name or address of this machine; for example {PREFIX}HOST=127.0.0.1"
            ) from None
        except OSError as error:
            raise SettingError(
                f"{PREFIX}PORT: can't listen on {settings.host}:{settings.port} ({error.strerror}); "
                f"for example {PREFIX}PORT={settings.port + 1}"
            ) from None
