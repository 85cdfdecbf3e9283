"""Text that no person types: what is invisible, turns the direction of reading, commands a terminal, or is no text."""

import base64
import json
import random
import re
from typing import Any

import httpx
import pytest

from app.cli import privacy, submissions
from app.core.settings import Settings
from app.storage import engine
from tests.conftest import Inside
from tests.fake_clouds import Reply
from tests.pricing.conftest import Refreshing, refreshing  # noqa: F401
from tests.pricing.test_refresh import FUZZED
from tests.privacy.test_requests import all_cases, arrive, letters, mail, office, polled  # noqa: F401
from tests.submissions.test_reports import EXPERIENCE, agreed, send

KINDS = {
    "commands": "\x1b]0;owned\x07 \x1b[2J\x1b[31m \x9b31m \x08\x08\x7f \r gone",
    "turning": "\u202edesrever\u202c \u2066isolated\u2069 \u200f \u061c",
    "zero": "a\0b",
    "half": "a\ud800b",
    "long": "x" * 1_000_000,
}
BAD = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def said(capsys: pytest.CaptureFixture[str]) -> str:
    found = capsys.readouterr()
    return found.out + found.err


def encoded(text: str, charset: str, most: int) -> bytes:
    """An encoded word of a mail's head, whatever it holds."""
    return b"=?%s?b?%s?=" % (charset.encode(), base64.b64encode(text[:most].encode(charset, "surrogatepass")))


@pytest.mark.both_engines
@pytest.mark.parametrize("kind", KINDS)
def test_a_mail_of_it_becomes_a_case_that_commands_no_terminal(
    office: Settings, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    text = KINDS[kind]
    bare = text.encode("utf-8", "surrogatepass")
    head = [
        b"From: " + encoded(text, "utf-7", 60) + b" <person@example.org>", b"To: privacy@inferencebench.io",
        b"Date: Tue, 24 Nov 2026 10:00:00 +0000", b"Subject: " + encoded(text, "utf-8", 200),
        b"Message-ID: <x" + bare[:100].replace(b"\r", b"") + b"@example.org>",
        b"Content-Type: text/plain; charset=utf-8", b"", b"",
    ]  # fmt: skip
    arrive(office, b"\r\n".join(head) + b"Please delete what you hold about me. " + bare + b"\r\n", "one")
    arrive(office, mail("please erase my data", sender="next@example.org"), "two")
    assert polled(office)["read"] == 2
    assert len(letters(office)) == 2
    for case in all_cases():
        assert privacy.show(case.reference, settings=office) == 0
    assert privacy.listing(settings=office) == 0
    shown = said(capsys)
    assert "Please delete what you hold about me" in shown
    assert not BAD.search(shown)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("field", ["text", "contact"])
def test_a_report_of_it_is_not_kept(inside: Inside, kind: str, field: str) -> None:
    async def work(client: httpx.AsyncClient) -> httpx.Response:
        values = {name: value.encode() for name, value in agreed(client, EXPERIENCE).items()}
        values[field] = b"Eight cards. " + KINDS[kind].encode("utf-8", "surrogatepass")
        body = b"&".join(name.encode() + b"=" + b"".join(b"%%%02X" % c for c in v) for name, v in values.items())
        form = {"content-type": "application/x-www-form-urlencoded"}
        return await client.post("/submit/experience", content=body, headers=form)

    answer = inside.run(work)
    assert 400 <= answer.status_code < 500
    assert engine.run(engine.fetch_column("SELECT body FROM submission")) == []


@pytest.mark.parametrize("text", ["[/red] cards", "[bold]x[/bold]", "[link=https://evil.example]y[/link]", "[[[] a"])
def test_marks_of_the_list_are_words_in_a_report(inside: Inside, capsys: pytest.CaptureFixture[str], text: str) -> None:
    engine.use(inside.settings.database)
    inside.run(lambda client: send(client, "experience", {**EXPERIENCE, "text": f"{text} were there within a minute."}))
    assert submissions.listing(settings=inside.settings) == 0
    assert text[:6] in said(capsys)


def salted(value: Any, salt: str, chance: random.Random) -> Any:
    """A copy of an answer with ``salt`` in some of its texts and names."""
    if isinstance(value, str):
        return value + salt if chance.random() < 0.3 else value
    if isinstance(value, dict):
        return {key + salt * (chance.random() < 0.03): salted(item, salt, chance) for key, item in value.items()}
    if isinstance(value, list):
        return [salted(item, salt, chance) for item in value]
    return value


@pytest.mark.parametrize("kind", ["commands", "turning", "long"])
def test_a_sources_answer_of_it_is_accounted_for(refreshing: Refreshing, kind: str) -> None:
    salt_every_source(refreshing, kind)


@pytest.mark.both_engines
@pytest.mark.parametrize("kind", ["zero", "half"])
def test_what_only_one_engine_stores_is_accounted_for_by_both(refreshing: Refreshing, kind: str) -> None:
    salt_every_source(refreshing, kind)


def salt_every_source(refreshing: Refreshing, kind: str) -> None:
    """Every fuzzed source answers with text of a kind: nothing fails, and what is kept can be printed."""
    refreshing("ecb")
    for name, (path, good) in FUZZED.items():
        refreshing.server.answers[path] = good
        assert refreshing(name).state == "ok"
        chance = random.Random(f"{kind}{name}")
        for _ in range(2):
            body = json.dumps(salted(good, KINDS[kind][:200_000], chance)).encode()
            refreshing.server.answers[path] = Reply(body, headers={"content-type": "application/json"})
            outcome = refreshing(name, accept=True)
            assert not outcome.note.startswith("failed: "), (name, outcome.note)
            assert "could not be stored" not in outcome.note, (name, outcome.note)
    assert refreshing.rows("SELECT count(*) FROM set_aside")[0][0] > 0
    for table in ("offer", "set_aside", "source_claim", "loaded_source"):
        for row in refreshing.rows(f"SELECT * FROM {table}"):
            assert not BAD.search("".join(map(str, row))), row
            assert max(len(str(value)) for value in row) < 2_000
