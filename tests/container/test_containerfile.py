"""No engine runs here, so the image's promises are checked in its text and its limits tried on the app itself."""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.conftest import ROOT, free_port, serve

TEXT = (ROOT / "Containerfile").read_text()
STAGE = TEXT[TEXT.rindex("FROM ") :]


def test_the_image_runs_as_a_user_without_a_name_and_is_asked_for_its_health() -> None:
    user = re.search(r"^USER (\d+):(\d+)$", STAGE, re.MULTILINE)
    assert user
    assert int(user[1]) > 1000
    assert "slim" in STAGE.splitlines()[0]
    health = re.search(r"HEALTHCHECK .*\\\n\s+CMD (\[.*\])", STAGE)
    assert health
    assert "/readyz" in json.loads(health[1])[-1]


def test_everything_that_is_copied_exists_and_is_let_in() -> None:
    let_in = {line[1:] for line in (ROOT / ".containerignore").read_text().split() if line.startswith("!")}
    for line in re.findall(r"^COPY (?!--from)(.+)$", TEXT, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert source in let_in, source


def test_dependencies_are_locked_with_hashes_and_name_no_registry() -> None:
    for name in ("requirements.lock", "requirements-test.lock", "tools/uv.lock"):
        text = (ROOT / name).read_text()
        assert "://" not in text
        pinned = re.findall(r"^[a-z0-9_.\[\],-]+==[^\s;\\]+", text, re.MULTILINE | re.IGNORECASE)
        assert pinned
        blocks = re.split(r"\n(?=[a-zA-Z0-9])", text.strip())
        assert all("--hash=sha256:" in block for block in blocks if "==" in block.splitlines()[0])


def test_the_health_command_works_against_the_running_site(tmp_path: Path) -> None:
    port = free_port()
    process = serve(tmp_path, port)
    try:
        command = json.loads(re.search(r"HEALTHCHECK .*\\\n\s+CMD (\[.*\])", STAGE)[1])  # type: ignore[index]
        asked = [sys.executable, *command[1:-1], command[-1].replace("8000", str(port))]
        assert subprocess.run(asked, check=False).returncode == 0
    finally:
        process.terminate()
        process.wait(15)


@pytest.mark.skipif(
    shutil.which("bwrap") is None, reason="no bubblewrap on this machine; install the package bubblewrap"
)
def test_the_site_runs_on_a_read_only_root_as_nobody_without_capabilities(tmp_path: Path) -> None:
    data, port = tmp_path / "data", free_port()
    data.mkdir()
    for folder in (tmp_path, *tmp_path.parents):
        if folder.owner() == Path.home().owner() and os.access(folder, os.W_OK) and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | stat.S_IXOTH)
    data.chmod(0o777)
    command = ["bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", "--ro-bind", str(ROOT), str(ROOT), "--bind", str(data), "/mnt",
               "--unshare-user", "--uid", "10001", "--gid", "10001", "--cap-drop", "ALL", "--die-with-parent", "--chdir", str(ROOT),
               "--setenv", "INFERENCEBENCH_DATA_DIR", "/mnt", "--setenv", "INFERENCEBENCH_PORT", str(port),
               sys.executable, "-B", "-m", "app", "serve"]  # fmt: skip
    if subprocess.run([*command[: command.index("--setenv")], "true"], check=False, capture_output=True).returncode:
        pytest.skip("this machine allows no user namespaces")
    process = subprocess.Popen(command)
    try:
        for _ in range(100):
            try:
                answer = httpx.get(f"http://127.0.0.1:{port}/prices")
                break
            except httpx.TransportError:
                assert process.poll() is None
                import time

                time.sleep(0.1)
        assert answer.status_code == 200
    finally:
        process.terminate()
        process.wait(25)
    assert {path.name for path in data.iterdir()} <= {
        "inferencebench.sqlite",
        "inferencebench.sqlite-wal",
        "inferencebench.sqlite-shm",
        "inferencebench.lock",
    }
