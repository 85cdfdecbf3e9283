"""A backup is sound while the site runs, and a restore brings back what it should and nothing else."""

import hashlib
import io
import json
import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.cli.main import main
from app.core import data_folder
from app.core.errors import InferenceBenchError
from app.core.settings import Settings, load
from app.policies.files import RECORD
from app.process import backup, prepare
from app.submissions import erasure_journal
from tests import plain
from tests.conftest import ROOT, free_port, serve
from tests.submissions.test_reports import EXPERIENCE, agreed


@pytest.fixture
def home(tmp_path: Path, prepared_data: Path) -> Settings:
    data = shutil.copytree(prepared_data, tmp_path / "data")
    return load({"INFERENCEBENCH_DATA_DIR": str(data)})


def reports(path: Path) -> set[str]:
    connection = sqlite3.connect(path)
    found = {row[0] for row in connection.execute("SELECT id FROM submission")}
    connection.close()
    return found


def put_report(settings: Settings, one: str, text: str = "words") -> None:
    connection = sqlite3.connect(settings.database_path)
    with connection:
        connection.execute(
            "INSERT INTO submission (id, kind, day, receipt_hash, state, body, fingerprint, policy, consent) "
            "VALUES (?, 'experience', '2026-11-25', ?, 'waiting', ?, ?, 'p', 'c')",
            (one, one, json.dumps({**EXPERIENCE, "text": text}), one),
        )
    connection.close()


def run(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app", *arguments], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
        env={**os.environ, "INFERENCEBENCH_DATA_DIR": str(settings.data_dir)},
    )  # fmt: skip


def test_under_fifty_writes_a_second_no_report_accepted_before_it_began_is_lost(
    tmp_path: Path, prepared_data: Path
) -> None:
    data = shutil.copytree(prepared_data, tmp_path / "data")
    port = free_port()
    process = serve(data, port, INFERENCEBENCH_TRUSTED_PROXIES="127.0.0.1")
    settings = load({"INFERENCEBENCH_DATA_DIR": str(data)})
    accepted: list[str] = []
    stop = threading.Event()

    def send(number: int) -> None:
        """Some ten reports a second of one thread, each from an address of its own."""
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
            turn = 0
            while not stop.is_set():
                turn += 1
                told = agreed(client, {**EXPERIENCE, "text": f"words of {number}, turn {turn}, long enough"})  # type: ignore[arg-type]
                answer = client.post(
                    "/submit/experience",
                    data=told,
                    headers={"x-forwarded-for": f"10.{number}.{turn // 250}.{turn % 250}"},
                )
                if answer.status_code == 200:
                    accepted.extend(re.findall(r"has the number (r\w+)", answer.text))

    threads = [threading.Thread(target=send, args=(n,)) for n in range(5)]
    for thread in threads:
        thread.start()
    try:
        while len(accepted) < 40:
            time.sleep(0.01)
        began, before = time.monotonic(), list(accepted)
        result = run(settings, "backup", str(tmp_path / "kept.tar"))
        rate = (len(accepted) - len(before)) / (time.monotonic() - began)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        process.terminate()
        process.wait(15)
    assert result.returncode == 0, result.stderr
    assert rate > 0, "reports came in while the backup was made"
    other = load({"INFERENCEBENCH_DATA_DIR": str(tmp_path / "other")})
    backup.restore(other, tmp_path / "kept.tar")
    assert {one for one in before if one not in reports(other.database_path)} == set()


def test_a_restore_beside_a_stale_log_holds_the_backup_and_nothing_later(home: Settings, tmp_path: Path) -> None:
    put_report(home, "rbefore")
    assert backup.backup(home, tmp_path / "kept.tar") > 0
    code = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("PRAGMA wal_autocheckpoint = 0")
for n in range(9):
    with connection:
        connection.execute(
            "INSERT INTO submission (id, kind, day, receipt_hash, state, body, fingerprint, policy, consent) "
            "VALUES (?, 'experience', 'd', ?, 'waiting', '{}', ?, 'p', 'c')", (f"rlate{n}",) * 3
        )
os._exit(9)
"""
    subprocess.run([sys.executable, "-c", code, str(home.database_path)], check=False)
    assert Path(f"{home.database_path}-wal").stat().st_size > 0
    for suffix in ("", "-wal"):  # whoever reads the file itself empties its log when he is done
        shutil.copyfile(f"{home.database_path}{suffix}", tmp_path / f"as-it-lies.sqlite{suffix}")
    assert len(reports(tmp_path / "as-it-lies.sqlite")) == 10
    assert Path(f"{home.database_path}-wal").stat().st_size > 0
    assert run(home, "restore", str(tmp_path / "kept.tar")).returncode == 0
    assert reports(home.database_path) == {"rbefore"}


def test_what_was_erased_since_stays_erased_and_mail_comes_back_once(home: Settings, tmp_path: Path) -> None:
    put_report(home, "rgone", "MARKERTEXT")
    put_report(home, "rstays")
    for name in ("kept:2,S", "erased:2,S"):
        (home.data_dir / "mail/inbox/cur" / name).write_bytes(b"From: a@b\r\n\r\nMARKERMAIL" + name.encode())
    backup.backup(home, tmp_path / "kept.tar")
    erasure_journal.append(home.data_dir, "submission", ["rgone"])
    erasure_journal.append(home.data_dir, "mail", [erasure_journal.mark_of("erased")])
    for path in (home.data_dir / "mail/inbox/cur").iterdir():
        path.unlink()
    (home.data_dir / "mail/inbox/new/later").write_bytes(b"From: c@d\r\n\r\nlater")
    told = backup.restore(home, tmp_path / "kept.tar")
    assert told["messages"] == 1
    assert reports(home.database_path) == {"rstays"}
    assert sorted(path.name for path in (home.data_dir / "mail/inbox").glob("*/*")) == ["kept:2,S", "later"]
    everything = b"".join(path.read_bytes() for path in home.data_dir.rglob("*") if path.is_file())
    assert b"MARKERTEXT" not in everything
    assert b"MARKERMAILerased" not in everything


def test_the_journal_of_the_backup_and_the_record_of_policies_are_joined(home: Settings, tmp_path: Path) -> None:
    erasure_journal.append(home.data_dir, "submission", ["rold"])
    (home.data_dir / RECORD).write_text(json.dumps({"privacy/a/1": 100, "privacy/b/2": 900}))
    backup.backup(home, tmp_path / "kept.tar")
    (home.data_dir / erasure_journal.FILE).unlink()
    (home.data_dir / RECORD).write_text(json.dumps({"privacy/b/2": 500, "privacy/c/3": 700}))
    backup.restore(home, tmp_path / "kept.tar")
    assert erasure_journal.read(home.data_dir)["submission"] == {"rold"}
    assert json.loads((home.data_dir / RECORD).read_text()) == {
        "privacy/a/1": 100,
        "privacy/b/2": 500,
        "privacy/c/3": 700,
    }


def test_nothing_is_restored_into_a_folder_in_use_and_a_backup_overwrites_nothing(
    tmp_path: Path, prepared_data: Path
) -> None:
    data = shutil.copytree(prepared_data, tmp_path / "data")
    settings = load({"INFERENCEBENCH_DATA_DIR": str(data)})
    assert run(settings, "backup", str(tmp_path / "kept.tar")).returncode == 0
    again = run(settings, "backup", str(tmp_path / "kept.tar"))
    assert (again.returncode, again.stderr.count("\n")) == (2, 1)
    assert "exists already" in again.stderr
    process = serve(data, free_port())
    try:
        refused = run(settings, "restore", str(tmp_path / "kept.tar"))
        assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
        assert "stop it first" in refused.stderr
    finally:
        process.terminate()
        process.wait(15)
    assert run(settings, "restore", str(tmp_path / "kept.tar")).returncode == 0


@pytest.mark.parametrize(
    "bad", ["text", "empty", "other tar", "path out", "link", "database", "cut", "newer", *map(str, range(5))]
)
def test_a_file_that_is_no_sound_backup_changes_nothing(home: Settings, tmp_path: Path, bad: str) -> None:
    put_report(home, "rkept")
    backup.backup(home, tmp_path / "kept.tar")
    file = tmp_path / "bad.tar"
    data = (tmp_path / "kept.tar").read_bytes()
    if bad == "cut":
        file.write_bytes(data[: len(data) // 2])
    elif bad.isdigit():  # eight bytes of the database overwritten, wherever
        at = random.randrange(4_096, data.index(b"mail/") if b"mail/" in data else len(data) - 20_000)
        changed = bytes(byte ^ 0x5A for byte in data[at : at + 8])
        file.write_bytes(data[:at] + changed + data[at + 8 :])
    elif bad in ("text", "empty"):
        file.write_bytes(b"no backup" * (bad == "text"))
    else:
        made = tmp_path / "made"
        made.mkdir()
        with tarfile.open(tmp_path / "kept.tar") as whole:
            whole.extractall(made, filter="data")
        if bad == "database":
            (made / "inferencebench.sqlite").write_bytes(os.urandom(100_000))
        if bad == "newer":
            connection = sqlite3.connect(made / "inferencebench.sqlite")
            with connection:
                connection.execute(
                    "INSERT INTO migration (name, app_name, ran_on) "
                    "VALUES ('2099-01-01T00:00:00:000000', 'inferencebench', '2099-01-01')"
                )
            connection.close()
        if bad == "other tar":
            (made / "backup.json").unlink()
        with tarfile.open(file, "w") as tar:
            for path in sorted(made.iterdir()):
                tar.add(path, path.name)
            if bad == "path out":
                tar.add(made / "backup.json", "../out")
            if bad == "link":
                told = tarfile.TarInfo("erasures.journal")
                told.type, told.linkname = tarfile.SYMTYPE, "/etc/passwd"
                tar.addfile(told)
    before = home.database_path.read_bytes()
    told_ = run(home, "restore", str(file))
    assert (told_.returncode, told_.stderr.count("\n")) == (2, 1), told_.stderr
    assert "Traceback" not in told_.stderr
    assert reports(home.database_path) == {"rkept"}
    assert home.database_path.read_bytes() == before
    assert not list(home.data_dir.glob(".restore*"))


def packed(file: Path, parts: dict[str, bytes], *, at: float = 0, odd: tarfile.TarInfo | None = None) -> None:
    """A backup by somebody who knows the form: its sums are right."""
    parts = {name: data for name, data in parts.items() if name != backup.SUMS}
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in parts.items()}
    if odd is not None:
        sums[odd.name] = hashlib.sha256(b"").hexdigest()
    with tarfile.open(file, "w", format=tarfile.PAX_FORMAT) as tar:
        for name, data in {**parts, backup.SUMS: json.dumps(sums).encode()}.items():
            told = tarfile.TarInfo(name)
            told.size, told.pax_headers = len(data), {"mtime": str(at)}
            tar.addfile(told, io.BytesIO(data))
        if odd is not None:
            tar.addfile(odd)


def _of_kind(kind: bytes, name: str) -> tarfile.TarInfo:
    told = tarfile.TarInfo(name)
    told.type, told.linkname = kind, "inferencebench.sqlite"
    return told


FOREIGN: dict[str, dict[str, Any]] = {
    "a database of noise": {"inferencebench.sqlite": b"noise" * 9_000},
    "a database of nothing": {"inferencebench.sqlite": b""},
    "a manifest of depth": {"backup.json": b"[" * 200_000},
    "a manifest that is a list": {"backup.json": b"[]"},
    "a manifest without a form": {"backup.json": b"{}"},
    "a record that is a list": {RECORD: b"[1]"},
    "a record of words": {RECORD: b'{"privacy/2026-03-27": "soon"}'},
    "a record of depth": {RECORD: b"[" * 200_000},
    "a record of infinity": {RECORD: b'{"privacy/2026-03-27": Infinity}'},
    "a journal of noise": {erasure_journal.FILE: b"\xff\x00 noise\n" * 50},
    "a time that is none": {"at": float("inf")}, "a time after all": {"at": 1e300}, "a time before all": {"at": -1e300},
    "a hard link": {"odd": _of_kind(tarfile.LNKTYPE, erasure_journal.FILE)},
    "a device": {"odd": _of_kind(tarfile.CHRTYPE, erasure_journal.FILE)},
    "a folder": {"odd": _of_kind(tarfile.DIRTYPE, "mail")},
    "a name without end": {"mail/inbox/new/" + "n" * 5_000: b"x"},
    "a name that leads out": {"mail/inbox/new/../../../x": b"x"},
}  # fmt: skip


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_foreign_file_whose_sums_are_right_changes_nothing(home: Settings, tmp_path: Path, kind: str) -> None:
    put_report(home, "rkept")
    (home.data_dir / RECORD).write_text('{"privacy/2026-03-27": 5}')
    backup.backup(home, tmp_path / "kept.tar")
    with tarfile.open(tmp_path / "kept.tar") as whole:
        parts = {told.name: file.read() for told in whole if (file := whole.extractfile(told)) is not None}
    put_report(home, "rlater")
    changed = dict(FOREIGN[kind])
    at, odd = changed.pop("at", 0), changed.pop("odd", None)
    packed(tmp_path / "foreign.tar", {**parts, **changed}, at=at, odd=odd)
    with pytest.raises(InferenceBenchError) as told:
        backup.restore(home, tmp_path / "foreign.tar")
    assert "\n" not in str(told.value)
    assert len(str(told.value)) < 600
    assert reports(home.database_path) == {"rkept", "rlater"}
    assert json.loads((home.data_dir / RECORD).read_text()) == {"privacy/2026-03-27": 5}
    assert not list(home.data_dir.glob(".restore*"))
    packed(tmp_path / "sound.tar", parts)
    backup.restore(home, tmp_path / "sound.tar")
    assert reports(home.database_path) == {"rkept"}


def test_the_data_folder_and_all_in_it_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    os.umask(0o022)
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    for name in ("mail/inbox/new/one", "logs/access-2026-11-25.tsv"):
        (data / name).parent.mkdir(parents=True, mode=0o755)
        (data / name).write_text("x")
    port = free_port()
    process = serve(data, port)
    plain.post(
        f"http://127.0.0.1:{port}/submit/experience",
        data={**EXPERIENCE, "consent": "yes", "age": "yes", "policy": "2026-03-27"},
    )
    time.sleep(1.2)
    subprocess.run([sys.executable, "-m", "app", "privacy", "poll"], cwd=ROOT, check=True, capture_output=True,
                   env={**os.environ, "INFERENCEBENCH_DATA_DIR": str(data)})  # fmt: skip
    modes = {str(path.relative_to(data)): oct(path.lstat().st_mode & 0o777) for path in data.rglob("*")}
    process.terminate()
    process.wait(15)
    assert oct(data.stat().st_mode & 0o777) == "0o700"
    assert any(name.endswith("-wal") for name in modes)
    assert {
        name: mode for name, mode in modes.items() if mode != ("0o700" if (data / name).is_dir() else "0o600")
    } == {}


def test_what_is_no_message_stops_no_backup(home: Settings, tmp_path: Path) -> None:
    new = home.data_dir / "mail" / "inbox" / "new"
    (new / "folder").mkdir(parents=True)
    os.mkfifo(new / "pipe")
    (new / "link").symlink_to("/etc/hostname")
    Path(os.fsdecode(os.fsencode(new) + b"/\xff odd")).write_bytes(b"words")
    backup.backup(home, tmp_path / "b.tar")
    shutil.rmtree(home.data_dir / "mail")
    assert backup.restore(home, tmp_path / "b.tar")["messages"] == 1
    assert (Path(os.fsdecode(os.fsencode(new) + b"/\xff odd"))).read_bytes() == b"words"


def test_copies_that_killed_backups_and_restores_left_are_swept(home: Settings, tmp_path: Path) -> None:
    kill = (
        "import os, sys; from pathlib import Path; from app.core import data_folder\n"
        "with data_folder.temporary(Path(sys.argv[1]), sys.argv[2]) as made:\n"
        "    (made / 'whole').write_text('SECRETWORDS'); os.kill(os.getpid(), 9)"
    )
    for folder, prefix in ((tmp_path, ".backup-"), (home.data_dir, ".restore-")):
        subprocess.run([sys.executable, "-c", kill, str(folder), prefix], cwd=ROOT, check=False)
        assert list(folder.glob(f"{prefix}*/whole"))
    with data_folder.temporary(home.data_dir, ".backup-") as alive:
        prepare.prepare(home)
        assert alive.exists(), "one that goes on is left alone"
    backup.backup(home, tmp_path / "b.tar")
    assert not [*tmp_path.glob(".backup-*"), *home.data_dir.glob(".restore-*"), *home.data_dir.glob(".backup-*")]


def test_main_knows_the_commands(home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INFERENCEBENCH_DATA_DIR", str(home.data_dir))
    assert main(["backup", str(tmp_path / "one.tar")]) == 0
    assert (tmp_path / "one.tar").stat().st_mode & 0o777 == data_folder.FILE_MODE
    data_folder._in_use.clear()
    assert main(["restore", str(tmp_path / "one.tar")]) == 0
