"""The life of a request under random sequences of what people, their mail servers, the operator, purge and clock do.

The promises: a message is kept exactly once (P-9.2); identity is shown before anything is told (P-9.4); a case is open
or ended and says so (P-9.3); one automatic letter a day and recipient; what is past its limit is gone (P-8c).
"""

import os
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import time_machine
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from app.cli import privacy, privacy_fulfilment
from app.core import clock
from app.core.errors import InferenceBenchError
from app.core.retention import add_months
from app.core.settings import load
from app.core.units import DAY_S
from app.privacy.mail import sync
from app.privacy.mail.mailbox import Maildir
from app.privacy.requests import cases, request
from app.privacy.retention import purge
from app.storage import engine
from tests.conftest import Shipped
from tests.database import tuples
from tests.rule_machines import rule_machine_settings

BEGIN = "2026-11-24T15:00:00Z"
PEOPLE = ("ana@example.org", "ben@example.org", "eve@other.example")
OPERATOR = "operator@example.net"
SUBJECTS = ("[access] my data", "[erasure] my data", "[question] a question", "Bitte löschen Sie meine Daten", "hello")

NUMBERS = st.integers(0, 99)
"""Which of the cases, messages or letters there are: their names are random, so that none can be drawn."""


def body(letter: EmailMessage) -> str:
    part = letter.get_body(("plain",))
    return "" if part is None else str(part.get_content())


class Requests(RuleBasedStateMachine):
    """An office with Maildirs, and what must hold of every case in it."""

    shipped: Shipped

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        own = Requests.shipped(self.folder / "data")
        self.settings = load({**own, "INFERENCEBENCH_OPERATOR_EMAIL": OPERATOR})
        engine.use(self.settings.database)
        self.travel = time_machine.travel(clock.parse_instant(BEGIN), tick=False)
        self.clock = self.travel.start()
        self.inbox = Maildir(self.settings.data_dir / "mail/inbox")
        self.sent: dict[str, tuple[str, EmailMessage]] = {}
        """What people sent and was not read yet or is kept: mark → (sender, message)."""
        self.read: set[str] = set()
        self.bounces: set[str] = set()
        self.proven: set[str] = set()
        self.codes: set[tuple[str, str]] = set()
        """Subject and code of each letter that had one; a letter's copy is deleted before its code is used up."""
        self.last: dict[str, cases.Case] = {}
        self.heard: dict[str, int] = {}
        self.automatic: dict[str, int] = {}
        self.number = 0

    def teardown(self) -> None:
        self.travel.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _picked(self, number: int) -> str:
        """One of the cases, in their order of age."""
        first = "SELECT min(id) FROM correspondence m WHERE m.reference = c.reference"
        ages = dict(engine.run(tuples(f"SELECT reference, coalesce(({first}), 0) FROM privacy_case c")))
        return sorted(self.last, key=ages.__getitem__)[number % len(self.last)]

    # What people do

    def _send(self, sender: str, subject: str, text: str, **headers: str) -> None:
        self.number += 1
        mark = f"MARK{self.number:04}X"
        message = EmailMessage(policy=policy.SMTP)
        message["From"], message["To"], message["Subject"] = sender, self.settings.contact_email, subject
        message["Message-ID"] = f"<{mark.lower()}@{sender.partition('@')[2]}>"
        for name, value in headers.items():
            message[name.replace("_", "-")] = value
        message.set_content(f"{text}\n{mark}\n")
        self.sent[mark] = (sender, message)
        self._arrive(message, mark)

    def _arrive(self, message: EmailMessage, name: str) -> None:
        self.inbox.put(name, message.as_bytes())
        os.utime(self.settings.data_dir / "mail/inbox/new" / name, (clock.timestamp(),) * 2)

    @rule(sender=st.sampled_from(PEOPLE), subject=st.sampled_from(SUBJECTS))
    def somebody_writes(self, sender: str, subject: str) -> None:
        self._send(sender, subject, "I ask you something about my personal data.")

    @precondition(lambda self: self.last)
    @rule(sender=st.sampled_from(PEOPLE), pick=NUMBERS, right=st.booleans())
    def somebody_answers_with_a_code(self, sender: str, pick: int, *, right: bool) -> None:
        reference = self._picked(pick)
        codes = [
            found[0]
            for letter in self.letters()
            if reference in letter["Subject"] and (found := request.CODE.search(body(letter)))
        ]
        code = codes[-1] if right and codes else "IB-2222-2222"
        self._send(sender, f"Re: Your privacy request {reference}", f"Here it is: {code}")

    @precondition(lambda self: self.sent)
    @rule(pick=NUMBERS)
    def a_server_delivers_a_message_again(self, pick: int) -> None:
        mark = sorted(self.sent)[pick % len(self.sent)]
        self.number += 1
        self._arrive(self.sent[mark][1], f"again{self.number}")

    @precondition(lambda self: self.letters())
    @rule(pick=NUMBERS, absent=st.booleans())
    def a_letter_of_ours_bounces(self, pick: int, *, absent: bool) -> None:
        letter = self.letters()[pick % len(self.letters())]
        self.the_mailbox_is_read()
        before = self._cases()
        sender = str(letter["To"]) if absent else "mailer-daemon@mx.example"
        subject = "Automatic reply: away" if absent else "Undelivered Mail Returned to Sender"
        automatic = "auto-replied" if absent else "auto-generated"
        self._send(sender, subject, "x", In_Reply_To=str(letter["Message-ID"]), Auto_Submitted=automatic)
        self.bounces.add(f"MARK{self.number:04}X")
        self.the_mailbox_is_read()
        after = self._cases()
        assert set(after) == set(before), "a report about our letter opens no case"
        assert all(after[one].state == before[one].state for one in before if before[one].state != request.ANSWERED)

    # What the operator does

    def _operator(self, work: Callable[..., int], reference: str, **options: Any) -> bool:
        try:
            work(reference, **options, settings=self.settings)
        except InferenceBenchError:
            return False
        return True

    @precondition(lambda self: self.last)
    @rule(pick=NUMBERS, what=st.sampled_from(("proof", "send_code")))
    def identity(self, pick: int, what: str) -> None:
        reference = self._picked(pick)
        if what == "proof" and self._operator(privacy_fulfilment.verify, reference, proof="showed a passport"):
            self.proven.add(reference)
        elif what == "send_code":
            self._operator(privacy_fulfilment.verify, reference, send_code=True)

    @precondition(lambda self: self.last)
    @rule(pick=NUMBERS, what=st.sampled_from(("export", "erase", "restrict")))
    def something_is_carried_out(self, pick: int, what: str) -> None:
        reference = self._picked(pick)
        options = {"export": {"send": True}, "erase": {"yes": True}, "restrict": {}}
        done = self._operator(getattr(privacy_fulfilment, what), reference, **options[what])
        assert not done or reference in self.proven, f"{what} before identity was shown"

    @precondition(lambda self: self.last)
    @rule(pick=NUMBERS, state=st.sampled_from(("answered", "resolved", "refused", "spam", "extend")))
    def the_operator_decides(self, pick: int, state: str) -> None:
        reference = self._picked(pick)
        text = self.folder / "answer.txt"
        text.write_text("This is the answer.")
        if state == "extend":
            self._operator(privacy.resolve, reference, extend=True, reason="many")
        elif self._operator(
            privacy.resolve, reference, state=state, reason="why", answer=str(text) if state == "answered" else ""
        ):
            assert self._cases()[reference].state == state

    # Time and the worker

    @rule()
    def the_mailbox_is_read(self) -> None:
        known = {mark: sender for mark, (sender, _) in self.sent.items() if mark not in self.read}
        before = self._cases()
        engine.run(sync.poll(self.settings))
        for mark, sender in known.items():
            self.read.add(mark)
            found = self._where(mark)
            if mark in self.bounces and not found:  # of a letter whose case is gone, or to the operator
                continue
            assert len(found) == 1, f"{mark} is kept {len(found)} times"
            case = self._cases()[found[0]]
            text = body(self.sent[mark][1])
            sent = [code for subject, code in self.codes if found[0] in subject]
            if sender == case.address and any(code in text for code in sent) and found[0] in before:
                self.proven.add(found[0])
        for reference, case in before.items():
            if case.state in (request.REFUSED, request.SPAM):
                assert self._cases()[reference].state == case.state, "what the operator ended stays so"

    @rule(days=st.sampled_from((0, 1, 8, 31, 61, 400)), seconds=st.integers(1, DAY_S))
    def time_passes(self, days: int, seconds: int) -> None:
        self.clock.shift(days * DAY_S + seconds)

    @rule()
    def the_purge_runs(self) -> None:
        now = clock.timestamp()
        engine.run(purge.run(self.settings, now))
        for case in self._cases().values():
            assert case.resolved_at is None or add_months(case.resolved_at, 12) > now
            assert case.state != request.SPAM or case.received_at + 30 * DAY_S > now
        self.last = {one: case for one, case in self.last.items() if not self._due(case, now)}

    def _due(self, case: cases.Case, now: int) -> bool:
        if case.state == request.SPAM:
            return case.received_at + 30 * DAY_S <= now
        return case.resolved_at is not None and add_months(case.resolved_at, 12) <= now

    # What must hold after each step

    def _cases(self) -> dict[str, cases.Case]:
        return {case.reference: case for case in engine.run(cases.every(closed=True))}

    def _where(self, mark: str) -> list[str]:
        return [one for (one,) in engine.run(tuples("SELECT reference FROM correspondence WHERE body LIKE ?",
            f"%{mark}%"))]  # fmt: skip

    def letters(self) -> list[EmailMessage]:
        paths = sorted((self.settings.data_dir / "mail/outbox").glob("[nc]*/*"), key=lambda path: path.stat().st_mtime)
        return [message_from_bytes(path.read_bytes(), policy=policy.default) for path in paths]

    @invariant()
    def cases_are_sound(self) -> None:
        found = self._cases()
        for reference, case in found.items():
            ended = case.state in (request.RESOLVED, request.REFUSED)
            assert (case.resolved_at is not None) is ended, f"{case.state} and resolved at {case.resolved_at}"
            assert case.state != request.ANSWERED or case.answered_at is not None
            assert case.verified_at is None or reference in self.proven
            assert case.state in (*request.OPEN, *request.CLOSED, request.ANSWERED)
            assert case.deadline_at >= request.deadline(case.received_at, case.law)
        for reference, case in self.last.items():
            assert reference in found, f"{reference} ({case.state}) is gone before its limit"
        self.last = found

    @invariant()
    def letters_go_to_whom_they_should(self) -> None:
        ids = Counter(letter["Message-ID"] for letter in self.letters())
        assert not ids or max(ids.values()) == 1, "a letter was sent twice"
        for letter in self.letters():
            assert letter["To"] in (*PEOPLE, OPERATOR)
            if code := request.CODE.search(body(letter)):
                self.codes.add((letter["Subject"], code[0]))
            if letter["Auto-Submitted"] and letter["Message-ID"] not in self.heard:
                now = self.heard[letter["Message-ID"]] = clock.timestamp()
                assert now - self.automatic.get(letter["To"], -DAY_S) >= DAY_S, "two automatic letters within a day"
                self.automatic[letter["To"]] = now
        kept = "".join(
            str(row) for row in engine.run(tuples("SELECT body FROM correspondence WHERE direction = 'out'"))
        )
        assert not re.search(r"IB-[2-9A-Z]{4}-", kept), "a code that was sent is not kept"


@pytest.mark.parametrize("promise", ["P-8c P-9.2 P-9.3 P-9.4"])
def test_a_request_keeps_its_promises_whatever_happens(shipped: Shipped, promise: str) -> None:
    Requests.shipped = staticmethod(shipped)
    run_state_machine_as_test(Requests, settings=rule_machine_settings(12, 25))
