"""No engine runs here, so the image's promises are checked in its text and its limits tried on the app itself."""

import json
import re
import subprocess
import sys
from pathlib import Path

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


@pytest.mark.parametrize("promise", ["P-10c"])
def test_the_last_step_gives_the_data_folder_to_the_user_and_the_code_to_nobody(promise: str) -> None:
    stage = STAGE.replace("\\\n", " ")
    user = re.findall(r"^USER (\S+)$", stage, re.MULTILINE)[-1]
    changes = re.findall(r"^(RUN|COPY|ADD) (.+)$", stage, re.MULTILINE)
    kind, last = changes[-1]
    assert kind == "RUN", "nothing is put into the image after its modes are set"
    steps = [tuple(step.split()) for step in last.split("&&")]
    assert steps == [("mkdir", "/data"), ("chown", user, "/data"), ("chmod", "-R", "a-w", "/srv")]


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
