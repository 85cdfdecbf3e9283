"""Canaries: planted in every kind that ages, found while they live, gone after the purge, in no figure."""

import asyncio
import base64
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import httpx
import pytest
import time_machine

from app.cli import retention as commands
from app.core import clock
from app.core.retention import KINDS, Kind
from app.core.settings import load
from app.privacy.mail import sync
from app.privacy.requests import cases
from app.privacy.retention import canary, canary_reader, purge
from app.storage import engine
from tests.conftest import Inside, Shipped
from tests.privacy.test_requests import dovecot  # noqa: F401
from workers import jobs
from workers.timetable import TIMETABLE


def at_its_limit(one: canary.Canary) -> time_machine.travel:
    """The clock stands at the second at which it is looked for, and goes on from there."""
    return time_machine.travel(one.due_at + canary.AFTER_S, tick=True)


AGEING = [kind for kind in KINDS if kind.ages]


@pytest.fixture
def house(inside: Inside) -> Inside:
    engine.use(inside.settings.database)
    return inside


def plant(house: Inside, wait_s: int = 1) -> canary.Canary:
    return engine.run(canary.plant(house.settings, wait_s))


def test_a_canary_sits_in_every_kind_and_is_found_where_it_sits(house: Inside) -> None:
    one = plant(house, 600)
    assert set(one.rows) == {kind.name for kind in AGEING}
    places = canary_reader.in_files(house.settings.data_dir, one.mark)
    assert {place.split("/")[0] for place in places} >= {"logs", "mail"}
    if house.settings.database_url:
        tables = set(canary_reader.in_server(house.settings.database_url, one.mark))
        assert tables >= {f"database:{table}" for table in ("daily_counter", "submission", "moderation", "mail_out")}
        assert canary_reader.in_server(house.settings.database_url, "canaryofnobody") == []
        away = canary_reader.in_server("postgres://me@127.0.0.1:1/none", one.mark)
        assert away == ["database (could not be asked: DatabaseAwayError)"], "not asked is not gone"
    else:
        assert any(place.startswith("inferencebench.sqlite") for place in places)
    assert canary.RECORD not in places, "the record does not count as a place"


@pytest.mark.parametrize("promise", ["P-8a P-8b P-8c"])
def test_after_the_purge_at_its_limit_it_is_in_no_file_and_the_status_page_says_when(
    house: Inside, promise: str
) -> None:
    one = plant(house)
    with at_its_limit(one):
        gone = engine.run(purge.run(house.settings, one.due_at))
        assert {name for name, count in gone.items() if count} == {kind.name for kind in AGEING}
        checked = engine.run(canary.check(house.settings, one))
    assert checked.found == []
    assert canary.last_death(house.settings) == checked.died_at
    page = httpx.Response(200)

    async def work(client: httpx.AsyncClient) -> None:
        nonlocal page
        page = await client.get("/status")

    house.run(work)
    at = clock.from_timestamp(checked.died_at or 0)
    told = page.text.split("Last canary confirmed deleted")[1].split("</div>")[0]
    assert f"{at:%H:%M}" in told
    assert "none yet" not in told


@pytest.mark.parametrize("kind", AGEING, ids=lambda kind: kind.name)
def test_a_purge_that_forgets_one_kind_is_found_out(house: Inside, monkeypatch: pytest.MonkeyPatch, kind: Kind) -> None:
    one = plant(house)
    monkeypatch.setattr(purge, "KINDS", tuple(other for other in KINDS if other is not kind))
    with at_its_limit(one):
        engine.run(purge.run(house.settings, one.due_at))
        checked = engine.run(canary.check(house.settings, one))
        assert checked.found
        assert checked.died_at is None
        assert canary.last_death(house.settings) is None
        monkeypatch.undo()
        engine.run(purge.run(house.settings, clock.timestamp()))
        [again] = engine.run(canary.look_again(house.settings))
        assert again.found == []
        assert again.died_at


@pytest.mark.sqlite_only
def test_text_that_only_the_write_ahead_log_or_a_free_page_holds_is_found(house: Inside) -> None:
    path = house.settings.database_path
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA secure_delete = OFF")
        connection.execute(
            "INSERT INTO moderation (at, submission, kind, action, reason) "
            "VALUES (1, 'x', 'x', 'x', 'canarymarkinfreepage')"
        )
        connection.commit()
        connection.execute("DELETE FROM moderation WHERE submission = 'x'")
        connection.commit()
        assert any(
            p.startswith("inferencebench.sqlite") for p in canary_reader.in_files(path.parent, "canarymarkinfreepage")
        )


@pytest.mark.parametrize("shift", [0, 1, 2])
def test_the_reader_sees_through_base64(tmp_path: Path, shift: int) -> None:
    (tmp_path / "a").write_bytes(base64.b64encode(b"x" * shift + b"canary0123456789abcdef01234567" + b"yz"))
    assert canary_reader.in_files(tmp_path, "canary0123456789abcdef01234567") == ["a"]
    assert canary_reader.in_files(tmp_path, "canary9123456789abcdef01234567") == []


def test_it_is_counted_in_no_figure(house: Inside) -> None:
    now = clock.timestamp()
    before = {state.kind.name: state.held for state in engine.run(purge.held_by_kind(house.settings, now))}
    figures = engine.run(cases.figures(now))
    plant(house, 600)
    assert engine.run(cases.figures(now)) == figures
    after = {state.kind.name: state.held for state in engine.run(purge.held_by_kind(house.settings, now))}
    assert {name: after[name] - before[name] for name in after if name != "contacts"} == dict.fromkeys(
        (name for name in after if name != "contacts"), 0
    )

    async def pages(client: httpx.AsyncClient) -> None:
        for path in canary_reader.PAGES:
            assert "canary" not in (await client.get(path)).text.replace("Last canary confirmed deleted", "").replace(
                "an artificial", ""
            ), path

    house.run(pages)


def test_what_is_due_is_erased_at_its_second_also_what_came_after_the_minute_began(house: Inside) -> None:
    async def both() -> tuple[canary.Canary, dict[str, int]]:
        watching = asyncio.create_task(jobs.purge_when_due(house.settings, 6))
        await asyncio.sleep(1)  # it has looked, and found nothing
        planted = await canary.plant(house.settings, 3)
        return planted, await watching

    one, gone = engine.run(both())
    assert clock.timestamp() >= one.due_at
    assert canary_reader.in_files(house.settings.data_dir, one.mark) == []
    assert sum(gone.values()) >= len(one.rows)
    assert {"purge_when_due", "canary"} <= {entry.job for entry in TIMETABLE}


def test_the_command_says_what_outlived_its_limit_and_ends_with_one(
    house: Inside, capsys: pytest.CaptureFixture[str]
) -> None:
    assert commands.canary(wait=1, settings=house.settings) == 1  # nobody purges
    said = capsys.readouterr().out
    assert "still there a second past the limit" in said
    assert "logs/access-" in said
    assert json.loads((house.settings.data_dir / canary.RECORD).read_text())[0]["died_at"] is None


def test_in_a_real_mailbox_it_is_planted_found_and_deleted(
    tmp_path: Path, shipped: Shipped, dovecot: tuple[str, Path]
) -> None:
    url, _ = dovecot
    settings = load({**shipped(tmp_path / "data"), "INFERENCEBENCH_IMAP_URL": url})
    engine.use(settings.database)
    one = engine.run(canary.plant(settings, 1))
    assert one.rows["mail-copies"] == 2
    assert canary_reader.in_mailbox(url, one.mark) == ["imap:127.0.0.1"]
    opened = engine.run(sync.poll(settings))
    assert opened["cases"] == 0
    with at_its_limit(one):
        engine.run(purge.run(settings, one.due_at))
        assert engine.run(canary.check(settings, one)).found == []
    away = canary_reader.in_mailbox("imap://u:p@127.0.0.1:9", one.mark)
    assert away == ["imap:127.0.0.1 (could not be asked: ConnectionRefusedError)"], "not asked is not gone"
