"""The life of a report: every transition is in one table, whoever asks, and withdrawn is final."""

import sqlite3

import httpx
import pytest
import time_machine

from app.cli import submissions
from app.core import clock
from app.core.errors import InferenceBenchError
from app.core.retention import KINDS
from app.privacy.retention import purge
from app.process import prepare
from app.storage import engine
from app.submissions import erasure_journal, store, transitions
from tests.conftest import Inside
from tests.database import execute, write
from tests.submissions.test_reports import BENCHMARK, EXPERIENCE, PRICE, agreed, send

DAY_S = 86_400
NOW = "2026-11-24T15:00:00Z"


async def do(client: httpx.AsyncClient, receipt: str, action: str, **more: str) -> httpx.Response:
    return await client.post("/submissions", data={"receipt": receipt, "do": action, **more})


@pytest.mark.parametrize("kept", ["waiting", "approved"])
def test_ended_reports_are_purged_whatever_else_lies_in_the_table(house: Inside, kept: str) -> None:
    """A report in the ordinary state has no day of its end; it says nothing about how the others' limits count."""
    at = int(clock.parse_instant(NOW).timestamp())
    midnight = at - at % DAY_S

    async def work(client: httpx.AsyncClient) -> None:
        ids = [await send(client, "experience", {**EXPERIENCE, "text": f"{EXPERIENCE['text']} {n}"}) for n in range(3)]
        if kept == "approved":
            await submissions._decide(house.settings, [ids[0][0]], "approve", "")
        await submissions._decide(house.settings, [ids[1][0]], "reject", "not about this provider")
        await do(client, ids[2][1], "withdraw")
        assert (await purge.run(house.settings, midnight + 7 * DAY_S - 1))["submissions"] == 0
        assert (await purge.run(house.settings, midnight + 7 * DAY_S))["submissions"] == 1
        assert (await purge.run(house.settings, midnight + 30 * DAY_S))["submissions"] == 1
        assert [row.id for row in await store.listed()] == [ids[0][0]]

    with time_machine.travel(at, tick=False):
        house.run(work)


@pytest.mark.sqlite_only
def test_what_a_limit_counts_from_is_the_type_of_its_column(house: Inside) -> None:
    with sqlite3.connect(house.settings.database_path) as connection:
        for aged in (aged for kind in KINDS for aged in kind.aged):
            types = {row[1]: row[2] for row in connection.execute(f"PRAGMA table_info({aged.table})")}
            assert types[aged.column].startswith("VARCHAR" if aged.counts == "day" else "INT"), aged
    connection.close()


@pytest.mark.parametrize("action", ["correct", "save", "withdraw"])
def test_withdrawn_is_final_on_the_web(house: Inside, action: str) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        number, receipt = await send(client, "experience", EXPERIENCE)
        await do(client, receipt, "withdraw")
        again = await do(client, receipt, action, **agreed(client, {**EXPERIENCE, "text": "Other words, long enough."}))
        assert again.status_code == 409
        assert "withdrawn by its sender, which is final" in again.text
        report = await store.by_id(number)
        assert report
        assert (report.state, report.values["text"]) == ("withdrawn", EXPERIENCE["text"])
        assert (await do(client, receipt, "json")).status_code == 200, "what is held can still be seen"
        assert (await do(client, receipt, "erase", sure="yes")).status_code == 200

    house.run(work)


@pytest.mark.parametrize("action", ["approve", "reject"])
def test_withdrawn_is_final_at_the_command_line(house: Inside, action: str) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        number, receipt = await send(client, "experience", EXPERIENCE)
        await do(client, receipt, "withdraw")
        with pytest.raises(InferenceBenchError, match="withdrawn by its sender, which is final"):
            await submissions._decide(house.settings, [number], action, "because")

    house.run(work)


def test_a_withdrawn_report_is_not_frozen_and_stays_withdrawn(house: Inside) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        number, receipt = await send(client, "experience", EXPERIENCE)
        await do(client, receipt, "withdraw")
        report = await store.by_id(number)
        assert report
        with pytest.raises(InferenceBenchError, match="final"):
            await store.restrict([report], True)

    house.run(work)


def test_a_race_of_two_askers_ends_by_the_table(house: Inside) -> None:
    """Who acts on a report as it was read earlier is judged by what it is now."""

    async def work(client: httpx.AsyncClient) -> None:
        number, receipt = await send(client, "price", PRICE, checked="yes")
        earlier = await store.by_id(number)
        assert earlier
        await do(client, receipt, "withdraw")
        with pytest.raises(InferenceBenchError, match="final"):
            await store.correct(earlier, {**earlier.values, "price": "0.5"})
        with pytest.raises(InferenceBenchError, match="final"):
            await store.decide(earlier, "approve", "", 1)
        await do(client, receipt, "erase", sure="yes")
        with pytest.raises(InferenceBenchError, match="erased"):
            await store.decide(earlier, "reject", "x")

    house.run(work)


@pytest.mark.parametrize("state", transitions.STATES)
@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("action", transitions.TABLE)
def test_every_pair_of_action_and_state_has_an_answer(action: str, state: str, frozen: bool) -> None:
    refused = transitions.refusal(action, state, frozen=frozen)
    assert refused == "" or refused.endswith((".", "erased."))
    if state == "withdrawn" and action not in ("erase", "unfreeze"):
        assert refused
    if action == "erase":
        assert not refused, "erasing is always open"
    if frozen and action in ("correct", "approve", "reject", "freeze"):
        assert "frozen" in refused
    if not refused and action not in ("erase", "unfreeze"):
        assert transitions.after(action, state, frozen=frozen) != "withdrawn" or action == "withdraw"


def test_what_was_corrected_after_it_was_looked_at_is_not_published(
    house: Inside, capsys: pytest.CaptureFixture[str]
) -> None:
    async def first(client: httpx.AsyncClient) -> tuple[str, str]:
        return await send(client, "experience", EXPERIENCE)

    number, receipt = house.run(first)
    assert submissions.show(number, settings=house.settings) == 0
    assert f"approve {number}@1" in capsys.readouterr().out
    other = agreed(httpx.AsyncClient(), {**EXPERIENCE, "text": "UNSEENWORDS that nobody looked at so far."})

    async def corrected(client: httpx.AsyncClient) -> None:
        assert "Corrected" in (await do(client, receipt, "save", **other)).text

    house.run(corrected)
    for named in (number, f"{number}@1"):
        with pytest.raises(InferenceBenchError, match="corrected by its sender: version 1 was looked at"):
            submissions.approve(named, settings=house.settings)

    async def unseen(client: httpx.AsyncClient) -> None:
        assert "UNSEENWORDS" not in (await client.get("/providers/lambda")).text

    house.run(unseen)
    assert submissions.show(number, settings=house.settings) == 0
    assert submissions.approve(number, settings=house.settings) == 0

    async def seen(client: httpx.AsyncClient) -> None:
        assert "UNSEENWORDS" in (await client.get("/providers/lambda")).text

    house.run(seen)


def test_a_correction_that_nobody_looked_at_is_not_approved_by_its_number_alone(house: Inside) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        number, receipt = await send(client, "experience", EXPERIENCE)
        await do(client, receipt, "save", **agreed(client, {**EXPERIENCE, "text": "Other words, long enough to keep."}))
        with pytest.raises(InferenceBenchError, match="Look again"):
            await submissions._decide(house.settings, [number], "approve", "")
        assert await submissions._decide(house.settings, [f"{number}@2"], "approve", "") == 0

    house.run(work)


def test_a_rejection_of_an_older_version_is_refused_where_it_names_one(house: Inside) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        number, receipt = await send(client, "experience", EXPERIENCE)
        earlier = await store.by_id(number)
        assert earlier
        await do(client, receipt, "save", **agreed(client, {**EXPERIENCE, "text": "Other words, long enough to keep."}))
        with pytest.raises(InferenceBenchError, match="Look again"):
            await submissions._decide(house.settings, [f"{number}@1"], "reject", "no")
        for action in ("approve", "reject"):  # who decides on what was read earlier, too
            with pytest.raises(InferenceBenchError, match="Look again"):
                await store.decide(earlier, action, "no", 2)
        assert await submissions._decide(house.settings, [f"{number}@2"], "reject", "no") == 0

    house.run(work)


def test_what_was_never_shown_is_shown_before_it_is_published(
    house: Inside, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def sent(client: httpx.AsyncClient) -> list[str]:
        texts = ("FIRSTWORDS of somebody, long enough to keep.", "OTHERWORDS of somebody, long enough to keep.")
        return [(await send(client, "experience", {**EXPERIENCE, "text": text}))[0] for text in texts]

    first, other = house.run(sent)
    assert submissions.approve(first, settings=house.settings) == 0
    assert "FIRSTWORDS" in capsys.readouterr().out
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda _: "")
    with pytest.raises(InferenceBenchError, match="nothing was published"):
        submissions.approve(other, settings=house.settings)
    assert "OTHERWORDS" in capsys.readouterr().out
    assert engine.run(store.listed("approved"))[0].id == first
    assert submissions.approve(other, settings=house.settings) == 0, "it was shown: naming it again is enough"


def test_what_cannot_be_read_is_not_published(house: Inside) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        for kind, values in (("experience", EXPERIENCE), ("benchmark", BENCHMARK), ("price", PRICE)):
            number, _ = await send(client, kind, values, checked="yes")
            async with engine.transaction():
                await execute("UPDATE submission SET body = '{' WHERE id = ?", number)
            with pytest.raises(InferenceBenchError, match="can't be read"):
                await submissions._decide(house.settings, [number], "approve", "")

    house.run(work)


def test_decisions_are_all_or_none(house: Inside) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        one, _ = await send(client, "experience", EXPERIENCE)
        two, receipt = await send(client, "experience", {**EXPERIENCE, "text": "Other words, long enough to keep."})
        await do(client, receipt, "withdraw")
        with pytest.raises(InferenceBenchError):
            await submissions._decide(house.settings, [one, two], "approve", "")
        assert [(await store.by_id(number)).state for number in (one, two)] == ["waiting", "withdrawn"]  # type: ignore[union-attr]

    house.run(work)


@pytest.mark.parametrize("bad", ["@", "@x", "@-1", "@0x1", "@99999999"])
def test_a_version_that_is_none_is_refused(house: Inside, bad: str) -> None:
    with pytest.raises(InferenceBenchError, match=r"names no version|there is no report"):
        submissions.approve(f"r123{bad}", settings=house.settings)


@pytest.mark.sqlite_only
def test_erased_is_said_when_the_write_ahead_log_is_empty_or_the_page_says_when(
    house: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.site import own_reports

    monkeypatch.setattr(own_reports, "ANSWER_TRIES", 2)
    log = house.settings.database_path.with_name(house.settings.database_path.name + "-wal")

    async def work(client: httpx.AsyncClient) -> None:
        _, receipt = await send(client, "experience", EXPERIENCE)
        assert b"MARKERTEXT" in log.read_bytes()
        reader = sqlite3.connect(house.settings.database_path, isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM submission").fetchone()
        later = await do(client, receipt, "erase", sure="yes")
        assert "Nothing of the report is left" not in later.text
        assert "within the hour" in later.text
        reader.close()
        _, receipt = await send(client, "experience", {**EXPERIENCE, "text": "MARKERTEXT two, long enough to keep."})
        told = await do(client, receipt, "erase", sure="yes")
        assert "Nothing of the report is left" in told.text
        assert b"MARKERTEXT" not in log.read_bytes() + house.settings.database_path.read_bytes()

    house.run(work)


@pytest.mark.parametrize(
    "body",
    ["", "{", "null", "[]", '"text"', "{}", '{"provider": 3}', "[" * 100_000, '{"provider": "lambda"}',
     '{"provider": "lambda", "price": "NaN"}'],
    ids=lambda body: body[:20] or "nothing",
)  # fmt: skip
@pytest.mark.parametrize("kind", ["experience", "price"])
def test_a_row_that_cannot_be_read_takes_no_page_down(house: Inside, body: str, kind: str) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        number, receipt = await send(client, kind, {"experience": EXPERIENCE, "price": PRICE}[kind], checked="yes")
        await submissions._decide(house.settings, [number], "approve", "")
        async with engine.transaction("community", "provider:lambda", "provider:coreweave"):
            await write("UPDATE submission SET body = ? WHERE id = ?", [(body, number)])
        for path in ("/providers/lambda", "/providers/coreweave", "/prices", "/benchmarks", "/status"):
            assert (await client.get(path)).status_code == 200, path
        for action in ("show", "json", "csv"):
            assert (await do(client, receipt, action)).status_code == 200
        other, _ = await send(client, "experience", {**EXPERIENCE, "text": "Other words, long enough to keep."})
        await submissions._decide(house.settings, [other], "approve", "")
        assert "Other words" in (await client.get("/providers/lambda")).text
        assert (await do(client, receipt, "erase", sure="yes")).status_code == 200
        assert await store.by_id(number) is None

    house.run(work)
    assert submissions.listing(state="all", settings=house.settings) == 0


def test_what_was_withdrawn_stays_so_over_a_restart(house: Inside) -> None:
    number, receipt = house.run(lambda client: send(client, "experience", EXPERIENCE))
    house.run(lambda client: do(client, receipt, "withdraw"))
    house.run(lambda client: do(client, receipt, "save", **agreed(client, EXPERIENCE)))
    prepare.prepare(house.settings)
    assert number in erasure_journal.read(house.settings.data_dir)["submission"]
    engine.use(house.settings.database)
    found = engine.run(store.by_id(number))
    assert found is None or found.state == "withdrawn"
