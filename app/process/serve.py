"""Running the web process: prepare the data folder, then run Granian until it is told to stop."""

import contextlib
import resource
import signal
import socket
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from app.core import clock, data_folder
from app.core.errors import SettingError
from app.core.settings import PREFIX, Settings
from app.core.units import KIB
from app.process import children, prepare

SHORTEST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0
STEADY_S = 60
"""After running for this long (seconds), a web process's next crash counts as its first."""
MOST_CONNECTIONS, FILES_OF_OUR_OWN = 8_192, 256
HEADER_READ_MS = 5_000
"""A connection that sends nothing, or sends its headers too slowly, is closed after this time."""
WORKER_DELAY_S = 1.5
"""The worker starts loading this many seconds after the pages, so that it does not delay their first answer."""

if TYPE_CHECKING:
    from granian.server.mp import MPServer
    from granian.server.mt import MTServer


def run(settings: Settings, *, with_worker: bool = False) -> int:
    """Serve until SIGTERM or SIGINT; requests in progress are finished. Returns the exit status.

    ``with_worker`` also keeps a worker and its queue running.
    """
    with contextlib.ExitStack() as stack:
        data_folder.make_private(settings.data_dir)
        if with_worker:
            stack.enter_context(data_folder.one_worker(settings.data_dir, "up"))
        _refuse_taken_port("PORT", settings.host, settings.port)
        if settings.metrics_port:
            _refuse_taken_port("METRICS_PORT", settings.metrics_host, settings.metrics_port)
        loaded = prepare.prepare(settings)
        _refuse_empty_policies(settings)
        children.forked_children_end_with_us()
        started = False

        def first_start() -> None:  # runs while the web process loads, so it costs no time
            nonlocal started
            if started:
                return
            started = True
            _say(settings, loaded)
            if ready is not None:
                timer = threading.Timer(WORKER_DELAY_S, ready.set)
                timer.daemon = True
                timer.start()

        ready: threading.Event | None = None
        if with_worker:
            from app.process import supervise

            ready = stack.enter_context(supervise.beside(settings))
        _serve_until_signal(settings, first_start)
    from app.core import logs

    logs.get("serve").info("stopped")
    return 0


def _serve_until_signal(settings: Settings, first_start: Callable[[], None]) -> None:
    """Keep the web process running. Granian restarts a process that ended; if it keeps ending, each restart waits
    longer."""
    from app.core import logs

    signalled = threading.Event()
    wait = SHORTEST_WAIT_S
    while True:
        granian = server("app.process.application:create_app", settings.host, settings.port)
        granian.on_startup(first_start)
        began = time.monotonic()
        with contextlib.suppress(SystemExit):  # Granian's way of saying that the process kept ending
            granian.serve()
        if granian.interrupt_signal:
            return
        if time.monotonic() - began > STEADY_S:
            wait = SHORTEST_WAIT_S
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: signalled.set())
        logs.get("serve").error("the web process goes on ending; it is started again", extra={"in_s": wait})
        if signalled.wait(wait):
            return
        wait = min(LONGEST_WAIT_S, wait * 2)


def _refuse_empty_policies(settings: Settings) -> None:
    """Refuse to start without a privacy policy in force: the site could accept no report and keep no promise."""
    from app.policies.files import policies

    if "privacy" not in policies(settings).state_at(clock.timestamp()).in_force:
        raise SettingError(
            f"{PREFIX}POLICIES_DIR: {settings.policies_dir} holds no privacy policy that is in force; "
            f"for example {settings.policies_dir}/privacy/2026-03-27.md, as it ships with the software"
        )


def _say(settings: Settings, loaded: bool) -> None:
    from app.core import logs

    logs.configure()
    log = logs.get("serve")
    if loaded:
        log.info("loaded the shipped prices")
    log.info("serving", extra={"address": settings.base_url})


def server(target: str, host: str, port: int) -> "MPServer | MTServer":
    """Granian for the application factory ``target``, as the site runs it: one process, no request log."""
    from granian import Granian
    from granian.constants import HTTPModes, Interfaces
    from granian.http import HTTP1Settings
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
        backpressure=most_connections(),
        http=HTTPModes.http1,  # what guesses the protocol waits for ever for its first byte; edges speak 1.1 to us
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_READ_MS, max_buffer_size=64 * KIB),
        log_level=LogLevels.warning,
        log_access=False,
        workers_kill_timeout=20,
        respawn_failed_workers=True,
    )


def most_connections() -> int:
    """How many connections are accepted at once: the limit on open files, less what the process itself needs.

    The limit on open files is first raised to what the system allows. Further connections wait in the system's queue,
    at no cost to the site, until another one ends.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_CONNECTIONS + FILES_OF_OUR_OWN
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft < most:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            soft = most
    return max(64, min(MOST_CONNECTIONS, soft - FILES_OF_OUR_OWN))


def _refuse_taken_port(name: str, host: str, port: int) -> None:
    """Report in one line that something else already listens on the port that the setting ``name`` says."""
    setting = name.replace("PORT", "HOST")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except socket.gaierror:
            raise SettingError(
                f"{PREFIX}{setting}: {host!r} is no name or address of this machine; for example "
                f"{PREFIX}{setting}=127.0.0.1"
            ) from None
        except OSError as error:
            raise SettingError(
                f"{PREFIX}{name}: can't listen on {host}:{port} ({error.strerror}); "
                f"for example {PREFIX}{name}={port + 1}"
            ) from None
