"""The image's file system, assembled from the Containerfile's own lines and run without an engine.

Bubblewrap gives what the compose file asks of an engine: a read-only root, a user without name, no capability, and
nothing writable but the data folder and a small /tmp. The whole HTTP test suite then asks the site that runs inside.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from app.core.retention import KINDS
from tests import plain
from tests.conftest import ASKING, ROOT, free_port

TEXT = (ROOT / "Containerfile").read_text()
UID = int(re.findall(r"^USER (\d+):(\d+)$", TEXT, re.MULTILINE)[-1][0])
pytestmark = pytest.mark.skipif(
    shutil.which("bwrap") is None, reason="no bubblewrap on this machine; install the package bubblewrap"
)


@dataclass
class Image:
    """An assembled image: the bubblewrap command that runs something inside, and its data folder."""

    command: list[str]
    data: Path

    def run(self, *inside: str, **settings: str) -> subprocess.Popen[bytes]:
        given = [part for name, value in settings.items() for part in ("--setenv", name, value)]
        return subprocess.Popen([*self.command, *given, *inside], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def said(self, code: str) -> str:
        process = self.run("python", "-c", code)
        out, _ = process.communicate(timeout=60)
        return out.decode()


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    folder = tmp_path_factory.mktemp("image")
    srv, data = folder / "srv", folder / "data"
    srv.mkdir()
    data.mkdir()
    for line in re.findall(r"^COPY (?!--from)(.+)$", TEXT, re.MULTILINE):
        *sources, target = line.split()
        for source in sources:
            place = srv / (source if target == "./" else target)
            place.parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, place, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / source, place)
    uv = Path(sys.prefix) / "bin" / "uv"
    environment = {**os.environ, "VIRTUAL_ENV": str(srv / ".venv")}
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, srv / ".venv"], check=True)
    subprocess.run(
        [uv, "pip", "install", "-q", "--require-hashes", "-r", "requirements.lock"],
        cwd=srv,
        env=environment,
        check=True,
    )
    command = ["bwrap", "--tmpfs", "/", *_system(), "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--ro-bind",
               str(srv), "/srv", "--bind", str(data), "/data",
               "--remount-ro", "/", "--unshare-user", "--unshare-ipc", "--unshare-pid", "--uid", str(UID), "--gid",
               str(UID), "--cap-drop", "ALL", "--new-session", "--die-with-parent",
               "--clearenv", "--chdir", "/srv", *_environment()]  # fmt: skip
    if subprocess.run([*command, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this machine allows no user namespaces")
    return Image(command, data)


def _system() -> list[str]:
    """What stands for the base image: the system's programs and libraries and the interpreter, read-only."""
    found = []
    for name in ("usr", "bin", "sbin", "lib", "lib32", "lib64", "etc/ld.so.cache", "etc/ssl", "etc/alternatives"):
        path = Path("/", name)
        if path.is_symlink():
            found += ["--symlink", str(path.readlink()), str(path)]
        elif path.exists():
            found += ["--ro-bind", str(path), str(path)]
    base = Path(sys.base_prefix).resolve()
    return found if base.is_relative_to("/usr") else [*found, "--ro-bind", str(base), str(base)]


def _environment() -> list[str]:
    """The image's own environment."""
    stage = TEXT[TEXT.rindex("FROM ") :]
    block = re.search(r"^ENV ((?:.*\\\n)*.*)$", stage, re.MULTILINE)
    assert block
    pairs = [part.split("=", 1) for part in shlex.split(block[1].replace("\\\n", " "))]
    return [part for name, value in pairs for part in ("--setenv", name, value)]


@pytest.fixture(scope="module")
def running(image: Image) -> Iterator[str]:
    port = free_port()
    process = image.run("python", "-m", "app", "serve", INFERENCEBENCH_PORT=str(port), INFERENCEBENCH_HOST="127.0.0.1")
    url = f"http://127.0.0.1:{port}"
    for _ in range(300):
        try:
            if plain.get(f"{url}/readyz").status_code == 200:
                break
        except httpx.TransportError:
            assert process.poll() is None, process.communicate()[0].decode()
        time.sleep(0.1)
    yield url
    process.terminate()
    process.communicate(timeout=30)


@pytest.mark.parametrize("promise", ["P-10c P-10d"])
def test_inside_nothing_is_writable_but_data_and_tmp_and_nobody_has_a_name_or_a_capability(
    image: Image, promise: str
) -> None:
    code = (
        "import os, pathlib\n"
        "def may(p):\n"
        "    try:\n        pathlib.Path(p, 'x').write_text('x'); os.remove(p + '/x'); return True\n    except "
        "OSError:\n        return False\n"
        "print({p: may(p) for p in ('/', '/srv', '/srv/app', '/srv/.venv', '/usr', '/etc', '/data', '/tmp')})\n"
        "print(os.getuid(), [l.split()[1] for l in open('/proc/self/status') if l.startswith(('CapEff', 'CapPrm', "
        "'CapBnd'))])\n"
        "import pwd\n"
        "try:\n    pwd.getpwuid(os.getuid()); print('named')\nexcept KeyError:\n    print('nameless')\n"
    )
    said = image.said(code).splitlines()
    writable = eval(said[0])
    assert {path for path, can in writable.items() if can} == {"/data", "/tmp"}
    assert said[1] == f"{UID} ['{'0' * 16}', '{'0' * 16}', '{'0' * 16}']"
    assert said[2] == "nameless"


@pytest.mark.timeout(900)
@pytest.mark.parametrize("promise", ["P-10c"])
def test_the_whole_http_test_suite_passes_inside(
    image: Image, running: str, request: pytest.FixtureRequest, promise: str
) -> None:
    """Of the files that this run has collected already, if it is a run of all tests: collecting takes as long."""
    asking = request.config.stash[ASKING]
    paths = asking if len(asking) > 20 else [ROOT / "tests"]
    environment = {**os.environ, "SITE_UNDER_TEST": f"{running} {image.data}"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *map(str, paths)],
        cwd=ROOT,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is None or int(passed[1]) > 200
    assert done.stdout.count(".") > 200
    for path in image.data.rglob("*"):
        name = str(path.relative_to(image.data))
        assert path.is_dir() or any(Path(name).match(pattern) for row in KINDS for pattern in row.files), name


@pytest.mark.parametrize("promise", ["P-10c"])
def test_web_worker_and_queue_start_inside_by_the_images_own_command(image: Image, promise: str) -> None:
    port = free_port()
    settings = {
        "INFERENCEBENCH_PORT": str(port),
        "INFERENCEBENCH_HOST": "127.0.0.1",
        "INFERENCEBENCH_HF_ENDPOINT": "http://127.0.0.1:9",
    }
    command = re.findall(r'^CMD \["inferencebench", "(\w+)"\]$', TEXT, re.MULTILINE)
    process = image.run("python", "-m", "app", *command, **settings)
    said: list[bytes] = []
    try:
        for _ in range(150):
            try:
                assert plain.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
                break
            except httpx.TransportError:
                assert process.poll() is None, process.communicate()[0].decode()
                time.sleep(0.1)
        assert process.stdout
        for line in process.stdout:  # the end of the output is the end of the site
            said.append(line)
            if b'"event": "working"' in line:
                break
        assert process.poll() is None
    finally:
        process.terminate()
        said.append(process.communicate(timeout=40)[0])
    out = b"".join(said)
    assert b'"event": "working"' in out, out.decode()[-3000:]
    assert b"Read-only file system" not in out


@pytest.mark.parametrize("promise", ["P-10c P-10d"])
def test_the_compose_file_asks_an_engine_for_the_same(promise: str) -> None:
    import yaml

    service = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]["inferencebench"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["user"] == f"{UID}:{UID}"
    assert "cap_add" not in service
    assert "privileged" not in service
    assert [volume.split(":")[1] for volume in service["volumes"]] == ["/data"]
    assert all(place.startswith("/tmp:") for place in service["tmpfs"])


WATCH = """
import os, sys
CHANGES = ("os.mkdir", "os.rename", "os.link", "os.symlink", "os.truncate", "os.utime", "os.chmod")


def watch(event, arguments):
    if event == "open" and not isinstance(arguments[0], int):
        mode, flags = arguments[1] or "", arguments[2] or 0
        if set(str(mode)) & set("wax+") or flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            tell(arguments[0])
    elif event in CHANGES or (event == "sqlite3.connect" and "mode=ro" not in str(arguments[0])):
        tell(arguments[0])


def tell(path):
    line = os.fsdecode(path) + "\\n"
    if not line.startswith(RECORD):
        os.write(FILE, line.encode())


FILE = os.open(RECORD, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
sys.addaudithook(watch)
"""
"""Run at the start of each process: an audit hook that notes every file opened for writing or changed."""


@pytest.mark.parametrize("promise", ["P-10c"])
def test_the_app_writes_nowhere_but_into_its_data_folder(tmp_path: Path, promise: str) -> None:
    """Every file that the processes open for writing is written down by an audit hook, while pages are asked for
    and prices refreshed."""
    hook, data, record = tmp_path / "hook", tmp_path / "data", tmp_path / "record.txt"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(f"RECORD = {str(record)!r}\n{WATCH}")
    port = free_port()
    environment = {**os.environ, "PYTHONPATH": str(hook), "INFERENCEBENCH_DATA_DIR": str(data),
                   "INFERENCEBENCH_PORT": str(port), "PYTHONDONTWRITEBYTECODE": "1",
                   "INFERENCEBENCH_SOURCE_AKASH_URL": "http://127.0.0.1:9"}  # fmt: skip
    process = subprocess.Popen([sys.executable, "-m", "app", "serve"], cwd=ROOT, env=environment)
    try:
        for _ in range(200):
            try:
                if plain.get(f"http://127.0.0.1:{port}/readyz").status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.1)
        for path in (
            "/",
            "/prices",
            "/status",
            "/calculator",
            "/gpus/l4-24gb",
            "/policies/privacy",
            "/previews/home.png",
            "/nothing",
        ):
            plain.get(f"http://127.0.0.1:{port}{path}")
        time.sleep(1.3)
    finally:
        process.terminate()
        process.wait(20)
    subprocess.run(
        [sys.executable, "-m", "app", "refresh", "akash"], cwd=ROOT, env=environment, check=False, capture_output=True
    )
    subprocess.run(
        [sys.executable, "-m", "app", "retention", "run"], cwd=ROOT, env=environment, check=True, capture_output=True
    )
    written = set(record.read_text().splitlines())
    assert any(name.endswith(".tsv") for name in written), "the hook sees writing"
    elsewhere = {name for name in written if not name.startswith((str(data), f"file:{data}", "/dev/"))}
    assert elsewhere == set()
