"""What the operator decides happens, is told to the person, once, and nothing of before follows it."""

from email import message_from_bytes, policy
from pathlib import Path

import pytest
import time_machine

from app.cli import privacy, privacy_fulfilment
from app.core import clock
from app.core.errors import InferenceBenchError
from app.core.settings import Settings
from app.core.units import DAY_S
from app.privacy.requests import cases, request
from app.storage import engine
from tests.privacy.test_requests import all_cases, arrive, letters, mail, office, polled, waiting  # noqa: F401


def now_of(reference: str) -> cases.Case:
    return engine.run(cases.known(reference))


def texts(settings: Settings) -> list[str]:
    """The letters sent so far in the order in which they went, after another round of the mailbox."""
    polled(settings)
    letters(settings)  # each is signed
    paths = sorted((settings.data_dir / "mail/outbox").glob("[nc]*/*"), key=lambda path: path.stat().st_mtime_ns)
    return [message_from_bytes(path.read_bytes(), policy=policy.default).get_content() for path in paths]


@pytest.mark.parametrize("promise", ["P-9.3"])
@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"state": "answered"}, "an answer needs its text"), ({"state": "answered", "answer": "empty"}, "no text"),
        ({"state": "resolved", "answer": "empty"}, "no text"), ({"state": "refused"}, "needs its --reason"),
        ({"state": "refused", "reason": " \t"}, "needs its --reason"), ({"extend": True, "reason": " "}, "--reason"),
        ({"extend": True, "reason": "many", "answer": "letter"}, "stands alone"),
        ({"extend": True, "reason": "many", "state": "spam"}, "stands alone"),
        ({"state": "spam", "answer": "letter"}, "not answered"),
    ],
)  # fmt: skip
def test_what_would_do_less_than_it_says_is_refused(
    office: Settings, tmp_path: Path, options: dict[str, str], why: str, promise: str
) -> None:
    case, _ = waiting(office)
    (tmp_path / "empty").write_text(" \n\n")
    (tmp_path / "letter").write_text("This is it.")
    if "answer" in options:
        options = options | {"answer": str(tmp_path / options["answer"])}
    with pytest.raises(InferenceBenchError, match=why):
        privacy.resolve(case.reference, **options, settings=office)  # type: ignore[arg-type]
    assert now_of(case.reference) == case
    assert len(texts(office)) == 1


@pytest.mark.parametrize("promise", ["P-9.3"])
@pytest.mark.parametrize("answer", ["", "Thank you for asking."])
def test_who_is_refused_is_told_why_and_where_to_complain(
    office: Settings, tmp_path: Path, answer: str, promise: str
) -> None:
    case, _ = waiting(office)
    (tmp_path / "letter").write_text(answer)
    told = str(tmp_path / "letter") if answer else ""
    reason = "Art. 12(5): the tenth such request"
    assert privacy.resolve(case.reference, state="refused", reason=f" {reason} ", answer=told, settings=office) == 0
    letter = texts(office)[-1]
    for words in (answer, reason, "supervisory authority", case.reference):
        assert words in " ".join(letter.split())
    found = now_of(case.reference)
    assert (found.state, found.reason) == (request.REFUSED, reason)
    with pytest.raises(InferenceBenchError, match="refused already"):
        privacy.resolve(case.reference, state="refused", reason=reason, settings=office)
    assert len(texts(office)) == 2


def test_a_refusal_without_an_address_says_that_somebody_has_to_tell_it(
    office: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    privacy.record(kind="access", way="letter", settings=office)
    reference = all_cases()[0].reference
    assert privacy.resolve(reference, state="refused", reason="nobody is named", settings=office) == 0
    assert "tell the person the reason another way" in capsys.readouterr().out


@pytest.mark.both_engines
@pytest.mark.parametrize("promise", ["P-9.3"])
@pytest.mark.parametrize("ends", ["erased", "answered", "refused", "resolved", "spam"])
def test_what_was_held_back_does_not_follow_the_end(office: Settings, tmp_path: Path, ends: str, promise: str) -> None:
    case, code = waiting(office, "erasure")
    arrive(office, mail(code, subject=case.reference), "reply")
    polled(office)
    assert len(letters(office)) == 1, "one automatic letter a day: that we now carry it out is held back"
    (tmp_path / "letter").write_text("This is the answer.")
    if ends == "erased":
        privacy_fulfilment.erase(case.reference, yes=True, settings=office)
    else:
        answer = str(tmp_path / "letter") if ends == "answered" else ""
        privacy.resolve(case.reference, state=ends, reason="why", answer=answer, settings=office)
    with time_machine.travel(clock.timestamp() + 2 * DAY_S):
        sent = texts(office)
    assert not [text for text in sent if "We now carry out" in text]
    assert len(sent) == {"answered": 2, "refused": 2}.get(ends, 1), "an erasure deletes the copy of the first letter"
    kept = engine.run(cases.correspondence(case.reference))
    assert ["not sent" in part["note"] for part in kept if "We now carry out" in part["body"]] == [True]


def test_what_waits_to_be_sent_does_not_follow_the_answer(office: Settings, tmp_path: Path) -> None:
    case, _ = waiting(office)
    with time_machine.travel(clock.timestamp() + 2 * DAY_S):
        assert privacy_fulfilment.verify(case.reference, send_code=True, settings=office) == 0
        code = request.CODE.search(texts(office)[-1])[0]  # type: ignore[index]
        assert privacy_fulfilment.verify(case.reference, code=code, settings=office) == 0  # its letter is in the queue
        (tmp_path / "letter").write_text("This is the answer.")
        answer = str(tmp_path / "letter")
        assert privacy.resolve(case.reference, state="answered", answer=answer, settings=office) == 0
        assert "This is the answer." in texts(office)[-1]
        assert not [text for text in texts(office) if "We now carry out" in text]


@pytest.mark.parametrize("promise", ["P-9.4"])
def test_a_held_letter_with_a_code_goes_when_the_code_ends(office: Settings, promise: str) -> None:
    waiting(office)
    arrive(office, mail("please", subject="[erasure]", Message_ID="<second@example.org>"), "second")
    polled(office)
    case = next(one for one in all_cases() if one.kind == "erasure")
    assert privacy_fulfilment.verify(case.reference, proof="passport seen", settings=office) == 0
    with time_machine.travel(clock.timestamp() + 2 * DAY_S):
        assert sum("write the code below" in text for text in texts(office)) == 1, "the first request's"


@pytest.mark.parametrize("promise", ["P-9.1"])
def test_a_certificate_is_sent_once_and_again_only_to_who_wrote_since(office: Settings, promise: str) -> None:
    case, code = waiting(office, "erasure")
    arrive(office, mail(code, subject=case.reference), "reply")
    polled(office)

    assert privacy_fulfilment.erase(case.reference, yes=True, settings=office) == 0
    with pytest.raises(InferenceBenchError, match="nothing is erased or sent again"):
        privacy_fulfilment.erase(case.reference, yes=True, settings=office)
    assert [text for text in texts(office) if "Certificate of erasure" in text], "its copy in the outbox stays"
    arrive(office, mail("there is more", subject=case.reference, Message_ID="<more@example.org>"), "more")
    polled(office)
    assert privacy_fulfilment.erase(case.reference, yes=True, settings=office) == 0
    kept = engine.run(cases.correspondence(case.reference))
    assert sum("Certificate of erasure" in part["body"] for part in kept) == 2


def test_blank_words_are_no_proof_and_no_way(office: Settings) -> None:
    case, _ = waiting(office)
    with pytest.raises(InferenceBenchError, match="say --code"):
        privacy_fulfilment.verify(case.reference, proof=" \t", settings=office)
    for way in ("", "  "):
        with pytest.raises(InferenceBenchError, match="--way"):
            privacy.record(kind="access", way=way, settings=office)
    assert now_of(case.reference).verified_at is None
    assert len(all_cases()) == 1
