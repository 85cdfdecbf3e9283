"""Mail is read for who wrote, what is asked and what it says; the expected values were written down from the
messages."""

import json
import os
import re
import time
from email import message_from_bytes, policy

import pytest
import time_machine
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core import clock, limited_process
from app.core.settings import Settings
from app.privacy.mail import delivery, identifiers, sync, templates
from app.privacy.mail.html_text import html_text
from app.privacy.mail.parser import read
from app.privacy.requests import cases, request
from app.storage import engine
from tests.conftest import DATA, database_of
from tests.database import rows
from tests.privacy.test_requests import DAY, all_cases, arrive, letters, mail, office, polled  # noqa: F401

FOLDER = DATA / "mail"
OURS = frozenset({"privacy@bench.example"})
ERASE, WORDS = "erasure", "Please erase my data."
# file → (sender, kind, law, words that must be read, words that must not)
EXPECTED: dict[str, tuple[str, str, str, str, str]] = {
    "m01_access_en": ("ann1@mail.example", "access", "GDPR", "a copy of all personal data", ""),
    "m03_erase_de": ("cem3@mail.example", ERASE, "GDPR", "löschen Sie", ""),
    "m05_erase_es": ("eva5@mail.example", ERASE, "GDPR", "supriman todos", ""),
    "m07_fastmail": ("fay7@mail.example", ERASE, "GDPR", "erase everything", ""),
    "m09_auto_no": ("hal9@mail.example", ERASE, "GDPR", "erase everything", ""),
    "m12_nested": ("jo12@mail.example", ERASE, "GDPR", "erase everything", ""),
    "m13_tnef": ("kim13@mail.example", "unsure", "GDPR", "", "eJ8"),
    "m14_invite": ("lea14@mail.example", ERASE, "other", "talk on Friday", "VCALENDAR"),
    "m15_noid": ("max15@mail.example", ERASE, "other", WORDS, ""),
    "m16_refs": ("ned16@mail.example", ERASE, "other", WORDS, ""),
    "m17_gb2312": ("ou17@mail.example", ERASE, "GDPR", "朱镕基", "\ufffd"),
    "m18_longutf8": ("ro18@mail.example", ERASE, "GDPR", "個人情報を削除", "\ufffd"),
    "m19_fromcomma": ("anna19@mail.example", ERASE, "other", WORDS, ""),
    "m20_fromaddr": ("anna20@mail.example", ERASE, "other", WORDS, ""),
    "m27_complaint": ("tom27@mail.example", "complaint", "GDPR", "I complain", ""),
    "m28_optout": ("una28@mail.example", ERASE, "GDPR", "opt me out", ""),
    "m32_quotedpref": ("yan32@mail.example", "question", "other", "cookies", ""),
    "m37_htmlonly_style": ("bo37@mail.example", ERASE, "other", WORDS, ""),
    "m38_htmlimg": ("cy38@mail.example", ERASE, "other", WORDS, ""),
    "m39_namedtext": ("di39@mail.example", ERASE, "other", WORDS, ""),
    "m42_headslash": ("a42@mail.example", ERASE, "other", WORDS, ""),
    "m43_encangle": ("b43@mail.example", ERASE, "other", WORDS, ""),
    "m44_comma": ("c44@mail.example", ERASE, "other", WORDS, ""),
    "m45_gb2312b64": ("d45@mail.example", ERASE, "GDPR", "朱镕基", "\ufffd"),
    "m47_ctencoded": ("f47@mail.example", ERASE, "other", WORDS, "PDF"),
    "m49_formdata": ("h49@mail.example", ERASE, "other", WORDS, ""),
    "m50_noct": ("i50@mail.example", ERASE, "other", WORDS, ""),
    "m51_rfc2231": ("j51@mail.example", ERASE, "other", WORDS, "PDF"),
    "m54_xunknown": ("m54@mail.example", ERASE, "other", "löschen", "\ufffd"),
    "m55_utf7": ("n55@mail.example", ERASE, "other", "löschen", "APY"),
    "m57_spoof": ("attacker@evil.example", ERASE, "other", WORDS, ""),
    "m58_smime": ("p58@mail.example", "unsure", "other", "", "MIIB"), "m59_encfull": ("", ERASE, "other", WORDS, ""),
    "m60_replyprefix": ("r60@mail.example", "restriction", "GDPR", "As said", ""),
}  # fmt: skip
REPORTS = ("m40_ooo", "m41_bounce")


def test_every_message_has_its_expected_reading() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == {*EXPECTED, *REPORTS}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_message_is_read_for_what_it_says(name: str) -> None:
    sender, kind, law, words, never = EXPECTED[name]
    raw = (FOLDER / f"{name}.eml").read_bytes()
    found = read(raw, len(raw), OURS)
    assert found.sender == sender
    assert words in found.text
    assert not never or never not in found.text
    assert request.guess(found.subject, found.text) == (kind, law)
    assert bool(found.automatic) == (not sender), found.automatic


@pytest.mark.parametrize(("value", "sender"), [
    ("Anna <anna@x.example>", "anna@x.example"), ("anna@x.example", "anna@x.example"),
    ('"victim@bank.example" <a@x.example>', "a@x.example"),
    ("victim@bank.example <a@x.example>", "a@x.example"),
    ("=?utf-8?Q?victim=40bank=2Eexample?= <a@x.example>", "a@x.example"),
    ("=?utf-8?B?dmljdGltQGJhbmsuZXhhbXBsZQ==?= <a@x.example>", "a@x.example"),
    ("(victim@bank.example) a@x.example", "a@x.example"),
    ("a@x.example, b@x.example", ""), ("A <a@x.example>, B <b@x.example>", ""),
    ("victim@bank.example, A <a@x.example>", ""), ("", ""), ("nobody", ""),
    ("<a@x.example> <b@x.example>", ""), ("=?utf-8?Q?a=40x=2Eexample?=", ""), ("A <a b@x.example>", ""),
    ('"a\\"b@y.example" <a@x.example>', "a@x.example"), ("A (nested (b@y.example)) <a@x.example>", "a@x.example"),
    ("undisclosed:;", ""),
])  # fmt: skip
def test_who_wrote_is_read_before_anything_is_decoded(value: str, sender: str) -> None:
    raw = f"From: {value}\r\nSubject: x\r\n\r\ntext\r\n".encode()
    assert read(raw, len(raw)).sender == sender


REQUESTS = [
    ("de", "access", ("Sehr geehrte Damen und Herren, hiermit bitte ich um Auskunft nach Art. 15 DSGVO und eine Kopie "
                     "meiner Daten. Sollte ich innerhalb eines Monats nichts hören, behalte ich mir eine Beschwerde "
                     "bei der Aufsichtsbehörde vor.")),
    ("fr", "access", ("Bonjour, conformément à l'article 15 du RGPD, je souhaite accéder à mes données et en recevoir "
                     "une copie. À défaut de réponse, je saisirai l'autorité de contrôle.")),
    ("fr", "erasure", "Je vous demande d'effacer toutes mes données, article 17 du RGPD."),
    ("it", "erasure", "Chiedo la cancellazione dei miei dati ai sensi dell'articolo 17 del RGPD."),
    ("pt", "erasure", "Peço que apaguem todos os meus dados pessoais."),
    ("nl", "erasure", "Ik verzoek u mijn gegevens te wissen (artikel 17 AVG)."),
    ("nl", "access", "Graag inzage in mijn persoonsgegevens op grond van artikel 15 AVG."),
    ("pl", "erasure", "Proszę o usunięcie moich danych osobowych na podstawie art. 17 RODO."),
    ("cs", "erasure", "Žádám o výmaz všech svých osobních údajů."),
    ("sv", "erasure", "Jag begär att ni raderar mina personuppgifter enligt artikel 17 GDPR."),
    ("da", "erasure", "Jeg anmoder om sletning af mine data."),
    ("fi", "erasure", "Pyydän poistamaan kaikki henkilötietoni."), ("hu", "erasure", "Kérem az adataim törlését."),
    ("ro", "erasure", "Vă rog ștergerea datelor mele."), ("bg", "erasure", "Моля, изтрийте личните ми данни."),
    ("el", "erasure", "Παρακαλώ διαγράψτε τα δεδομένα μου, άρθρο 17 ΓΚΠΔ."),
    ("hr", "erasure", "Molim da izbrišete moje podatke."), ("ru", "erasure", "Прошу удалить мои персональные данные."),
    ("uk", "erasure", "Прошу видалити мої дані."),
    ("tr", "erasure", "Verilerimin silinmesini talep ediyorum."), ("zh", "erasure", "请删除我的个人信息。"),
    ("ja", "erasure", "私の個人情報を削除してください。"), ("ko", "erasure", "제 개인정보를 삭제해 주세요."),
    ("ja", "access", "私の個人データの開示を請求します。"), ("zh", "access", "请提供我的个人信息副本。"),
    ("es", "access", "Solicito acceso a mis datos según el artículo 15 del RGPD."),
    ("de", "rectification", "Bitte berichtigen Sie meine Adresse nach Art. 16 DSGVO."),
    ("de", "objection", "Ich widerspreche der Verarbeitung nach Art. 21 DSGVO."),
    ("fr", "rectification", "Merci de rectifier mon adresse (article 16 du RGPD)."),
    ("en", "erasure", ("I am hereby requesting immediate erasure of personal data concerning me according to Article "
                      "17 GDPR. If I have given consent, I am hereby withdrawing said consent. In addition, I object "
                      "to the processing (Article 21). I may lodge a complaint with the authority.")),
    ("en", "access", ("I am hereby requesting access according to Article 15 GDPR. Please confirm whether or not you "
                     "are processing personal data. My request explicitly includes any other services, also in a "
                     "machine-readable form (Article 20).")),
    ("en", "portability", "Under Article 20 GDPR I request my data in a machine-readable form."),
    ("id", "erasure", "Mohon hapus data pribadi saya."), ("vi", "erasure", "Vui lòng xóa dữ liệu của tôi."),
]  # fmt: skip


@pytest.mark.parametrize(
    ("language", "kind", "text"), REQUESTS, ids=[f"{a}-{b}-{n}" for n, (a, b, _) in enumerate(REQUESTS)]
)
def test_what_is_asked_is_told_in_many_languages(language: str, kind: str, text: str) -> None:
    assert request.guess("", text).kind == kind
    assert request.touches_data("", text)


@pytest.mark.parametrize("text", ["Under the GDPR, what about it?", "Dzień dobry, RODO.", "As per GDPR, proceed."])
def test_what_is_not_clear_is_said_to_be_so_and_gets_a_code(text: str) -> None:
    assert request.guess("", text).kind == "unsure"
    assert request.touches_data("", text)


HOSTILE = {
    "open tags": b"Content-Type: text/html\r\n\r\n" + b"<a " * 600_000, "comments": b"Content-Type: text/html\r\n\r\n"
    + b"<!--" * 500_000,
    "hidden": b"Content-Type: text/html\r\n\r\n" + b"<style>" * 250_000, "entities": b"Content-Type: text/html\r\n\r\n"
    + b"&amp" * 500_000,
    "subject": b"Subject: " + b"=?utf-8?Q?a?= " * 200_000 + b"\r\n\r\nwords", "from": b"From: "
    + b"=?utf-8?Q?a?= " * 100_000 + b"<a@x.example>\r\n\r\nwords",
    "brackets": b"From: " + b"(" * 1_000_000 + b"\r\n\r\nwords", "angles": b"From: " + b"<" * 1_000_000
    + b"\r\n\r\nwords", "quotes": b'From: "' + b"\\" * 1_000_000 + b"\r\n\r\nwords",
    "references": b"References: " + b"<a@b> " * 300_000 + b"\r\n\r\nwords", "headers": b"X: y\r\n" * 300_000
    + b"\r\nwords",
    "parts": b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n' + b"--b\r\n\r\nx\r\n" * 150_000,
    "nest": b"".join(b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (n, n) for n in range(3_000)),
    "base64": b"Content-Transfer-Encoding: base64\r\n\r\n" + b"=A" * 900_000,
    "quoted": b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b"=\r\n" * 600_000,
    "newlines": b"Content-Type: text/html\r\n\r\n" + b"\n " * 900_000, "one line": b"\r\n" + b"x" * 1_900_000,
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_any_mail_becomes_a_case_and_the_next_one_too(office: Settings, name: str) -> None:
    head = b"" if b"From:" in HOSTILE[name][:20] else b"From: h@example.org\r\n"
    arrive(office, head + HOSTILE[name], "1.hostile")
    arrive(office, mail("please erase my data", sender="next@example.org"), "2.next")
    counts = polled(office)
    assert (counts["read"], counts["failed"]) == (2, 0)
    assert any(case.address == "next@example.org" for case in all_cases())


def test_a_large_mail_is_read_within_limits_and_past_them_its_beginning_is_kept(
    office: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[limited_process.Bounds] = []

    async def past(_: str, __: bytes, bounds: limited_process.Bounds) -> None:
        given.append(bounds)
        raise limited_process.LimitError("time")

    monkeypatch.setattr(limited_process, "call", past)
    arrive(office, b"From: large@example.org\r\n\r\n" + b"please erase my data " * 20_000, "1.large")
    counts = polled(office)
    assert (counts["read"], counts["failed"], counts["cases"]) == (1, 0, 1)
    assert all(bounds.cpu_s <= 2 and bounds.memory <= 200 * 2**20 and bounds.wall_s <= 10 for bounds in given)
    assert len(given) == 1
    ((note,),) = rows(office, "SELECT note FROM correspondence WHERE direction = 'in'")
    assert "beginning" in note


def test_reading_takes_time_in_proportion_to_length() -> None:
    """Work is counted, not time: twice the input costs about twice the steps of the walk."""
    for piece in ("<a ", "<!--", "<style>", "<b>x</b>", "a < b ", "&amp;", "<p", "</", "<style></style", "<title>"):
        began = time.process_time()
        html_text(piece * 200_000)
        assert time.process_time() - began < 60, "a quadratic walk would take hours"


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=600))
def test_any_bytes_are_read_and_can_be_stored(raw: bytes) -> None:
    found = read(raw, len(raw))
    json.dumps([found.subject, found.text, found.sender, found.message_id]).encode()
    (found.subject + found.text + found.sender + found.message_id).encode("utf-8", "strict")
    assert found.sender == "" or identifiers.ADDRESS.fullmatch(found.sender)
    assert found.message_id == "" or identifiers.MESSAGE_ID.fullmatch(found.message_id)


_HEAD = st.text(
    st.sampled_from('<>@"(),:;=?_ \r\n\t\\ABbQq.axutf-8é') | st.characters(max_codepoint=0x3000), max_size=120
)


@settings(max_examples=300, deadline=None)
@given(_HEAD, _HEAD, _HEAD)
def test_nothing_of_a_mail_gets_into_the_head_of_our_letter(message_id: str, references: str, sender: str) -> None:
    raw = (
        f"From: {sender}\r\nMessage-ID: {message_id}\r\nReferences: {references}\r\nSubject: x\r\n\r\nerase\r\n".encode(
            "utf-8", "replace"
        )
    )
    found = read(raw, len(raw))
    letter = templates.Letter(
        "ib1", found.sender or "a@x.example", "Your request", "text", automatic=True, answers=found.message_id
    )
    told = message_from_bytes(
        templates.composed(letter, templates.Letterhead("privacy@bench.example", "bench", "bench.example"), 0),
        policy=policy.default,
    )
    assert set(map(str.casefold, told.keys())) <= {"from", "to", "subject", "date", "message-id", "in-reply-to",
        "references", "auto-submitted",
                                                   "x-auto-response-suppress", "content-type",
                                                   "content-transfer-encoding", "mime-version"}  # fmt: skip
    assert len(told["To"].addresses) == 1
    assert told.get_content().startswith("text\r\n")


def test_a_forged_identifier_writes_no_header() -> None:
    inner = "=?utf-8?Q?a=0D=0ABcc:_victim=40x.example=0D=0A=0D=0Abody?="
    import base64

    outer = "=?utf-8?B?" + base64.b64encode(inner.encode()).decode() + "?="
    for forged in (f"<{inner}@x>", f"<{outer}@x>", "<a@x\r\n Bcc: v@x>", "<a@x>\r\nBcc: v@x", f"<{outer}>"):
        raw = f"From: a@x.example\r\nMessage-ID: {forged}\r\n\r\nerase".encode()
        found = read(raw, len(raw))
        made = templates.composed(templates.Letter("ib1", "a@x.example", "s", "t", automatic=True,
            answers=found.message_id),
                                  templates.Letterhead("p@b.example", "b", "b.example"), 0)  # fmt: skip
        assert b"Bcc" not in made
        assert b"victim" not in made


# The queue


def test_a_bounce_or_absence_note_belongs_to_its_case_and_opens_or_wakes_none(office: Settings) -> None:
    arrive(office, mail("please erase my data", sender="yan32@mail.example"), "first")
    polled(office)
    (case,) = all_cases()
    letter = letters(office)[0]
    engine.run(cases.close(case.reference, "resolved", ""))
    for number, name in enumerate(REPORTS):
        text = (FOLDER / f"{name}.eml").read_bytes()
        text = re.sub(rb"In-Reply-To: <[^>]+>", f"In-Reply-To: {letter['Message-ID']}".encode(), text)
        text = re.sub(rb"PR-[A-Z0-9]{8}", case.reference.encode(), text)
        arrive(office, text, f"report{number}")
    before = len(letters(office))
    polled(office)
    (after,) = all_cases()
    assert (after.reference, after.state) == (case.reference, "resolved")
    assert len(letters(office)) == before
    told = engine.run(cases.correspondence(case.reference))
    assert sum(row["note"] == "a report about our letter" for row in told) == 2


def test_two_polls_at_once_send_each_letter_once(office: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    import subprocess
    import sys

    from tests.conftest import ROOT

    for number in range(20):
        arrive(office, mail("please erase my data", sender=f"p{number}@d{number}.example"), f"{number:02}")
    monkeypatch.setattr(delivery, "deliver", _nothing)
    polled(office)
    monkeypatch.undo()
    code = (
        "import sys; from app.core.settings import load; from app.storage import engine; from app.privacy.mail import"
        " delivery; s = load(); engine.use(s.database); print(engine.run(delivery.deliver(s)))"
    )
    env = {**os.environ, **database_of(office)}
    both = [subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=env, stdout=subprocess.PIPE) for _ in range(3)]
    sent = [int(process.communicate()[0]) for process in both]
    assert sum(sent) == 20, sent
    assert len(letters(office)) == 20


async def _nothing(_: Settings) -> int:
    return 0


def test_real_requests_are_all_acknowledged_and_a_flood_later(office: Settings) -> None:
    for number in range(150):
        arrive(office, mail("please erase my data", sender=f"flood{number}@flood.example"), f"a{number:04}")
    for number in range(250):
        arrive(office, mail("please erase my data", sender=f"p{number}@d{number}.example"), f"b{number:04}")
    polled(office)
    to = [letter["To"] for letter in letters(office)]
    assert sum("@flood.example" not in address for address in to) == 250
    assert sum("@flood.example" in address for address in to) == 100
    with time_machine.travel(clock.timestamp() + 3_700, tick=False):
        polled(office)
    assert len(letters(office)) == 400
    assert len({letter["To"] for letter in letters(office)}) == 400


def test_a_second_request_of_a_person_is_acknowledged_the_next_day_and_a_flood_of_his_is_not(office: Settings) -> None:
    for number in range(12):
        arrive(office, mail(f"please erase my data {number}", sender="one@d.example"), f"{number:02}")
    polled(office)
    assert len(letters(office)) == 1
    for day in range(1, 5):
        with time_machine.travel(clock.timestamp() + day * (DAY + 60), tick=False):
            polled(office)
    assert len(letters(office)) == 1 + 3


def test_a_clock_that_ran_ahead_delays_no_letter(office: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    arrive(office, mail("please erase my data"), "one")

    def fails(*_: object) -> None:
        raise OSError("no server")

    real = delivery._hand_over
    with time_machine.travel(clock.timestamp() + 40 * DAY, tick=False):
        monkeypatch.setattr(delivery, "_hand_over", fails)
        polled(office)
    monkeypatch.setattr(delivery, "_hand_over", real)
    assert polled(office)["sent"] >= 1


def test_what_fails_for_ever_is_set_aside_and_named_and_can_be_read_again(
    office: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.privacy.mail import queue
    from app.process import doctor

    real = queue.keep_message

    async def never(settings: Settings, message: object, *given: object) -> str:
        if message.sender.startswith("bad"):  # type: ignore[attr-defined]
            raise ValueError("a lone surrogate")
        return await real(settings, message, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(queue, "keep_message", never)
    monkeypatch.setattr(sync, "MOST_AT_ONCE", 5)
    for number in range(20):
        arrive(office, mail("x", sender=f"bad{number}@x.example"), f"a{number:02}")
    arrive(office, mail("please erase my data", sender="good@x.example"), "z")
    assert polled(office)["read"] == 1, "nobody waits behind what fails"
    for _ in range(3):
        polled(office)
    assert polled(office)["failed"] == 0
    assert any("20 messages" in text for kind, text in doctor.examine(office) if kind == "fault")
    monkeypatch.setattr(queue, "keep_message", real)
    assert engine.run(sync.retry()) == 20
    monkeypatch.setattr(sync, "MOST_AT_ONCE", 100)
    assert polled(office)["read"] == 20
    assert engine.run(sync.troubles()) == []


def test_the_mailboxes_are_there_from_the_first_start(tmp_path: object, office: Settings) -> None:
    import shutil

    from app.process import prepare

    shutil.rmtree(office.data_dir / "mail", ignore_errors=True)
    prepare.prepare(office)
    assert all((office.data_dir / "mail/inbox" / part).is_dir() for part in ("new", "cur", "tmp"))
