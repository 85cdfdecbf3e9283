"""``inferencebench move``: a SQLite installation into PostgreSQL, row for row, all or nothing."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from app.core.errors import DatabaseError, InferenceBenchError, SettingError
from app.core.settings import Settings, load
from app.process import prepare
from app.storage import engine, inspection
from app.storage.move import Copied, move
from tests import postgres
from tests.conftest import ROOT
from tests.database import tuples

PERSONAL = """
    INSERT INTO submission (id, kind, day, receipt_hash, state, restricted, body, fingerprint, policy, consent)
        VALUES ('r1', 'price', '2026-11-01', 'h', 'approved', 1, '{"price": "9999"}', 'f', 'p', 'Ich stimme zu: ä ☃');
    INSERT INTO submission_contact VALUES ('r1', 'someone@example.org');
    INSERT INTO privacy_case (reference, kind, proposed, law, received_at, deadline_at, state, address, way,
        last_heard_at) VALUES ('PA', 'k', 'k', 'l', 1, 1, 's', '', '', 1);
    INSERT INTO mail_out (id, reference, recipient, automatic, created_at, message)
        VALUES ('m1', 'PA', 'someone@example.org', 1, 1, X'00FF0A'), ('m2', NULL, 'x@example.org', 0, 1, 'words');
    INSERT INTO moderation (at, submission, kind, action, reason) VALUES (7, 'r1', 'price', 'approve', '');
    UPDATE offer SET usd_per_instance_hour_micro = 9999000000 WHERE id = (SELECT min(id) FROM offer);
"""


@pytest.fixture
def home(prepared_data: Path, tmp_path: Path) -> Settings:
    """An installation on SQLite with something personal in it."""
    settings = load({"INFERENCEBENCH_DATA_DIR": str(shutil.copytree(prepared_data, tmp_path / "d"))})
    with closing(sqlite3.connect(settings.database_path)) as connection:
        connection.executescript(PERSONAL)
    return settings


def counted(path: Path) -> dict[str, int]:
    with closing(sqlite3.connect(path)) as connection:
        names = [n for (n,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {n: connection.execute(f'SELECT count(*) FROM "{n}"').fetchone()[0] for n in names}


def copy(home: Settings, url: str, tell: Callable[[str, int], None] = lambda *_: None) -> list[Copied]:
    async def work() -> list[Copied]:
        async with engine.alone():
            await engine.migrate()
            return await move(home.database_path, url, tell)

    engine.use(url)
    return engine.run(work())


def command(home: Settings, url: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app", "move", "--to", url], cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "INFERENCEBENCH_DATA_DIR": str(home.data_dir)},
    )  # fmt: skip


def test_everything_arrives_and_the_site_runs_on_it(home: Settings) -> None:
    url = postgres.server().database()
    said = command(home, url)
    assert said.returncode == 0, said.stderr
    rows = counted(home.database_path)
    there = {line.split(":")[0]: int(line.split()[1].replace(",", "")) for line in said.stdout.splitlines()[:-1]}
    assert there == {name: n for name, n in rows.items() if name not in ("migration", "sqlite_sequence")}
    assert "delete it once the site runs on PostgreSQL" in " ".join(said.stdout.split())

    assert inspection.migrations_done(url) == prepare.migration_ids()
    engine.use(url)

    async def look() -> list[tuple[object, ...]]:
        asked = (
            "SELECT s.restricted, s.consent, c.address FROM submission s "
            "JOIN submission_contact c ON c.submission = s.id"
        )
        mail = "SELECT message, automatic FROM mail_out ORDER BY id"
        return [
            *await tuples(asked),
            *await tuples(mail),
            *await tuples("SELECT max(usd_per_instance_hour_micro) FROM offer"),
        ]

    assert engine.run(look()) == [(True, "Ich stimme zu: ä ☃", "someone@example.org"), (b"\x00\xff\n", True),
                                  (b"words", False), (9_999_000_000,)]  # fmt: skip

    async def more() -> int:  # the numbers of rows go on where they were
        async with engine.transaction():
            await engine.execute(
                "INSERT INTO moderation (at, submission, kind, action, reason) VALUES (1, 'r', 'k', 'a', '')"
            )
        return int(await engine.fetch_value("SELECT max(id) FROM moderation"))

    assert engine.run(more()) == 2

    again = command(home, url)
    assert again.returncode == 2
    assert "is not empty" in again.stderr


def test_a_copy_that_is_cut_off_leaves_nothing_and_can_be_begun_again(home: Settings) -> None:
    url = postgres.server().database()

    def cut(table: str, _: int) -> None:
        if table == "price_span":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy(home, url, cut)
    assert postgres.server().sql("SELECT count(*) FROM offer", url.rsplit("/", 1)[1]) == "0"
    assert sum(table.rows for table in copy(home, url)) > 1000


def test_what_does_not_arrive_as_it_left_is_not_kept(home: Settings) -> None:
    url = postgres.server().database()
    engine.use(url)

    async def prepared() -> None:
        await engine.migrate()

    engine.run(prepared())
    name = url.rsplit("/", 1)[1]
    postgres.server().sql(
        "CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.reason := 'x'; RETURN NEW; END $$; "
        "CREATE TRIGGER spoil BEFORE INSERT ON personal.moderation FOR EACH ROW EXECUTE FUNCTION spoil()",
        name,
    )
    with pytest.raises(DatabaseError, match="moderation did not arrive as it left: 1 rows"):
        copy(home, url)
    assert postgres.server().sql("SELECT count(*) FROM offer", name) == "0"


def test_a_damaged_row_is_named_before_anything_is_copied(home: Settings) -> None:
    with closing(sqlite3.connect(home.database_path)) as connection:
        connection.execute("UPDATE moderation SET at = 'garbage'")
        connection.commit()
    with pytest.raises(DatabaseError, match="1 rows can't be moved as they are: row 1 of the table moderation"):
        copy(home, postgres.server().database())


def test_a_wrong_target_or_nothing_to_move_is_one_line(home: Settings, tmp_path: Path) -> None:
    from app.cli.move import move as told

    with pytest.raises(SettingError, match=r"does not begin with postgres://.*for example --to"):
        told(to="mysql://me:hush@h/d", settings=home)
    with pytest.raises(InferenceBenchError, match="nothing to move"):
        told(to="postgres://h/d", settings=load({"INFERENCEBENCH_DATA_DIR": str(tmp_path / "none")}))
