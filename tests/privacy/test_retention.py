"""The retention table and the purge: exact to the second, whole, short locks, nothing left in any file."""

import re
import sqlite3
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from app.cli import retention as command
from app.core import clock, retention
from app.core.errors import InferenceBenchError
from app.core.retention import KINDS, Limit, add_months, kind
from app.core.settings import load
from app.privacy.retention import purge, store
from app.storage import engine
from app.telemetry import counter_store
from tests import plain
from tests.conftest import Inside, Shipped, Site, free_port, serve
from tests.database import execute, tuples


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        ("2027-01-31T10:00:00", 1, "2027-02-28T10:00:00"), ("2028-01-31T10:00:00", 1, "2028-02-29T10:00:00"),
        ("2028-02-29T23:59:59", 12, "2029-02-28T23:59:59"),
        ("2027-02-28T00:00:00", 12, "2028-02-28T00:00:00"), ("2026-11-24T14:00:01", 13, "2027-12-24T14:00:01"),
        ("2026-12-31T00:00:00", 2, "2027-02-28T00:00:00"),
        ("2028-03-31T00:00:00", -1, "2028-02-29T00:00:00"),
    ],
)  # fmt: skip
def test_calendar_months_and_leap_days(start: str, months: int, end: str) -> None:
    assert add_months(at(start), months) == at(end)
    assert Limit(months=months).ends(at(start)) == at(end)


def test_a_limit_never_looks_past_what_can_have_ended() -> None:
    for months, days in ((1, 0), (12, 0), (0, 90), (0, 30), (1, 7)):
        limit = Limit(months=months, days=days)
        for start in range(at("2027-01-25T00:00:00"), at("2027-03-05T00:00:00"), 6 * 3600 + 1):
            assert start <= limit.latest_start(limit.ends(start))


def tables_and_files(data: Path) -> tuple[set[str], set[str]]:
    with sqlite3.connect(data / "inferencebench.sqlite") as connection:
        tables = {
            row[0]
            for row in connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            )
        }
    connection.close()
    return tables, {str(path.relative_to(data)) for path in data.rglob("*") if path.is_file()}


@pytest.mark.parametrize("promise", ["P-3a P-4"])
def test_everything_that_is_stored_has_one_row_of_the_table_with_purpose_and_basis(
    tmp_path: Path, promise: str
) -> None:
    """A site that ran and was used: each table and file belongs to one kind, and a kind names nothing that is not
    there."""
    port = free_port()
    process = serve(tmp_path, port)
    plain.get(f"http://127.0.0.1:{port}/prices")
    plain.post(f"http://127.0.0.1:{port}/beacon", content="page=%2Fprices&load=3&paint=2&shift=0&errors=0")
    time.sleep(1.3)
    process.terminate()
    process.wait(15)
    tables, files = tables_and_files(tmp_path)
    named = [table for row in KINDS for table in row.tables]
    assert sorted(named) == sorted(tables)
    for file in files:
        owners = [row.name for row in KINDS if any(Path(file).match(pattern) for pattern in row.files)]
        assert len(owners) == 1, (file, owners)
    for row in KINDS:
        assert row.fields
        assert row.purpose
        assert row.basis
        assert row.kept
        assert all(aged.table in row.tables for aged in row.aged)
        assert (
            row.basis.startswith(("legitimate interest", "consent", "legal obligation", "contract")) or not row.personal
        )


@pytest.mark.parametrize("promise", ["P-8a"])
def test_the_policys_words_and_the_table_state_the_same_limits(site: Site, promise: str) -> None:
    page = " ".join(re.sub(r"<[^>]+>", " ", plain.get(f"{site.url}/policies/privacy").text).split())
    assert f"at most {kind('access-log').limit}, then purged" in page
    for path in ("/policies/privacy", "/status"):
        shown = plain.get(f"{site.url}{path}").text
        for row in KINDS:
            assert row.title in shown
            assert row.kept in shown
    for row in KINDS:
        kept = {str(limit) for limit in (row.limit, *(aged.limit for aged in row.aged)) if limit}
        said = {" ".join(words) for words in re.findall(r"(\d+) (days?|months?)", row.kept)}
        assert said <= kept, (row.name, said, kept)
        assert bool(said) or not row.limit, f"{row.name} says no limit"


@pytest.mark.parametrize("promise", ["P-2.2c"])
def test_counters_go_at_their_limit_to_the_second_and_leave_no_trace_in_any_file(inside: Inside, promise: str) -> None:
    day = "2027-01-31"
    end = add_months(at("2027-01-31T00:00:00"), retention.COUNTER_MONTHS)
    assert end == at("2028-02-29T00:00:00")

    async def work(_: httpx.AsyncClient) -> None:
        await counter_store.write({(day, "load", "/MarkerRoute", n): 1 for n in range(5)})
        await counter_store.write({("2027-02-01", "load", "/prices", 1): 1})
        assert (await purge.run(inside.settings, end - 1))["counters"] == 0
        assert (await purge.held_by_kind(inside.settings, end))[1].due == 5
        assert (await purge.run(inside.settings, end))["counters"] == 5
        state = (await purge.held_by_kind(inside.settings, end))[1]
        assert (state.held, state.due, state.erased) == (1, 0, 5)
        assert state.next_at == at("2028-03-01T00:00:00")

    inside.run(work)
    for path in inside.settings.data_dir.rglob("*"):
        assert path.is_dir() or b"markerroute" not in path.read_bytes().lower(), path
    wal = Path(f"{inside.settings.database_path}-wal")
    assert not wal.exists() or wal.stat().st_size == 0 or b"markerroute" not in wal.read_bytes().lower()


@pytest.mark.sqlite_only
def test_erasing_waits_for_readers_until_the_log_is_cut(inside: Inside) -> None:
    reader = sqlite3.connect(inside.settings.database_path, check_same_thread=False)

    async def work(_: httpx.AsyncClient) -> None:
        await counter_store.write({("2020-01-01", "load", "/MarkerRoute", 1): 1})
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM daily_counter").fetchone()
        threading.Timer(0.5, reader.rollback).start()
        assert (await purge.run(inside.settings, clock.timestamp()))["counters"] == 1

    inside.run(work)
    for path in inside.settings.data_dir.rglob("*"):  # while somebody has the file open, as the web process has
        assert path.is_dir() or b"markerroute" not in path.read_bytes().lower(), path
    reader.close()


def test_a_large_purge_goes_in_many_short_transactions(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    real = store.delete_rows

    async def watched(aged: retention.Aged, latest: int | str, numbers: list[int]) -> None:
        sizes.append(len(numbers))
        await real(aged, latest, numbers)

    monkeypatch.setattr(store, "delete_rows", watched)

    async def work(_: httpx.AsyncClient) -> None:
        await counter_store.write(
            {(f"2020-{1 + n % 12:02}-01", "load", f"/{n // 12}", n % 7): 1 for n in range(30_000)}
        )
        rows = (await tuples("SELECT count(*) FROM daily_counter"))[0][0]
        assert (await purge.run(inside.settings, clock.timestamp()))["counters"] == rows
        assert await tuples("SELECT count(*) FROM daily_counter") == [(0,)]

    inside.run(work)
    assert len(sizes) > 5
    assert max(sizes) <= purge.MOST_IN_BATCH
    assert sizes[0] <= purge.FIRST_BATCH


def test_the_commands_say_what_is_due_and_a_dry_run_erases_nothing(
    tmp_path: Path, shipped: Shipped, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = load(shipped(tmp_path / "data"))
    engine.use(settings.database)
    engine.run(counter_store.write({("2026-11-24", "load", "/prices", 1): 1}))
    assert command.run(now="2028-01-01", dry_run=True, settings=settings) == 0
    assert "counters: 1 would go" in capsys.readouterr().out
    assert command.status(now="2028-01-01", settings=settings) == 0
    assert "counters" in capsys.readouterr().out
    assert command.run(now="2028-01-01T00:00:00Z", settings=settings) == 0
    assert "counters: 1 gone" in capsys.readouterr().out
    with pytest.raises(InferenceBenchError, match="for example 2026-11-24"):
        command.status(now="tomorrow", settings=settings)
    with pytest.raises(InferenceBenchError, match="no IP address"):
        command.abuse(address="here", settings=settings)


DECISION = "INSERT INTO moderation (at, submission, kind, action, reason) VALUES (?, 'r1', 'price', 'approve', '')"
NO_TIMES = ("garbage", b"\xff\x00", 2**62, -(9**18), 3.5, "{}", "9999-99-99", "2026-02-30")
NO_SECONDS, NO_DAYS = (2**62, -(9**18), 253_402_300_800), ("garbage", "{}", "9999-99-99", "2026-02-30", "0000-01-01")
"""What the types of PostgreSQL's columns let through."""


def test_what_has_no_readable_time_is_past_its_limit_and_takes_no_page_down(inside: Inside) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        now = clock.timestamp()
        today = f"{clock.now():%Y-%m-%d}"
        typed = engine.ENGINE.engine_type != "sqlite"
        seconds, days = (NO_SECONDS, NO_DAYS) if typed else (NO_TIMES, NO_TIMES)
        async with engine.transaction():
            for value in (*seconds, now):
                await execute(DECISION, value)
            for number, day in enumerate((*days, today)):
                await execute(
                    "INSERT INTO submission (id, kind, day, receipt_hash, state, body, fingerprint, policy, consent, "
                    "ended_on) VALUES (?1, 'price', ?2, ?1, 'rejected', '{}', ?1, '', '', ?3)",
                    f"r{number}", today, day,
                )  # fmt: skip
        assert (await client.get("/status")).status_code == 200
        assert await purge.next_due(inside.settings, now) == now
        gone = await purge.run(inside.settings, now)
        assert (gone["moderation"], gone["submissions"]) == (len(seconds), len(days))
        assert await tuples("SELECT at FROM moderation") == [(now,)]
        assert await tuples("SELECT ended_on FROM submission") == [(today,)]
        assert await purge.next_due(inside.settings, now) != now

    inside.run(work)


def test_a_kind_that_cannot_be_erased_stands_in_no_others_way(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(_: httpx.AsyncClient) -> None:
        async def fails(*_: object) -> int:
            raise OSError("a file that nobody may delete")

        async def only_log(kind: retention.Kind, *given: object) -> int:
            return await fails() if kind.name == "access-log" else 0

        monkeypatch.setattr(purge, "_files", only_log)
        async with engine.transaction():
            await execute(DECISION, 1)
        with pytest.raises(OSError, match="nobody may delete"):
            await purge.run(inside.settings, clock.timestamp())
        assert await tuples("SELECT * FROM moderation") == []

    inside.run(work)
