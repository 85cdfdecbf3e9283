"""Running the web process: prepare the data folder, then Granian until it is told to stop."""

import socket

from app import logs, start
from app.errors import SettingError
from app.settings import PREFIX, Settings


def run(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; requests under way are finished. Returns the exit status."""
    logs.configure()
    log = logs.get("serve")
    _refuse_taken_port(settings)
    loaded = start.prepare(settings)
    if loaded:
        log.info("loaded the shipped prices")
    log.info("serving", address=settings.base_url)

    from granian import Granian
    from granian.constants import Interfaces
    from granian.log import LogLevels

    Granian(
        "app.server:create_app",
        factory=True,
        interface=Interfaces.ASGI,
        address=settings.host,
        port=settings.port,
        workers=1,
        websockets=False,
        backlog=1024,
        log_level=LogLevels.warning,
        log_access=False,
        workers_kill_timeout=20,
        respawn_failed_workers=True,
    ).serve()
    log.info("stopped")
    return 0


def _refuse_taken_port(settings: Settings) -> None:
    """Say it in one line where something else listens already."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise SettingError(
                f"{PREFIX}PORT: can't listen on {settings.host}:{settings.port} ({error.strerror}); "
                f"for example {PREFIX}PORT={settings.port + 1}"
            ) from None
