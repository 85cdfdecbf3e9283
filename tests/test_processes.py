"""Processes end with their parent, come back when they are killed, and say in one line why they can't start."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests import plain
from tests.conftest import ROOT, free_port
from tests.rule_machines import SOAK
from tests.waiting import until

KILLS = 2 * SOAK


def temporary(data: Path) -> str:
    """A short-named folder for what a site of ``data`` makes for the time it runs: a socket's address is bounded."""
    return f"/tmp/ib-{zlib.crc32(str(data).encode()):08x}"


def processes_of(data: Path) -> dict[int, str]:
    """The processes of the site of ``data``: pid → command line. Other sites' are not ours to look at.

    They have the folder in their environment; a queue that writes its title over that has its socket's address there.
    """
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            told = f"INFERENCEBENCH_DATA_DIR={data}\0".encode() in (entry / "environ").read_bytes() + b"\0"
            if command and (told or temporary(data) in command):
                found[int(entry.name)] = command
        except OSError:
            continue
    return found


def environment(data: Path, port: int) -> dict[str, str]:
    Path(temporary(data)).mkdir(exist_ok=True)
    return {
        **os.environ,
        "INFERENCEBENCH_DATA_DIR": str(data),
        "INFERENCEBENCH_PORT": str(port),
        "TMPDIR": temporary(data),
    }


def start(data: Path, port: int, command: str = "up") -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "app", command], cwd=ROOT, env=environment(data, port),
                            start_new_session=True, stderr=subprocess.DEVNULL)  # fmt: skip


def serves(port: int) -> bool:
    try:
        return plain.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture
def data(tmp_path: Path, prepared_data: Path) -> Iterator[Path]:
    folder = shutil.copytree(prepared_data, tmp_path / "data")
    yield folder
    for pid in processes_of(folder):
        if pid != os.getpid():
            os.kill(pid, signal.SIGKILL)
    shutil.rmtree(temporary(folder), ignore_errors=True)


def web_of(data: Path, up: int) -> int:
    """The process that answers: the supervisor's fork."""
    for pid in processes_of(data):
        try:
            parent = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
        except (OSError, ValueError):
            continue
        command = processes_of(data).get(pid, "")
        if parent == up and " up" in command and "workers" not in command:
            return pid
    return 0


@pytest.mark.timeout(120 + 60 * KILLS)
def test_a_killed_supervisor_takes_everything_with_it_and_the_next_start_succeeds(data: Path) -> None:
    port = free_port()
    for _ in range(KILLS):
        up = start(data, port)
        until(lambda: serves(port))
        until(lambda: any("workers" in command for command in processes_of(data).values()))
        folders = list(Path(temporary(data)).glob("inferencebench-*"))
        up.kill()
        up.wait()
        until(lambda: not processes_of(data), 15)
        assert len(folders) == 1
    again = start(data, port)
    until(lambda: serves(port))
    until(lambda: any("unixsocket" in command for command in processes_of(data).values()))
    assert not any(folder.exists() for folder in folders), "what the killed one left is swept"
    again.terminate()
    assert again.wait(30) == 0


@pytest.mark.timeout(120 + 60 * KILLS)
@pytest.mark.parametrize("who", ["web", "workers", "unixsocket"])
def test_what_is_killed_again_and_again_comes_back_and_the_site_stays(data: Path, who: str) -> None:
    port = free_port()
    up = start(data, port)
    until(lambda: serves(port))

    def victim() -> int:
        if who == "web":
            return web_of(data, up.pid)
        return next((pid for pid, command in processes_of(data).items()
                     if who in command and "exec_with_parent" not in command), 0)  # fmt: skip

    for _ in range(max(4 if who == "web" else 2, KILLS)):
        until(victim)
        last = victim()
        os.kill(last, signal.SIGKILL)
        until(lambda last=last: victim() not in (0, last))
        until(lambda: serves(port))
        assert up.poll() is None
    up.terminate()
    assert up.wait(30) == 0
    assert not processes_of(data)


def test_processes_of_another_site_on_this_machine_are_none_of_these(tmp_path: Path) -> None:
    """A test that looked for a process by its name would find, and stop, the site that somebody runs beside it."""
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    sleeps = [sys.executable, "-c", "import time; print(flush=True); time.sleep(60)", "-m", "app", "up", "workers"]
    running = [
        subprocess.Popen(sleeps, env={**os.environ, "INFERENCEBENCH_DATA_DIR": str(folder)}, stdout=subprocess.PIPE)
        for folder in (ours, theirs)
    ]
    try:
        for process in running:
            assert process.stdout
            process.stdout.readline()
        assert set(processes_of(ours)) == {running[0].pid}
        assert processes_of(tmp_path) == {}
    finally:
        for process in running:
            process.kill()
            process.communicate()


def test_no_test_looks_for_processes_by_name() -> None:
    """But here, by the folder in a process's environment, and the worker's, below the process that it started."""
    finds = re.compile(r"""\b(pgrep|pkill|killall|pidof|psutil)\b|["']ps["']|Path\(["']/proc["']\)""")
    tests = {path for path in (ROOT / "tests").rglob("*.py") if finds.search(path.read_text())}
    assert {path.name for path in tests} <= {"test_processes.py", "test_worker.py"}


@pytest.mark.parametrize("after_s", [0.3, 0.6, 0.9, 1.2, 1.6, 2.2, 2.9])
def test_told_to_stop_while_it_starts_it_stops(data: Path, after_s: float) -> None:
    up = start(data, free_port())
    time.sleep(after_s)
    up.terminate()
    assert up.wait(10) in (0, -signal.SIGTERM), "not only once the web process is killed after 20 s"
    until(lambda: not processes_of(data), 10)


@pytest.mark.parametrize("second", ["up", "work"])
def test_a_second_worker_on_a_folder_is_refused_and_told_of_the_first(data: Path, second: str) -> None:
    up = start(data, port := free_port())
    until(lambda: serves(port))
    refused = subprocess.run([sys.executable, "-m", "app", second], cwd=ROOT, env=environment(data, free_port()),
        capture_output=True,
                             text=True, check=False, timeout=30)  # fmt: skip
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert f"up (process {up.pid}) runs on the data folder" in refused.stderr
    assert serves(port)
    up.terminate()
    up.wait(30)


def refused(command: list[str], data: Path, port: int = 0, **more: str) -> str:
    told = subprocess.run(command, cwd=ROOT, env={**environment(data, port or free_port()), **more},
                          capture_output=True, text=True, check=False, timeout=60)  # fmt: skip
    assert told.returncode == 2, told.stderr
    assert told.stderr.count("\n") == 1, told.stderr
    assert "Traceback" not in told.stderr
    return told.stderr


UP = [sys.executable, "-m", "app", "up"]


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="no bubblewrap on this machine")
def test_a_ready_folder_on_a_read_only_mount_is_said_in_one_line(data: Path) -> None:
    command = ["bwrap", "--dev-bind", "/", "/", "--ro-bind", str(data), str(data), *UP]
    assert "read-only file system" in refused(command, data)


def test_an_empty_policies_folder_is_said_in_one_line(data: Path, tmp_path: Path) -> None:
    (tmp_path / "policies").mkdir()
    said = refused(UP, data, INFERENCEBENCH_POLICIES_DIR=str(tmp_path / "policies"))
    assert "INFERENCEBENCH_POLICIES_DIR" in said
    assert "no privacy policy that is in force" in said


@pytest.mark.parametrize(
    "noise", [os.urandom(100_000), b"\0" * 5_000, b"a" * 1_000_000, b"submission\tr1\nhello world\n", b"case\t\xff\n"]
)
def test_a_journal_full_of_noise_is_said_in_one_line(data: Path, noise: bytes) -> None:
    (data / "erasures.journal").write_bytes(noise)
    assert "erasures.journal" in refused(UP, data)


@pytest.mark.parametrize("cut", [b"sub", b"submission", b"submission\t", b"submission\tr1", b"case\tPR-1\nca"])
def test_what_a_crash_cut_off_is_no_noise(data: Path, cut: bytes) -> None:
    from app.submissions import erasure_journal

    (data / "erasures.journal").write_bytes(cut)
    erasure_journal.append(data, "submission", ["r2"])
    assert "r2" in erasure_journal.read(data)["submission"]


def test_a_database_that_is_none_and_a_folder_that_is_a_file_are_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "inferencebench.sqlite").write_bytes(b"no database" * 999)
    assert "can't be used as the database" in refused(UP, tmp_path / "data")
    (tmp_path / "file").write_text("x")
    assert "INFERENCEBENCH_DATA_DIR" in refused(UP, tmp_path / "file")


def test_a_taken_port_is_said_in_one_line(data: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert "INFERENCEBENCH_PORT" in refused(UP, data, taken.getsockname()[1])


def test_the_wheel_runs_in_an_empty_environment(tmp_path: Path) -> None:
    """Built, installed beside nothing but its dependencies, started in another folder, asked for ten pages."""
    from app.core.settings import HOME

    assert HOME == ROOT
    uv = ROOT / ".venv/bin/uv"
    tools = [str(uv)] if uv.exists() else [sys.executable, "-m", "uv"]
    subprocess.run([*tools, "build", "-q", "--wheel", "--no-build-isolation", "--python", sys.executable, "-o",
                    str(tmp_path / "dist"), str(ROOT)],
                   check=True, capture_output=True)  # fmt: skip
    subprocess.run([*tools, "venv", "-q", "--python", sys.executable, str(tmp_path / "venv")], check=True)
    python = tmp_path / "venv/bin/python"
    wheel = next((tmp_path / "dist").glob("*.whl"))
    subprocess.run([*tools, "pip", "install", "-q", "--python", str(python), "--no-deps", str(wheel)], check=True)
    site_packages = next(Path(p) for p in sys.path if p.endswith("site-packages"))
    target = next((tmp_path / "venv/lib").glob("python*/site-packages"))
    (target / "dependencies.pth").write_text(
        f"{site_packages}\n"
    )  # after the wheel's own folder: it can't stand in for it
    for editable in site_packages.glob("_editable_impl_inferencebench*"):
        assert editable.exists()
    data, port = tmp_path / "data", free_port()
    process = subprocess.Popen(
        [str(tmp_path / "venv/bin/inferencebench"), "serve"], cwd=tmp_path, env=environment(data, port)
    )
    try:
        until(lambda: serves(port))
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
            for path in ("/", "/prices", "/gpus", "/gpus/h100-sxm-80gb", "/providers", "/models", "/calculator",
                         "/benchmarks", "/policies/privacy", "/methodology", "/submit/price", "/api"):  # fmt: skip
                assert client.get(path).status_code == 200, path
            style = re.search(r'href="(/static/[^"]+\.css[^"]*)"', client.get("/").text)
            assert style
            assert client.get(style[1]).status_code == 200
        code = "import app, pathlib; print(pathlib.Path(app.__file__).parent)"
        where = subprocess.run(
            [str(python), "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout
        assert where.startswith(str(tmp_path)), "the wheel's own code ran"
    finally:
        process.terminate()
        process.wait(30)


def test_folders_that_killed_supervisors_left_are_swept_and_those_in_use_are_not() -> None:
    from app.process import supervise

    code = (
        "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.lockf(f, fcntl.LOCK_EX); print('held', flush=True);"
        " sys.stdin.read()"
    )
    with tempfile.TemporaryDirectory(prefix=supervise.QUEUE_PREFIX) as used:
        holder = subprocess.Popen(
            [sys.executable, "-c", code, f"{used}/lock"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert holder.stdout
        holder.stdout.readline()
        left = Path(tempfile.mkdtemp(prefix=supervise.QUEUE_PREFIX))
        (left / "lock").touch()
        with supervise._queue_folder():
            assert not left.exists()
            assert Path(used).exists()
        holder.communicate()
