"""A reported price leaves the pages with its report: in one transaction, whatever is killed or fails in between."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from app.cli import submissions
from app.process import prepare
from app.storage import engine
from app.submissions import publish, store
from app.submissions.forms import FORMS
from app.submissions.soundness import is_sound
from tests.conftest import Inside
from tests.database import execute
from tests.submissions.test_reports import BENCHMARK, EXPERIENCE, PRICE, REPORTS, agreed, send

OTHER = {**PRICE, "region": "eu-marker-2", "price": "0.4321"}
SHOWN = "0.3141"


class Killed(BaseException):
    """What ends a process ends everything that it was about to do."""


def stops(error: BaseException) -> Callable[..., Any]:
    async def publishing(*_: object, **__: object) -> Any:
        raise error

    return publishing


async def prices(client: httpx.AsyncClient) -> str:
    return (await client.get("/prices?gpu=l4-24gb&provider=coreweave&tier=spot")).text


async def two_approved(house: Inside, client: httpx.AsyncClient) -> tuple[str, str]:
    """The number and receipt of the first of two reports whose prices are shown."""
    first, second = await send(client, "price", PRICE), await send(client, "price", OTHER)
    await submissions._decide(house.settings, [first[0], second[0]], "approve", "")
    assert SHOWN in await prices(client)
    return first


@pytest.mark.parametrize("action", ["withdraw", "erase", "save"])
def test_killed_between_the_two_no_price_is_shown_of_a_report_that_went(
    house: Inside, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        number, receipt = await two_approved(house, client)
        with monkeypatch.context() as patched:
            patched.setattr(publish, "publish_prices", stops(Killed()))
            typed = agreed(client, {**PRICE, "region": "us-marker-3"}, receipt=receipt, do=action, sure="yes")
            with pytest.raises((Killed, BaseExceptionGroup)):
                await client.post("/submissions", data=typed)
        report = await store.by_id(number)
        assert (SHOWN in await prices(client)) == (report is not None and report.state == "approved")

    house.run(work)


@pytest.mark.parametrize("action", ["withdraw", "erase", "save"])
def test_a_fault_of_publishing_keeps_nobody_from_withdrawing(
    house: Inside, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        number, receipt = await two_approved(house, client)
        with monkeypatch.context() as patched:
            patched.setattr(publish, "publish_prices", stops(ValueError("a fault of ours")))
            typed = agreed(client, {**PRICE, "region": "us-marker-3"}, receipt=receipt, do=action, sure="yes")
            assert (await client.post("/submissions", data=typed)).status_code == 200
        report = await store.by_id(number)
        assert report is None or report.state != "approved"
        assert SHOWN not in await prices(client)

    house.run(work)


@pytest.mark.parametrize(
    "damage", [pytest.param("restricted = 'garbage'", marks=pytest.mark.sqlite_only), "body = '{', state = 'garbage'"]
)
def test_a_damaged_report_keeps_nobody_from_withdrawing(house: Inside, damage: str) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        _, receipt = await two_approved(house, client)
        async with engine.transaction():
            await execute(f"UPDATE submission SET {damage} WHERE body LIKE '%eu-marker-2%'")
        answer = await client.post("/submissions", data={"receipt": receipt, "do": "withdraw"})
        assert answer.status_code == 200
        assert SHOWN not in await prices(client)

    house.run(work)


BAD = ("garbage\x01", "12.5", "-1", "NaN", "9" * 400, "2026-02-30", "javascript:alert(1)", "\ud800", "")
PAGES = {"price": "/prices?gpu=l4-24gb&provider=coreweave&tier=spot", "benchmark": "/benchmarks",
         "experience": "/providers/lambda"}  # fmt: skip
OTHERS = {"price": OTHER, "benchmark": {**BENCHMARK, "engine_version": "0.11.9-other", "concurrency": "9"},
          "experience": {**EXPERIENCE, "text": "Other words of MARKERTEXT, long enough."}}  # fmt: skip
MARKS = {"price": "0.4321", "benchmark": "0.11.9-other", "experience": "Other words"}


@pytest.mark.parametrize("kind", PAGES)
def test_a_report_with_a_damaged_value_is_shown_nowhere_and_hides_no_other(house: Inside, kind: str) -> None:
    """Readable JSON, but a value that the form would never have taken: it takes neither the page nor the others
    down."""
    fields = [field.name for field in FORMS[kind].fields]

    async def work(client: httpx.AsyncClient) -> None:
        damaged, _ = await send(client, kind, REPORTS[kind], checked="yes")
        other, _ = await send(client, kind, OTHERS[kind], checked="yes")
        await submissions._decide(house.settings, [damaged, other], "approve", "")
        pairs = [(name, BAD[(turn * 4 + step) % len(BAD)]) for turn, name in enumerate(fields) for step in range(4)]
        for turn, (name, bad) in enumerate(pairs):
            async with engine.transaction("community", "provider:lambda"):
                await execute("UPDATE submission SET body = ? WHERE id = ?",
                              json.dumps({**REPORTS[kind], name: bad}), damaged)  # fmt: skip
            shown = {report.id for report in await store.published(kind)}
            assert other in shown, (name, bad)
            if kind == "price":
                await publish.publish_prices()
            if kind != "benchmark" or turn % 4 == 0:  # the page of all measurements takes a while
                page = await client.get(PAGES[kind])
                assert page.status_code == 200, (name, bad)
                assert MARKS[kind] in page.text, (name, bad)

    house.run(work)


def test_a_benchmark_without_a_speed_is_not_sound(house: Inside) -> None:
    values = {name: value for name, value in BENCHMARK.items() if name != "tpot_ms"}
    assert not is_sound(FORMS["benchmark"], values)
    assert is_sound(FORMS["benchmark"], {**values, "output_tokens_per_s": "12.5"})
    for kind, report in REPORTS.items():
        assert is_sound(FORMS[kind], report), kind


def test_killed_while_a_restored_backups_reports_are_erased_again_no_price_stays(
    house: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next start sees to it: what was begun was not half done."""

    async def work(client: httpx.AsyncClient) -> str:
        number, receipt = await two_approved(house, client)
        async with engine.transaction():
            await execute("CREATE TABLE kept_report AS SELECT * FROM submission")
        await client.post("/submissions", data={"receipt": receipt, "do": "erase", "sure": "yes"})
        async with engine.transaction():
            await execute("DELETE FROM submission")
            await execute("INSERT INTO submission SELECT * FROM kept_report")
            await execute("DROP TABLE kept_report")
        await publish.publish_prices()
        assert SHOWN in await prices(client)
        return number

    number = house.run(work)
    with monkeypatch.context() as patched:
        patched.setattr(publish, "publish_prices", stops(Killed()))
        with pytest.raises(Killed):
            prepare.prepare(house.settings)
    prepare.prepare(house.settings)

    async def then(client: httpx.AsyncClient) -> None:
        assert await store.by_id(number) is None
        assert SHOWN not in await prices(client)

    house.run(then)
