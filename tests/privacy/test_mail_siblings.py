"""Mails of other programs and in other languages than those that the reading was written for: nobody's identity by
accident, no text lost, no quoted word taken for a wish. Most were written by somebody who had not seen the code."""

import contextlib
import os
import smtplib
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import time_machine
from imap_tools.errors import MailboxFetchError

from app.cli import privacy
from app.core import clock
from app.core.errors import InferenceBenchError
from app.core.settings import Settings
from app.privacy.fulfilment import fulfil
from app.privacy.mail import automatic_limits, delivery, queue, store, sync
from app.privacy.mail.mailbox import Imap
from app.privacy.mail.parser import read, read_beginning
from app.privacy.requests import cases, request
from app.storage import engine
from tests.privacy.test_requests import all_cases, arrive, code_in, letters, mail, office, polled, waiting  # noqa: F401

HEAD = (
    "From: Per Son <person@example.org>\nTo: privacy@inferencebench.io\nSubject: {subject}\n"
    "Message-ID: <{id}@example.org>\n{more}"
)
ASK = "Please erase all my personal data.\n"


def raw(body: bytes | str = ASK, subject: str = "Hi", more: str = "", name: str = "m") -> bytes:
    head = HEAD.format(subject=subject, more=more, id=name).encode("utf-8", "surrogateescape")
    return head + b"\n" + (body.encode() if isinstance(body, str) else body)


def quoted(letter: EmailMessage) -> str:
    return "\n".join(f"> {line}" for line in letter.get_content().splitlines())


def verified(settings: Settings, reference: str) -> bool:
    return engine.run(cases.known(reference)).verified_at is not None


@pytest.mark.parametrize("promise", ["P-9.4"])
@pytest.mark.parametrize(
    ("subject", "own"),
    [
        ("Re: {subject}", "I did not write to you. Ignore this!"), ("AW: {subject}", "Das war ich nicht."),
        ("Automatische Antwort: {subject}", "Ich bin im Urlaub."),
        ("Réponse automatique : {subject}", "Je suis absent."), ("Respuesta automática: {subject}", "Estoy fuera."),
        ("Automatic reply: {subject}", "Away until Monday."),
        ("自動返信: {subject}", "休暇中です。"), ("Autosvar: {subject}", "Jeg er på ferie."), ("Автоответ: {subject}",
        "Я в отпуске."), ("Automatisch antwoord: {subject}", ""),
    ],
)  # fmt: skip
def test_a_code_that_only_a_program_sent_back_confirms_nothing(
    office: Settings, subject: str, own: str, promise: str
) -> None:  # fmt: skip
    case, _ = waiting(office)
    letter = letters(office)[0]
    reply = raw(
        f"{own}\n\n{quoted(letter)}\n",
        subject.format(subject=letter["Subject"]),
        f"In-Reply-To: {letter['Message-ID']}\n",
        "r",
    )
    arrive(office, reply, "reply")
    polled(office)
    assert not verified(office, case.reference)
    assert len(all_cases()) == 1


@pytest.mark.parametrize("promise", ["P-9.4"])
@pytest.mark.parametrize(
    "typed",
    [
        lambda code: code, str.lower, lambda code: code.replace("-", ""), lambda code: code.replace("-", " - "),
        lambda code: code.replace("-", "–"),
        lambda code: code.replace("-", " "), lambda code: code.translate({n: n + 0xFEE0 for n in range(0x21, 0x7F)}),
        lambda code: f"the code: {code}.",
    ],
)  # fmt: skip
@pytest.mark.parametrize("names_the_letter", [True, False])
def test_a_code_is_taken_however_it_is_typed(
    office: Settings, typed: Callable[[str], str], names_the_letter: bool, promise: str
) -> None:  # fmt: skip
    case, code = waiting(office)
    letter = letters(office)[0]
    more = f"In-Reply-To: {letter['Message-ID']}\n" if names_the_letter else ""
    arrive(office, raw(f"{typed(code)}\n\n{quoted(letter)}\n", "my code", more, "r"), "reply")
    polled(office)
    assert verified(office, case.reference)


def test_who_sends_back_only_the_quoted_code_is_told_what_to_do_and_nobody_can_read_it_in_the_case(
    office: Settings,
) -> None:
    case, code = waiting(office)
    letter = letters(office)[0]
    reply = raw(
        f"Yes.\n\n{quoted(letter)}\n", f"Re: {letter['Subject']}", f"In-Reply-To: {letter['Message-ID']}\n", "r"
    )
    arrive(office, reply, "reply")
    polled(office)
    assert any("quotes" in what for _, what in engine.run(cases.events(case.reference)))
    kept = [part["body"] for part in engine.run(cases.correspondence(case.reference))]
    assert not any(code in body for body in kept)
    assert any("above the quoted text" in body for body in kept)


BOUNCES = {
    "exchange": ("MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@corp.example", "Undeliverable: {subject}",
    "In-Reply-To: {id}\n", "No such address."),
    "qmail": ("MAILER-DAEMON@mx.example", "failure notice", "Return-Path: <>\n",
    "I'm afraid I wasn't able to deliver.\n\n--- a copy:\n\n{copy}"),
    "postfix-plain": ("mailer-daemon@mx.example", "Undelivered Mail Returned to Sender",
    "Auto-Submitted: auto-generated\nReferences: {id}\n", "unknown user"),
    "vacation": ("person@example.org", "Away: {subject}", "Auto-Submitted: auto-replied\nIn-Reply-To: {id}\n",
    "I am away"),
    "nothing-named": ("person@example.org", "Automatisch antwoord: Your privacy request",
    "Auto-Submitted: auto-replied\n", "Ik ben afwezig"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BOUNCES)
def test_what_programs_answer_to_our_letters_opens_and_wakes_no_case(office: Settings, kind: str) -> None:
    case, _ = waiting(office)
    letter = letters(office)[0]
    engine.run(cases.close(case.reference, request.RESOLVED, "done"))
    sender, subject, more, body = BOUNCES[kind]
    given = {"subject": letter["Subject"], "id": letter["Message-ID"], "copy": letter.as_string()}
    message = raw(body.format(**given), subject.format(**given), more.format(**given), "b")
    arrive(office, message.replace(b"Per Son <person@example.org>", sender.encode()), "bounce")
    polled(office)
    (found,) = all_cases()
    assert found.state == request.RESOLVED


def part(kind: str, body: str, boundary: str = "b", more: str = "") -> str:
    return f"--{boundary}\nContent-Type: {kind}\n{more}\n{body}\n"


MULTI = 'MIME-Version: 1.0\nContent-Type: multipart/{kind}; boundary="{boundary}"\n'
NESTED = "".join(f'--b{n}\nContent-Type: multipart/mixed; boundary="b{n + 1}"\n\n' for n in range(150))
BODIES = {
    "no boundary named": (part("text/plain", ASK), "MIME-Version: 1.0\nContent-Type: multipart/mixed\n"),
    "another boundary named": (part("text/plain", ASK), MULTI.format(kind="mixed", boundary="c")),
    "a boundary in other letters": (part("text/plain", ASK), MULTI.format(kind="mixed", boundary="B")),
    "no parts": (ASK, MULTI.format(kind="mixed", boundary="b")),
    "never closed": (part("text/plain", ASK), MULTI.format(kind="mixed", boundary="b")),
    "before the first part": (ASK + part("text/plain", "hello") + "--b--\n", MULTI.format(kind="mixed", boundary="b")),
    "after the last part": (part("text/plain", "hello") + "--b--\n" + ASK, MULTI.format(kind="mixed", boundary="b")),
    "deeply nested": (NESTED + part("text/plain", ASK, "b150"), MULTI.format(kind="mixed", boundary="b0")),
    "HTML says more": (part("text/plain", "See the HTML version.") + part("text/html", f"<p>{ASK}</p>") + "--b--\n",
    MULTI.format(kind="alternative", boundary="b")),
    "the whole body attached": (ASK,
    'Content-Type: text/plain; name="r.txt"\nContent-Disposition: attachment; filename="r.txt"\n'),
    "xhtml": (f"<html><body><p>{ASK}</p></body></html>", "Content-Type: application/xhtml+xml\n"),
    "enriched": (f"<bold>{ASK}</bold>", "Content-Type: text/enriched\n"),
    "bytes": (ASK.strip(), "Content-Type: application/octet-stream\n"),
    "encoding with a space": ("Please erase all my personal=20data.", "Content-Transfer-Encoding: Quoted-Printable \n"),
    "encoding with a comment": ("UGxlYXNlIGVyYXNlIGFsbCBteSBwZXJzb25hbCBkYXRhLgo=",
    "Content-Transfer-Encoding: base64 (x)\n"),
    "no base64 after all": (ASK, "Content-Transfer-Encoding: base64\n"),
    "flowed": ("Please erase  \nall my personal  \ndata.\n", "Content-Type: text/plain; format=flowed; delsp=yes\n"),
    "no text encoding": (ASK, "Content-Type: text/plain; charset=zlib\n"),
}  # fmt: skip


@pytest.mark.parametrize("name", BODIES)
def test_no_structure_loses_what_was_asked(name: str) -> None:
    body, more = BODIES[name]
    message = raw(body, more=more)
    found = read(message, len(message))
    assert "erase all my personal data" in " ".join(found.text.split())
    assert request.guess(found.subject, found.text).kind == "erasure"
    assert found.sender == "person@example.org"


@pytest.mark.parametrize(
    ("charset", "data", "text"),
    [
        ("iso-2022-jp", b"\x1b$B-!8D?M>pJs$N:o=|\x1b(B\n", "①個人情報の削除"), ("big5",
        "個人資料 €碁銹".encode("cp950"), "€碁銹"), ("big5", "刪除 嘅".encode("big5hkscs"), "嘅"),
        ("euc-jp", "①削除".encode("euc_jis_2004"), "①削除"), ("utf8mb4", "löschen".encode(), "löschen"), ("hex",
        b"plain words", "plain words"), ("rot13", b"plain words", "plain words"),
        ("iso-8859-8-i", "מחקו".encode("cp1255"), "מחקו"), ("x-mac-cyrillic", "удалить".encode("mac-cyrillic"),
        "удалить"), ('"utf-8;"', "löschen".encode(), "löschen"),
    ],
)  # fmt: skip
def test_charsets_are_read_as_their_programs_mean_them(charset: str, data: bytes, text: str) -> None:
    message = raw(data, more=f"Content-Type: text/plain; charset={charset}\n")
    found = read(message, len(message))
    assert text in found.text
    assert (found.sender, found.subject) == ("person@example.org", "Hi")


def test_a_head_in_bare_utf8_and_a_domain_of_another_script_are_read() -> None:
    message = b"\xef\xbb\xbf" + raw(subject="Löschung meiner Daten").replace(
        b"person@example.org", "p@bücher.example".encode()
    )
    found = read(message, len(message))
    assert (found.sender, found.subject) == ("p@xn--bcher-kva.example", "Löschung meiner Daten")


QUOTING = [
    "Von: A <s@x.example>\nGesendet: Montag\nAn: B\nBetreff: x",
    "De : A\nEnvoyé : lundi 2 novembre 2026 10:00\nÀ : B\nObjet : x", "差出人: A\n送信日時: 月\n宛先: B\n件名: x",
    "Od: A\nWysłano: pon\nDo: B\nTemat: x", "Från: A\nSkickat: mån\nTill: B\nÄmne: x",
    "Op ma 2 nov 2026 om 10:00 schreef A <s@x.example>:", "пн, 2 нояб. 2026 г. в 10:00, A <s@x.example>:",
    "pon., 2 lis 2026 o 10:00 A <s@x.example> napisał(a):", "2026年11月2日(月) 10:00 A <s@x.example>:",
    "Em seg., 2 de nov. de 2026 às 10:00, A <s@x.example> escreveu:", "Den 2 nov. 2026 skrev A:",
]  # fmt: skip


@pytest.mark.parametrize("begins", QUOTING)
def test_what_is_quoted_below_is_not_asked(begins: str) -> None:
    text = f"Please send me a copy of my data.\n\n{begins}\n\nPlease erase all my data under Article 17 GDPR\n"
    assert request.guess("Re: x", text).kind == "access"


@pytest.mark.parametrize(
    "html",
    [
        "<blockquote type='cite'>{}</blockquote>",
        "<div class='yahoo_quoted'>{}</div>",
        '<div class="gmail_quote gmail_x"><div>{}</div></div>',
    ],
)
def test_what_web_mail_quotes_is_not_asked(html: str) -> None:
    quote = html.format("<p>Please erase all my data, Article 17 GDPR</p>")
    body = f"<div>Please send me a copy of my data.</div>{quote}<p>Thank you.</p>"
    message = raw(body, more="Content-Type: text/html\n")
    found = read(message, len(message))
    assert request.guess("", found.text).kind == "access"
    assert "\nThank you." in found.text


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("Labdien, lūdzu izdzēsiet visus manus personas datus.", "erasure"),
        ("Nitlobkom tħassru d-data personali kollha tiegħi.", "erasure"),
        ("Hei, vennligst slett alle mine personopplysninger.", "erasure"),
        ("אנא מחקו את כל המידע האישי שלי.", "erasure"), ("Vinsamlegast eyðið öllum persónuupplýsingum mínum.",
        "erasure"), ("Молим вас да обришете све моје личне податке.", "erasure"),
        ("আমার সব ব্যক্তিগত তথ্য মুছে ফেলুন।", "erasure"), ("I withdraw the consent I gave to publish my report.",
        "withdrawal"), ("I changed my mind: please take back my consent.", "withdrawal"),
        ("Retiro el consentimiento que di para el tratamiento de mis datos.", "withdrawal"),
        ("Jeg trækker mit samtykke tilbage.", "withdrawal"), ("Оттеглям съгласието си.", "withdrawal"),
        ("Odvolávam svoj súhlas so spracúvaním osobných údajov.", "withdrawal"), ("我撤回我的同意。", "withdrawal"),
        ("bitte schränken Sie die Verarbeitung meiner Daten ein.", "restriction"),
        ("Merci de me transmettre mes données dans un format structuré et lisible par machine.", "portability"),
        ("Εναντιώνομαι στην επεξεργασία των δεδομένων μου.", "objection"),
        ("My son is 12 and sent you a report with his e-mail address. Please remove it.", "erasure"),
        ("Take down my benchmark report please.", "erasure"),
        ("Please delete everything you hold about me.", "erasure"),
        ("How do you compute the price per GPU hour for H100?", "question"), ("Is your estimate portable to AMD GPUs?",
        "question"),
        ("Is there a restriction on how many API requests I may send?", "question"),
        ("Please correct the price of the A100 at Lambda, it is now 1.29.", "question"), ("how are you?", "question"),
        ("Ég vil ekki lengur að þið geymið neitt.", "unsure"),
        ("I withdraw my earlier access request; no answer needed.", "unsure"),
        ("Ne supprimez rien : je voudrais seulement accéder à mes données.", "access"),
        ("Please do not delete my data. I only want a copy of it.", "access"), ("Bitte sperren Sie meine Daten.",
        "restriction"),
        ("Please send me a copy of my data.\n\nIf you received it in error, please delete it.", "access"),
        ("Please send me a copy of my data.\n-- \nErase this mail after reading.", "access"),
        ("zur Kenntnis\n\nVon: A\nGesendet: Montag\nAn: B\n\nBitte löschen Sie alle meine Daten.", "unsure"),
        ("Under Art. 18 LGPD, confirm whether you process my data and give me access.", "access"),
        ("Bonjour, je souhaite accéder à mes données. Hello, please erase my data.", "unsure"),
    ],
)  # fmt: skip
def test_what_is_asked_is_told_or_said_to_be_unsure(text: str, kinds: str) -> None:
    assert request.guess("", text).kind == kinds
    assert request.touches_data("", text) is (kinds != "question")


@pytest.mark.parametrize(
    ("subject", "text", "law"),
    [
        ("", "Delete my data under GDPR or CCPA, whichever applies.", "GDPR"), ("My data (GDPR/CCPA)", "a copy please",
        "GDPR"), ("", "I am not a California resident. Delete my data.", "other"),
        ("", "My phone is from California Telecom; I live in Berlin, GDPR applies. Delete my data.", "GDPR"),
        ("My data (GDPR, UK GDPR, CCPA)", "Please send me a copy of my data.", "other"),
        ("", "I am a California resident. Delete my data.", "CCPA"), ("Privacy request [know]: Know",
        "Law, if you know it (CCPA): UK GDPR", "GDPR"), ("", "Delete my data under the CPRA.", "CCPA"),
    ],
)  # fmt: skip
def test_the_law_is_the_one_that_the_person_claims(subject: str, text: str, law: str) -> None:
    assert request.guess(subject, text).law == law


@pytest.mark.parametrize("promise", ["P-9.1"])
@pytest.mark.parametrize("dry", [True, False])
def test_a_request_to_freeze_erases_nothing(office: Settings, dry: bool, promise: str) -> None:
    case, code = waiting(office, "restriction")
    arrive(office, raw(code, case.reference, name="r"), "reply")
    polled(office)
    assert verified(office, case.reference)
    with pytest.raises(InferenceBenchError, match="asks to freeze"):
        engine.run(fulfil.erase(office, case.reference, [], dry=dry))


def test_a_structure_that_no_library_takes_apart_loses_neither_sender_nor_text() -> None:
    opening = "".join(f'--b{n}\nContent-Type: multipart/mixed; boundary="b{n + 1}"\n\n' for n in range(20_000))
    message = raw(ASK + opening, more=MULTI.format(kind="mixed", boundary="b0"))
    found = read(message, len(message))
    assert found.sender == "person@example.org"
    assert "erase all my personal data" in found.text
    assert "beginning" in found.note
    nested = "Content-Type: message/rfc822\n\n" * 20_000
    message = raw(nested + ASK, more="Content-Type: message/rfc822\n")
    assert read(message, len(message)).sender == "person@example.org"


@pytest.mark.parametrize("promise", ["P-9.4"])
@pytest.mark.parametrize(
    "reply",
    [
        "I never made this request. Please cancel it, the code you sent was {code}.",
        "Ich habe das nicht beantragt! Code {code}.", "STOP. {code}",
        "Je n'ai jamais fait cette demande. Le code {code}", "I have changed my mind, please keep my data. {code}",
        "Это не я. {code}", "我没有提出这个请求。{code}",
        "What is this?\n\n{letter}", "We opened ticket #5512 with your message:\n{letter}", "Hi,\n\n| {letter}",
        "See below.\n\n\t{letter}", "PI> {letter}",
        "You said: write the code below into your reply. {code} I wonder.",
        "{code}" + " and many further words of somebody" * 12,
        "This is spam, unsubscribe! {code}", "{code} is phishing. Leave me alone.", "Qui êtes-vous ? {code}",
        "> {code}", ">> {code}\n>", "On Mon, 30 Nov 2026, InferenceBench wrote:\n    {code}\n",
        "Am 30. November 2026 schrieb InferenceBench:\n\n> Guten Tag\n> {code}", "{quote}", "\n\n{quote}\n\n",
        "    {code}\n\nUntil then nothing personal is sent, changed or erased.",
    ],
)  # fmt: skip
def test_further_words_or_a_copy_of_our_letter_confirm_nothing(office: Settings, reply: str, promise: str) -> None:
    case, code = waiting(office)
    letter = letters(office)[0]
    body = reply.format(code=code, letter=letter.get_content(), quote=quoted(letter))
    arrive(office, raw(body, f"Re: {letter['Subject']}", f"In-Reply-To: {letter['Message-ID']}\n", "r"), "reply")
    polled(office)
    assert not verified(office, case.reference)
    assert any("code" in what for _, what in engine.run(cases.events(case.reference)))


@pytest.mark.parametrize("promise", ["P-9.4"])
@pytest.mark.parametrize(
    ("subject", "body"),
    [
        ("Re: {reference}", "コードは{code}です。"), ("Re: {reference}", "{bare}"), ("Re: {reference}", "{minus}"),
        ("Re: {reference}, {code}", "see the subject"), ("Re: {reference}", "{letter}\n\n{code}"),
        ("Re: {reference}", "On Mon, 30 Nov 2026, InferenceBench wrote:\n{letter}\n\n{code}\n\nAna"),
        ("Re: {reference}", "{code}\n\nAm 30. November 2026 schrieb InferenceBench:\n{letter}"),
        ("Re: {reference}", "Here you are: {code}\n\nBest regards\nAna\n-- \nnever mind"),
    ],
)  # fmt: skip
def test_a_code_that_stands_alone_confirms_wherever_it_stands(
    office: Settings, subject: str, body: str, promise: str
) -> None:
    case, code = waiting(office)
    letter = letters(office)[0]
    given = {
        "code": code, "reference": case.reference, "bare": code.removeprefix("IB-"), "minus": code.replace("-",
        "\u2212"), "letter": quoted(letter),
    }  # fmt: skip
    arrive(office, raw(body.format(**given), subject.format(**given), name="r"), "reply")
    polled(office)
    assert verified(office, case.reference)


def guesses(first: int, last: int) -> list[str]:
    """Codes of the right form that were sent to nobody."""
    letters_of_codes = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
    return [f"IB-22{letters_of_codes[n // 31]}{letters_of_codes[n % 31]}-2222" for n in range(first, last)]


@pytest.mark.parametrize("promise", ["P-9.4"])
@pytest.mark.parametrize("form", ["with the letters IB", "bare", "without naming the case", "a code a mail"])
def test_one_mail_holds_no_more_guesses_than_five_mails(office: Settings, form: str, promise: str) -> None:
    case, code = waiting(office)
    many = [*guesses(0, {"bare": 20, "a code a mail": 6}.get(form, 900)), code]
    written = [one.removeprefix("IB-") for one in many] if form == "bare" else many
    subject = "hello" if form == "without naming the case" else case.reference
    for number, text in enumerate(written if form == "a code a mail" else ["\n".join(written)]):
        arrive(office, raw(text, subject, name=f"g{number}"), f"guess{number}")
        polled(office)
    assert not verified(office, case.reference)
    found = engine.run(cases.known(case.reference))
    assert (found.wrong_codes, found.code_hash) == (request.WRONG_CODES, "")


def test_who_mistypes_once_and_adds_the_right_code_is_believed(office: Settings) -> None:
    case, code = waiting(office)
    arrive(office, raw(f"IB-2222-2222, no: {code}", case.reference, name="r"), "reply")
    polled(office)
    assert verified(office, case.reference)


UNREAD = {
    "a letter beyond ASCII": ("From: üwe@example.org", "üwe@example.org"),
    "a number as the host": ("From: Kim <kim@[127.0.0.1]>", "kim@[127.0.0.1]"),
    "two senders": ("From: a@example.org, b@example.org", "a@example.org, b@example.org"),
    "two headers": ("From: a@example.org\nFrom: b@example.org", "a@example.org and b@example.org"),
    "a long local part": ("From: " + "x" * 300 + "@example.org", "x@example.org"),
    "a control character": ("From: kim\x1b[31m@[127.0.0.1]", "kim [31m@[127.0.0.1]"),
}


@pytest.mark.parametrize("name", UNREAD)
def test_a_sender_that_cannot_be_read_is_kept_for_the_operator_and_not_written_to(
    office: Settings, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    head, stood = UNREAD[name]
    message = raw().replace(b"From: Per Son <person@example.org>", head.encode())
    arrive(office, message, "unread")
    polled(office)
    (case,) = all_cases()
    assert privacy.show(case.reference, settings=office) == 0
    shown = capsys.readouterr().out
    assert "nobody known" in shown
    assert stood in shown
    assert len(engine.run(cases.correspondence(case.reference))[0]["note"]) <= 300
    assert letters(office) == []


def test_the_beginning_of_a_mail_says_who_stood_in_its_head() -> None:
    message = raw().replace(b"From: Per Son <person@example.org>", b"From: kim@[127.0.0.1]")
    assert "kim@[127.0.0.1]" in read_beginning(message, len(message), frozenset(), "memory").note


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("please export my data", "portability", "It was filed as: portability."),
        ("I want to download all my data.", "portability", "It was filed as: portability."),
        ("Bitte exportieren Sie meine Daten.", "portability", "It was filed as: portability."),
        ("Could you give me my data?", "access", "It was filed as: access."),
        ("How do I export the price table?", "question", "It was filed as: question."),
        ("As per GDPR, proceed.", "unsure", "We are not sure what you ask for"),
    ],
)
def test_a_plain_request_for_ones_data_is_understood_and_what_is_not_is_asked_about(
    office: Settings, text: str, kind: str, said: str
) -> None:
    arrive(office, raw(text), "ask")
    polled(office)
    assert [case.kind for case in all_cases()] == [kind]
    letter = " ".join(letters(office)[0].get_content().split())
    assert said in letter
    assert "unsure" not in letter


class Refusing:
    """An IMAP server's end of a session that says NO to some messages."""

    def __init__(self, uids: list[int], refused: set[int]) -> None:
        self.client, self._uids, self._refused = self, uids, refused

    def response(self, what: str) -> tuple[str, list[bytes]]:
        return what, [str(len(self._uids)).encode()]

    def fetch(self, *_: str) -> tuple[str, list[bytes]]:
        return "OK", [f"1 (UID {self._uids[0]})".encode()]

    def status(self, *_: str) -> tuple[str, list[bytes]]:
        return "OK", [f"INBOX (UIDNEXT {self._uids[-1] + 1})".encode()]

    def uids(self, *_: str, charset: str | None) -> list[str]:
        return [str(uid) for uid in self._uids]

    def uid(self, _: str, uid: str, what: str) -> tuple[str, list[Any]]:
        if int(uid) in self._refused:
            return "NO", [b"[SERVERBUG] cannot fetch"]
        if "BODY" in what:
            return "OK", [(b"1 (BODY[]", raw(name=f"i{uid}").replace(b"person@", f"p{uid}@".encode()))]
        return "OK", [b'1 (RFC822.SIZE 300 INTERNALDATE "25-Nov-2026 10:00:00 +0000")']


def test_a_message_that_the_server_does_not_give_out_stands_in_nobodys_way(
    office: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = Imap("imap://user:word@127.0.0.1/INBOX")
    monkeypatch.setattr(sync, "inbox", lambda _: box)
    refused, there = {3}, [1, 2, 3, 4, 5]

    @contextlib.contextmanager
    def opened() -> Iterator[tuple[Refusing, str]]:
        yield Refusing(there, refused), "7"

    monkeypatch.setattr(box, "_open", opened)
    assert polled(office)["read"] == 4
    for _ in range(3):
        polled(office)
    assert len(all_cases()) == 4
    assert any("does not give it out" in trouble for trouble in engine.run(sync.troubles()))
    refused.clear()
    engine.run(sync.retry())
    assert polled(office)["read"] == 1
    refused.update({6, 7, 8, 9, 10})
    there[:] = [6, 7, 8, 9, 10]
    with pytest.raises(MailboxFetchError):  # the server gives nothing out: that is its own trouble
        polled(office)


def test_a_file_whose_name_is_no_text_is_read_as_any_other(office: Settings) -> None:
    folder = office.data_dir / "mail" / "inbox" / "new"
    for name in (b"\xff\xfe-odd", b"new\nline", b"z"):
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(raw(name=name.hex()))
    assert polled(office)["read"] == 3
    assert (polled(office)["read"], list(folder.iterdir())) == (0, [])
    with time_machine.travel(clock.timestamp() + 8 * 86_400):
        polled(office)
    assert list(folder.parent.glob("cur/*")) == [], "copies go by their own name"


def test_the_same_words_of_two_senders_that_cannot_be_read_are_two_requests(office: Settings) -> None:
    """Without a Message-ID, the text of a template alone made the second one a copy of the first."""
    for number, sender in enumerate((b"nobody:;", b"\xc3\xa9@\xc3\xbc.example", b"<@a,@b:c@d.example>", b"nobody:;")):
        message = b"From: " + sender + b"\r\nSubject: [erasure]\r\n\r\n" + ASK.encode()
        (office.data_dir / "mail" / "inbox" / "new" / f"{number}").write_bytes(message)
    assert polled(office)["cases"] == 3, "the last is the first one again"


def test_a_letter_that_fails_by_a_fault_of_ours_stands_in_no_others_way(
    office: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = delivery._hand_over

    def faulty(settings: Settings, one: str, letter: store.Letter) -> None:
        if letter.recipient.startswith("first"):
            raise UnicodeEncodeError("ascii", "ä", 0, 1, "a password of our own")
        real(settings, one, letter)

    monkeypatch.setattr(delivery, "_hand_over", faulty)
    for name in ("first", "second"):
        arrive(office, mail(ASK, sender=f"{name}@{name}.example"), name)
    assert polled(office)["sent"] == 1


def test_a_part_that_fails_lets_the_rest_of_the_round_go_on(office: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(_: int) -> int:
        raise ValueError("a row of nonsense")

    monkeypatch.setattr(cases, "close_silent", fails)
    arrive(office, raw(name="one"), "one")
    with pytest.raises(ValueError, match="nonsense"):
        polled(office)
    assert len(list((office.data_dir / "mail" / "outbox" / "new").iterdir())) == 1


def test_held_letters_of_a_flood_stand_in_nobodys_way(office: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(automatic_limits, "AT_ONCE", 3)
    monkeypatch.setattr(queue, "AUTOMATIC_AN_HOUR", 2)
    began = clock.timestamp()
    for number in range(9):
        arrive(office, mail(ASK, sender=f"p{number}@flood.example"), f"a{number}")
    for number in range(2):
        arrive(office, mail(f"{ASK} {number}", sender="quiet@other.example"), f"b{number}")
    with time_machine.travel(began, tick=False):
        assert polled(office)["sent"] == 3
    with time_machine.travel(began + 86_000, tick=False):
        assert polled(office)["sent"] == 2, "two an hour of the flood"
    with time_machine.travel(began + 86_401, tick=False):
        polled(office)
    told = [one.read_text() for one in (office.data_dir / "mail" / "outbox" / "new").iterdir()]
    assert sum("quiet@other.example" in one for one in told) == 2, "though older letters of the flood still wait"


def test_a_letter_that_the_server_refuses_is_told_of(
    office: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(*_: object) -> None:
        raise smtplib.SMTPRecipientsRefused({"person@example.org": (550, b"no such user")})

    monkeypatch.setattr(delivery, "_hand_over", refused)
    began = clock.timestamp()
    arrive(office, raw(name="r"), "r")
    for number in range(delivery.LATE_TRIES):
        with time_machine.travel(began + number * (delivery.AGAIN_S + 1), tick=False):
            assert polled(office)["sent"] == 0
    (case,) = all_cases()
    assert any("1 letters wait to be sent" in trouble for trouble in engine.run(sync.troubles()))
    privacy.show(case.reference, settings=office)
    assert f"not sent yet: the letter of {clock.from_timestamp(began):%Y-%m-%d}" in capsys.readouterr().out
