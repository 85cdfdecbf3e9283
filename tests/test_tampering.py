"""Files that only grow, cut off, swapped and edited: nothing that was promised is lost by it without a word."""

import json
from dataclasses import asdict, fields

import httpx
import pytest
import time_machine

from app.cli import submissions
from app.core import clock
from app.core.settings import Settings
from app.policies.files import RECORD, Policies
from app.privacy.retention import canary, canary_reader, purge
from app.process import doctor
from app.storage import engine
from app.submissions import erasure_journal
from tests.conftest import Inside
from tests.submissions.test_reports import EXPERIENCE, send


@pytest.fixture
def house(inside: Inside) -> Inside:
    engine.use(inside.settings.database)
    return inside


async def ended(settings: Settings, client: httpx.AsyncClient) -> list[str]:
    """The numbers of a report that was published and erased, and of one that was withdrawn."""
    numbers = []
    for do in ("erase", "withdraw"):
        number, receipt = await send(client, "experience", EXPERIENCE)
        await submissions._decide(settings, [number], "approve", "")
        answer = await client.post("/submissions", data={"receipt": receipt, "do": do, "sure": "yes"})
        assert answer.status_code == 200
        numbers.append(number)
    _, receipt = await send(client, "experience", {**EXPERIENCE, "text": "Another one, which is kept."})
    return numbers


def told(settings: Settings) -> list[str]:
    """What the operator is told of the journal."""
    return [text for kind, text in doctor.examine(settings) if kind == "fault" and erasure_journal.FILE in text]


@pytest.mark.both_engines
def test_a_journal_that_is_whole_is_not_complained_of(house: Inside) -> None:
    house.run(lambda client: ended(house.settings, client))
    engine.run(canary.plant(house.settings, 600))
    assert told(house.settings) == []


@pytest.mark.both_engines
@pytest.mark.parametrize("how", ["cut", "first", "edited", "emptied", "away"])
@pytest.mark.parametrize("promise", ["P-8b"])
def test_a_line_that_is_missing_from_the_journal_of_erasures_is_told(house: Inside, how: str, promise: str) -> None:
    house.run(lambda client: ended(house.settings, client))
    path = house.settings.data_dir / erasure_journal.FILE
    lines = path.read_bytes().splitlines(keepends=True)
    edited = [lines[0].replace(b"\tr", b"\tq"), *lines[1:]]
    left = {"cut": lines[:-1], "first": lines[1:], "edited": edited, "emptied": []}
    if how == "away":
        path.unlink()
    else:
        path.write_bytes(b"".join(left[how]))
    [line] = told(house.settings)
    assert ("2 erasures" if how in ("emptied", "away") else "1 erasure ") in line


def test_swapped_lines_of_the_journal_mean_the_same(house: Inside) -> None:
    numbers = house.run(lambda client: ended(house.settings, client))
    path = house.settings.data_dir / erasure_journal.FILE
    before = erasure_journal.read(house.settings.data_dir)
    assert set(numbers) <= before["submission"]
    path.write_bytes(b"".join(reversed(path.read_bytes().splitlines(keepends=True))))
    assert erasure_journal.read(house.settings.data_dir) == before
    assert told(house.settings) == []


JUNK = ["", "x", "\ud800", "\u202e", None, True, -1, 1e400, 10**30, [], [None], {}, {"requests": "x"}, {"x": 10**30}]
FIELDS = [field.name for field in fields(canary.Canary)]


def status_page(house: Inside) -> int:
    """The status of the page as it is rendered now."""
    house.app._prepared._kept.clear()

    async def ask(client: httpx.AsyncClient) -> int:
        return (await client.get("/status")).status_code

    return int(house.run(ask))


@pytest.mark.parametrize(
    "damage", ["", "[", "{}", "null", "7", '"x"', "[1]", "[null]", "[{}]", "[" * 100_000, "\0", "NaN", "[NaN]"]
)
def test_a_record_of_canaries_that_is_none_stops_nothing(house: Inside, damage: str) -> None:
    (house.settings.data_dir / canary.RECORD).write_text(damage)
    assert canary.recorded(house.settings) == []
    assert status_page(house) == 200
    engine.run(canary.look_again(house.settings))
    one = engine.run(canary.plant(house.settings, 600))
    assert canary.recorded(house.settings) == [one]


@pytest.mark.parametrize("field", FIELDS)
def test_a_record_of_canaries_with_an_impossible_value_stops_nothing(house: Inside, field: str) -> None:
    one = asdict(engine.run(canary.plant(house.settings, 600)))
    for junk in JUNK:
        (house.settings.data_dir / canary.RECORD).write_text(json.dumps([one | {field: junk}]))
        assert status_page(house) == 200, junk
        engine.run(purge.held_by_kind(house.settings, clock.timestamp()))
        engine.run(canary.look_again(house.settings))


def test_canaries_that_nobody_remembers_go_at_their_limit(house: Inside) -> None:
    one = engine.run(canary.plant(house.settings, 1))
    (house.settings.data_dir / canary.RECORD).write_text("[]")
    with time_machine.travel(one.due_at + canary.AFTER_S, tick=True):
        engine.run(purge.run(house.settings, clock.timestamp()))
        assert canary_reader.in_files(house.settings.data_dir, one.mark) == []


@pytest.mark.both_engines
@pytest.mark.parametrize("at", [10**30, -(10**30), 0, -1, 2**63, "[" * 100_000])
def test_a_record_of_policies_with_an_impossible_instant_darkens_no_page(house: Inside, at: int | str) -> None:
    first = Policies(house.settings)
    first.show()
    path = house.settings.data_dir / RECORD
    names = json.loads(path.read_text()) if path.exists() else {}
    names |= {f"{v.policy}/{v.name}/{v.digest}": 1 for v in first.versions}
    path.write_text(at if isinstance(at, str) else json.dumps(dict.fromkeys(names, at)))
    again = Policies(house.settings)
    again.show()
    engine.run(again.share())
    assert len(again.state_at(clock.timestamp()).in_force) == len(first.state_at(clock.timestamp()).in_force)
    assert list(doctor.examine(house.settings))
