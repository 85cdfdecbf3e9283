"""PostgreSQL as the database: started by many nodes at once, writers of two nodes, versions, locks, errors."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from app.core.errors import DatabaseAwayError, SettingError
from app.core.settings import load
from app.pricing.snapshot import files
from app.process import prepare
from app.storage import engine, scopes
from tests import postgres
from tests.conftest import ROOT
from tests.database import execute, tuples

PREPARE = "from app.core import settings; from app.process import prepare; prepare.prepare(settings.load())"


@pytest.fixture
def database(prepared_server: str) -> str:
    """The shipped data on PostgreSQL, in a database of the test's own, which the engine points at."""
    url = postgres.server().database(prepared_server)
    engine.use(url)
    return url


def sql(url: str, statement: str) -> str:
    return postgres.server().sql(statement, url.rsplit("/", 1)[1])


def test_four_nodes_start_on_the_same_empty_database(tmp_path: Path) -> None:
    url = postgres.server().database()
    started = [
        subprocess.Popen(
            [sys.executable, "-c", PREPARE], cwd=ROOT,
            env={**os.environ, "INFERENCEBENCH_DATA_DIR": str(tmp_path / f"node{number}"),
                 "INFERENCEBENCH_DATABASE_URL": url},
        )
        for number in range(4)
    ]  # fmt: skip
    assert [process.wait(60) for process in started] == [0, 0, 0, 0]
    assert sql(url, "SELECT count(*) FROM offer") == str(len(files.offers()))
    assert sql(url, "SELECT count(*) = count(DISTINCT name) AND count(*) = "
                    f"{len(prepare.migration_ids())} FROM migration") == "t"  # fmt: skip
    personal = sql(
        url, "SELECT string_agg(tablename, ' ' ORDER BY tablename) FROM pg_tables WHERE schemaname = 'personal'"
    )
    assert {"submission", "mail_out", "moderation", "privacy_case"} <= set(personal.split())


def test_every_text_is_ordered_alike_and_money_has_64_bits(database: str) -> None:
    asked = (
        "SELECT DISTINCT data_type || ' ' || coalesce(collation_name, '') FROM information_schema.columns "
        "WHERE table_schema IN ('public', 'personal') AND table_name <> 'migration' ORDER BY 1"
    )
    kinds = sql(database, asked)
    assert kinds.splitlines() == ["bigint ", "boolean ", "bytea ", "double precision ", "text C"]


@pytest.mark.parametrize("given", ["mysql://h/d", "postgres:///d", "postgres://h", "postgres://h:port/d", "/a/file"])
def test_a_wrong_url_stops_the_start_with_one_line(given: str) -> None:
    with pytest.raises(
        SettingError, match=r"INFERENCEBENCH_DATABASE_URL: .* for example INFERENCEBENCH_DATABASE_URL=po"
    ):
        load({"INFERENCEBENCH_DATABASE_URL": given})


def test_a_password_is_not_repeated() -> None:
    with pytest.raises(SettingError) as caught:
        load({"INFERENCEBENCH_DATABASE_URL": "postgres://me:hushhush@h"})
    assert "hushhush" not in str(caught.value)


def test_a_server_that_is_away_is_one_line(tmp_path: Path) -> None:
    environment = {**os.environ, "INFERENCEBENCH_DATA_DIR": str(tmp_path),
                   "INFERENCEBENCH_DATABASE_URL": "postgres://me:hushhush@127.0.0.1:1/none"}  # fmt: skip
    told = subprocess.run(
        [sys.executable, "-m", "app", "serve"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert told.returncode == 2
    assert told.stderr.startswith("inferencebench: the database can't be asked")
    assert "hushhush" not in told.stderr
    assert len(told.stderr.splitlines()) == 1


def test_two_writers_of_one_scope_follow_one_another(database: str) -> None:
    async def add(scope: str) -> None:
        async with engine.transaction("k2", "k1", scope=scope):
            ((found,),) = await tuples("SELECT coalesce(max(ran_at), 0) FROM purge_run WHERE kind = 'sum'")
            await asyncio.sleep(0.01)
            await execute("INSERT INTO purge_run (kind, ran_at, erased) VALUES ('sum', ?, 0) ON CONFLICT (kind) "
                          "DO UPDATE SET ran_at = excluded.ran_at", found + 1)  # fmt: skip

    async def go() -> tuple[int, int]:
        await asyncio.gather(*(add(scopes.ALL) for _ in range(8)), *(add(scopes.REPORTS) for _ in range(8)))
        ((total,),) = await tuples("SELECT ran_at FROM purge_run WHERE kind = 'sum'")
        ((version,),) = await tuples("SELECT version FROM data_version WHERE key = 'k1'")
        return total, version

    assert engine.run(go()) == (16, 16)


def test_writers_of_two_scopes_do_not_wait_for_each_other(database: str) -> None:
    async def go() -> list[str]:
        order: list[str] = []
        entered = asyncio.Event()

        async def slow() -> None:
            async with engine.transaction("b", "a", scope=scopes.PRICES):
                entered.set()
                await done.wait()
                order.append("prices")

        done = asyncio.Event()
        task = asyncio.create_task(slow())
        await entered.wait()
        async with engine.transaction("a", "b", scope=scopes.REPORTS):
            order.append("reports")
        done.set()
        await task
        return order

    assert engine.run(go()) == ["reports", "prices"]


def test_what_fails_leaves_nothing_and_raises_nothing(database: str) -> None:
    async def go() -> None:
        async with engine.transaction("raised"):
            await execute("DELETE FROM offer")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        engine.run(go())
    assert sql(database, "SELECT count(*) FROM offer") == str(len(files.offers()))
    assert sql(database, "SELECT count(*) FROM data_version WHERE key = 'raised'") == "0"


def test_a_lock_is_one_processs_and_goes_with_it(database: str, tmp_path: Path) -> None:
    code = ("import asyncio, os, sys\nfrom pathlib import Path\nfrom app.storage import engine\n"
            f"engine.use('{database}')\nasync def go():\n    async with engine.held(Path('.'), 'azure'):\n"
            "        print('held', flush=True)\n        await asyncio.sleep(60)\nengine.run(go())")  # fmt: skip
    other = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE)
    assert other.stdout
    assert other.stdout.readline() == b"held\n"

    async def take() -> None:
        async with engine.held(tmp_path, "azure"):
            pass

    with pytest.raises(BlockingIOError):
        engine.run(take())
    other.kill()
    other.wait()
    other.stdout.close()

    async def later() -> None:
        for _ in range(200):  # until the server has seen that its client is gone
            try:
                return await take()
            except BlockingIOError:
                await asyncio.sleep(0.05)
        raise AssertionError("still held")

    engine.run(later())


def test_a_lock_is_free_at_once_when_its_work_is_done(database: str, tmp_path: Path) -> None:
    async def go() -> None:
        beside = await asyncpg.connect(database)
        for _ in range(30):
            async with engine.held(tmp_path, "azure"):
                pass
            assert await beside.fetchval(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database "
                "WHERE datname = current_database())"
            ) == 0  # fmt: skip
        await beside.close()

    engine.run(go())


def test_a_statement_on_a_server_that_is_away_is_told_as_that(tmp_path: Path) -> None:
    engine.use("postgres://postgres@127.0.0.1:1/none")

    async def go() -> None:
        async with engine.transaction():
            pass

    for work in (go, lambda: tuples("SELECT 1")):
        with pytest.raises(DatabaseAwayError):
            engine.run(work())


def test_pages_are_read_on_while_a_migration_waits_for_a_table(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As while ``pg_dump`` reads a table that a new version adds a column to, with a refresh under way besides."""
    from app.storage import postgres as driver

    monkeypatch.setattr(driver, "MIGRATION_PAUSE_S", 0.05)
    tries = 0

    async def add_column(_: str) -> None:
        nonlocal tries
        tries += 1
        await engine.ENGINE.run_ddl("ALTER TABLE offer ADD COLUMN later BIGINT NOT NULL DEFAULT 0")

    async def go() -> None:
        dump, refresh = [await asyncpg.connect(database) for _ in range(2)]
        await dump.execute("BEGIN; SELECT count(*) FROM offer")
        await refresh.execute(f"BEGIN; SELECT pg_advisory_xact_lock_shared({driver.lock_number(scopes.ALL)}); "
                              "UPDATE offer SET remark = remark")  # fmt: skip
        migrating = asyncio.create_task(driver.migrate(add_column))
        for _ in range(20):
            await asyncio.wait_for(tuples("SELECT count(*) FROM offer"), 20)
            await asyncio.sleep(0.02)
        assert tries == 0, "not while a node writes"
        await refresh.execute("COMMIT")
        while tries < 2:
            await asyncio.wait_for(tuples("SELECT count(*) FROM offer"), 20)
        assert not migrating.done()
        await dump.execute("COMMIT")
        await migrating
        assert await tuples("SELECT max(later) FROM offer") == [(0,)]
        for connection in (dump, refresh):
            await connection.close()

    engine.run(go())
