"""The database: two processes at once, killed imports, versions seen across processes."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.core.errors import DatabaseError
from app.core.settings import load
from app.pricing.refresh import replace_offers
from app.pricing.snapshot import files
from app.process import prepare
from app.storage import engine, sqlite
from app.storage.version_watch import VersionWatch

ROOT = Path(__file__).resolve().parent.parent
PREPARE = "from app.core import settings; from app.process import prepare; prepare.prepare(settings.load())"


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "INFERENCEBENCH_DATA_DIR": str(folder)}


def rows(path: Path, sql: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(path) as connection:
        found = connection.execute(sql).fetchall()
    connection.close()
    return found


def test_two_processes_start_on_the_same_empty_folder(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", PREPARE], cwd=ROOT, env=environment(tmp_path)) for _ in range(4)
    ]
    assert [process.wait(60) for process in processes] == [0, 0, 0, 0]
    path = tmp_path / "inferencebench.sqlite"
    assert rows(path, "SELECT count(*) FROM offer") == [(len(files.offers()),)]
    assert (
        len({count for row in rows(path, "SELECT count(*), count(DISTINCT name) FROM migration") for count in row}) == 1
    )


def test_starting_twice_changes_nothing(prepared_data: Path, tmp_path: Path) -> None:
    shutil.copytree(prepared_data, tmp_path / "d")
    path = tmp_path / "d" / "inferencebench.sqlite"
    before = rows(path, "SELECT * FROM data_version")
    assert prepare.prepare(load({"INFERENCEBENCH_DATA_DIR": str(tmp_path / "d")})) is False
    assert rows(path, "SELECT * FROM data_version") == before


def test_every_connection_has_its_pragmas(empty_database: Path) -> None:
    async def read() -> list[object]:
        async with sqlite.closing(await sqlite.ENGINE.get_connection()) as connection:
            found = []
            for name in ("journal_mode", "foreign_keys", "secure_delete", "busy_timeout"):
                async with connection.execute(f"PRAGMA {name}") as cursor:
                    row = await cursor.fetchone()
                    assert row
                    found.append(next(iter(dict(row).values())))
            return found

    assert engine.run(read()) == ["wal", 1, 1, 10_000]


def test_a_killed_import_leaves_the_old_data_whole(prepared_data: Path, tmp_path: Path) -> None:
    shutil.copytree(prepared_data, tmp_path / "d")
    path = tmp_path / "d" / "inferencebench.sqlite"
    before = rows(path, "SELECT id, usd_per_gpu_hour_micro FROM offer ORDER BY id")
    code = """
import asyncio, dataclasses, os, sys
from app.core import settings
from app.pricing.refresh import replace_offers
from app.pricing.snapshot import files
from app.storage import engine, sqlite
sqlite.use(settings.load().database_path)
base = [o for o in files.offers() if o.source == "daily-list"]
def many():
    for n in range(400):
        for o in base:
            yield dataclasses.replace(o, id=f"{n}-{o.id}"[:20])
class Slow(list):
    def __iter__(self):
        for i, o in enumerate(many()):
            if i == 20000:
                print("half", flush=True)
            yield o
asyncio.run(replace_offers.replace_source("daily-list", "x", Slow(base), [], 1))
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, env=environment(tmp_path / "d"), stdout=subprocess.PIPE
    )
    assert process.stdout
    assert process.stdout.readline() == b"half\n"
    time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert rows(path, "SELECT id, usd_per_gpu_hour_micro FROM offer ORDER BY id") == before
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]


def test_a_failed_write_raises_no_version_and_keeps_the_rows(prepared_data: Path, tmp_path: Path) -> None:
    shutil.copytree(prepared_data, tmp_path / "d")
    sqlite.use(tmp_path / "d" / "inferencebench.sqlite")
    watch = VersionWatch(sqlite.ENGINE.path)
    before = watch.versions()
    offers = [offer for offer in files.offers() if offer.source == "daily-list"]

    async def go() -> None:
        await replace_offers.replace_source("daily-list", "x", [*offers, offers[0]], [], 1)

    with pytest.raises(sqlite3.IntegrityError):
        engine.run(go())
    assert watch.versions() == before
    watch.close()


def test_a_write_by_another_process_is_seen_and_raises_only_what_it_touched(
    prepared_data: Path, tmp_path: Path
) -> None:
    shutil.copytree(prepared_data, tmp_path / "d")
    path = tmp_path / "d" / "inferencebench.sqlite"
    watch = VersionWatch(str(path))
    before = dict(watch.versions())
    code = """
import asyncio
from app.core import settings
from app.storage import engine, sqlite
sqlite.use(settings.load().database_path)
async def go():
    async with sqlite.transaction("gpu:l4-24gb"):
        pass
engine.run(go())
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment(tmp_path / "d"), check=True)
    after = watch.versions()
    assert {key for key in after if after[key] != before.get(key)} == {"gpu:l4-24gb"}
    watch.close()


def test_a_file_that_is_no_database_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "inferencebench.sqlite").write_bytes(b"not a database at all" * 200)
    with pytest.raises(DatabaseError, match="can't be used as the database"):
        prepare.prepare(load({"INFERENCEBENCH_DATA_DIR": str(tmp_path)}))


def test_a_reader_never_writes(prepared_data: Path, tmp_path: Path) -> None:
    shutil.copytree(prepared_data, tmp_path / "d")
    sqlite.use(tmp_path / "d" / "inferencebench.sqlite")

    async def go() -> None:
        await sqlite.ENGINE._run_in_new_connection("WITH x AS (SELECT 1) DELETE FROM offer")

    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        engine.run(go())
