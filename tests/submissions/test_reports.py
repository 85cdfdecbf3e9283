"""Reports end to end: sent, approved, shown, corrected, exported, withdrawn, erased, and gone from every file."""

import asyncio
import csv
import io
import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest
import time_machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.catalog.facts import gpus
from app.cli import submissions
from app.core import clock
from app.core.errors import ConflictError, InferenceBenchError
from app.core.settings import Settings, load
from app.pricing.history import record
from app.pricing.refresh.refresh_source import refresh
from app.privacy.retention import purge
from app.process import prepare
from app.process.tables import APP_CONFIG
from app.site import reports
from app.storage import engine
from app.submissions import erasure_journal, plausible, publish, store
from app.submissions.forms import FORMS, PRECISIONS
from app.submissions.receipts import hash_of, looks_right, new_receipt
from app.submissions.tables import ContactRow, SubmissionRow
from tests.conftest import Inside, Site, database_of, examples
from tests.database import Copy, beside, dump, opened, rows, tuples
from tests.fake_clouds import clouds

FULL_WIDTH_CARD = "\uff14" + "\uff11" * 15
PRICE = {"provider": "coreweave", "gpu": "l4-24gb", "gpu_count": "1", "tier": "spot", "region": "us-marker-1",
         "price": "0.3141", "per": "gpu-hour",
         "seen_on": "2026-11-20", "seen_where": "their console, MARKERWHERE",
         "link": "https://example.org/markerlink"}  # fmt: skip
BENCHMARK = {"model": "meta-llama/Llama-3.1-8B-Instruct", "gpu": "h100-sxm-80gb", "tensor_parallel": "1",
             "pipeline_parallel": "1", "engine": "vllm", "engine_version": "0.11.0-marker",
             "precision": "bf16", "input_tokens": "1024", "output_tokens": "256", "concurrency": "8",
             "ttft_ms": "61.25", "tpot_ms": "8.1", "measured_on": "2026-11-20",
             "how": "vllm bench serve, MARKERHOW"}  # fmt: skip
EXPERIENCE = {
    "provider": "lambda",
    "topic": "availability",
    "rating": "4",
    "text": "Eight cards were there within a minute. MARKERTEXT <b>bold</b> & more",
}
REPORTS = {"price": PRICE, "benchmark": BENCHMARK, "experience": EXPERIENCE}


def agreed(client: httpx.AsyncClient, values: dict[str, str], **more: str) -> dict[str, str]:
    return {**values, "consent": "yes", "age": "yes", "policy": "2026-03-27", **more}


async def send(client: httpx.AsyncClient, kind: str, values: dict[str, str], **more: str) -> tuple[str, str]:
    """Send a report; its number and receipt."""
    answer = await client.post(f"/submit/{kind}", data=agreed(client, values, **more))
    assert answer.status_code == 200, re.findall(r'class="wrong"[^>]*>([^<]+)', answer.text)
    found = re.search(r'id="receipt">(ib-[^<]+)<', answer.text)
    number = re.search(r"has the number (r\w+)", answer.text)
    assert found
    assert number
    return number[1], found[1]


@pytest.fixture
def house(inside: Inside) -> Iterator[Inside]:
    """A site whose limits don't stand in the way of a test."""
    inside.limits()["sent"].most = 10**6
    inside.limits()["posts"].most = 10**6
    yield inside
    engine.use(inside.settings.database)


def everything(settings: Settings) -> bytes:
    """The bytes of every file of an installation and, with PostgreSQL, of a dump of its database."""
    files = [path.read_bytes() for path in settings.data_dir.rglob("*") if path.is_file()]
    return b"\0".join([*files, *dump(settings)]).lower()


@pytest.mark.parametrize("promise", ["P-2.1a"])
@pytest.mark.parametrize("written", [None, "", "   "])
def test_who_gives_no_address_has_no_row_of_one_and_none_is_made_of_the_connection(
    house: Inside, written: str | None, promise: str
) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        contact = {} if written is None else {"contact": written}
        for kind in FORMS:
            answer = await client.post(f"/submit/{kind}", data=agreed(client, REPORTS[kind], **contact))
            assert answer.status_code == 200

    house.run(work)
    assert rows(house.settings, "SELECT count(*) FROM submission") == [(len(FORMS),)]
    assert rows(house.settings, "SELECT * FROM submission_contact") == []
    for table in APP_CONFIG.table_classes:
        assert "127.0.0.1" not in repr(rows(house.settings, f'SELECT * FROM "{table._meta.tablename}"'))


@pytest.mark.parametrize("promise", ["P-2.1a"])
@pytest.mark.parametrize("kind", FORMS)
def test_what_people_send_is_what_is_kept_and_nothing_else(house: Inside, kind: str, promise: str) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        said = {
            "user-agent": "SneakyAgent/1.0",
            "referer": "http://sneaky.example/x",
            "accept-language": "sn-EAKY",
            "cookie": "sneaky=1",
        }
        answer = await client.post(
            f"/submit/{kind}",
            data=agreed(client, REPORTS[kind], contact="Person@Example.org", website="", sneaky="sneaky"),
            headers=said,
        )
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        row = (await store.listed())[0]
        assert row.values == REPORTS[kind]
        assert (row.contact, row.state, row.policy) == ("person@example.org", "waiting", "2026-03-27")
        assert (
            row.consent
            in unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", (await client.get(f"/submit/{kind}")).text)))
            or "16 years" in row.consent
        )

    house.run(work)
    columns = {column._meta.db_column_name for table in (SubmissionRow, ContactRow) for column in table._meta.columns}
    stored = repr([rows(house.settings, f"SELECT * FROM {name}") for name in ("submission", "submission_contact")])
    assert columns == {
        "id",
        "kind",
        "day",
        "receipt_hash",
        "state",
        "restricted",
        "body",
        "fingerprint",
        "policy",
        "consent",
        "ended_on",
        "reason",
        "submission",
        "address",
    }
    assert "sneaky" not in stored.lower()
    assert "127.0.0.1" not in stored
    assert not re.search(r"\d\d:\d\d", stored), "the day, not the second"
    assert f"{clock.now():%Y-%m-%d}" in stored


def test_the_receipt_is_shown_once_and_only_its_hash_is_kept(house: Inside) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        number, receipt = await send(client, "price", PRICE)
        shown = await client.post("/submissions", data={"receipt": f"  {receipt.upper().replace('-', ' ')} "})
        assert f"Report {number}" in shown.text
        assert "awaiting review" in shown.text
        assert receipt not in re.search(r"<title>.*?</title>", shown.text)[0]  # type: ignore[index]
        assert (await client.post("/submissions", data={"receipt": new_receipt()})).status_code == 422
        assert (await client.post("/submissions", data={"receipt": "x' OR 1=1"})).status_code == 422
        house.log.flush()
        raw = everything(house.settings)
        assert receipt.encode() not in raw
        assert receipt.replace("-", "").encode() not in raw
        assert hash_of(receipt).encode() in raw

    house.run(work)
    assert looks_right(new_receipt())
    assert len({new_receipt() for _ in range(1000)}) == 1000


@pytest.mark.parametrize("promise", ["P-3b P-8b"])
def test_approved_reports_are_shown_and_withdrawn_ones_are_gone_at_the_next_answer(house: Inside, promise: str) -> None:
    places = [
        "/prices?gpu=l4-24gb&provider=coreweave",
        "/gpus/l4-24gb",
        "/providers/coreweave",
        "/prices.csv",
        "/api/prices?gpu=l4-24gb&provider=coreweave",
        "/providers/lambda",
        "/benchmarks",
        "/prices/table?gpu=l4-24gb&provider=coreweave",
    ]

    async def pages_that_tell(client: httpx.AsyncClient) -> set[str]:
        found = set()
        for place in places:
            answer = await client.get(place)
            assert answer.status_code == 200, place
            text = answer.text.casefold()
            if any(marker in text for marker in ("markertext", "us-marker-1", "0.11.0-marker")):
                found.add(place)
                held = re.search(r"s-maxage=(\d+)", answer.headers["cache-control"])
                assert held
                assert int(held[1]) <= 60
                if_error = re.search(r"stale-if-error=(\d+)", answer.headers.get("cdn-cache-control", ""))
                assert if_error is None or int(if_error[1]) <= 60
        return found

    async def work(client: httpx.AsyncClient) -> None:
        sent = [await send(client, kind, REPORTS[kind]) for kind in FORMS]
        assert await pages_that_tell(client) == set()
        await submissions._decide(house.settings, [number for number, _ in sent], "approve", "")
        assert await pages_that_tell(client) == set(places)
        text = (await client.get("/providers/lambda")).text
        assert "&lt;b&gt;bold" in text
        assert "<b>bold" not in text
        assert "community, 1 report" in (await client.get(places[0])).text
        for _, receipt in sent:
            answer = await client.post("/submissions", data={"receipt": receipt, "do": "withdraw"})
            assert "Withdrawn" in answer.text
        assert await pages_that_tell(client) == set()
        assert await store.published("price") == []

    house.run(work)


def test_a_reported_price_never_replaces_a_providers_own_nor_the_best(house: Inside) -> None:
    own = {**PRICE, "provider": "aws", "gpu": "l4-24gb", "tier": "on-demand", "price": "0.5", "region": ""}

    async def work(client: httpx.AsyncClient) -> None:
        best = (await client.get("/api/prices?gpu=l4-24gb&tier=spot")).json()
        stated = (await client.get("/api/prices?gpu=l4-24gb&provider=aws&tier=on-demand")).json()["offers"]
        fresh = await record.fresh_until([("l4-24gb", "spot")])
        number, _ = await send(client, "price", own, checked="yes")
        cheap, _ = await send(client, "price", {**PRICE, "price": "0.02"}, checked="yes")
        prices = re.compile(r'class="n p m">([^<]+)')
        before = prices.findall((await client.get("/")).text)
        assert len(before) > 50
        await submissions._decide(house.settings, [number, cheap], "approve", "")
        rows = await tuples("SELECT provider, usd_per_gpu_hour_micro FROM offer WHERE source = 'community'")
        assert sorted(rows) == [("aws", 500_000), ("coreweave", 20_000)], "both join the table"
        listed = (await client.get("/api/prices?gpu=l4-24gb&provider=aws&tier=on-demand")).json()["offers"]
        assert len([row for row in listed if row["source"] != "community"]) == len(stated), "the provider's own stay"
        page = (await client.get("/prices?gpu=l4-24gb&provider=aws")).text
        assert "community, 1 report" in page
        assert page.count('<span class="tag">community</span>') == 1
        assert await record.fresh_until([("l4-24gb", "spot")]) == fresh, "nor does history take them"
        assert prices.findall((await client.get("/")).text) == before, "reported prices are no best prices"
        assert best
        sheet = re.findall(r'data-sheet="([^"]+)"', (await client.get("/calculator")).text)[0]
        assert "us-marker-1" in (await client.get("/prices.csv")).text
        offers = (await client.get(sheet)).json()["offers"]
        assert offers
        assert 20_000 not in {offer[5] for offer in offers}, "nor does the calculator reckon with them"

    house.run(work)


def test_a_provider_that_answers_for_itself_retires_its_shipped_list_and_no_report(house: Inside) -> None:
    with clouds() as server:
        live = load(database_of(house.settings, **server.environment()))

        async def sources() -> set[str]:
            return {row[0] for row in await tuples("SELECT DISTINCT source FROM offer WHERE provider = 'lambda'")}

        async def work(client: httpx.AsyncClient) -> None:
            mine = {
                **PRICE,
                "provider": "lambda",
                "gpu": "h100-sxm-80gb",
                "tier": "on-demand",
                "price": "0.99",
                "per": "gpu-hour",
                "seen_on": f"{clock.now():%Y-%m-%d}",
                "region": "",
            }
            number, _ = await send(client, "price", mine, checked="yes")
            await submissions._decide(house.settings, [number], "approve", "")
            assert await sources() > {"community"}, "beside the shipped list"
            assert (await refresh("lambda", live)).state == "ok"
            assert await sources() == {"community", "lambda"}
            levels = "SELECT count(*) FROM price_level WHERE gpu = 'h100-sxm-80gb' AND low_micro = 990000"
            assert await tuples(levels) == [(0,)], "history holds what providers ask"

        house.run(work)


def test_a_decision_is_told_to_the_edge_and_a_withdrawn_report_takes_none(house: Inside) -> None:
    with clouds() as edge:
        edge.answers["/purge"] = {}
        told = replace(house.settings, edge_purge_url=(f"{edge.url}/purge",))

        async def work(client: httpx.AsyncClient) -> None:
            number, receipt = await send(client, "experience", EXPERIENCE)
            assert await submissions._decide(told, [number], "approve", "") == 0
            keys = {name.casefold(): value for name, value in edge.asked[-1].headers.items()}["surrogate-key"].split()
            assert {"community", "provider:lambda"} <= set(keys)
            await client.post("/submissions", data={"receipt": receipt, "do": "withdraw"})
            with pytest.raises(InferenceBenchError, match="withdrawn by its sender"):
                await submissions._decide(told, [number], "approve", "")
            assert "MARKERTEXT" not in (await client.get("/providers/lambda")).text

        house.run(work)


def test_independent_benchmarks_of_the_same_set_up_are_counted(house: Inside) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        ids = [
            (await send(client, "benchmark", {**BENCHMARK, "how": f"bench number {n}", "tpot_ms": ms}))[0]
            for n, ms in enumerate(("8.1", "8.6", "11.9"))
        ]
        await submissions._decide(house.settings, ids, "approve", "")
        found = sorted((row["tpot_ms"], row["agree"]) for row in await publish.benchmark_rows())
        assert found == [("11.9", "1"), ("8.1", "2"), ("8.6", "2")]
        assert "2 reports agree" in (await client.get("/benchmarks")).text

    house.run(work)


def test_reports_of_the_same_price_are_counted(house: Inside) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        ids = [
            (await send(client, "price", {**PRICE, "seen_where": f"place {n}", "price": price}, checked="yes"))[0]
            for n, price in enumerate(("0.3141", "0.3142", "0.9"))
        ]
        await submissions._decide(house.settings, ids, "approve", "")
        rows = await tuples("SELECT remark FROM offer WHERE source = 'community'")
        assert rows == [("community, 2 reports agree",)], "not the one that stands alone that day"
        assert len(publish.grouped(await store.published("price"))) == 1

    house.run(work)


def test_a_report_can_be_seen_corrected_and_exported(house: Inside) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        number, receipt = await send(client, "experience", EXPERIENCE, contact="person@example.org")
        await submissions._decide(house.settings, [number], "approve", "")
        form = await client.post("/submissions", data={"receipt": receipt, "do": "correct"})
        assert "MARKERTEXT" in form.text
        assert 'value="person@example.org"' in form.text
        wrong = await client.post("/submissions", data={"receipt": receipt, "do": "save", **EXPERIENCE, "rating": "9"})
        assert wrong.status_code == 422
        assert "is none that is known here" in wrong.text
        saved = await client.post(
            "/submissions",
            data={
                "receipt": receipt,
                "do": "save",
                **EXPERIENCE,
                "text": "=Quite another text than the first one, after all.",
            },
        )
        assert "awaits review again" in saved.text
        assert "Quite another" not in (await client.get("/providers/lambda")).text
        told = (await client.post("/submissions", data={"receipt": receipt, "do": "json"})).json()
        assert told["report"]["text"].startswith("=Quite another")
        assert told["contact"] is None
        assert told["consent"].endswith(reports.AGE)
        answer = await client.post("/submissions", data={"receipt": receipt, "do": "csv"})
        assert 'filename="' in answer.headers["content-disposition"]
        assert {"field": "rating", "value": "4"}.items() <= next(
            row for row in csv.DictReader(io.StringIO(answer.text)) if row["field"] == "rating"
        ).items()
        assert "'=Quite another" in answer.text, "a spreadsheet takes it for text"

    house.run(work)


@pytest.mark.parametrize("promise", ["P-3b P-8b P-11"])
def test_what_is_erased_is_in_no_file_and_a_restored_database_erases_it_again(
    house: Inside, tmp_path: Path, promise: str
) -> None:
    async def sent(client: httpx.AsyncClient) -> list[tuple[str, str]]:
        found = [await send(client, kind, REPORTS[kind], contact="marker@example.org") for kind in FORMS]
        await submissions._decide(house.settings, [number for number, _ in found], "approve", "")
        return found

    ids = house.run(sent)
    copy = Copy(house.settings, tmp_path)
    journalled = house.settings.data_dir / erasure_journal.FILE
    assert not journalled.exists()

    async def gone(client: httpx.AsyncClient) -> None:
        for _, receipt in ids:
            assert "Tick the box" in (await client.post("/submissions", data={"receipt": receipt, "do": "erase"})).text
            assert (
                "Erased"
                in (await client.post("/submissions", data={"receipt": receipt, "do": "erase", "sure": "yes"})).text
            )
        await purge.run(house.settings, clock.timestamp())

    house.run(gone)
    assert b"marker" not in everything(house.settings)
    assert sorted(journalled.read_text().splitlines()) == sorted(f"submission\t{number}" for number, _ in ids), (
        "id and kind, nothing else"
    )
    copy.restore()
    assert b"marker" in everything(house.settings)
    with opened(house.settings):  # as the worker has it open: nothing is folded back by closing
        prepare.prepare(house.settings)
        assert b"marker" not in everything(house.settings)
    assert beside(house.settings, "SELECT id FROM submission") == []
    assert beside(house.settings, "SELECT id FROM offer WHERE source = 'community'") == []


def test_a_line_that_a_crash_cut_off_swallows_no_later_erasure(tmp_path: Path) -> None:
    (tmp_path / erasure_journal.FILE).write_text("submission\tr1\nsubmiss")
    erasure_journal.append(tmp_path, "submission", ["r2", "r3"])
    erasure_journal.append(tmp_path, "case", ["PR-1"])
    assert erasure_journal.read(tmp_path) == {"submission": {"r1", "r2", "r3"}, "case": {"PR-1"}}


@pytest.mark.parametrize("way", ["withdraw", "erase"])
def test_an_ending_is_in_the_journal_and_on_the_disk_before_it_is_in_the_database_and_a_backup_cannot_undo_it(
    house: Inside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    folder, synced = house.settings.data_dir, []
    number, receipt = house.run(lambda client: send(client, "experience", EXPERIENCE))
    copy = Copy(house.settings, tmp_path)
    real = os.fsync

    def watched(file: int) -> None:
        real(file)
        states = beside(house.settings, "SELECT state FROM submission")
        synced.append((Path(f"/proc/self/fd/{file}").readlink().name, states, erasure_journal.read(folder)))

    monkeypatch.setattr(os, "fsync", watched)
    ended = house.run(lambda client: client.post("/submissions", data={"receipt": receipt, "do": way, "sure": "yes"}))
    assert ended.status_code == 200
    assert [name for name, _, _ in synced] == [
        erasure_journal.FILE,
        folder.name,
    ], "the file, and the folder's entry of it"
    assert all(told[1:] == (["waiting"], {"submission": {number}}) for told in synced), "before anything else happens"
    copy.restore()
    prepare.prepare(house.settings)
    assert beside(house.settings, "SELECT id FROM submission") == []


def test_the_same_text_typed_on_another_keyboard_is_the_same_text(house: Inside) -> None:
    composed, apart = (
        "Ein Gerät war gleich da, gut für uns alle.",
        "Ein Gera\u0308t war gleich da, gut fu\u0308r uns alle.",
    )

    async def work(client: httpx.AsyncClient) -> None:
        number, _ = await send(client, "experience", {**EXPERIENCE, "text": apart})
        await submissions._decide(house.settings, [number], "approve", "")
        again = await client.post("/submit/experience", data=agreed(client, {**EXPERIENCE, "text": composed}))
        assert "Already published" in again.text
        assert [report.values["text"] for report in await store.listed()] == [composed]

    house.run(work)


@pytest.mark.parametrize("promise", ["P-8b"])
def test_rejected_and_withdrawn_reports_go_at_their_limits_and_others_stay(house: Inside, promise: str) -> None:
    at = int(clock.parse_instant("2026-11-24T15:00:00Z").timestamp())
    day = 86_400

    async def work(client: httpx.AsyncClient) -> None:
        ids = [
            await send(client, "experience", {**EXPERIENCE, "text": f"{EXPERIENCE['text']} number {n}"})
            for n in range(3)
        ]
        await submissions._decide(house.settings, [ids[0][0]], "reject", "not about this provider")
        assert "not about this provider" in (await client.post("/submissions", data={"receipt": ids[0][1]})).text
        await client.post("/submissions", data={"receipt": ids[1][1], "do": "withdraw"})
        midnight = at - at % day
        assert (await purge.run(house.settings, midnight + 7 * day - 1))["submissions"] == 0
        assert (await purge.run(house.settings, midnight + 7 * day))["submissions"] == 1
        assert (await purge.run(house.settings, midnight + 30 * day - 1))["submissions"] == 0
        assert (await purge.run(house.settings, midnight + 30 * day))["submissions"] == 1
        assert (await purge.run(house.settings, midnight + 3650 * day))["submissions"] == 0
        assert [row.id for row in await store.listed()] == [ids[2][0]]

    with time_machine.travel(at, tick=False):
        house.run(work)


def test_without_consent_age_or_with_a_filled_trap_nothing_is_kept(house: Inside) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        form = (await client.get("/submit/price")).text
        for name in ("consent", "age"):
            box = re.search(rf'<input type="checkbox" id="{name}"[^>]*>', form)
            assert box
            assert "checked" not in box[0], "consent is never ticked beforehand"
        for change, ticked in (
            ({"consent": ""}, {"age"}), ({"age": ""}, {"consent"}), ({"website": "http://spam"}, {"age", "consent"}),
            ({"policy": "2020-01-01"}, {"age"}),  # what was agreed to is another text
        ):  # fmt: skip
            answer = await client.post("/submit/price", data=agreed(client, PRICE, **change))
            assert answer.status_code == 422
            assert 'class="wrong"' in answer.text
            assert "us-marker-1" in answer.text, "nothing typed is lost"
            boxes = re.findall(r'<input type="checkbox" id="(\w+)"[^>]*? checked', answer.text)
            assert set(boxes) == ticked, "what was agreed to stays so"
        assert await store.listed() == []

    house.run(work)


@pytest.mark.parametrize(
    ("kind", "change", "field", "words"),
    [
        ("price", {"price": "cheap"}, "price", "is not a plain number"),
        ("price", {"price": "0"}, "price", "between 0.001 and 10,000"),
        ("price", {"price": "-1"}, "price", "plain number"),
        ("price", {"price": "1e3"}, "price", "plain number"), ("price", {"price": "NaN"}, "price", "plain number"),
        ("price", {"gpu_count": "1.5"}, "gpu_count", "whole number"),
        ("price", {"gpu": "h9000"}, "gpu", "none that is known"),
        ("price", {"provider": ""}, "provider", "Provider: choose one"),
        ("price", {"seen_on": "2999-01-01"}, "seen_on", "lies in the future"),
        ("price", {"seen_on": "20.11.2026"}, "seen_on", "for example 2026-11-20"),
        ("price", {"link": "javascript:alert(1)"}, "link", "must begin with http"),
        ("price", {"link": "ftp://x.example/"}, "link", "must begin with http"),
        ("price", {"tier": "reserved"}, "commitment_months", "needs its term"),
        ("price", {"commitment_months": "12"}, "commitment_months", "Only a reserved price"),
        ("price", {"seen_where": "x\u202eevil"}, "seen_where", "right-to-left override"),
        ("price", {"region": "a\u200bb"}, "region", "zero width space"),
        ("price", {"region": "a" * 81}, "region", "at most 80"),
        ("price", {"contact": "nobody"}, "contact", "is not an e-mail address"),
        ("price", {"contact": "a@b.c\r\nBcc: x@y.zz"}, "contact", "holds"),
        ("experience", {"text": "My card 4111 1111 1111 1111 was charged twice"}, "text", "payment card"),
        ("experience", {"text": "they asked for my number 123-45-6789, why?"}, "text", "social security"),
        ("experience", {"text": f"fullwidth {FULL_WIDTH_CARD} digits here"}, "text", "payment card"),
        ("experience", {"text": "short"}, "text", "at least 20"),
        ("benchmark", {"model": "no/such"}, "model", "none that is known"),
        ("benchmark", {"tpot_ms": "", "output_tokens_per_s": ""}, "tpot_ms", "the throughput, or both"),
        ("benchmark", {"how": ""}, "how", "How you measured: say a few words"),
    ],
)  # fmt: skip
def test_an_error_is_said_at_its_field_and_nothing_is_kept_or_lost(
    house: Inside, kind: str, change: dict[str, str], field: str, words: str
) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        answer = await client.post(f"/submit/{kind}", data=agreed(client, {**REPORTS[kind], **change}))
        assert answer.status_code == 422
        said = re.search(rf'<p class="wrong" id="{field}-wrong">([^<]*)</p>', answer.text)
        assert said, re.findall(r'class="wrong"[^>]*>([^<]+)', answer.text)
        assert words in unescape(said[1])
        assert re.search(rf'id="{field}"[^>]*aria-invalid="true"', answer.text)
        assert await store.listed() == []
        for name, value in {**REPORTS[kind], **change}.items():
            if name in ("seen_where", "how", "text") and value and name != field:
                assert value.split(" ")[-1].replace("&", "&amp;") in answer.text

    house.run(work)


@pytest.mark.parametrize("promise", ["P-2.3c"])
@pytest.mark.parametrize(
    "text",
    [
        "4111111111111111",
        "5555 5555 5555 4444",
        "3782-822463-10005",
        "123-45-6789",
        "123 45 6789",
        "(6011 1111 1111 1117)",
    ],
)
def test_numbers_of_cards_and_people_are_refused_and_not_stored(house: Inside, text: str, promise: str) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        for kind, field in (("experience", "text"), ("price", "seen_where"), ("benchmark", "how")):
            answer = await client.post(
                f"/submit/{kind}",
                data=agreed(client, {**REPORTS[kind], field: f"It happened on a day like this: {text} and then"}),
            )
            assert answer.status_code == 422
            assert "must not keep it" in answer.text
        assert await store.listed() == []

    house.run(work)
    assert text.encode() not in everything(house.settings)


def test_figures_of_benchmarks_are_no_card_numbers() -> None:
    from app.submissions.free_text import refuse_numbers_of_people

    for fine in ("tpot 0.4111111111111111 s", "4111111111111111.5 tokens", "build 4111111111111112",
                 "took 1234567890123456789012 ns", "id 123-45-67890", "v4.111111111111111", "2026-11-20 12:30:45",
                 "+49 30 123456", "000-12-3456", "8.4532167890123, 9.3321456789012"):  # fmt: skip
        refuse_numbers_of_people(fine)


def test_only_what_is_published_is_said_to_be_there_already(house: Inside) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        async def said(receipt: str = "", do: str = "") -> str:
            if do:
                await client.post("/submissions", data={"receipt": receipt, "do": do})
            answer = await client.post("/submit/price", data=agreed(client, PRICE))
            return " ".join(re.findall(r"<h1>([^<]+)</h1>", answer.text))

        number, receipt = await send(client, "price", PRICE)
        assert await said() == "Thank you", "nobody learns of what waits"
        await submissions._decide(house.settings, [number], "reject", "no such price")
        assert await said() == "Thank you"
        assert await said(receipt, "withdraw") == "Thank you", "who took it back may send it again"
        numbers = [row.id for row in await store.listed("waiting")]
        assert len(numbers) == 3
        await submissions._decide(house.settings, numbers[:1], "approve", "")
        assert await said() == "Already published"
        with pytest.raises(ConflictError, match="which is published"):
            await submissions._decide(house.settings, numbers[1:2], "approve", "")
        assert len(await store.published("price")) == 1, "one report never counts as two that agree"

    house.run(work)


def test_odd_values_are_asked_about_and_can_be_confirmed(house: Inside) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        odd: list[tuple[str, dict[str, str], str]] = [
            ("price", {**PRICE, "gpu": "h100-sxm-80gb", "tier": "on-demand", "price": "0.05"}, "times the lowest of"),
            ("price", {**PRICE, "gpu": "h100-sxm-80gb", "tier": "on-demand", "price": "900"}, "times the highest of"),
            ("benchmark", {**BENCHMARK, "tpot_ms": "0.9"}, "as quick as the fastest measured"),
            ("benchmark", {**BENCHMARK, "tpot_ms": "400"}, "is predicted"),
            ("benchmark", {**BENCHMARK, "output_tokens_per_s": "99999"}, "give at most"),
            ("benchmark", {**BENCHMARK, "output_tokens_per_s": "1"}, "give about"),
            ("benchmark", {**BENCHMARK, "output_tokens_per_s": "1", "ttft_ms": ""}, "give about"),
            ("benchmark", {**BENCHMARK, "model": "deepseek-ai/DeepSeek-R1", "gpu": "l4-24gb"}, "does not run so"),
        ]
        for kind, values, words in odd:
            answer = await client.post(f"/submit/{kind}", data=agreed(client, values))
            assert answer.status_code == 422, words
            assert words in answer.text
            assert 'name="checked"' in answer.text
        await send(client, odd[0][0], odd[0][1], checked="yes")
        assert len(await store.listed()) == 1

    house.run(work)


def test_a_doubt_advises_what_the_form_offers_and_nothing_unknown_is_doubted() -> None:
    offered = [name for name, _ in PRECISIONS]
    advised: set[str] = set()
    for gpu in gpus():
        for precision in offered:
            values = {**BENCHMARK, "gpu": gpu, "precision": precision, "concurrency": "1", "input_tokens": "64"}
            told = asyncio.run(plausible.doubts("benchmark", values)).get("gpu", "")
            assert "not known" not in told, gpu
            if " work" in told:
                advised |= set(re.findall(r"[a-z]+\d+", told.partition(";")[2]))
    assert {"fp16", "int4"} <= advised <= set(offered)
    t4 = {**BENCHMARK, "gpu": "t4-16gb", "precision": "fp16"}
    assert "work" not in asyncio.run(plausible.doubts("benchmark", t4)).get("gpu", "")


@pytest.mark.parametrize(
    ("name", "data", "filled"),
    [
        ("vllm.json", {"date": "20261120-093000", "backend": "vllm", "model_id": "meta-llama/llama-3.1-8b-instruct",
                       "completed": 100, "total_input_tokens": 102400, "total_output_tokens": 25600,
                       "max_concurrency": 8, "output_throughput": 912.345, "median_ttft_ms": 61.25,
                       "median_tpot_ms": 8.1},
         {"engine": "vllm", "model": "meta-llama/Llama-3.1-8B-Instruct", "input_tokens": "1024", "output_tokens": "256",
          "concurrency": "8", "ttft_ms": "61.25", "tpot_ms": "8.1", "measured_on": "2026-11-20"}),
        ("sglang.jsonl", {"backend": "sglang", "random_input_len": 512, "random_output_len": 128, "max_concurrency": 4,
                          "mean_ttft_ms": 40.0, "mean_tpot_ms": 7.25, "output_throughput": 500},
         {"engine": "sglang", "input_tokens": "512", "output_tokens": "128", "concurrency": "4", "ttft_ms": "40",
          "tpot_ms": "7.25"}),
        ("llama.json", [{"build_number": 6100, "n_prompt": 512, "n_gen": 0, "avg_ts": 5120.0,
                         "test_time": "2026-11-20T10:00:00Z"}, {"build_number": 6100, "n_prompt": 0, "n_gen": 128,
                             "avg_ts": 125.0}],
         {"engine": "llama.cpp", "engine_version": "b6100", "input_tokens": "512", "output_tokens": "128",
          "ttft_ms": "100", "tpot_ms": "8", "concurrency": "1"}),
        ("llama.csv", "build_number,n_prompt,n_gen,avg_ts\n6100,0,128,125.0\n",
         {"engine": "llama.cpp", "output_tokens": "128", "tpot_ms": "8"}),
    ],
)  # fmt: skip
def test_a_result_file_fills_the_form_and_is_not_kept(
    house: Inside, name: str, data: Any, filled: dict[str, str]
) -> None:
    text = data if isinstance(data, str) else json.dumps(data)

    def check(page: str) -> None:
        for field, value in filled.items():
            chosen = re.search(rf'<select id="{field}".*?</select>', page, re.DOTALL)
            assert (
                f'value="{value}" selected' in chosen[0]
                if chosen
                else re.search(rf'id="{field}" name="{field}" value="{value}"', page)
            ), field

    async def work(client: httpx.AsyncClient) -> None:
        uploaded = await client.post(
            "/submit/benchmark", data={"how": "kept as typed"}, files={"file": (name, text + " " * 3)}
        )
        assert uploaded.status_code == 200
        check(uploaded.text)
        assert "kept as typed" in uploaded.text
        check((await client.post("/submit/benchmark", data={"pasted": text, "do": "fill"})).text)
        assert await store.listed() == []

    house.run(work)


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"{",
        b"[1,2]",
        b"\xff\xfe\x00",
        b'{"a": 1}',
        b"x,y\n1,2\n",
        b"[" * 100_000,
        b'{"median_tpot_ms": "NaN"}',
        b'{"median_tpot_ms": 1e999}',
        b'{"median_tpot_ms": -5}',
    ],
)
def test_a_file_that_is_no_result_says_so(house: Inside, bad: bytes) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        answer = await client.post("/submit/benchmark", data={"do": "fill"}, files={"file": ("x.json", bad)})
        assert answer.status_code == 422
        assert re.search(r'id="file-wrong">[^<]+<', answer.text)

    house.run(work)


def test_a_page_of_another_site_cannot_send(house: Inside) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        for path in ("/submit/price", "/submissions"):
            assert (
                await client.post(path, data=agreed(client, PRICE), headers={"sec-fetch-site": "cross-site"})
            ).status_code == 403
        assert await store.listed() == []

    house.run(work)


def test_one_address_can_send_ten_an_hour_and_nothing_typed_is_lost(inside: Inside) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        for n in range(reports.MOST_SENT):
            await send(client, "experience", {**EXPERIENCE, "text": f"{EXPERIENCE['text']} {n}"})
        late = await client.post(
            "/submit/experience", data=agreed(client, {**EXPERIENCE, "text": "One more text that would be lost."})
        )
        assert late.status_code == 429
        assert "One more text that would be lost." in late.text
        assert 0 < int(late.headers["retry-after"]) <= 3600
        statuses = [
            (await client.post("/submit/experience", data=agreed(client, EXPERIENCE))).status_code
            for _ in range(reports.MOST_POSTS)
        ]
        assert set(statuses) == {429}
        assert (await client.get("/prices")).status_code == 200
        assert len(await store.listed()) == reports.MOST_SENT
        page = await client.post("/submit/experience", data=agreed(client, EXPERIENCE))
        assert len(page.content) < 300, "past the second limit an answer costs nothing"

    inside.run(work)


def test_a_full_queue_asks_to_try_later(house: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MOST_WAITING", 1)

    async def work(client: httpx.AsyncClient) -> None:
        await send(client, "price", PRICE)
        late = await client.post("/submit/experience", data=agreed(client, EXPERIENCE))
        assert late.status_code == 429
        assert "MARKERTEXT" in late.text

    house.run(work)


def test_the_operator_sees_the_queue_beside_what_is_known(house: Inside, capsys: pytest.CaptureFixture[str]) -> None:
    ids = house.run(_all)
    submissions.listing(state="waiting", settings=house.settings)
    said = capsys.readouterr().out
    assert "3 reports" in said
    for number in ids:
        submissions.show(number, settings=house.settings)
    said = capsys.readouterr().out
    assert "USD per GPU-hour; known of coreweave" in said
    assert "80% range" in said
    assert submissions.approve(ids[0], ids[1], settings=house.settings) == 0
    assert submissions.reject(ids[2], reason="about somebody else", settings=house.settings) == 0
    with pytest.raises(Exception, match="needs its reason"):
        submissions.reject(ids[2], settings=house.settings)
    with pytest.raises(Exception, match="there is no report"):
        submissions.approve("rnothing", settings=house.settings)
    trail = rows(house.settings, "SELECT submission, kind, action, reason FROM moderation")
    assert {row[2] for row in trail} == {"approve", "reject"}
    assert "marker" not in repr(trail).casefold()
    target = house.settings.data_dir / "rows.csv"
    submissions.benchmarks(str(target), settings=house.settings)
    assert target.read_text().count("\n") == 2
    target.unlink()


async def _all(client: httpx.AsyncClient) -> list[str]:
    return [(await send(client, kind, REPORTS[kind], contact="marker@example.org"))[0] for kind in FORMS]


def test_a_frozen_report_is_shown_nowhere_and_not_changed(house: Inside) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        number, receipt = await send(client, "experience", EXPERIENCE)
        await submissions._decide(house.settings, [number], "approve", "")
        report = await store.by_id(number)
        assert report
        await store.restrict([report], frozen=True)
        assert "MARKERTEXT" not in (await client.get("/providers/lambda")).text
        assert (
            await client.post("/submissions", data={"receipt": receipt, "do": "save", **EXPERIENCE})
        ).status_code == 409
        assert (await client.post("/submissions", data={"receipt": receipt, "do": "json"})).json()["frozen"] is True
        await store.restrict([report], frozen=False)
        assert "MARKERTEXT" in (await client.get("/providers/lambda")).text

    house.run(work)


FUZZED = st.dictionaries(
    st.sampled_from(
        [
            *{field.name for form in FORMS.values() for field in form.fields},
            "contact",
            "consent",
            "age",
            "policy",
            "website",
            "do",
            "checked",
            "pasted",
            "receipt",
            "sure",
            "other",
        ]
    ),
    st.one_of(
        st.text(max_size=60),
        st.sampled_from(
            [
                "yes",
                "2026-03-27",
                "1",
                "0.5",
                "1e9",
                "-1",
                "l4-24gb",
                "aws",
                "vllm",
                "2026-11-20",
                "http://[",
                "https://x.example/\ud800".encode("utf-8", "replace").decode(),
            ]
        ),
    ),
    max_size=14,
)


@settings(max_examples=examples(150), deadline=None, suppress_health_check=list(HealthCheck))
@given(
    kind=st.sampled_from([*FORMS, "nothing"]),
    values=FUZZED,
    raw=st.binary(max_size=80),
    how=st.sampled_from(["form", "multipart", "raw", "manage", "json"]),
)
def test_no_post_whatever_breaks_a_form(site: Site, kind: str, values: dict[str, str], raw: bytes, how: str) -> None:
    path = "/submissions" if how == "manage" else f"/submit/{kind}"
    with httpx.Client(base_url=site.url) as client:
        if how in ("form", "manage"):
            answer = client.post(path, data=values)
        elif how == "multipart":
            answer = client.post(path, data=values, files={"file": ("x", raw)})
        elif how == "json":
            answer = client.post(path, json=values)
        else:
            answer = client.post(
                path,
                content=raw,
                headers={
                    "content-type": (
                        "multipart/form-data; boundary="
                        + values.get("other", "x")
                        .encode("ascii", "ignore")
                        .decode()
                        .strip()
                        .replace("\n", "")
                        .replace("\r", "")[:20]
                    )
                },
            )
    assert answer.status_code < 500
    kept = answer.headers.get("cache-control") not in ("no-store", "no-cache")
    assert not kept or answer.status_code in (404, 400, 413)
