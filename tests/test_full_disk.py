"""A real small disk that fills up: nothing accepted is lost, nothing typed is, and all is well once there is room."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests import plain
from tests.conftest import ROOT, free_port
from tests.submissions.test_reports import PRICE

DISK_MB = 60
MAIL = r"From: someone@b.example\nTo: privacy@x.example\nSubject: erase\nMessage-ID: <a@b>\n\nPlease erase all.\n"
pytestmark = pytest.mark.skipif(
    shutil.which("bwrap") is None, reason="no bubblewrap on this machine; install the package bubblewrap"
)


class SmallDisk:
    """A shell in which ``folder`` is a disk of its own, of ``DISK_MB``."""

    def __init__(self, folder: Path, **environment: str) -> None:
        command = ["bwrap", "--dev-bind", "/", "/", "--size", str(DISK_MB * 2**20), "--tmpfs", str(folder),
                   "--die-with-parent", "bash"]  # fmt: skip
        self._shell = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **environment}, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def do(self, line: str) -> str:
        """Run a line; what it says."""
        assert self._shell.stdin
        assert self._shell.stdout
        self._shell.stdin.write(f'{line}\necho "__END__"\n')
        self._shell.stdin.flush()
        said: list[str] = []
        for told in self._shell.stdout:
            if told.strip() == "__END__":
                return "".join(said)
            said.append(told)
        raise AssertionError(f"the shell ended: {''.join(said)}")

    def end(self) -> None:
        self._shell.kill()
        self._shell.communicate()


@pytest.fixture
def disk(tmp_path: Path, prepared_data: Path) -> Iterator[tuple[SmallDisk, str, Path]]:
    """A running site on a small disk: the shell beside it, its address and its data folder."""
    folder, port = tmp_path / "disk", free_port()
    folder.mkdir()
    data = folder / "data"
    small = SmallDisk(folder, INFERENCEBENCH_DATA_DIR=str(data), INFERENCEBENCH_PORT=str(port))
    try:
        if f"{folder}" not in small.do(f"stat -f -c %T {folder} && echo {folder}"):
            pytest.skip("this machine allows no user namespaces")
        small.do(f"cp -r {prepared_data} {data}")
        small.do(f"{sys.executable} -m app serve >{tmp_path}/said 2>&1 &")
        small.do(f"for n in $(seq 600); do curl -sf http://127.0.0.1:{port}/readyz >{tmp_path}/ready && break; "
                 "sleep 0.1; done")  # fmt: skip
        yield small, f"http://127.0.0.1:{port}", data
        small.do("kill %1; wait %1")
    finally:
        small.end()


def post(url: str, **more: str) -> httpx.Response:
    typed = {**PRICE, "consent": "yes", "age": "yes", "policy": "2026-03-27", **more}
    return plain.post(f"{url}/submit/price", data=typed)


def own(url: str, receipt: str, do: str, **more: str) -> httpx.Response:
    return plain.post(f"{url}/submissions", data={"receipt": receipt, "do": do, **more})


def test_a_full_disk_loses_nothing_and_comes_back(disk: tuple[SmallDisk, str, Path]) -> None:
    small, url, data = disk
    found = re.search(r'id="receipt">(ib-[^<]+)<', post(url).text)
    assert found
    receipt = found[1]
    mail = data / "mail" / "inbox" / "new" / "1.a.b"
    small.do(f"printf '{MAIL}' > {mail}")
    small.do(f"cat /dev/zero > {data}/../fill")

    refused = post(url, region="us-marker-2", contact="typed@marker.example")
    assert refused.status_code == 503
    assert refused.headers["retry-after"]
    assert "typed@marker.example" in refused.text, "what was typed is given back"
    assert "our disk is full" in refused.text
    corrected = own(url, receipt, "save", **{**PRICE, "region": "us-marker-4"}, contact="typed@marker.example")
    assert (corrected.status_code, "typed@marker.example" in corrected.text) == (503, True)
    assert own(url, receipt, "withdraw").status_code == 503
    assert "0 MB left" in plain.get(f"{url}/readyz").text
    for page in ("/", "/prices", "/status", "/models", "/calculator", "/submit/price"):
        assert plain.get(f"{url}{page}").status_code == 200, page
    small.do(f"{sys.executable} -m app privacy poll")
    assert "1.a.b" in small.do(f"ls {data}/mail/inbox/new {data}/mail/inbox/cur"), "the message stays where it lies"

    small.do(f"rm {data}/../fill")
    assert "left" not in plain.get(f"{url}/readyz").text
    assert "us-marker-1" in own(url, receipt, "show").text, "what was accepted is there, uncorrected"
    assert post(url, region="us-marker-2").status_code == 200, "the same report again is kept"
    assert own(url, receipt, "withdraw").status_code == 200
    small.do(f"{sys.executable} -m app privacy poll")
    with_python = f"import sqlite3; c = sqlite3.connect('{data}/inferencebench.sqlite'); print(*[c.execute"
    counts = "(f'SELECT count(*) FROM {t}').fetchone()[0] for t in ('privacy_case', 'submission')])"
    assert small.do(f'{sys.executable} -c "{with_python}{counts}"').split() == ["1", "2"]
