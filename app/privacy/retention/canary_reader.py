"""The independent reader: searches for a mark in the bytes of every stored file and in the site's answers.

It shares no code with the purge and opens no database file: deleted text that is still in a page of the file, or in the
write-ahead log, counts as not deleted. The files of a server of PostgreSQL are out of its reach; there it searches the
rows of every table with personal data or a limit.
"""

import asyncio
import base64
import contextlib
import imaplib
import mmap
import ssl
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx

from app.core.errors import DatabaseError
from app.core.retention import KINDS
from app.core.setting_readers import is_loopback
from app.core.settings import Settings
from app.storage import inspection

PAGES = (
    "/",
    "/status",
    "/prices",
    "/prices.csv",
    "/prices/changes.atom",
    "/benchmarks",
    "/providers",
    "/submissions",
    "/privacy",
)
TIMEOUT_S = 10


def spellings(mark: str) -> list[bytes]:
    """The forms in which the mark may be in a file: plain, in capitals, and in base64 at each of the three
    alignments."""
    raw = mark.encode()
    found = [raw, raw.upper(), raw.hex().encode()]
    for shift in range(3):
        coded = base64.b64encode(b"\0" * shift + raw)
        found.append(coded[4 * bool(shift) : len(raw) * 4 // 3 - 4])
    return found


def in_files(folder: Path, mark: str) -> list[str]:
    """The files below ``folder`` that hold the mark, by their names there."""
    wanted = spellings(mark)
    found = []
    for path in sorted(folder.rglob("*")):
        with contextlib.suppress(FileNotFoundError):
            if path.is_symlink() or not path.is_file() or path.stat().st_size == 0:
                continue
            with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                if any(data.find(spelling) >= 0 for spelling in wanted):
                    found.append(str(path.relative_to(folder)))
    return found


async def in_answers(address: str, mark: str) -> list[str]:
    """The pages at ``address`` that hold the mark; an address where nobody answers holds nothing."""
    found: list[str] = []
    async with httpx.AsyncClient(
        base_url=address, timeout=TIMEOUT_S, trust_env=False, follow_redirects=False
    ) as client:
        for page in PAGES:
            try:
                answer = await client.get(page)
            except httpx.TransportError:
                return found
            if mark in answer.text:
                found.append(f"{address}{page}")
    return found


def in_server(url: str, mark: str) -> list[str]:
    """The tables of the server at ``url`` that hold the mark; or a note that it could not be asked."""
    wanted = [spelling.decode("ascii") for spelling in spellings(mark)]
    wanted += [spelling.hex() for spelling in spellings(mark)]
    tables = sorted({table for kind in KINDS if kind.ages or kind.personal for table in kind.tables})
    try:
        return [f"database:{table}" for table in inspection.tables_that_hold(url, tables, wanted)]
    except DatabaseError as error:
        return [f"database (could not be asked: {type(error).__name__})"]


def in_mailbox(url: str, mark: str) -> list[str]:
    """The IMAP mailbox, if one of its messages holds the mark in text or head; or a note that it could not be asked."""
    parts = urlsplit(url)
    host, folder = parts.hostname or "", unquote(parts.path.strip("/")) or "INBOX"
    place = f"imap:{host}"
    try:
        if parts.scheme == "imaps":
            box: imaplib.IMAP4 = imaplib.IMAP4_SSL(host, parts.port or 993, timeout=TIMEOUT_S)
        else:
            box = imaplib.IMAP4(host, parts.port or 143, timeout=TIMEOUT_S)
            if not is_loopback(host):
                box.starttls(ssl.create_default_context())
        with box:
            box.login(unquote(parts.username or ""), unquote(parts.password or ""))
            box.select(f'"{folder}"', readonly=True)
            _, numbers = box.search(None, "TEXT", f'"{mark}"')
            return [place] if numbers and numbers[0] else []
    except (OSError, imaplib.IMAP4.error) as error:
        return [f"{place} (could not be asked: {type(error).__name__})"]


async def search(settings: Settings, mark: str) -> list[str]:
    """Every place where the mark is found: files, the mailbox, the site's own answers and those of its edges."""
    found = await asyncio.to_thread(in_files, settings.data_dir, mark)
    if settings.database_url:
        found += await asyncio.to_thread(in_server, settings.database_url, mark)
    if settings.imap_url:
        found += await asyncio.to_thread(in_mailbox, settings.imap_url, mark)
    own = f"http://127.0.0.1:{settings.port}"
    for address in dict.fromkeys((own, settings.base_url.rstrip("/"))):
        found += await in_answers(address, mark)
    return found
