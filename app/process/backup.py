"""``inferencebench backup`` and ``restore``: one file with everything that must survive, consistent while the site
runs.

What is in it: the database (copied by SQLite's own backup interface: one moment of it), the journal of erasures, the
record of the policies that were shown, and the mail. The access log is not: it is kept for 90 days at most, and a copy
would outlive that. A database on a server of PostgreSQL is not either: ``pg_dump`` is what copies it, and it is copied
first. Copied in this order, so that whatever was erased after the database was copied is in the journal.
"""

import contextlib
import hashlib
import io
import json
import os
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

from app import __version__
from app.core import clock, data_folder
from app.core.errors import InferenceBenchError
from app.core.settings import PREFIX, Settings
from app.core.units import GIB, MIB
from app.policies.files import RECORD
from app.process import prepare
from app.storage import database_file, inspection, locks
from app.submissions import erasure_journal

MANIFEST, DATABASE, MAIL, SUMS = "backup.json", "inferencebench.sqlite", "mail", "sha256.json"
FORM = 1
MOST_BYTES = 64 * GIB


class BackupError(InferenceBenchError):
    """A backup can't be written, or a file can't be restored; the text says why."""


def backup(settings: Settings, target: Path) -> int:
    """Write a backup to ``target``, completely or not at all; returns its size in bytes. The site may keep running."""
    if target.exists():
        raise BackupError(
            f"{target} exists already; name a new file, for example {target.stem}-{clock.now():%Y%m%d}.tar"
        )
    if target.resolve().is_relative_to(settings.data_dir.resolve()):
        raise BackupError(
            f"{target} lies in the data folder {settings.data_dir}: what loses the one loses the other; name a file "
            "elsewhere"
        )
    if not settings.database_url and not settings.database_path.exists():
        raise BackupError(
            f"there is nothing to back up in {settings.data_dir}; INFERENCEBENCH_DATA_DIR names the folder"
        )
    try:
        with data_folder.temporary(target.resolve().parent, ".backup-") as made:
            if not settings.database_url:
                database_file.copy(settings.database_path, made / DATABASE)
            for name in (erasure_journal.FILE, RECORD):
                with contextlib.suppress(FileNotFoundError):
                    shutil.copyfile(settings.data_dir / name, made / name)
            _write(settings, made, made / "whole.tar")
            (made / "whole.tar").chmod(data_folder.FILE_MODE)
            os.link(made / "whole.tar", target)  # fails if the file was created meanwhile
    except FileExistsError:
        raise BackupError(f"{target} exists already; name a new file") from None
    except (OSError, database_file.UnreadableFileError) as error:
        raise BackupError(f"{target} could not be written: {error}") from None
    return target.stat().st_size


def _write(settings: Settings, made: Path, target: Path) -> None:
    about = {"form": FORM, "version": __version__, "at": clock.timestamp()}
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as tar:
        _add(tar, MANIFEST, json.dumps(about).encode())
        sums = {MANIFEST: hashlib.sha256(json.dumps(about).encode()).hexdigest()}
        for name in (DATABASE, erasure_journal.FILE, RECORD):
            if (made / name).exists():
                with (made / name).open("rb") as file:
                    sums[name] = hashlib.file_digest(file, "sha256").hexdigest()
                tar.add(made / name, name, filter=_plain)
        for path in _mail(settings.data_dir):
            name = str(path.relative_to(settings.data_dir))
            if name in sums:
                continue
            with contextlib.suppress(FileNotFoundError):  # the worker moved it from new to cur, where it is found too
                data, at = path.read_bytes(), int(path.stat().st_mtime)
                _add(tar, name, data, at)
                sums[name] = hashlib.sha256(data).hexdigest()
        _add(tar, SUMS, json.dumps(sums).encode())
    with target.open("rb") as file:
        os.fsync(file.fileno())


def _mail(folder: Path) -> Iterator[Path]:
    """Every message in the Maildirs; half-delivered files (tmp) are not messages yet.

    A message that is moved meanwhile may be returned twice.
    """
    for part in ("new", "cur", "new"):
        for box in ("inbox", "outbox"):
            found = (folder / MAIL / box / part).glob("*")
            yield from sorted(path for path in found if path.is_file() and not path.is_symlink())


def _add(tar: tarfile.TarFile, name: str, data: bytes, at: int = 0) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.mtime = len(data), data_folder.FILE_MODE, at
    tar.addfile(entry, io.BytesIO(data))


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mode = data_folder.FILE_MODE
    return entry


def restore(settings: Settings, source: Path) -> dict[str, int]:
    """Restore a backup into the data folder; returns kind → number of things restored. Nothing may be using the folder.

    The database is replaced, regardless of the log of recent writes next to it. What was erased since the backup stays
    erased: the journals are merged and replayed. Mail that is here and not in the backup stays, to be read again.
    Raises :class:`BackupError` before anything is changed if the file is damaged or of a newer version.
    """
    data_folder.make_private(settings.data_dir)
    with (
        data_folder.alone(settings.data_dir),
        locks.exclusive(settings.database_path),
        data_folder.temporary(settings.data_dir, ".restore-") as made,
    ):
        _unpack(source, made)
        _refuse_other_engine(settings, made / DATABASE, source)
        if not settings.database_url:
            _refuse_unsound(made / DATABASE)
        _join_journals(settings.data_dir, made)
        _join_records(settings.data_dir, made)
        erased = erasure_journal.read(settings.data_dir).get("mail", set())
        came = _restore_mail(settings.data_dir, made, erased)
        if not settings.database_url:
            database_file.put(made / DATABASE, settings.database_path)
    prepare.prepare(settings)
    counts = {
        name: inspection.count(settings.database, table)
        for name, table in (("reports", "submission"), ("privacy requests", "privacy_case"), ("offers", "offer"))
    }
    return {**counts, "messages": came}


def _unpack(source: Path, made: Path) -> None:
    """Unpack only plain files with known names, within limits."""
    try:
        with tarfile.open(source, "r:") as tar:
            left = MOST_BYTES
            sums: dict[str, str] = {}
            for entry in tar:
                if not entry.isreg() or not _known(entry.name) or (left := left - entry.size) < 0:
                    raise BackupError(f"{source} holds {entry.name[:80]!r}, which no backup of this software does")
                path = made / entry.name
                path.parent.mkdir(parents=True, exist_ok=True)
                data = tar.extractfile(entry)
                assert data is not None
                with path.open("wb") as file:
                    shutil.copyfileobj(data, file, MIB)
                with path.open("rb") as file:
                    sums[entry.name] = hashlib.file_digest(file, "sha256").hexdigest()
                os.utime(path, (entry.mtime, entry.mtime))
        del sums[SUMS]
        if json.loads((made / SUMS).read_text(encoding="utf-8")) != sums:
            raise BackupError(
                f"{source} is damaged: what it holds is not what was written (SHA-256); nothing is changed"
            )
        about = json.loads((made / MANIFEST).read_text(encoding="utf-8"))
        if about["form"] != FORM:
            raise BackupError(f"{source} is a backup of version {about.get('version')}, newer than this software")
        erasure_journal.read(made)
        _record(made / RECORD)
    except FileNotFoundError as error:
        raise BackupError(f"{error.filename} is not there, or {source} is no backup of this software") from None
    except (OSError, tarfile.TarError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise BackupError(f"{source} can't be read as a backup: {str(error)[:200]}") from None


def _known(name: str) -> bool:
    parts = name.split("/")
    if len(parts) == 1:
        return name in (MANIFEST, DATABASE, SUMS, erasure_journal.FILE, RECORD)
    return (
        len(parts) == 4 and parts[0] == MAIL and parts[1] in ("inbox", "outbox") and parts[2] in ("new", "cur")
        and parts[3] not in ("", ".", "..") and "\0" not in parts[3]
    )  # fmt: skip


def _refuse_other_engine(settings: Settings, path: Path, source: Path) -> None:
    if settings.database_url and path.exists():
        raise BackupError(
            f"{source} holds a SQLite database, and {PREFIX}DATABASE_URL names a server: restore it without that "
            "setting, then inferencebench move"
        )
    if not settings.database_url and not path.exists():
        raise BackupError(
            f"{source} was made beside a database on a server and holds none: set {PREFIX}DATABASE_URL, and restore "
            "the database with pg_restore first"
        )


def _refuse_unsound(path: Path) -> None:
    try:
        fault, done = database_file.fault(path), database_file.migrations_done(path)
        database_file.use_write_ahead_log(path)
    except database_file.UnreadableFileError as error:
        raise BackupError(f"the backup's database can't be read: {error}") from None
    if fault:
        raise BackupError(f"the backup's database is damaged: {fault[:200]}")
    if newer := done - prepare.migration_ids():
        raise BackupError(f"the backup is of a newer version of the software: it has the tables of {max(newer)}")


def _join_journals(folder: Path, made: Path) -> None:
    """Merge the journals: what either says was erased is erased. Written to disk before the older database is
    restored."""
    here, there = erasure_journal.read(folder), erasure_journal.read(made)
    for kind, ids in there.items():
        if missing := sorted(ids - here.get(kind, set())):
            erasure_journal.append(folder, kind, missing)


def _record(path: Path) -> dict[str, int]:
    """When each policy version was first shown; nothing where there is no such file. Raises :class:`ValueError` where
    it holds anything else."""
    if not path.exists():
        return {}
    found = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(found, dict) or not all(isinstance(at, int) for at in found.values()):
        raise ValueError("its record of policies is none")
    return found


def _join_records(folder: Path, made: Path) -> None:
    """When each policy version was first shown: the earlier instant of the two records."""
    found: dict[str, int] = {}
    for path in (made / RECORD, folder / RECORD):
        with contextlib.suppress(ValueError, RecursionError):
            for name, at in _record(path).items():
                found[name] = min(at, found.get(name, at))
    if found:
        half = made / "record.part"
        half.write_text(json.dumps(found, indent=1), encoding="utf-8")
        half.replace(folder / RECORD)


def _restore_mail(folder: Path, made: Path, erased: set[str]) -> int:
    """Restore messages of the backup that are not here, except those erased since."""
    here = {path.name.partition(":")[0] for path in (folder / MAIL).glob("*/*/*")}
    came = 0
    for path in sorted((made / MAIL).glob("*/*/*")):
        name = path.name.partition(":")[0]
        if name in here or erasure_journal.mark_of(name) in erased:
            continue
        target = folder / path.relative_to(made)
        target.parent.mkdir(parents=True, exist_ok=True)
        path.replace(target)
        here.add(name)
        came += 1
    return came
