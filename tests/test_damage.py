"""A damaged row is told of and skipped: it takes no page, job or command down, and stands in no other row's way."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from app.cli.main import main
from app.core import clock
from app.core.settings import Settings
from app.privacy.mail import copy_store, queue, store, sync, templates
from app.privacy.mail.mailbox import inbox
from app.privacy.requests import cases
from app.privacy.retention import purge
from app.process import doctor
from app.storage import damaged_rows, sqlite
from app.storage.engine import transaction
from tests.conftest import Inside
from workers.queue import called

GARBAGE: tuple[Any, ...] = ("garbage\x01<b>", b"\xff\x00\x80", 2**62, -(9**18), None)
PAGES = {
    "offer": ("/status", "/", "/prices", "/prices.csv", "/calculator/sheet.json"),
    "offer_kind": ("/status", "/", "/providers", "/prices", "/calculator/sheet.json", "/gpus/h100-sxm-80gb"),
    "offer_tally": ("/prices", "/prices?gpu=h100-sxm-80gb"),
    "offer_words": ("/prices?q=standard",),
    "offer_extras": ("/bill",),
    "price_strip": ("/",),
    "price_level_day": ("/gpus/h100-sxm-80gb?days=365",),
    "provider_low": ("/index", "/gpus/h100-sxm-80gb"),
    "loaded_source": ("/status", "/providers"),
    "model": ("/models",),
    "price_move": ("/prices/changes",),
    "mail_aside": ("/readyz",),
    "data_version": ("/status", "/prices"),
}
"""Who shows a table, where it is not the status page alone."""
NOW = clock.timestamp()
DAY = f"{clock.now():%Y-%m-%d}"
ROWS: dict[str, dict[str, Any]] = {
    "daily_counter": {"day": DAY, "measure": "load", "page": "/prices", "bucket": 1, "count": 40},
    "purge_run": {"kind": "counters", "ran_at": NOW, "erased": 3},
    "privacy_case": {
        "reference": "PR-AAAAAAAA", "kind": "access", "proposed": "access", "law": "gdpr", "received_at": NOW,
        "deadline_at": NOW + 9, "state": "received", "address": "a@b.example", "way": "e-mail", "last_heard_at": NOW,
    },
    "mail_copy": {"place": "inbox", "name": "n", "reference": "PR-AAAAAAAA", "stored_at": NOW},
    "mail_aside": {"place": "inbox", "name": "m", "at": NOW, "reason": "it could not be read", "tries": 9},
    "moderation": {"at": NOW, "submission": "r1", "kind": "price", "action": "approve", "reason": ""},
    "stock_return": {
        "at": NOW - 60, "offer": "o", "provider": "aws", "gpu": "h100-sxm-80gb", "tier": "on-demand", "region": "us",
        "usd_per_gpu_hour_micro": 2_500_000,
    },
}  # fmt: skip
"""A row of each table that shipped data has none of, as the site would write it."""
DAMAGED = {
    "loaded_source": ("fetched_at", "offers", "set_aside", "error", "error_at", "tried_at", "live", "left_out"),
    "data_version": ("version",),
    "offer": (
        "fetched_at",
        "gpu_count",
        "stale_at",
        "commitment_months",
        "quoted_amount",
        "tier",
        "provider",
        "region",
        "usd_per_gpu_hour_micro",
    ),
    "offer_kind": ("stale_at", "provider", "tier", "low_micro", "cheapest", "offers", "last_seen_at"),
    "offer_tally": ("region", "offers", "gpu_count"),
    "offer_words": ("search_text", "offers", "gpu_memory_gb"),
    "offer_extras": ("remark", "hosts", "disk_usd_per_gb_month_micro", "vcpus"),
    "price_strip": ("ticks", "median_micro", "tier", "offers"),
    "price_level_day": ("day", "last_at", "low_micro"),
    "provider_low": ("provider", "valid_from", "usd_per_gpu_hour_micro"),
    "set_aside": ("reason", "provider"),
    "price_move": ("at", "before_micro"),
    "price_level": ("at", "median_micro"),
    "model": ("name", "parameters", "architecture", "fetched_at"),
    "daily_counter": ("bucket", "count", "page", "day"),
    "purge_run": ("ran_at", "erased"),
    "privacy_case": ("deadline_at", "answered_at", "state", "received_at"),
    "mail_copy": ("stored_at",),
    "mail_aside": ("at", "tries"),
    "moderation": ("at",),
    "stock_return": ("at", "usd_per_gpu_hour_micro"),
}


@pytest.fixture
def raw(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> Iterator[sqlite3.Connection]:
    """A connection that nothing hinders, to a database with a row of every kind; rows are looked for at every
    failure."""
    monkeypatch.setattr(sqlite, "LOOK_EVERY_S", 0)
    connection = sqlite3.connect(inside.settings.database_path, isolation_level=None)
    for table, row in ROWS.items():
        connection.execute(
            f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' for _ in row)})", list(row.values())
        )
    yield connection
    connection.close()
    sqlite.ENGINE.left_out = []


@contextmanager
def damaged(raw: sqlite3.Connection, table: str, column: str, value: object) -> Iterator[bool]:
    """Put a value into a cell of the table's first row for as long as the block runs; False where SQLite refuses it."""
    (number,) = raw.execute(f"SELECT min(rowid) FROM {table}").fetchone()
    (before,) = raw.execute(f"SELECT {column} FROM {table} WHERE rowid = ?", (number,)).fetchone()
    try:
        raw.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (value, number))
    except sqlite3.IntegrityError:
        yield False
        return
    raw.execute("UPDATE data_version SET version = version + 1 WHERE typeof(version) = 'integer'")
    yield True
    raw.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (before, number))


def test_no_cell_that_holds_what_it_cannot_takes_a_page_down(inside: Inside, raw: sqlite3.Connection) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        for table, columns in DAMAGED.items():
            for turn, column in enumerate(columns):
                value = GARBAGE[turn % 3]
                with damaged(raw, table, column, value) as done:
                    for page in PAGES.get(table, ("/status",)) if done else ():
                        answer = await client.get(page)
                        assert answer.status_code == 200, (table, column, value, page)

    inside.run(work)


@pytest.mark.parametrize("value", GARBAGE)
def test_the_status_page_stands_whatever_a_request_of_privacy_holds(
    inside: Inside, raw: sqlite3.Connection, value: object
) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        for column in ROWS["privacy_case"]:
            with damaged(raw, "privacy_case", column, value):
                assert (await client.get("/status")).status_code == 200, column

    inside.run(work)


def test_a_damaged_row_is_told_and_read_again_once_it_is_mended(inside: Inside, raw: sqlite3.Connection) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        title = raw.execute("SELECT title FROM loaded_source WHERE rowid = 1").fetchone()[0]
        assert title in (await client.get("/status")).text
        with damaged(raw, "loaded_source", "fetched_at", "garbage"):
            assert (await client.get("/status")).status_code == 200
            (mend,) = (await client.get("/readyz")).json()["mend"][-1:]
            assert "row 1 of the table loaded_source is damaged (fetched_at)" in mend
            assert any("loaded_source is damaged" in what for kind, what in doctor.examine(inside.settings)
                       if kind == "fault")  # fmt: skip
        raw.execute("UPDATE data_version SET version = version + 1")
        assert title in (await client.get("/status")).text
        await sqlite.leave_out_damaged()
        assert "is damaged" not in (await client.get("/readyz")).text

    inside.run(work)


def test_sound_data_has_no_damaged_row(inside: Inside, raw: sqlite3.Connection) -> None:
    assert damaged_rows.find(inside.settings.database_path) == []


def letter(settings: Settings, one: str) -> Any:
    return templates.composed(
        templates.Letter(one, f"{one}@b.example", "A letter", "text", automatic=False),
        queue.letterhead(settings), NOW,
    )  # fmt: skip


def test_jobs_go_on_past_a_damaged_row(inside: Inside, raw: sqlite3.Connection) -> None:
    """A reading of the mail with a damaged case and a damaged letter sends the others and reminds of the others."""
    settings = inside.settings
    object.__setattr__(settings, "operator_email", "operator@b.example")

    async def work(_: httpx.AsyncClient) -> None:
        async with transaction(cases.CASES_KEY):
            await cases.open_case("access", "gdpr", NOW - 29 * 86_400, "c@b.example", "e-mail")
            for one in ("first", "second"):
                await store.put(one, None, f"{one}@b.example", NOW, letter(settings, one), automatic=False)
        raw.execute("UPDATE mail_out SET recipient = ? WHERE id = 'first'", (b"\xff",))
        raw.execute("UPDATE privacy_case SET deadline_at = 'garbage' WHERE reference = 'PR-AAAAAAAA'")
        done = await called(sync.poll, 1)({"settings": settings, "job_try": 1})
        assert done["reminded"] == 1

    inside.run(work)
    assert raw.execute("SELECT sent_at IS NOT NULL FROM mail_out WHERE id = 'second'").fetchone() == (1,)


def test_a_copy_of_which_nobody_knows_when_it_was_stored_is_past_its_limit(
    inside: Inside, raw: sqlite3.Connection
) -> None:
    box = inbox(inside.settings)
    path = inside.settings.data_dir / "mail" / "inbox" / "cur" / "n"
    path.write_bytes(b"Subject: x\r\n\r\nx")
    raw.execute("UPDATE mail_copy SET place = ?, name = 'n', stored_at = 'garbage'", (box.place,))

    async def work(client: httpx.AsyncClient) -> None:
        assert (await client.get("/status")).status_code == 200  # it is left out of what this process reads
        assert await purge.next_due(inside.settings, NOW) == NOW
        assert (await purge.run(inside.settings, NOW))["mail-copies"] == 1
        assert await copy_store.copies_until(NOW) == []

    inside.run(work)
    assert not path.exists()


def test_what_ages_without_a_readable_time_is_erased_though_pages_leave_it_out(
    inside: Inside, raw: sqlite3.Connection
) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        raw.execute("UPDATE moderation SET at = 'garbage'")
        await sqlite.leave_out_damaged()
        assert (await purge.run(inside.settings, NOW))["moderation"] == 1

    inside.run(work)


def test_commands_name_damaged_rows_and_only_those_that_read_go_on(
    inside: Inside, raw: sqlite3.Connection, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INFERENCEBENCH_DATA_DIR", str(inside.settings.data_dir))
    raw.execute("INSERT INTO privacy_case (reference, kind, proposed, law, received_at, deadline_at, state, address, "
                "way, last_heard_at) SELECT 'PR-BBBBBBBB', kind, proposed, law, received_at, deadline_at, state, "
                "address, way, last_heard_at FROM privacy_case")  # fmt: skip
    raw.execute("UPDATE privacy_case SET deadline_at = 'garbage' WHERE reference = 'PR-AAAAAAAA'")
    assert main(["privacy", "list"]) == 0
    said = capsys.readouterr()
    assert "PR-BBBBBBBB" in said.out
    assert "privacy_case is damaged (deadline_at)" in said.err
    sqlite.ENGINE.left_out = []
    assert main(["privacy", "resolve", "PR-AAAAAAAA"]) == 2
    assert "privacy_case is damaged (deadline_at)" in capsys.readouterr().err
