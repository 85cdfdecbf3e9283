"""What strangers send, and what befalls a server of PostgreSQL, that SQLite has no like of: values that it refuses,
connections that are refused or cut, a server that hangs, one with other data than before."""

import asyncio
import os
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from app.cli import submissions
from app.core.errors import DatabaseAwayError, DatabaseError
from app.core.settings import load
from app.privacy.mail import sync
from app.privacy.mail.mailbox import Maildir
from app.process import prepare
from app.storage import engine, postgres_engine, scopes
from app.storage import postgres as driver
from app.storage.row_numbers import is_after, is_among, place_of_row
from app.submissions import store
from tests import postgres
from tests.conftest import ROOT, Inside
from tests.database import execute, tuples

RAISED = "offers", "gpu:h100-sxm-80gb"
PAGE = "/api/prices?gpu=h100-sxm-80gb"


@pytest.fixture
def name(prepared_server: str) -> str:
    """A database with the shipped data, of the test's own, which the engine points at."""
    url = postgres.server().database(prepared_server)
    engine.use(url)
    return url.rsplit("/", 1)[1]


@pytest.fixture
def site(name: str, tmp_path: Path) -> Iterator[Inside]:
    url = postgres.server().url(name)
    (tmp_path / "d").mkdir()
    made = Inside(load({"INFERENCEBENCH_DATA_DIR": str(tmp_path / "d"), "INFERENCEBENCH_DATABASE_URL": url}))
    yield made
    made.app._prepared._watch.close()


def sql(statement: str, database: str = "postgres") -> str:
    return postgres.server().sql(statement, database)


# The start


@pytest.fixture
def roles() -> Iterator[None]:
    """A role with a password that the server asks for, and one that may do nothing."""
    server = postgres.server()
    hba = server.data / "pg_hba.conf"
    before = hba.read_text()
    sql("CREATE ROLE asked LOGIN PASSWORD 'right'")
    sql("CREATE ROLE idle LOGIN")
    hba.write_text("host all asked 127.0.0.1/32 scram-sha-256\n" + before)
    sql("SELECT pg_reload_conf()")
    yield
    hba.write_text(before)
    sql("SELECT pg_reload_conf()")
    sql("DROP ROLE asked")
    sql("DROP ROLE idle")


def refused(url: str, tmp_path: Path) -> str:
    """The line with which a start is refused."""
    told = subprocess.run(
        [sys.executable, "-m", "app", "serve"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
        env={**os.environ, "INFERENCEBENCH_DATA_DIR": str(tmp_path), "INFERENCEBENCH_DATABASE_URL": url},
    )  # fmt: skip
    assert told.returncode == 2, told.stderr
    (line,) = told.stderr.splitlines()
    return line


def test_a_start_that_the_server_refuses_is_one_line_without_the_password(roles: None, tmp_path: Path) -> None:
    port = postgres.server().port
    empty = postgres.server().database().rsplit("/", 1)[1]
    sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC", empty)
    sql("CREATE DATABASE latin ENCODING latin1 LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
    for who, database, reason in (
        ("asked:hushhush", "postgres", "password authentication failed"),
        ("nobody_known", "postgres", "does not exist"), ("postgres", "no_such_database", "does not exist"),
        ("idle", empty, "permission denied"),
        ("postgres", "latin", "LATIN1"),
    ):  # fmt: skip
        line = refused(f"postgres://{who}@127.0.0.1:{port}/{database}", tmp_path)
        assert reason in line
        assert line.startswith("inferencebench: the database ")
        assert "hushhush" not in line
    sql("DROP DATABASE latin")


def test_an_older_server_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "LEAST_VERSION", 99)
    with pytest.raises(DatabaseError, match=r"is PostgreSQL \d+; version 99 is needed"):
        engine.run(engine.migrate())


# Values


def test_a_value_that_no_database_takes_is_its_senders_fault_and_not_the_servers(name: str) -> None:
    async def go(value: Any) -> None:
        async with engine.transaction():
            await engine.execute("INSERT INTO data_version (key, version) VALUES ({}, 1)", value)

    async def ask(value: Any) -> None:
        await engine.fetch_value("SELECT 1 WHERE CAST({} AS BIGINT) = 1", value)

    for work, value in ((go, "a\ud800"), (ask, 2**63)):
        with pytest.raises(ValueError, match="can't hold a value") as caught:
            engine.run(work(value))
        assert not isinstance(caught.value, DatabaseAwayError)


def test_whatever_a_mail_holds_fits_its_columns_and_their_indexes(site: Inside, name: str) -> None:
    """A row of an index holds some 2,700 bytes, and text neither U+0000 nor half a character: SQLite has no such
    limits."""
    long = "".join(random.Random(1).choices("abcdefghijkmnpqrstuvwxyz0123456789", k=9_000))
    odd = "a\0b\udc80\ud800\uffff\u202e"
    heads = [f"Message-ID: <{long}@example.org>", f"In-Reply-To: <{long}@example.org>", f"Subject: {odd} {long}",
             f"From: {long}@example.org", f'From: "{odd}" <per\0son@example.org>', f"Reply-To: {long}@{long}.example",
             f"Message-ID: <{odd}@example.org>", "Subject: =?utf-8?b?AO2ggO2wgA==?=", "Date: " + "9" * 400]  # fmt: skip
    inbox = Maildir(site.settings.data_dir / "mail/inbox")
    for number, head in enumerate(heads):
        usual = "From: person@example.org\n" * (not head.startswith("From"))
        raw = f"{usual}To: privacy@inferencebench.io\n{head}\n\nPlease delete {odd} {long}.\n"
        inbox.put(f"{number}", raw.encode("utf-8", "surrogatepass"))
    prepare.prepare(site.settings)
    counts = engine.run(sync.poll(site.settings))
    assert (counts["read"], counts["failed"]) == (len(heads), 0)
    assert int(sql("SELECT count(*) FROM personal.correspondence WHERE direction = 'in'", name)) > 3


def test_a_batch_of_a_purge_reads_its_own_rows_and_not_the_whole_table(name: str) -> None:
    """Else a purge of many rows takes time in proportion to the square of their number."""

    async def plan(asked: str) -> str:
        async with engine.transaction():
            await execute("SET LOCAL enable_seqscan = off")  # this table is so small that it could be read whole
            return "\n".join(await engine.fetch_column(f"EXPLAIN {asked}"))

    async def go() -> tuple[str, str, list[int]]:
        some = await engine.fetch_column(f"SELECT {place_of_row()} FROM offer ORDER BY 1 LIMIT 50")
        async with engine.transaction():
            await execute(f"DELETE FROM offer WHERE {is_among(some[:40])}")
        left = await engine.fetch_column(f"SELECT {place_of_row()} FROM offer ORDER BY 1 LIMIT 10")
        later = await engine.fetch_column(f"SELECT {place_of_row()} FROM offer WHERE {is_after(some[44])} ORDER BY 1")
        assert left == some[40:]
        assert later[:5] == some[45:]
        delete = await plan(f"DELETE FROM offer WHERE remark <> '' AND {is_among(some)}")
        return delete, await plan(f"SELECT remark FROM offer WHERE {is_after(some[40])}"), some

    delete, read, _ = engine.run(go())
    assert "Tid Scan" in delete
    assert "Tid Range Scan" in read


# Connections


async def _nothing() -> None:
    async with engine.transaction("key"):
        await execute("DELETE FROM price_move")


@pytest.mark.parametrize(
    "setting", ["default_transaction_read_only = on", "idle_in_transaction_session_timeout = 50", "lock_timeout = 1"]
)
def test_what_a_server_cuts_off_is_told_as_away_and_changes_nothing(name: str, setting: str) -> None:
    count = sql("SELECT count(*) FROM price_move", name)
    assert count != "0"

    async def go() -> None:
        async with engine.transaction("key"):
            await execute(f"SET LOCAL {setting.replace('default_', '')}")
            await execute("DELETE FROM price_move")
            await asyncio.sleep(0.3)
            await execute("LOCK TABLE price_move")

    holder = []

    async def held() -> None:
        if setting.startswith("lock"):
            holder.append(await asyncpg.connect(postgres.server().url(name)))
            await holder[0].execute("BEGIN; LOCK TABLE price_move IN SHARE MODE")
        try:
            await go()
        finally:
            for connection in holder:
                await connection.close()

    with pytest.raises(DatabaseAwayError):
        engine.run(held())
    assert sql("SELECT count(*) FROM price_move", name) == count
    assert sql("SELECT count(*) FROM data_version WHERE key = 'key'", name) == "0"
    engine.run(_nothing())
    assert sql("SELECT count(*) FROM price_move", name) == "0"


def test_a_transaction_whose_connection_is_cut_is_told_as_away_and_the_next_one_is_made(name: str) -> None:
    async def cut() -> None:
        async with engine.transaction("key"):
            await execute("DELETE FROM price_move")
            ending = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
            await asyncio.to_thread(sql, ending)
            await execute("DELETE FROM price_span")

    async def go() -> None:
        for turn in range(3):
            with pytest.raises(DatabaseAwayError):
                await cut()
            assert (await tuples("SELECT count(*) FROM price_span"))[0][0] > 0, turn
        await _nothing()

    engine.run(go())
    assert sql("SELECT version FROM data_version WHERE key = 'key'", name) == "1"


def test_two_transactions_in_a_circle_end_as_away_and_not_as_a_fault(name: str) -> None:
    async def one(first: str, second: str, entered: asyncio.Event, other: asyncio.Event, scope: str) -> None:
        async with engine.transaction(scope=scope):
            await execute(f"LOCK TABLE {first}")
            entered.set()
            await other.wait()
            await execute(f"LOCK TABLE {second}")

    async def go() -> tuple[Any, Any]:
        a, b = asyncio.Event(), asyncio.Event()
        return await asyncio.gather(
            one("price_move", "price_span", a, b, scopes.PRICES), one("price_span", "price_move", b, a, scopes.REPORTS),
            return_exceptions=True,
        )  # fmt: skip

    ended = engine.run(go())
    assert sorted(type(one).__name__ for one in ended) == ["DatabaseAwayError", "NoneType"]


def test_many_writers_that_wait_leave_connections_for_pages(name: str) -> None:
    """As when a node holds the lock of reports, and a crowd sends reports to another."""

    async def go() -> None:
        beside = await asyncpg.connect(postgres.server().url(name))
        await beside.execute(f"BEGIN; SELECT pg_advisory_xact_lock({driver.lock_number(scopes.REPORTS)})")

        async def write() -> None:
            async with engine.transaction("key", scope=scopes.REPORTS):
                pass

        writers = [asyncio.create_task(write()) for _ in range(3 * postgres_engine.MOST_CONNECTIONS)]
        await asyncio.sleep(0.3)  # until each of them waits, or would
        assert await asyncio.gather(*(engine.fetch_value("SELECT 1") for _ in range(20))) == [1] * 20
        await beside.execute("COMMIT")
        await asyncio.gather(*writers)
        await beside.close()

    engine.run(go())
    assert sql("SELECT version FROM data_version WHERE key = 'key'", name) == str(3 * postgres_engine.MOST_CONNECTIONS)


# What pages and /readyz say


def test_readyz_and_pages_that_were_never_prepared_agree_while_the_database_goes_and_comes(
    site: Inside, name: str
) -> None:
    async def go(client: httpx.AsyncClient) -> None:
        for turn in range(3):
            assert (await client.get("/readyz")).status_code == 200
            postgres.server().close(name)
            assert (await client.get(f"/gpus/l4-24gb?unit=year&days={turn}")).status_code == 503
            assert (await client.get("/readyz")).status_code == 503
            postgres.server().reopen(name)
            assert (await client.get("/readyz")).status_code == 200
            assert (await client.get(f"/gpus/a100-pcie-40gb?unit=month&gpu_count={turn}")).status_code != 503

    site.run(go)


def price(name: str, micro: int) -> None:
    sql(f"UPDATE offer SET usd_per_gpu_hour_micro = {micro} WHERE id = (SELECT min(id) FROM offer WHERE gpu = "
        f"'h100-sxm-80gb'); UPDATE data_version SET version = version + 1 WHERE key IN {RAISED}", name)  # fmt: skip


def test_a_server_with_other_data_and_the_same_versions_gets_no_page_of_before(site: Inside, name: str) -> None:
    """As after a failover to a replica that lacked the last writes: its versions rise again through those that pages
    were prepared at."""
    server = postgres.server()
    before = server.database(name).rsplit("/", 1)[1]

    async def go(client: httpx.AsyncClient) -> None:
        site.app._prepared._watch.start()
        await client.get("/readyz")
        price(name, 1_111_100)
        await client.get("/readyz")
        assert "1.1111" in (await client.get(PAGE)).text
        await engine.close()
        await asyncio.to_thread(server.replace, name, before)
        price(name, 2_222_200)
        for _ in range(400):
            if (await client.get("/readyz")).status_code == 200 and site.app._prepared._watch.lineage:
                break
            await asyncio.sleep(0.05)
        text = (await client.get(PAGE)).text
        assert "2.2222" in text
        assert "1.1111" not in text

    site.run(go)


def test_a_server_that_hangs_keeps_nobody_waiting_for_long(site: Inside, name: str) -> None:
    """Its processes stand still: connections are taken and nothing is answered."""

    async def go(client: httpx.AsyncClient) -> None:
        assert (await client.get("/prices")).status_code == 200
        with postgres.server().hanging():
            async with asyncio.timeout(60):
                old, ready = await asyncio.gather(client.get("/prices"), client.get("/readyz"))
        assert (old.status_code, ready.status_code) == (200, 503)
        assert "age" in old.headers
        assert (await client.get("/readyz")).status_code == 200

    site.run(go)


def test_a_connection_that_alone_is_ended_is_no_loss_of_the_database(
    site: Inside, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def go(client: httpx.AsyncClient) -> None:
        watch = site.app._prepared._watch
        watch.start()
        await client.get("/readyz")
        for _ in range(5):
            await asyncio.sleep(0.1)
            sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
            for _ in range(100):  # until it listens again, however busy the machine is
                await asyncio.sleep(0.1)
                if watch.last_known() is None:
                    break
            assert watch.last_known() is None
            assert (await client.get("/prices")).headers.get("age") is None

    site.run(go)
    assert "can't be reached" not in caplog.text


REPORT = {"provider": "lambda", "topic": "availability", "rating": "4", "text": "came within some minutes, always",
          "consent": "yes", "age": "yes", "policy": "2026-03-27"}  # fmt: skip


def test_the_same_report_sent_and_approved_many_times_at_once_is_published_once(site: Inside, name: str) -> None:
    for limit in site.limits().values():
        limit.most = 10**6

    async def go(client: httpx.AsyncClient) -> tuple[list[httpx.Response], list[Any]]:
        answers = await asyncio.gather(*(client.post("/submit/experience", data=REPORT) for _ in range(12)))
        numbers = [row.id for row in await store.listed("waiting")]
        deciding = (submissions._decide(site.settings, [number], "approve", "") for number in numbers)
        return answers, await asyncio.gather(*deciding, return_exceptions=True)

    answers, decided = site.run(go)
    assert {answer.status_code for answer in answers} == {200}
    assert len({found for answer in answers for found in re.findall(r"ib-[a-z0-9-]{20,}", answer.text)}) == 12
    assert sql("SELECT count(*) FROM personal.submission", name) == "12"
    assert sorted(type(one).__name__ for one in decided) == ["ConflictError"] * 11 + ["int"]
    assert sql("SELECT count(*) FROM personal.submission WHERE state = 'approved'", name) == "1"


def test_a_server_that_became_a_standby_is_read_and_what_it_cannot_take_is_answered_503(
    site: Inside, name: str
) -> None:
    sql(f"ALTER DATABASE {name} SET default_transaction_read_only = on")

    async def go(client: httpx.AsyncClient) -> None:
        assert (await client.get("/prices")).status_code == 200
        answer = await client.post("/submit/experience", data=REPORT)
        assert answer.status_code == 503
        assert "retry-after" in answer.headers
        await engine.close()
        sql(f"ALTER DATABASE {name} SET default_transaction_read_only = off")
        assert (await client.post("/submit/experience", data=REPORT)).status_code == 200

    site.run(go)
