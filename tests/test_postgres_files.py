"""What lies on the disk of a server of PostgreSQL, and what backup, restore and doctor say of one."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from app.core.settings import Settings, load
from app.process import backup, doctor
from app.storage import engine
from app.submissions import erasure_journal
from tests import postgres
from tests.database import execute, tuples

MARK = b"markerofaperson"


def found_in(part: str) -> list[Path]:
    """The files of the server under ``part`` that hold the marker."""
    files = [path for path in (postgres.server().data / part).rglob("*") if path.is_file()]
    return [path for path in files if MARK in path.read_bytes().lower()]


@pytest.fixture
def settings(prepared_server: str, tmp_path: Path) -> Settings:
    """An installation with a database of its own on the server."""
    url = postgres.server().database(prepared_server)
    engine.use(url)
    (tmp_path / "d").mkdir()
    return load({"INFERENCEBENCH_DATA_DIR": str(tmp_path / "d"), "INFERENCEBENCH_DATABASE_URL": url})


async def write(text: str) -> None:
    async with engine.transaction():
        await execute("INSERT INTO submission (id, kind, day, receipt_hash, state, body, fingerprint, policy, consent) "
                      "VALUES ('r1', 'price', '2026-11-01', 'h', 'waiting', ?, 'f', 'p', 'c')", text)  # fmt: skip
        await execute("INSERT INTO submission_contact VALUES ('r1', ?)", f"{text[:15]}@example.org")
        letter = os.urandom(30_000).hex().encode() + text.encode()  # longer than a page: it lies in a file of its own
        await execute("INSERT INTO mail_out (id, recipient, automatic, created_at, message) VALUES ('m', 'x', ?, 1, ?)",
                      False, letter)  # fmt: skip


async def erase() -> None:
    async with engine.transaction():
        await execute("DELETE FROM submission")
        await execute("DELETE FROM mail_out")


def test_erased_text_is_in_no_file_of_the_server(settings: Settings) -> None:
    name = settings.database_url.rsplit("/", 1)[1]
    engine.run(write(MARK.decode() + " and more"))
    postgres.server().sql("ANALYZE", name)
    engine.run(erase())
    postgres.server().sql("VACUUM", name)
    postgres.server().sql("CHECKPOINT", name)
    assert found_in("base")  # what the purge is there for: neither DELETE nor VACUUM takes it away
    assert engine.run(engine.scrub()) is True
    assert found_in("base") == []
    assert found_in("pg_wal") == []


def test_what_a_reader_holds_is_told_and_goes_later(settings: Settings) -> None:
    engine.run(write(MARK.decode()))

    async def go() -> bool:
        async with engine.transaction():
            await tuples("SELECT body FROM submission")
            return await engine.scrub(tries=2)

    assert engine.run(go()) is False
    engine.run(erase())
    assert engine.run(engine.scrub()) is True
    assert found_in("base") == []


def test_a_backup_holds_the_files_and_says_what_copies_the_database(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from app.cli.processes import backup as command

    erasure_journal.append(settings.data_dir, "submission", ["r1"])
    target = tmp_path / "backup.tar"
    assert command(str(target), settings=settings) == 0
    assert "pg_dump" in capsys.readouterr().out
    other = load({"INFERENCEBENCH_DATA_DIR": str(tmp_path / "other"),
                  "INFERENCEBENCH_DATABASE_URL": settings.database_url})  # fmt: skip
    engine.run(write("the report that the journal lists"))
    came = backup.restore(other, target)
    assert came["reports"] == 0, "what the journal lists is erased again"
    with pytest.raises(backup.BackupError, match="holds none: set INFERENCEBENCH_DATABASE_URL"):
        backup.restore(load({"INFERENCEBENCH_DATA_DIR": str(tmp_path / "third")}), target)


def test_a_backup_of_a_file_is_not_restored_beside_a_server(
    settings: Settings, prepared_data: Path, tmp_path: Path
) -> None:
    target = tmp_path / "backup.tar"
    backup.backup(load({"INFERENCEBENCH_DATA_DIR": str(shutil.copytree(prepared_data, tmp_path / "file"))}), target)
    with pytest.raises(backup.BackupError, match="then inferencebench move"):
        backup.restore(settings, target)


def test_the_retention_table_tells_of_the_servers_log(settings: Settings) -> None:
    from tests.conftest import Inside

    async def ask(client: httpx.AsyncClient) -> list[str]:
        return [(await client.get(path)).text for path in ("/policies/privacy", "/status")]

    for found in Inside(settings).run(ask):
        assert "log and backups" in found
        assert "7 days at most after it is erased" in found


def test_doctor_names_what_keeps_erased_text_in_the_servers_log(settings: Settings) -> None:
    server, name = postgres.server(), settings.database_url.rsplit("/", 1)[1]
    assert not [text for _, text in doctor._database(settings) if "stays in the log" in text]
    server.sql("CREATE ROLE weak LOGIN")
    server.sql("GRANT USAGE ON SCHEMA personal TO weak", name)
    server.sql("GRANT SELECT ON ALL TABLES IN SCHEMA public, personal TO weak", name)
    weak = settings.database_url.replace("postgres@", "weak@")
    told = [text for _, text in doctor._database(replace(settings, database_url=weak)) if "stays in the log" in text]
    assert ["pg_switch_wal" in told[0], "pg_checkpoint" in told[1], len(told)] == [True, True, 2]


def test_doctor_examines_the_server(settings: Settings) -> None:
    told = {text: kind for kind, text in doctor._database(settings)}
    assert any(text.startswith("the database is PostgreSQL") and kind == "ok" for text, kind in told.items())
    assert told["its tables are up to date"] == "ok"
    settings.database_path.write_bytes(b"what was moved")
    assert any("still holds what was moved" in text and kind == "fault" for kind, text in doctor._database(settings))
    away = load({"INFERENCEBENCH_DATABASE_URL": "postgres://me@127.0.0.1:1/none"})
    ((kind, text),) = doctor._database(away)
    assert (kind, "start its server" in text) == ("fault", True)
