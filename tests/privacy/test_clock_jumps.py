"""A clock that ran forty days ahead for a while and was put back: nothing that is owed to a person is lost by it."""

import os
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import time_machine

from app.core import clock
from app.core.retention import ACCESS_LOG_DAYS, KINDS
from app.core.settings import Settings
from app.core.units import DAY_S, HOUR_S
from app.privacy.mail import delivery
from app.privacy.requests import cases, request
from app.privacy.retention import future_stamps, purge
from app.storage import engine
from app.telemetry import access_log_reader
from app.web.rate_limit import RateLimit
from tests.conftest import Inside
from tests.database import rows
from tests.privacy.test_requests import all_cases, arrive, at, code_in, letters, mail, office, polled  # noqa: F401
from tests.telemetry.test_access import fill

BEGAN = at("2026-12-05T12:00:00")
AHEAD_S = 40 * DAY_S


def put_right(settings: Settings) -> None:
    """The clock is right again, and the purge runs at once, after an hour and after a day."""
    for hour in (0, 1, 25):
        with time_machine.travel(BEGAN + 60 + hour * HOUR_S, tick=False):
            polled(settings)
            engine.run(purge.run(settings, clock.timestamp()))


@pytest.mark.parametrize("promise", ["P-9.3"])
def test_the_operator_is_reminded_at_the_true_days_too(office: Settings, promise: str) -> None:
    """What the clock ran past was no reminder: the deadline is still to come."""
    with time_machine.travel(BEGAN, tick=False):
        arrive(office, mail("why?", subject="[question]"), "q")
        polled(office)
    due = all_cases()[0].deadline_at
    with time_machine.travel(BEGAN + AHEAD_S, tick=False):
        polled(office)
    reminded = []
    for hours in range(6, 32 * 24, 6):
        with time_machine.travel(BEGAN + hours * 3600, tick=False):
            if polled(office)["reminded"]:
                reminded.append((due - BEGAN) / DAY_S - hours / 24)
    assert [int(days) for days in reminded] == [10, 3, 0]


@pytest.mark.both_engines
@pytest.mark.parametrize("promise", ["P-9.3"])
def test_what_came_while_it_was_ahead_has_its_deadline_from_when_it_came(office: Settings, promise: str) -> None:
    with time_machine.travel(BEGAN + AHEAD_S, tick=False):
        arrive(office, mail("please erase my data"), "one")
        polled(office)
    put_right(office)
    case = all_cases()[0]
    assert BEGAN <= case.received_at <= BEGAN + 60
    assert BEGAN + 30 * DAY_S <= case.deadline_at <= BEGAN + 60 + 30 * DAY_S


def test_a_clock_that_is_behind_for_a_while_moves_nothing(office: Settings) -> None:
    """To a machine that was just switched on, and does not know the time, every stamp lies in the future."""
    with time_machine.travel(BEGAN, tick=False):
        arrive(office, mail("please erase my data"), "one")
        polled(office)
    before = all_cases()
    for at_s in (60, 3600, DAY_S - 1):
        with time_machine.travel(at_s, tick=False):
            engine.run(purge.run(office, at_s))
    with time_machine.travel(BEGAN + 120, tick=False):
        engine.run(purge.run(office, clock.timestamp()))
        assert all_cases() == before


def test_every_stamp_of_what_ages_is_put_back() -> None:
    aged = [aged for kind in KINDS for aged in kind.aged]
    assert aged
    for one in aged:
        if one.counts == "instant":
            assert one.column in future_stamps.STAMPS[one.table]


@pytest.mark.both_engines
def test_days_to_come_go_too(office: Settings) -> None:
    async def fill_in() -> None:
        async with engine.transaction():
            await engine.execute("INSERT INTO daily_counter VALUES ('2027-01-14', 'view', '/', 0, 3)")
            await engine.execute("INSERT INTO daily_counter VALUES ('2026-12-06', 'view', '/', 0, 4)")

    with time_machine.travel(BEGAN + AHEAD_S, tick=False):
        engine.run(fill_in())
        arrive(office, mail("please erase my data"), "one")
        polled(office)
    put_right(office)
    assert rows(office, "SELECT day FROM daily_counter") == [("2026-12-06",)]


def test_a_code_that_was_sent_before_is_still_taken_afterwards(office: Settings) -> None:
    with time_machine.travel(BEGAN, tick=False):
        arrive(office, mail("please erase my data"), "one")
        polled(office)
        [letter] = [letter for letter in letters(office) if "person@example.org" in letter["To"]]
        code, case = code_in(letter), all_cases()[0]
    with time_machine.travel(BEGAN + AHEAD_S, tick=False):
        polled(office)
        engine.run(purge.run(office, clock.timestamp()))
    with time_machine.travel(BEGAN + 3600, tick=False):
        arrive(office, mail(code, subject=f"Re: {case.reference}"), "two")
        polled(office)
        assert engine.run(cases.known(case.reference)).state == request.VERIFIED


def test_a_code_that_was_sent_while_it_was_ahead_is_taken_afterwards(office: Settings) -> None:
    with time_machine.travel(BEGAN + AHEAD_S, tick=False):
        arrive(office, mail("please erase my data"), "one")
        polled(office)
        [letter] = [letter for letter in letters(office) if "person@example.org" in letter["To"]]
        code, case = code_in(letter), all_cases()[0]
    with time_machine.travel(BEGAN + 3600, tick=False):
        arrive(office, mail(code, subject=f"Re: {case.reference}"), "two")
        polled(office)
        assert engine.run(cases.known(case.reference)).state == request.VERIFIED


def test_who_wrote_while_it_was_ahead_is_acknowledged_again_the_day_after(office: Settings) -> None:
    with time_machine.travel(BEGAN + AHEAD_S, tick=False):
        for number in range(12):
            arrive(office, mail(f"please erase my data {number}"), f"a{number:02}")
        polled(office)
    before = len(letters(office))
    with time_machine.travel(BEGAN, tick=False):
        polled(office)
    with time_machine.travel(BEGAN + DAY_S + 60, tick=False):
        arrive(office, mail("what do you know of me?"), "b")
        polled(office)
    with time_machine.travel(BEGAN + 2 * DAY_S + 120, tick=False):
        polled(office)
    assert len(letters(office)) > before


def test_a_letter_that_failed_all_the_way_is_sent_when_the_server_is_back(
    office: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(*_: object) -> None:
        raise OSError("no server")

    real = delivery._hand_over
    monkeypatch.setattr(delivery, "_hand_over", fails)
    with time_machine.travel(BEGAN, tick=False):
        arrive(office, mail("please erase my data"), "one")
        polled(office)
    for _ in range(3):
        with time_machine.travel(BEGAN + AHEAD_S, tick=False):
            polled(office)
    monkeypatch.setattr(delivery, "_hand_over", real)
    with time_machine.travel(BEGAN + DAY_S, tick=False):
        polled(office)
        assert any("person@example.org" in letter["To"] for letter in letters(office))


@pytest.mark.parametrize("promise", ["P-2.2b P-8a"])
def test_a_log_row_of_while_it_was_ahead_is_gone_ninety_days_after_it_was_written(tmp_path: Path, promise: str) -> None:
    """Its stamp lies in the future, so its stamp can't be what its age is counted from."""
    ahead = datetime.fromtimestamp(BEGAN + AHEAD_S, UTC)
    fill(tmp_path, ahead)
    for path in (tmp_path / "logs").iterdir():
        os.utime(path, (BEGAN + AHEAD_S,) * 2)
    for day in range(ACCESS_LOG_DAYS):
        access_log_reader.delete_expired(tmp_path / "logs", BEGAN + day * DAY_S)
        assert len(list((tmp_path / "logs").iterdir())) == 2, "kept as long as any other"
    access_log_reader.delete_expired(tmp_path / "logs", BEGAN + ACCESS_LOG_DAYS * DAY_S)
    assert list((tmp_path / "logs").iterdir()) == []


def test_a_log_file_of_today_is_not_renamed_while_the_clock_is_behind(tmp_path: Path) -> None:
    fill(tmp_path, datetime.fromtimestamp(BEGAN, UTC))
    for path in (tmp_path / "logs").iterdir():
        os.utime(path, (BEGAN,) * 2)
    names = sorted(path.name for path in (tmp_path / "logs").iterdir())
    for at_s in (60, 3600, DAY_S - 1):
        access_log_reader.delete_expired(tmp_path / "logs", at_s)
    access_log_reader.delete_expired(tmp_path / "logs", BEGAN + 60)
    assert sorted(path.name for path in (tmp_path / "logs").iterdir()) == names


def test_rows_of_both_files_are_kept_where_the_day_has_one_already(tmp_path: Path) -> None:
    fill(tmp_path, datetime.fromtimestamp(BEGAN + AHEAD_S, UTC), ("access",))
    fill(tmp_path, datetime.fromtimestamp(BEGAN, UTC), ("access",))
    os.utime(next((tmp_path / "logs").glob("*2027*")), (BEGAN + AHEAD_S,) * 2)
    for at_s in (BEGAN, BEGAN + DAY_S):
        access_log_reader.delete_expired(tmp_path / "logs", at_s)
    [left] = (tmp_path / "logs").iterdir()
    assert left.name == "access-2026-12-05.tsv"
    assert len([line for line in left.read_text().splitlines() if not line.startswith("time")]) == 2


@pytest.mark.parametrize("promise", ["P-8c"])
def test_copies_of_mail_and_spam_of_while_it_was_ahead_go_at_their_limits(office: Settings, promise: str) -> None:
    with time_machine.travel(BEGAN + AHEAD_S, tick=False):
        arrive(office, mail("please erase my data"), "one")
        polled(office)
    inbox = office.data_dir / "mail/inbox"
    assert list(inbox.glob("*/*"))
    for day in range(8):
        with time_machine.travel(BEGAN + 60 + day * DAY_S, tick=False):
            polled(office)
            engine.run(purge.run(office, clock.timestamp()))
    assert list(inbox.glob("*/*")) == []


@pytest.mark.parametrize("address", ["203.0.113.7", "2001:db8:1:2::3"])
def test_a_limit_that_was_reached_while_it_was_ahead_ends_with_its_window(address: str) -> None:
    limit = RateLimit(2, 3600)
    assert [limit.allows(address, BEGAN + AHEAD_S) for _ in range(3)] == [True, True, False]
    assert limit.allows(address, BEGAN + 3601)


def test_pages_prepared_while_it_was_ahead_are_not_served_afterwards(inside: Inside) -> None:
    """What is stale on a day to come is not stale now, and what is only kept in memory is read again as well."""

    async def page(client: httpx.AsyncClient) -> str:
        return "".join([(await client.get(path)).text for path in ("/", "/gpus/l4-24gb", "/prices?gpu=l4-24gb")])

    with time_machine.travel(BEGAN, tick=False):
        before = inside.run(page)
    with time_machine.travel(BEGAN + AHEAD_S, tick=False):
        ahead = inside.run(page)
    with time_machine.travel(BEGAN + 10, tick=False):
        after = inside.run(page)
    assert ahead != before
    assert after == before
