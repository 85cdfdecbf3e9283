"""A certificate counts what is gone, after it is gone."""

import asyncio
import imaplib
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from app.core.errors import InferenceBenchError
from app.core.settings import Settings, load
from app.privacy.fulfilment import fulfil
from app.privacy.mail import mailbox, sync
from app.privacy.mail.copy_store import Copy
from app.privacy.requests import cases
from app.storage import engine, write_ahead_log
from app.submissions import store
from tests.conftest import Shipped, database_of
from tests.database import tuples
from tests.privacy.test_requests import arrive, dovecot, letters, mail, office, polled, waiting  # noqa: F401
from tests.submissions.test_reports import EXPERIENCE

HELD = {"reports": 2, "addresses for questions": 2, "earlier, resolved requests with their correspondence": 1,
        "copies of mail": 4}  # fmt: skip


def held(settings: Settings) -> str:
    """A verified case of a person with two reports, an earlier request, and copies of mail; its reference."""

    async def reports() -> None:
        for number in range(2):
            await store.send(
                "experience", {**EXPERIENCE, "text": f"words {number}", "contact": "person@example.org"}, "p", "c"
            )

    engine.run(reports())
    arrive(settings, mail("first", subject="[question]"), "first")
    polled(settings)
    earlier = engine.run(cases.every(closed=False))[0]
    engine.run(cases.close(earlier.reference, "resolved", ""))
    arrive(settings, mail("delete all of it please", subject="[erasure]"), "second")
    polled(settings)
    case = next(case for case in engine.run(cases.every(closed=False)) if case.kind == "erasure")

    async def verified() -> None:
        async with engine.transaction():
            await cases.set_values(case.reference, verified_at=1)

    engine.run(verified())
    return case.reference


def copies() -> int:
    return int(engine.run(tuples("SELECT count(*) FROM mail_copy"))[0][0])


def erased(settings: Settings, reference: str) -> dict[str, int]:
    return dict(engine.run(fulfil.erase(settings, reference, [], dry=False))[0])


def test_the_counts_are_what_is_gone(office: Settings) -> None:
    reference = held(office)
    told = dict(engine.run(fulfil.erase(office, reference, [], dry=True))[0])
    before = copies()
    assert told["copies of mail"] == before > 0
    assert erased(office, reference) == told
    assert copies() == 0
    assert not list((office.data_dir / "mail").glob("*/*/*"))
    assert erased(office, reference) == told, "said again, the certificate says the same"


@pytest.mark.parametrize(
    "cut", ["reports_store.erase", "publish.with_prices", "sync.delete_copies", "erasure_journal.append", "scrub"]
)
def test_a_run_that_was_cut_off_is_taken_up_and_counts_the_same(
    office: Settings,
    monkeypatch: pytest.MonkeyPatch,
    cut: str,
) -> None:
    reference = held(office)
    told = dict(engine.run(fulfil.erase(office, reference, [], dry=True))[0])

    def fail(*given: Any, **_: Any) -> Any:
        for one in given:
            if asyncio.iscoroutine(one):
                one.close()  # it never begins
        raise RuntimeError("the power went")

    with monkeypatch.context() as patch:
        patch.setattr(f"app.privacy.fulfilment.fulfil.{cut}", fail)
        with pytest.raises(RuntimeError):
            erased(office, reference)
    assert erased(office, reference) == told


def test_a_copy_that_stays_is_not_certified(office: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    reference = held(office)
    told = dict(engine.run(fulfil.erase(office, reference, [], dry=True))[0])
    real = Path.unlink

    def stubborn(self: Path, missing_ok: bool = False) -> None:
        if not self.name.startswith("first"):
            real(self, missing_ok=missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", stubborn)
        with pytest.raises(
            InferenceBenchError, match="not everything is gone, so no certificate is sent; copies of mail: 1 left"
        ):
            erased(office, reference)
    assert erased(office, reference) == told


def test_a_mailbox_that_fails_or_is_another_is_not_certified(office: Settings) -> None:
    reference = held(office)
    other = load(database_of(office, INFERENCEBENCH_IMAP_URL="imap://u:p@127.0.0.1:9"))
    with pytest.raises(InferenceBenchError, match=r"no certificate is sent.*mail/inbox"):
        erased(other, reference)
    assert erased(office, reference)["copies of mail"] > 0


@pytest.mark.sqlite_only
def test_a_log_that_cannot_be_emptied_is_not_certified(office: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    reference = held(office)
    monkeypatch.setattr(write_ahead_log, "WAIT_S", 0.001)
    reader = sqlite3.connect(office.database_path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM submission").fetchone()
    with pytest.raises(InferenceBenchError, match="log of recent writes"):
        erased(office, reference)
    reader.close()
    assert erased(office, reference)["reports"] == 2


@pytest.mark.parametrize("command", ["STORE", "EXPUNGE"])
def test_a_servers_no_is_no_deletion(
    dovecot: tuple[str, Path],
    tmp_path: Path,
    shipped: Shipped,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
) -> None:
    """A mailbox that may be read and not changed, as a real server enforces it, and one that says NO to one command."""
    url, maildir = dovecot
    settings = load({**shipped(tmp_path / "data"), "INFERENCEBENCH_IMAP_URL": url})
    engine.use(settings.database)
    (maildir / "new" / "one").write_bytes(mail("please delete me", subject="[erasure]"))
    polled(settings)
    names = [name for (name,) in engine.run(tuples("SELECT name FROM mail_copy WHERE place LIKE 'imap%'"))]
    assert len(names) == 1
    box = mailbox.Imap(url)
    real = imaplib.IMAP4.uid

    def no(self: Any, what: str, *arguments: Any) -> Any:
        return ("NO", [b"not now"]) if what == command else real(self, what, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(imaplib.IMAP4, "uid", no)
        with pytest.raises(mailbox.MailboxError):
            box.delete(names)
        assert engine.run(sync.delete_copies(settings, [Copy(box.place, names[0])])) == set()
    assert copies() >= 1
    assert engine.run(sync.delete_copies(settings, [Copy(box.place, names[0])])) == {(box.place, names[0])}
    assert not [path for path in maildir.glob("*/*") if path.name.startswith("one")]


def test_only_the_named_messages_leave_a_mailbox(dovecot: tuple[str, Path]) -> None:
    """The person of the mailbox may have marked others of his own as deleted: those are his to expunge."""
    url, maildir = dovecot
    for name in ("one", "two"):
        (maildir / "new" / name).write_bytes(mail(f"words {name}"))
    box = mailbox.Imap(url)
    items = {item.raw.split(b"words ")[1][:3]: item.name for item in box.new(set())}
    with box._open() as (open_box, _):
        open_box.client.uid("STORE", items[b"two"].partition(".")[2], "+FLAGS", r"(\Deleted)")
    assert box.delete([items[b"one"]]) == [items[b"one"]]
    assert [item.name for item in box.new(set())] == [items[b"two"]]
