"""Fixtures: real parts only. A data folder on disk, the real server on loopback, the real Chromium."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import hypothesis
import pytest
from litestar import Litestar

from app.core.settings import Settings, load
from app.process import application, prepare
from app.storage import engine, engine_in_use, sqlite
from app.telemetry.access_log import AccessLog
from tests import plain, postgres

hypothesis.settings.register_profile("explore", deadline=None)  # a busy machine is no fault
hypothesis.settings.register_profile("same", derandomize=True, deadline=None)
hypothesis.settings.load_profile("same")
"""A run is the same as the last; ``make test ARGS=--hypothesis-profile=explore`` looks for cases that nobody has
seen."""

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "tests" / "data"
"""Inputs of tests: what providers, publishers and people sent, as it was."""
SHARED = ROOT.parent / "shared" / "data"


def free_port() -> int:
    """A port of loopback that nobody listens on, and that no test of another worker is given.

    Servers bind with SO_REUSEPORT, so two tests with one port would share its connections instead of failing to start.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port // 2 % 8 == worker % 8:
            return port


@dataclass
class Site:
    """A running site: its address, data folder and process."""

    url: str
    port: int
    data: Path
    process: subprocess.Popen[bytes]


def serve(data: Path, port: int, root: Path = ROOT, /, **more: str) -> subprocess.Popen[bytes]:
    """Start the web process of the software at ``root`` as a user would and wait until it is ready."""
    environment = {**os.environ, "INFERENCEBENCH_DATA_DIR": str(data), "INFERENCEBENCH_PORT": str(port), **more}
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "serve"], cwd=root, env=environment, start_new_session=True
    )
    for _ in range(1200):  # a busy machine takes its time
        try:
            if plain.get(f"http://127.0.0.1:{port}/readyz").status_code == 200:
                return process
        except httpx.TransportError:
            assert process.poll() is None, "the web process ended"
        time.sleep(0.05)
    raise AssertionError("the web process did not become ready")


@pytest.fixture(scope="session")
def prepared_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the shipped snapshot loaded; copy it, don't change it."""
    folder = tmp_path_factory.mktemp("prepared")
    prepare.prepare(load({"INFERENCEBENCH_DATA_DIR": str(folder)}))
    return folder


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What is marked ``both_engines`` runs with SQLite and again with PostgreSQL, where it uses a database."""
    if metafunc.definition.get_closest_marker("both_engines") and "database_engine" in metafunc.fixturenames:
        metafunc.parametrize("database_engine", ["sqlite", "postgres"], indirect=True, scope="session")


@pytest.fixture(autouse=True)
def _sqlite_again() -> Iterator[None]:
    """Whichever engine a test used, the next one begins with SQLite's."""
    yield
    engine_in_use.ENGINE.driver = sqlite


@pytest.fixture(scope="session")
def database_engine(request: pytest.FixtureRequest) -> str:
    """The engine that a test's database has: SQLite's, unless the test is marked ``both_engines``.

    ``TEST_ENGINE=postgres`` in the environment makes PostgreSQL the rule, to look for what it refuses.
    """
    return str(getattr(request, "param", os.environ.get("TEST_ENGINE", "sqlite")))


@pytest.fixture(scope="session")
def prepared_server(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a database on PostgreSQL with the shipped snapshot loaded; a template, nobody connects to it."""
    url = postgres.server().database()
    folder = tmp_path_factory.mktemp("prepared-server")
    prepare.prepare(load({"INFERENCEBENCH_DATA_DIR": str(folder), "INFERENCEBENCH_DATABASE_URL": url}))
    return url.rsplit("/", 1)[1]


def database_of(settings: Settings, **more: str) -> dict[str, str]:
    """The settings of another process or site on the same data folder and database, and ``more``."""
    return {"INFERENCEBENCH_DATA_DIR": str(settings.data_dir), "INFERENCEBENCH_DATABASE_URL": settings.database_url,
            **more}  # fmt: skip


Shipped = Callable[[Path], dict[str, str]]
"""Makes a copy of the shipped data in a folder and, on PostgreSQL, in a database of its own; returns settings."""


@pytest.fixture(scope="session")
def shipped(prepared_data: Path, database_engine: str, request: pytest.FixtureRequest) -> Shipped:
    """Copies of the shipped data, with the engine under test."""

    def copied(data: Path) -> dict[str, str]:
        aside = None if database_engine == "sqlite" else shutil.ignore_patterns("*.sqlite*")
        shutil.copytree(prepared_data, data, ignore=aside)
        settings = {"INFERENCEBENCH_DATA_DIR": str(data)}
        if database_engine == "postgres":
            template = request.getfixturevalue("prepared_server")
            settings["INFERENCEBENCH_DATABASE_URL"] = postgres.server().database(template)
        return settings

    return copied


RUNNING = os.environ.pop("SITE_UNDER_TEST", "")
"""Address and data folder of a site that runs already, such as one in a container: the tests over HTTP then ask
that."""


LONGEST_FIRST = ("container/test_image", "workers/test_worker", "browser/test_prices", "test_processes",
                 "edge/test_varnish", "pricing/test_refresh", "browser/test_calculator", "benchmarks/test_accuracy",
                 "web/test_http", "edge/test_cluster", "privacy/test_requests", "edge/test_nginx",
                 "browser/test_journeys", "privacy/test_mail_reading", "test_backup", "submissions/test_reports",
                 "submissions/test_ledger", "browser/test_real_traffic", "web/test_abuse", "telemetry/test_access",
                 "test_hostile_text", "pricing/test_authority", "pricing/test_as_of", "test_postgres_nodes",
                 "test_serve", "test_kills", "privacy/test_clock_jumps", "browser/test_reports",
                 "pricing/test_level_machine", "browser/test_look")  # fmt: skip
"""Files that take a third of a minute or more: begun last, one of them would keep all other processes waiting."""


def pytest_xdist_auto_num_workers() -> int:
    """Two for each core: tests wait for servers, browsers, disks and clocks for more than half of their time."""
    return 2 * (os.cpu_count() or 1)


ASKING = pytest.StashKey[list[Path]]()
"""The files with tests that ask a site over HTTP."""


def examples(number: int) -> int:
    """How many random inputs a test tries that asks a site over HTTP: ``number``, or a sixth of a site that runs
    elsewhere, in a container. There it is looked for what the container changes, which is not how text is read."""
    return number // 6 if RUNNING else number


def _asks_a_site(item: pytest.Item) -> bool:
    names = set(getattr(item, "fixturenames", ()))
    return "site" in names and not {"chromium", "edge"} & names


def _turn(item: pytest.Item) -> int:
    """When the file of a test has its turn."""
    name = item.path.relative_to(ROOT / "tests").with_suffix("").as_posix()
    return LONGEST_FIRST.index(name) if name in LONGEST_FIRST else len(LONGEST_FIRST)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The longest files first; with a site given from outside only the tests that ask a site over HTTP."""
    items.sort(key=_turn)
    config.stash[ASKING] = sorted({item.path for item in items if _asks_a_site(item)})
    if os.environ.get("TEST_ENGINE", "sqlite") != "sqlite":
        for item in items:
            if item.get_closest_marker("sqlite_only"):
                item.add_marker(pytest.mark.skip(reason="about SQLite's own files"))
    if RUNNING:
        asks = [item for item in items if _asks_a_site(item)]
        config.hook.pytest_deselected(items=[item for item in items if item not in asks])
        items[:] = asks


@pytest.fixture(scope="session")
def site(
    tmp_path_factory: pytest.TempPathFactory, database_engine: str, request: pytest.FixtureRequest
) -> Iterator[Site]:
    """The whole site on loopback, shared by the tests that only read."""
    if RUNNING:
        url, folder = RUNNING.split(" ", 1)
        with subprocess.Popen(["sleep", "3600"]) as stand_in:
            yield Site(url, int(url.rsplit(":", 1)[1]), Path(folder), stand_in)
            stand_in.kill()
        return
    data, port = tmp_path_factory.mktemp("site"), free_port()
    more = {}
    if database_engine == "postgres":
        template = request.getfixturevalue("prepared_server")
        more["INFERENCEBENCH_DATABASE_URL"] = postgres.server().database(template)
    process = serve(data, port, **more)
    yield Site(f"http://127.0.0.1:{port}", port, data, process)
    process.terminate()
    process.wait(15)


@pytest.fixture(scope="session")
def http(site: Site) -> Iterator[httpx.Client]:
    """A client of the site that follows nothing by itself."""
    with httpx.Client(base_url=site.url, follow_redirects=False, timeout=30) as client:
        yield client


class Inside:
    """The application in this process, for time travel and for writing beside it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.app = application.create_app(settings)

    @property
    def log(self) -> AccessLog:
        """What takes note of the application's requests."""
        assert isinstance(self.app.access, AccessLog)
        return self.app.access

    def limits(self) -> dict[str, Any]:
        """The limits on what one sender may post, by name."""
        assert isinstance(self.app.app, Litestar)
        found: dict[str, Any] = self.app.app.state["submit_limits"]
        return found

    def run(self, work: Callable[[httpx.AsyncClient], Any]) -> Any:
        """Run the coroutine that ``work`` makes of a client of the app."""

        async def go() -> Any:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://inside") as client:
                return await work(client)

        return engine.run(go())


@pytest.fixture
def inside(tmp_path: Path, shipped: Shipped) -> Iterator[Inside]:
    """The application in this process on its own copy of the shipped data."""
    made = Inside(load(shipped(tmp_path / "data")))
    yield made
    made.app._prepared._watch.close()


@pytest.fixture
def empty_database(tmp_path: Path, database_engine: str) -> Path | str:
    """A migrated database without rows; the engine points at it."""
    database = postgres.server().database() if database_engine == "postgres" else tmp_path / "inferencebench.sqlite"
    engine.use(database)
    engine.run(engine.migrate())
    return database


@pytest.fixture(scope="session")
def chromium() -> str:
    """Debian's Chromium."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not found:
        pytest.skip("no Chromium on this machine; install the package chromium")
    return found
