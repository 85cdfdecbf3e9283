"""Where requests arrive: a Maildir in the data folder, or a mailbox by IMAP. What is not safely stored is never deleted."""

import contextlib
import imaplib
import os
import re
import ssl
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import mktime
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from app.core.errors import InferenceBenchError
from app.core.settings import Settings
from app.privacy.mail.parser import HEAD_BYTES, MOST_BYTES

INBOX, OUTBOX = "mail/inbox", "mail/outbox"
TIMEOUT_S = 30
WINDOW = 50_000
"""So many message numbers are asked for at once: the library takes no line of an answer over a million bytes."""


class MailboxError(InferenceBenchError):
    """The mailbox can't be read right now; the text says why."""


@dataclass(frozen=True, slots=True)
class Item:
    """One message in a mailbox: its lasting name there, its whole size, as much of it as is read, and when it arrived (seconds)."""

    name: str
    size: int
    raw: bytes
    arrived: int


class Mailbox(Protocol):
    """A place that messages come to. ``place`` names it in the record of copies."""

    place: str

    def new(self, known: set[str]) -> Generator[Item, None, None]:
        """Messages whose names are not ``known``, the oldest first, one in memory at a time."""

    def stored(self, name: str) -> None:
        """The message is safely in the database."""

    def delete(self, names: list[str]) -> list[str]:
        """Delete copies; returns the names that are gone."""


class Maildir:
    """A Maildir: files are moved in whole, so that half a message is never read."""

    def __init__(self, folder: Path, place: str = INBOX) -> None:
        self.folder, self.place = folder, place
        for part in ("tmp", "new", "cur"):
            (folder / part).mkdir(parents=True, exist_ok=True)

    def _files(self) -> dict[str, Path]:
        return {
            entry.name.partition(":")[0]: Path(entry.path)
            for part in ("cur", "new")
            for entry in os.scandir(self.folder / part)
            if entry.is_file(follow_symlinks=False)
        }

    def new(self, known: set[str]) -> Generator[Item, None, None]:
        files = {name: path for name, path in self._files().items() if name not in known}
        for name in sorted(files):
            with contextlib.suppress(FileNotFoundError):
                path = files[name]
                told = path.stat()
                size = told.st_size
                with path.open("rb") as file:
                    raw = file.read(HEAD_BYTES if size > MOST_BYTES else MOST_BYTES)
                yield Item(name, size, raw, int(told.st_mtime))

    def stored(self, name: str) -> None:
        new = self.folder / "new" / name
        if new.exists():
            new.rename(self.folder / "cur" / f"{name}:2,S")

    def delete(self, names: list[str]) -> list[str]:
        files = self._files()
        for name in names:
            if path := files.get(name):
                path.unlink(missing_ok=True)
        return names

    def put(self, name: str, raw: bytes) -> None:
        """Deliver a message: the same name twice is one message."""
        half = self.folder / "tmp" / name
        with half.open("wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        half.rename(self.folder / "new" / name)


class Imap:
    """A mailbox by IMAP. Names are ``UIDVALIDITY.UID``, so that they stay true; nothing is marked or moved by reading."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.place = f"imap:{parts.hostname}"
        self._parts = parts
        self._folder = unquote(parts.path.strip("/")) or "INBOX"

    @contextlib.contextmanager
    def _open(self) -> Iterator[tuple[imaplib.IMAP4, str]]:
        parts, host = self._parts, self._parts.hostname or ""
        context = ssl.create_default_context()
        try:
            client: imaplib.IMAP4
            if parts.scheme == "imaps":
                client = imaplib.IMAP4_SSL(host, parts.port or 993, ssl_context=context, timeout=TIMEOUT_S)
            else:
                client = imaplib.IMAP4(host, parts.port or 143, timeout=TIMEOUT_S)
                if host not in ("127.0.0.1", "::1", "localhost"):
                    client.starttls(context)
            try:
                client.login(unquote(parts.username or ""), unquote(parts.password or ""))
                if client.select(f'"{self._folder}"')[0] != "OK":
                    raise MailboxError(f"the mailbox has no folder {self._folder}")
                validity = client.response("UIDVALIDITY")[1]
                yield client, validity[0].decode() if validity and validity[0] else "0"
            finally:
                with contextlib.suppress(imaplib.IMAP4.error, OSError):
                    client.logout()
        except (imaplib.IMAP4.error, OSError) as error:
            raise MailboxError(f"the mailbox at {host} can't be read: {type(error).__name__}") from None

    def new(self, known: set[str]) -> Generator[Item, None, None]:
        with self._open() as (client, validity):
            for uid in self._uids(client):
                if f"{validity}.{uid}" in known:
                    continue
                size, arrived = self._about(client, uid)
                most = HEAD_BYTES if size > MOST_BYTES else MOST_BYTES
                _, answer = client.uid("FETCH", str(uid), f"(BODY.PEEK[]<0.{most}>)")
                raw = next((part[1] for part in answer if isinstance(part, tuple)), b"")
                if raw:
                    yield Item(f"{validity}.{uid}", size, raw, arrived)

    def _uids(self, client: imaplib.IMAP4) -> Iterator[int]:
        """The numbers of all messages, those passed over earlier too, in answers of bounded length."""
        held = client.response("EXISTS")[1]
        if not held or not int(held[0] or 0):
            return
        _, lowest = client.fetch("1", "(UID)")
        _, status = client.status(f'"{self._folder}"', "(UIDNEXT)")
        first, end = _number(rb"UID (\d+)", lowest), _number(rb"UIDNEXT (\d+)", status)
        for start in range(first, end, WINDOW):
            _, found = client.uid("SEARCH", f"UID {start}:{start + WINDOW - 1}")
            yield from sorted(int(part) for part in (found[0] or b"").split())

    @staticmethod
    def _about(client: imaplib.IMAP4, uid: int) -> tuple[int, int]:
        """Size in bytes and the second of arrival, as the server noted them."""
        _, answer = client.uid("FETCH", str(uid), "(RFC822.SIZE INTERNALDATE)")
        came = imaplib.Internaldate2tuple(_joined(answer))
        return _number(rb"RFC822\.SIZE (\d+)", answer), int(mktime(came)) if came else 0

    def stored(self, name: str) -> None:
        """Nothing is to be done: the record of copies knows it."""

    def delete(self, names: list[str]) -> list[str]:
        with self._open() as (client, validity):
            mine = [name.partition(".")[2] for name in names if name.startswith(f"{validity}.")]
            for uid in mine:
                client.uid("STORE", uid, "+FLAGS.SILENT", r"(\Deleted)")
            if mine and "UIDPLUS" in client.capabilities:
                client.uid("EXPUNGE", ",".join(mine))
            elif mine:
                client.expunge()
        return names


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
    """Where answers lie while no server sends them."""
    return Maildir(settings.data_dir / OUTBOX, OUTBOX)
