"""Where requests arrive: a Maildir in the data folder, or a mailbox by IMAP.

A message that is not safely stored is never deleted.
"""

import contextlib
import imaplib
import os
import re
import ssl
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from imaplib import Time2Internaldate
from pathlib import Path
from time import mktime
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from imap_tools import BaseMailBox, MailBox, MailBoxStartTls, MailBoxUnencrypted
from imap_tools.errors import (
    ImapToolsError,
    MailboxAppendError,
    MailboxDeleteError,
    MailboxExpungeError,
    MailboxFetchError,
    MailboxFolderSelectError,
    MailboxUidsError,
    UnexpectedCommandStatusError,
)
from imap_tools.utils import check_command_status

from app.core import clock
from app.core.errors import InferenceBenchError
from app.core.setting_readers import is_loopback
from app.core.settings import Settings
from app.privacy.mail.parser import HEAD_BYTES, MOST_BYTES

INBOX, OUTBOX = "mail/inbox", "mail/outbox"
TIMEOUT_S = 30
DELETED_AT_ONCE = 200
"""How many messages one command names: servers limit the length of a line."""
WINDOW = 50_000
"""How many message numbers are asked for at once: the library accepts no line over a million bytes."""


class MailboxError(InferenceBenchError):
    """The mailbox can't be read right now; the text says why."""


@dataclass(frozen=True, slots=True)
class Item:
    """One message in a mailbox: its permanent name there, its size in bytes, the beginning of it that was read, and
    when it arrived (seconds since 1970). ``fault`` says why the mailbox did not return it; the others are read all the
    same."""

    name: str
    size: int
    raw: bytes
    arrived: int
    fault: str = ""


MOST_FAULTS = 3
"""If this many messages in a row are not returned, the fault is the mailbox's and not theirs."""


class Mailbox(Protocol):
    """A place that messages come to. ``place`` names it in the record of copies."""

    place: str

    def new(self, known: set[str]) -> Generator[Item, None, None]:
        """Messages whose names are not ``known``, the oldest first; one at a time is in memory."""

    def stored(self, name: str) -> None:
        """The message is safely in the database."""

    def delete(self, names: list[str]) -> list[str]:
        """Delete copies; returns the names of those that are gone, as looked up afterwards."""


class Maildir:
    """A Maildir: files are moved in whole, so that half a message is never read."""

    def __init__(self, folder: Path, place: str = INBOX) -> None:
        self.folder, self.place = folder, place
        for part in ("tmp", "new", "cur"):
            (folder / part).mkdir(parents=True, exist_ok=True)

    def _files(self) -> dict[str, Path]:
        """Name → file. Bytes of a file's name that are not UTF-8 are escaped, so that any database can store it."""
        return {
            os.fsencode(entry.name.partition(":")[0]).decode("utf-8", "backslashreplace"): Path(entry.path)
            for part in ("cur", "new")
            for entry in os.scandir(self.folder / part)
            if entry.is_file(follow_symlinks=False)
        }

    def new(self, known: set[str]) -> Generator[Item, None, None]:
        files = {name: path for name, path in self._files().items() if name not in known}
        for name in sorted(files):
            path = files[name]
            try:
                status = path.stat()
                size = status.st_size
                with path.open("rb") as file:
                    raw = file.read(HEAD_BYTES if size > MOST_BYTES else MOST_BYTES)
            except FileNotFoundError:
                continue
            except OSError as error:
                yield Item(name, 0, b"", 0, f"its file can't be read ({error.strerror})")
                continue
            yield Item(name, size, raw, int(status.st_mtime))

    def stored(self, name: str) -> None:
        file = self.folder / "new" / name
        if not file.exists():  # its name is no UTF-8, or another program moved it
            file = self._files().get(name, file)
        if file.parent.name == "new" and file.exists():
            file.rename(self.folder / "cur" / f"{name}:2,S")

    def delete(self, names: list[str]) -> list[str]:
        files = self._files()
        for name in names:
            if path := files.get(name):
                path.unlink(missing_ok=True)
        left = self._files()
        return [name for name in names if name not in left]

    def put(self, name: str, raw: bytes) -> None:
        """Deliver a message: the same name twice is one message."""
        half = self.folder / "tmp" / name
        with half.open("wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        half.rename(self.folder / "new" / name)


class Imap:
    """A mailbox by IMAP.

    Names are ``UIDVALIDITY.UID``, so that they stay true; nothing is marked or moved by reading.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.place = f"imap:{parts.hostname}"
        self._parts = parts
        self._folder = unquote(parts.path.strip("/")) or "INBOX"

    @contextlib.contextmanager
    def _open(self) -> Iterator[tuple[BaseMailBox, str]]:
        """The mailbox with its folder open, and the folder's UIDVALIDITY. Whatever fails is a :class:`MailboxError`."""
        host = self._parts.hostname or ""
        try:
            box = self._connect(host)
            try:
                _log_in(box, unquote(self._parts.username or ""), unquote(self._parts.password or ""))
                box.folder.set(self._folder)
                validity = box.client.response("UIDVALIDITY")[1]
                yield box, validity[0].decode() if validity and validity[0] else "0"
            finally:
                with contextlib.suppress(imaplib.IMAP4.error, ImapToolsError, OSError):
                    box.logout()
        except MailboxFolderSelectError:
            raise MailboxError(f"the mailbox at {host} has no folder {self._folder}") from None
        except (imaplib.IMAP4.error, ImapToolsError, OSError) as error:
            raise MailboxError(f"the mailbox at {host} can't be read: {_reason(error)}") from None

    def _connect(self, host: str) -> BaseMailBox:
        context = ssl.create_default_context()
        if self._parts.scheme == "imaps":
            return MailBox(host, self._parts.port or 993, timeout=TIMEOUT_S, ssl_context=context)
        if is_loopback(host):
            return MailBoxUnencrypted(host, self._parts.port or 143, timeout=TIMEOUT_S)
        return MailBoxStartTls(host, self._parts.port or 143, timeout=TIMEOUT_S, ssl_context=context)

    def new(self, known: set[str]) -> Generator[Item, None, None]:
        with self._open() as (box, validity):
            faults = 0
            for uid in self._uids(box):
                if f"{validity}.{uid}" in known:
                    continue
                try:
                    size, arrived = self._about(box, uid)
                    most = HEAD_BYTES if size > MOST_BYTES else MOST_BYTES
                    answer = _fine(box.client.uid("FETCH", str(uid), f"(BODY.PEEK[]<0.{most}>)"), MailboxFetchError)
                except MailboxFetchError:
                    faults += 1
                    if faults > MOST_FAULTS:
                        raise
                    yield Item(f"{validity}.{uid}", 0, b"", 0, "the mailbox's server does not give it out")
                    continue
                faults = 0
                raw = next((part[1] for part in answer if isinstance(part, tuple)), b"")
                if raw:
                    yield Item(f"{validity}.{uid}", size, raw, arrived)

    def _uids(self, box: BaseMailBox) -> Iterator[int]:
        """The numbers of all messages, those passed over earlier too, in answers of bounded length."""
        held = box.client.response("EXISTS")[1]
        if not held or not int(held[0] or 0):
            return
        lowest = _fine(box.client.fetch("1", "(UID)"), MailboxFetchError)
        status = _fine(box.client.status(f'"{self._folder}"', "(UIDNEXT)"), MailboxUidsError)
        first, end = _number(rb"UID (\d+)", lowest), _number(rb"UIDNEXT (\d+)", status)
        for start in range(first, end, WINDOW):
            yield from sorted(map(int, box.uids(f"UID {start}:{start + WINDOW - 1}", charset=None)))

    @staticmethod
    def _about(box: BaseMailBox, uid: int) -> tuple[int, int]:
        """Size in bytes and the second of arrival, as the server noted them."""
        answer = _fine(box.client.uid("FETCH", str(uid), "(RFC822.SIZE INTERNALDATE)"), MailboxFetchError)
        came = imaplib.Internaldate2tuple(_joined(answer))
        return _number(rb"RFC822\.SIZE (\d+)", answer), int(mktime(came)) if came else 0

    def append(self, raw: bytes, mark: str) -> str:
        """Put a message into the folder and return its name.

        ``mark`` is a word that stands in its subject and nowhere else.
        """
        with self._open() as (box, validity):
            _fine(
                box.client.append(f'"{self._folder}"', r"(\Seen)", Time2Internaldate(clock.timestamp()), raw),
                MailboxAppendError,
            )
            _fine(box.client.noop(), MailboxAppendError)
            uids = _fine(box.client.uid("SEARCH", "SUBJECT", f'"{mark}"'), MailboxUidsError)
            return f"{validity}.{_joined(uids).split()[-1].decode()}"

    def stored(self, name: str) -> None:
        """Nothing to do: the record of copies has it."""

    def delete(self, names: list[str]) -> list[str]:
        gone: list[str] = []
        with self._open() as (box, validity):
            for at in range(0, len(names), DELETED_AT_ONCE):
                part = names[at : at + DELETED_AT_ONCE]
                mine = {name: name.partition(".")[2] for name in part if name.startswith(f"{validity}.")}
                if mine:
                    numbers = ",".join(mine.values())
                    _fine(box.client.uid("STORE", numbers, "+FLAGS.SILENT", r"(\Deleted)"), MailboxDeleteError)
                    if (
                        b"UIDPLUS" in _joined(_fine(box.client.capability(), MailboxExpungeError)).upper()
                    ):  # removes these messages and no other that is marked
                        _fine(box.client.uid("EXPUNGE", numbers), MailboxExpungeError)
                    else:
                        box.expunge()
                    left = set(box.uids(f"UID {numbers}", charset=None))
                    gone += [name for name, uid in mine.items() if uid not in left]
                gone += [
                    name for name in part if name not in mine
                ]  # of a folder that was made anew since: its numbers name nothing
        return gone


def _log_in(box: BaseMailBox, user: str, password: str) -> None:
    """LOGIN knows ASCII only (RFC 3501); what needs more goes by SASL PLAIN."""
    if (user + password).isascii():
        box.login(user, password, initial_folder=None)
    else:
        box.login_utf8(user, password, initial_folder=None)


def _fine(result: tuple[str, list[Any]], failure: type[UnexpectedCommandStatusError]) -> list[Any]:
    """The data of a server's answer; an answer of NO or BAD raises ``failure``."""
    check_command_status(result, failure)
    return result[1]


def _reason(error: Exception) -> str:
    """What went wrong, without the addresses and passwords that a server may repeat."""
    return type(error).__name__


def _joined(answer: list[Any]) -> bytes:
    return b" ".join(part if isinstance(part, bytes) else part[0] for part in answer if part)


def _number(pattern: bytes, answer: list[Any]) -> int:
    """A number in a server's answer, 0 where it is not said."""
    found = re.search(pattern, _joined(answer))
    return int(found[1]) if found else 0


def inbox(settings: Settings) -> Mailbox:
    """The mailbox of the contact address."""
    return Imap(settings.imap_url) if settings.imap_url else Maildir(settings.data_dir / INBOX)


def outbox(settings: Settings) -> Maildir:
    """The Maildir in which letters wait if no mail server is set."""
    return Maildir(settings.data_dir / OUTBOX, OUTBOX)
