"""Requests by mail with real parts: Maildirs, Dovecot, an SMTP server; nothing lost, nothing doubled, nothing
before identity."""

import asyncio
import csv
import io
import json
import os
import random
import re
import shutil
import subprocess
import tempfile
import time
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import pytest
import time_machine

from app.cli import privacy, privacy_fulfilment, submissions
from app.core import clock
from app.core.errors import InferenceBenchError
from app.core.settings import Settings, load
from app.privacy.fulfilment import export as gather
from app.privacy.fulfilment import fulfil
from app.privacy.mail import delivery, mailbox, sync
from app.privacy.mail import queue as desk
from app.privacy.mail.mailbox import Imap, Maildir
from app.privacy.mail.parser import HEAD_BYTES, MOST_BYTES, read
from app.privacy.requests import cases, request
from app.privacy.requests.rights import RIGHTS
from app.privacy.retention import purge
from app.process import prepare
from app.storage import engine
from app.submissions import store
from tests.conftest import Inside, Shipped, database_of, free_port
from tests.database import Copy, dump, rows
from tests.lives import Lives
from tests.privacy.corpus import CORPUS, Entry, plain
from tests.submissions.test_reports import EXPERIENCE, PRICE, everything, send

DAY = 86_400


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


@pytest.fixture
def office(tmp_path: Path, shipped: Shipped) -> Settings:
    """A data folder with the Maildirs of an office that nobody configured a server for."""
    settings = load({**shipped(tmp_path / "data"), "INFERENCEBENCH_OPERATOR_EMAIL": "operator@example.net"})
    engine.use(settings.database)
    return settings


def arrive(settings: Settings, raw: bytes, name: str) -> None:
    Maildir(settings.data_dir / "mail/inbox").put(name, raw)
    os.utime(settings.data_dir / "mail/inbox/new" / name, (clock.timestamp(),) * 2)


def letters(settings: Settings) -> list[EmailMessage]:
    """What lies in the outbox. Each letter says at its end who writes and where privacy questions go (P-14)."""
    box = settings.data_dir / "mail/outbox"
    found: list[EmailMessage] = [
        message_from_bytes(path.read_bytes(), policy=policy.default)
        for path in sorted((*box.glob("new/*"), *box.glob("cur/*")))
    ]
    for letter in found:
        body = letter.get_body(("plain",))
        assert body is not None
        assert settings.contact_email in body.get_content().rstrip().splitlines()[-1]
    return found


def polled(settings: Settings) -> dict[str, int]:
    return engine.run(sync.poll(settings))


def all_cases() -> list[cases.Case]:
    return engine.run(cases.every(closed=True))


def mail(text: str, subject: str = "a request", sender: str = "person@example.org", **headers: str) -> bytes:
    return (
        plain(text, **headers)
        .replace(b"person@example.org", sender.encode())
        .replace(b"Subject: a request", f"Subject: {subject}".encode())
    )


def code_in(letter: EmailMessage) -> str:
    found = request.CODE.search(letter.get_content() if not letter.is_multipart() else letter.get_body().get_content())  # type: ignore[union-attr]
    assert found
    return found[0]


# Reading


def test_the_corpus_is_large_enough() -> None:
    assert len(CORPUS) >= 60
    assert len({name for name, *_ in CORPUS}) == len(CORPUS)


@pytest.mark.parametrize("entry", CORPUS, ids=[name for name, *_ in CORPUS])
def test_any_message_is_read_and_automatic_ones_are_told(entry: Entry) -> None:
    _, raw, words, answerable = entry
    found = read(raw, len(raw), frozenset({"privacy@inferencebench.io"}))
    assert words in found.text
    assert bool(found.automatic) is not answerable, found.automatic
    assert len(found.text) <= 20_000
    assert len(found.subject) <= 200
    assert "\r" not in found.subject + found.sender
    assert "\n" not in found.subject + found.sender
    assert "\x00" not in found.text
    (found.text + found.subject + found.sender).encode("utf-8", "strict")
    assert found == read(raw, len(raw), frozenset({"privacy@inferencebench.io"}))


def test_every_message_of_the_corpus_becomes_a_case_exactly_once(office: Settings) -> None:
    for number, (_, raw, _, _) in enumerate(CORPUS):
        arrive(office, raw, f"{number:03}.corpus")
    assert polled(office)["read"] == len(CORPUS)
    keys = {read(raw, len(raw), frozenset({"privacy@inferencebench.io"})).key for _, raw, _, _ in CORPUS}
    assert len(all_cases()) == len(keys)
    assert polled(office)["read"] == 0
    for path in (office.data_dir / "mail/inbox").glob("*/*"):
        path.rename(path.with_name(f"again-{path.name}"))  # the same mailbox, read as if it were another
    assert polled(office)["read"] == len(CORPUS)
    assert len(all_cases()) == len(keys)
    assert len(letters(office)) == 1, "one automatic mail a recipient and day"


def test_what_is_too_large_is_answered_politely_and_its_attachment_not_kept(office: Settings) -> None:
    big = EmailMessage()
    big["From"], big["To"], big["Subject"] = "person@example.org", "privacy@inferencebench.io", "scan"
    big.set_content("Please delete me, see the scan.")
    big.add_attachment(os.urandom(30_000_000), maintype="application", subtype="pdf", filename="scan.pdf")
    raw = big.as_bytes()
    assert len(raw) > 30_000_000
    arrive(office, raw, "big")
    polled(office)
    case = all_cases()[0]
    kept = engine.run(cases.correspondence(case.reference))
    assert "see the scan" in kept[0]["body"]
    assert "only the beginning was read" in kept[0]["note"]
    assert "could not be kept" in letters(office)[0].get_content()
    stored = sum(map(len, dump(office))) or office.database_path.stat().st_size
    assert stored < 20_000_000
    assert HEAD_BYTES < MOST_BYTES


# Acknowledging


@pytest.mark.both_engines
@pytest.mark.parametrize("promise", ["P-2.1b P-9.3 P-14"])
def test_a_request_is_acknowledged_with_reference_deadline_and_a_code(office: Settings, promise: str) -> None:
    with time_machine.travel(at("2027-01-31T10:00:00"), tick=False):
        arrive(
            office,
            mail(
                "My data please",
                subject="Privacy request [access]: Access",
                Message_ID="<abc@example.org>",
                Reply_To="elsewhere@example.org",
            ),
            "1",
        )
        assert polled(office) == {
            "read": 1,
            "failed": 0,
            "cases": 1,
            "settled": 0,
            "reminded": 0,
            "sent": 1,
            "copies": 0,
        }
    case = all_cases()[0]
    assert (case.kind, case.law, case.state, case.address) == ("access", "GDPR", request.WAITING, "person@example.org")
    assert case.deadline_at == at("2027-02-28T10:00:00"), "the calendar month is the earlier"
    letter = letters(office)[0]
    text = letter.get_content()
    assert case.reference in letter["Subject"]
    assert case.reference in text
    assert "28 February 2027" in text
    assert code_in(letter)
    assert letter["To"] == "person@example.org"
    assert (letter["Auto-Submitted"], letter["In-Reply-To"]) == ("auto-replied", "<abc@example.org>")
    assert "My data please" not in text, "nothing of the original goes back"
    assert request.CODE.search(str(engine.run(cases.correspondence(case.reference)))) is None, (
        "the code is kept as a hash"
    )


@pytest.mark.parametrize(
    ("received", "law", "due"),
    [
        ("2026-11-24T12:00:00", "GDPR", "2026-12-24T12:00:00"), ("2027-01-31T10:00:00", "GDPR", "2027-02-28T10:00:00"),
        ("2028-01-31T10:00:00", "GDPR", "2028-02-29T10:00:00"),
        ("2027-02-01T00:00:00", "GDPR", "2027-03-01T00:00:00"), ("2026-12-05T00:00:00", "GDPR", "2027-01-04T00:00:00"),
        ("2026-11-24T12:00:00", "CCPA", "2027-01-08T12:00:00"), ("2026-12-05T00:00:00", "other", "2027-01-04T00:00:00"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("promise", ["P-9.3"])
def test_deadlines(received: str, law: str, due: str, promise: str) -> None:
    assert request.deadline(at(received), law) == at(due)


@pytest.mark.parametrize(
    ("subject", "text", "kind", "law"),
    [
        ("", "Under Art. 15 GDPR send me a copy of my data", "access", "GDPR"),
        ("", "please delete my report", "erasure", "other"),
        ("CCPA request", "delete my personal information", "delete", "CCPA"),
        ("", "What do you hold about me? I live in California", "know", "CCPA"),
        ("", "Do not sell my data", "opt-out", "other"), ("", "I withdraw my consent", "withdrawal", "other"),
        ("", "Ich verlange Auskunft nach DSGVO", "access", "GDPR"),
        ("", "I object to this", "objection", "other"), ("", "how are you?", "question", "other"),
        ("[portability] x", "delete delete", "portability", "GDPR"), ("[nonsense]", "delete", "erasure", "other"),
    ],
)  # fmt: skip
def test_kind_and_law_are_guessed_from_the_words(subject: str, text: str, kind: str, law: str) -> None:
    assert request.guess(subject, text) == (kind, law)


@pytest.mark.parametrize("promise", ["P-9.1 P-9.2"])
def test_the_links_of_the_rights_page_open_a_case_of_their_kind(office: Settings, promise: str) -> None:
    for number, right in enumerate(RIGHTS):
        arrive(office, mail(right.asks, subject=right.subject, sender=f"p{number}@example.org"), f"{number:02}")
    polled(office)
    assert sorted(case.kind for case in all_cases()) == sorted(right.kind for right in RIGHTS)
    asked = {letter["To"]: bool(request.CODE.search(letter.get_content())) for letter in letters(office)}
    assert asked == {f"p{n}@example.org": right.kind in request.IDENTITY for n, right in enumerate(RIGHTS)}


def test_a_message_that_cannot_be_kept_stands_in_nobodys_way(office: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    arrive(office, mail("the first"), "1")
    arrive(office, mail("the second", sender="second@example.org"), "2")
    real = read
    monkeypatch.setattr(sync, "read", lambda raw, *rest: _refuse() if b"the first" in raw else real(raw, *rest))
    assert polled(office)["failed"] == 1
    assert [case.address for case in all_cases()] == ["second@example.org"]
    monkeypatch.setattr(sync, "read", real)
    assert polled(office)["read"] == 1
    assert len(all_cases()) == 2


def _refuse() -> None:
    raise ValueError("unreadable")


def test_a_deadline_counts_from_the_arrival_however_late_the_mailbox_is_read(office: Settings) -> None:
    with time_machine.travel(at("2026-11-24T10:00:00"), tick=False):
        arrive(office, mail("why?", subject="[question]"), "q")
    with time_machine.travel(at("2026-11-29T10:00:00"), tick=False):
        polled(office)
    assert all_cases()[0].deadline_at == at("2026-12-24T10:00:00")


@pytest.mark.both_engines
def test_loops_and_floods_end(office: Settings) -> None:
    for number in range(160):
        arrive(office, mail(f"request {number}", sender=f"p{number}@example.org"), f"a{number:03}")
    for number in range(40):
        arrive(office, mail(f"again {number}", sender="p1@example.org"), f"b{number:03}")
    polled(office)
    assert len(all_cases()) == 200
    assert len(letters(office)) == desk.AUTOMATIC_AN_HOUR
    reply = letters(office)[0]
    arrive(office, reply.as_bytes(), "loop")  # our own mail comes back
    polled(office)
    assert len(letters(office)) == desk.AUTOMATIC_AN_HOUR


# Identity


def waiting(settings: Settings, kind: str = "access") -> tuple[cases.Case, str]:
    """A case that waits for its code, and the code."""
    arrive(settings, mail("please", subject=f"[{kind}]", Message_ID="<first@example.org>"), "first")
    polled(settings)
    return all_cases()[0], code_in(letters(settings)[0])


@pytest.mark.parametrize("promise", ["P-9.4"])
def test_nothing_is_sent_changed_or_erased_before_identity_is_shown(office: Settings, promise: str) -> None:
    case, _ = waiting(office)
    for work in (
        gather.export(office, case.reference, [], []),
        fulfil.erase(office, case.reference, [], dry=False),
        fulfil.restrict(office, case.reference, [], frozen=True, dry=False),
    ):
        with pytest.raises(InferenceBenchError, match="identity is not shown"):
            engine.run(work)


@pytest.mark.both_engines
@pytest.mark.parametrize("promise", ["P-9.4"])
def test_a_code_confirms_once_from_the_address_on_record_only(office: Settings, promise: str) -> None:
    case, code = waiting(office)
    first = letters(office)[0]["Message-ID"]
    arrive(office, mail(f"{code}", subject=f"Re: {case.reference}", sender="thief@example.org"), "thief")
    polled(office)
    assert engine.run(cases.known(case.reference)).verified_at is None
    arrive(
        office,
        mail(f"{code.lower()}\r\n> the code\r\n", subject="Re: yours", In_Reply_To=first),
        "reply",
    )
    polled(office)
    found = engine.run(cases.known(case.reference))
    assert found.state == request.VERIFIED
    assert found.code_hash == "", "single use"


@pytest.mark.parametrize("promise", ["P-9.4"])
def test_wrong_codes_are_limited(office: Settings, promise: str) -> None:
    case, code = waiting(office)
    for number in range(request.WRONG_CODES):
        arrive(office, mail(f"IB-2222-222{number + 2}", subject=f"Re: {case.reference}"), f"wrong{number}")
    arrive(office, mail(code, subject=f"Re: {case.reference}"), "zlate")
    polled(office)
    found = engine.run(cases.known(case.reference))
    assert (found.verified_at, found.wrong_codes) == (None, request.WRONG_CODES)


@pytest.mark.parametrize("promise", ["P-9.4"])
def test_log_rows_are_given_only_on_further_proof_that_is_recorded(office: Settings, promise: str) -> None:
    with pytest.raises(InferenceBenchError, match="proves no IP address"):
        engine.run(gather.log_rows(office, "203.0.113.9", 0, None, " "))
    (office.data_dir / "logs").mkdir()
    row = "\t".join(
        (
            f"{clock.now():%Y-%m-%dT%H:%M:%SZ}",
            "203.0.113.9",
            "Firefox",
            "Ubuntu",
            "-",
            "GET",
            "/prices",
            "/prices",
            "200",
            "0.4",
        )
    )
    (office.data_dir / f"logs/access-{clock.now():%Y-%m-%d}.tsv").write_text(row + "\n")
    assert (
        len(engine.run(gather.log_rows(office, "203.0.113.9", 0, clock.timestamp() + 9, "statement of the provider")))
        == 1
    )


# End to end


@pytest.mark.parametrize("promise", ["P-9.1 P-8b P-11"])
def test_a_report_is_sent_approved_shown_exported_by_mail_erased_and_gone_from_every_file(
    inside: Inside, promise: str, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = inside.settings
    numbers: list[str] = []

    async def work(client: httpx.AsyncClient) -> None:
        for kind, values in (("experience", EXPERIENCE), ("price", PRICE)):
            number, _ = await send(client, kind, values, contact="person@example.org")
            numbers.append(number)
        await submissions._decide(settings, numbers, "approve", "")
        assert "MARKERTEXT" in (await client.get("/providers/lambda")).text

    inside.run(work)
    case, code = waiting(settings, "erasure")
    arrive(settings, mail(code, subject=case.reference, In_Reply_To="<x@y>"), "reply")
    polled(settings)
    assert privacy_fulfilment.export(case.reference, send=True, settings=settings) == 0
    polled(settings)
    bundle = next(part for letter in letters(settings) for part in letter.iter_attachments())
    with zipfile.ZipFile(io.BytesIO(bundle.get_content())) as files:
        assert set(files.namelist()) == {
            "README.txt",
            "reports.json",
            "reports.csv",
            "correspondence.json",
            "correspondence.csv",
            "purposes.json",
        }
        told = json.loads(files.read("reports.json"))
        assert {row["id"] for row in told} == set(numbers)
        assert "MARKERTEXT" in files.read("reports.csv").decode()
        readme = files.read("README.txt").decode()
        rows = csv.DictReader(io.StringIO(files.read("reports.csv").decode()))
        assert {row["state"] for row in rows} == {row["state"] for row in told} == {"published"}
        assert "awaiting review, published, rejected or withdrawn" in readme
        for name in ("reports.json", "supervisory", "Who receives it"):
            assert name in readme
        correspondence = json.loads(files.read("correspondence.json"))
        told_of = {name for part in correspondence.values() for row in part for name in row}
        told_of |= {name for row in told for name in (*row, *row["report"])}
        explained = {
            word for line in readme.splitlines() if line.startswith("  ") for word in re.findall(r"[a-z_]+", line[:30])
        }
        assert told_of - {"report"} <= explained, "the README explains each field"
        assert correspondence["cases"][0]["identity"]
        assert correspondence["cases"][0]["history"]
        assert json.loads(files.read("purposes.json"))["kinds"]
    assert privacy_fulfilment.restrict(case.reference, settings=settings) == 0
    inside.run(_not_shown)
    assert privacy_fulfilment.erase(case.reference, settings=settings) == 0
    assert "dry run" in capsys.readouterr().out
    assert b"markertext" in everything(settings)
    assert privacy_fulfilment.erase(case.reference, yes=True, settings=settings) == 0
    polled(settings)
    assert b"marker" not in everything(settings)
    final = letters(settings)[-1].get_content()
    assert "reports: 2" in final
    assert "Kept:" in final
    assert engine.run(cases.known(case.reference)).state == request.ANSWERED
    assert engine.run(store.listed()) == []


async def _not_shown(client: httpx.AsyncClient) -> None:
    assert "MARKERTEXT" not in (await client.get("/providers/lambda")).text


# Time


@pytest.mark.both_engines
@pytest.mark.parametrize("promise", ["P-8c"])
def test_correspondence_goes_twelve_calendar_months_after_it_was_resolved(office: Settings, promise: str) -> None:
    with time_machine.travel(at("2028-02-29T12:00:00"), tick=False):
        arrive(office, mail("A MARKERQUESTION about privacy", subject="[question]"), "q")
        polled(office)
        case = all_cases()[0]
        engine.run(cases.close(case.reference, request.RESOLVED, "told"))
    end = at("2029-02-28T12:00:00")
    assert engine.run(purge.run(office, end - 1))["requests"] == 0
    with time_machine.travel(end, tick=False):
        assert engine.run(purge.run(office, end))["requests"] == 1
    assert all_cases() == []
    assert b"markerquestion" not in everything(office)


@pytest.mark.both_engines
@pytest.mark.parametrize("promise", ["P-8c"])
def test_spam_goes_after_thirty_days_and_copies_after_seven(office: Settings, promise: str) -> None:
    began = at("2026-11-24T12:00:00")
    with time_machine.travel(began, tick=False):
        arrive(office, mail("Buy MARKERPILLS now"), "spam")
        polled(office)
        engine.run(cases.close(all_cases()[0].reference, request.SPAM, ""))
    inbox = office.data_dir / "mail/inbox"
    with time_machine.travel(began + 7 * DAY - 1, tick=False):
        assert polled(office)["copies"] == 0
    assert list(inbox.glob("*/*"))
    with time_machine.travel(began + 7 * DAY, tick=False):
        assert polled(office)["copies"] == 2
    assert not list(inbox.glob("*/*"))
    assert engine.run(purge.run(office, began + 30 * DAY - 1))["requests"] == 0
    assert engine.run(purge.run(office, began + 30 * DAY))["requests"] == 1
    assert b"markerpills" not in everything(office)


@pytest.mark.parametrize("promise", ["P-8c P-9.3"])
def test_a_case_silent_for_sixty_days_after_our_answer_resolves_itself_and_a_word_wakes_it(
    office: Settings, promise: str
) -> None:
    began = at("2026-11-24T12:00:00")
    with time_machine.travel(began, tick=False):
        arrive(office, mail("why?", subject="[question]"), "q")
        polled(office)
        case = all_cases()[0]
        engine.run(desk.answer(office, case.reference, "Because."))
    with time_machine.travel(began + 60 * DAY - 1, tick=False):
        assert polled(office)["settled"] == 0
    with time_machine.travel(began + 60 * DAY, tick=False):
        assert polled(office)["settled"] == 1
        assert all_cases()[0].state == request.RESOLVED
        arrive(office, mail("but why?", subject=f"Re: {case.reference}"), "again")
        polled(office)
        assert (all_cases()[0].state, all_cases()[0].resolved_at) == (request.RECEIVED, None)
    with time_machine.travel(began + 65 * DAY, tick=False):
        engine.run(desk.answer(office, case.reference, "Because of this."))
    with time_machine.travel(began + 125 * DAY - 1, tick=False):
        assert polled(office)["settled"] == 0, "the sixty days count from the last letter"
    with time_machine.travel(began + 125 * DAY, tick=False):
        assert polled(office)["settled"] == 1


@pytest.mark.parametrize("promise", ["P-9.3 P-14"])
def test_the_operator_is_reminded_ten_three_and_no_days_before_each_once(office: Settings, promise: str) -> None:
    began = at("2026-12-05T12:00:00")
    with time_machine.travel(began, tick=False):
        arrive(office, mail("why?", subject="[question]"), "q")
        polled(office)
    due = all_cases()[0].deadline_at
    reminded = []
    for hours in range(0, 32 * 24, 6):
        with time_machine.travel(began + hours * 3600, tick=False):
            if polled(office)["reminded"]:
                reminded.append((due - began) / DAY - hours / 24)
    assert [int(days) for days in reminded] == [10, 3, 0]
    told = [letter for letter in letters(office) if letter["To"] == "operator@example.net"]
    assert told
    assert "Auto-Submitted" not in told[0]


def test_a_request_that_came_another_way_has_the_same_deadline(
    office: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        privacy.record(kind="erasure", law="CCPA", way="GitHub issue 12", received="2026-11-20", settings=office) == 0
    )
    assert "due 4 January 2027" in capsys.readouterr().out
    assert privacy.listing(settings=office) == 0
    assert "1 case" in capsys.readouterr().out
    reference = all_cases()[0].reference
    assert privacy_fulfilment.verify(reference, proof="passport seen, not kept", settings=office) == 0
    assert privacy.resolve(reference, extend=True, reason="many requests", settings=office) == 0
    assert engine.run(cases.known(reference)).deadline_at == at("2026-11-20T00:00:00") + 90 * DAY
    with pytest.raises(InferenceBenchError, match="extended once"):
        privacy.resolve(reference, extend=True, reason="many requests", settings=office)
    with pytest.raises(InferenceBenchError, match="a refusal needs its --reason"):
        privacy.resolve(reference, state="refused", settings=office)
    assert privacy_fulfilment.verify(reference, law="GDPR", settings=office) == 0
    assert engine.run(cases.known(reference)).deadline_at == at("2027-02-20T00:00:00"), (
        "the extension stands under the other law"
    )
    assert privacy.show(reference, settings=office) == 0
    assert "passport seen" in capsys.readouterr().out


# Kills, servers


def test_killed_at_fifty_random_moments_no_message_is_lost_or_doubled(tmp_path: Path, shipped: Shipped) -> None:
    settings = load(shipped(tmp_path / "data"))
    engine.use(settings.database)
    total, randomly = 400, random.Random(7)
    for number in range(total):
        arrive(
            settings,
            mail(f"request number {number}", sender=f"p{number}@example.org", Message_ID=f"<{number}@example.org>"),
            f"{number:04}",
        )
    before = (
        "import time\nfrom app.storage import engine\nfrom app.privacy.mail import delivery, queue, sync\n"
        "from app.core.settings import load\nqueue.AUTOMATIC_AN_HOUR = 10**6\ndelivery.AGAIN_S = 0\nsettings ="
        " load()\nengine.use(settings.database)"
    )
    life = "while True:\n    engine.run(sync.poll(settings))\n    time.sleep(0.01)"
    with Lives(before, life, database_of(settings)) as lives:
        for _ in range(50):
            with lives.cut_short():
                time.sleep(randomly.uniform(0.0, 0.25))
    cases_before = len(all_cases())
    assert cases_before > 0
    limit, again = desk.AUTOMATIC_AN_HOUR, delivery.AGAIN_S
    desk.AUTOMATIC_AN_HOUR, delivery.AGAIN_S = 10**6, 0
    try:
        for _ in range(3):
            polled(settings)
    finally:
        desk.AUTOMATIC_AN_HOUR, delivery.AGAIN_S = limit, again
    found = all_cases()
    assert sorted(case.address for case in found) == sorted(f"p{n}@example.org" for n in range(total))
    assert rows(settings, "SELECT count(*) FROM correspondence WHERE direction = 'in'") == [(total,)]
    assert sorted(letter["To"] for letter in letters(settings)) == sorted(f"p{n}@example.org" for n in range(total))


def waiting_letters(settings: Settings) -> int:
    """How many letters are held in the queue, with their text."""
    return int(rows(settings, "SELECT count(*) FROM mail_out WHERE length(message) > 0")[0][0])


DOVECOT = """
base_dir = {folder}/run
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
default_internal_user = nobody
default_login_user = nobody
default_internal_group = nogroup
first_valid_uid = 1
last_valid_uid = 65534
first_valid_gid = 1
mail_location = maildir:{boxes}/Maildir
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
passdb {{
  driver = passwd-file
  args = {folder}/users
}}
userdb {{
  driver = passwd-file
  args = {folder}/users
}}
"""
"""Its configuration: IMAP alone, without TLS, for the one user of a file."""


@pytest.fixture
def dovecot() -> Iterator[tuple[str, Path]]:
    """A real IMAP server on loopback; its address and its Maildir."""
    program = shutil.which("dovecot", path=os.environ["PATH"] + ":/usr/sbin")
    if program is None:
        pytest.skip("no dovecot on this machine; install the package dovecot-imapd")
    if os.geteuid() != 0:
        pytest.skip("dovecot wants to be started as root here")
    port, folder = free_port(), Path(tempfile.mkdtemp(prefix="ib-"))  # short: its sockets' addresses are bounded
    folder.chmod(0o755)
    (folder / "run").mkdir()
    boxes = folder / "boxes"
    boxes.mkdir()
    boxes.chmod(0o777)
    (folder / "users").write_text("privacy:{PLAIN}a/b c@d:65534:65534::" + str(boxes) + "\n")
    (folder / "users").chmod(0o644)
    (folder / "dovecot.conf").write_text(DOVECOT.format(folder=folder, boxes=boxes, port=port))
    process = subprocess.Popen(
        [program, "-F", "-c", str(folder / "dovecot.conf")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    url = f"imap://privacy:a%2Fb%20c%40d@127.0.0.1:{port}"
    for _ in range(100):
        try:
            list(Imap(url).new(set()))
            break
        except InferenceBenchError:
            time.sleep(0.1)
    else:
        process.kill()
        raise AssertionError((folder / "log").read_text() if (folder / "log").exists() else "dovecot did not start")
    yield url, boxes / "Maildir"
    process.terminate()
    process.wait(10)
    shutil.rmtree(folder, ignore_errors=True)


class Sink:
    """What an SMTP server took in."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, list[str], bytes]] = []
        self.refuse = False

    async def handle_DATA(self, _: Any, __: Any, envelope: Any) -> str:
        if self.refuse:
            return "451 try again later"
        self.taken.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
        return "250 taken"


@pytest.fixture
def smtp() -> Iterator[tuple[str, Sink]]:
    from aiosmtpd.controller import Controller

    sink, port = Sink(), free_port()
    controller = Controller(sink, hostname="127.0.0.1", port=port)
    controller.start()
    yield f"smtp://127.0.0.1:{port}", sink
    controller.stop()


def test_with_real_servers_mail_is_read_by_imap_and_answered_by_smtp(
    tmp_path: Path,
    shipped: Shipped,
    dovecot: tuple[str, Path],
    smtp: tuple[str, Sink],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (imap_url, maildir), (smtp_url, sink) = dovecot, smtp
    own = shipped(tmp_path / "data")
    settings = load({**own, "INFERENCEBENCH_IMAP_URL": imap_url, "INFERENCEBENCH_SMTP_URL": smtp_url})
    engine.use(settings.database)

    def deliver(raw: bytes, name: str) -> None:
        path = maildir / "new" / name
        path.write_bytes(raw)
        os.chown(path, 65534, 65534)

    for number, (_, raw, _, _) in enumerate(CORPUS):
        deliver(raw or b"\r\n", f"{number:03}.corpus.host")
    counts = polled(settings)
    assert counts["read"] >= len(CORPUS) - 1
    assert len(sink.taken) == 1
    sender, recipients, content = sink.taken[0]
    assert (sender, recipients) == ("<>", ["person@example.org"]), "an empty sender on the envelope"
    letter = message_from_bytes(content, policy=policy.default)
    assert letter["Auto-Submitted"] == "auto-replied"
    assert polled(settings)["read"] == 0
    keep, stood = desk.keep_message, len(all_cases())

    async def once_not(*given: Any) -> str:
        if given[1].sender == "first@example.org":
            raise ValueError("the disk hiccups")
        return await keep(*given)

    monkeypatch.setattr(desk, "keep_message", once_not)
    deliver(mail("one", sender="first@example.org"), "9981.one.host")
    deliver(mail("two", sender="second@example.org"), "9982.two.host")
    counts = polled(settings)
    assert (counts["read"], counts["failed"]) == (1, 1)
    monkeypatch.setattr(desk, "keep_message", keep)
    monkeypatch.setattr(mailbox, "WINDOW", 7)
    assert polled(settings)["read"] == 1, "what could not be kept is tried again, though a later one was"
    assert len(all_cases()) == stood + 2
    sink.taken.clear()
    reference = request.reference_in(letter["Subject"])
    code = request.CODE.search(letter.get_content())
    if code:
        deliver(mail(code[0], subject=f"Re: {reference}"), "999.reply.host")
        assert polled(settings)["read"] == 1
        assert engine.run(cases.known(reference)).verified_at
    sink.refuse = True
    deliver(mail("another", sender="other@example.org", subject="[question]"), "9991.other.host")
    assert polled(settings)["sent"] == 0
    sink.refuse = False
    with time_machine.travel(clock.timestamp() + delivery.AGAIN_S + 1):
        assert polled(settings)["sent"] == 1
    assert waiting_letters(settings) == 0, "what was sent is not kept as a letter"
    sink.refuse = True
    monkeypatch.setattr(delivery, "TRIES", 2)
    deliver(mail("a third", sender="third@example.org", subject="[question]"), "9992.third.host")
    polled(settings)
    assert waiting_letters(settings) == 1
    with time_machine.travel(clock.timestamp() + delivery.AGAIN_S + 1):
        assert polled(settings)["sent"] == 0
    third = next(case for case in all_cases() if case.address == "third@example.org")
    assert waiting_letters(settings) == 0
    assert any("could not be sent" in what for _, what in engine.run(cases.events(third.reference)))
    assert len(list(maildir.glob("*/*.host*"))) >= len(CORPUS), "nothing is deleted before its time"
    with time_machine.travel(clock.timestamp() + 7 * DAY + 60):
        assert polled(settings)["copies"] >= len(CORPUS)
    assert not list(maildir.glob("new/*.host*")) + list(maildir.glob("cur/*.host*"))


def test_a_mailbox_that_does_not_answer_is_said_in_one_line_and_loses_nothing(office: Settings) -> None:
    url = f"imap://u:markersecret@127.0.0.1:{free_port()}"
    away = load(database_of(office, INFERENCEBENCH_IMAP_URL=url))
    with pytest.raises(InferenceBenchError, match="can't be read") as error:
        polled(away)
    assert "markersecret" not in str(error.value)


def test_erased_cases_of_a_restored_database_are_erased_again(office: Settings, tmp_path: Path) -> None:
    arrive(office, mail("an old MARKERMATTER", subject="[question]"), "old")
    polled(office)
    old = all_cases()[0]
    engine.run(cases.close(old.reference, request.RESOLVED, "told"))
    copy = Copy(office, tmp_path)
    with time_machine.travel(clock.timestamp() + 2 * DAY):
        arrive(office, mail("please", subject="[erasure]"), "erase")
        polled(office)
        arrive(office, mail("and another matter, still open", subject="[question]"), "open")
        polled(office)
        case = next(one for one in all_cases() if one.kind == "erasure")
        privacy_fulfilment.verify(case.reference, proof="seen", settings=office)
        engine.run(fulfil.erase(office, case.reference, [], dry=False))
    assert b"markermatter" not in everything(office)
    assert sorted(one.kind for one in all_cases()) == ["erasure", "question"], "what is open is still to be answered"
    copy.restore()
    prepare.prepare(office)
    assert b"markermatter" not in everything(office)


def test_the_worker_reads_mail_every_two_minutes() -> None:
    from workers.timetable import TIMETABLE

    assert next(entry for entry in TIMETABLE if entry.job == "mail").every_minutes == 2
    assert asyncio.iscoroutinefunction(sync.poll)
    assert re.fullmatch(request.REFERENCE, request.new_reference())


def test_the_status_page_tells_how_many_were_answered_in_time_and_hides_small_counts(inside: Inside) -> None:
    now = clock.timestamp()

    async def work(client: httpx.AsyncClient) -> None:
        async with engine.transaction(cases.CASES_KEY):
            for number in range(12):
                reference = await cases.open_case(
                    "question", "GDPR", now - 40 * DAY, f"p{number}@example.org", "letter"
                )
                await cases.set_values(reference, answered_at=now - (11 if number else 5) * DAY, state=request.ANSWERED)
        found = await cases.figures(now)
        assert (found["answered"], found["open"]) == (12, 0)
        assert found["in_time"] == pytest.approx(11 / 12)
        page = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", (await client.get("/status")).text))
        assert "Answered in time 91.7%" in page
        assert "Open fewer than 10" in page

    inside.run(work)
