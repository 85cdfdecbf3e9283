"""The data folder: who may read it, and which processes use it.

Locks are POSIX record locks on files in the folder: the kernel releases them when their process ends, however it ends,
and no child process inherits them.
"""

import contextlib
import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from app.core.errors import BusyFolderError, DatabaseError
from app.core.units import MIB

WORKER_LOCK, USE_LOCK = "worker.lock", "use.lock"
FOLDER_MODE, FILE_MODE = 0o700, 0o600
_in_use: dict[Path, int] = {}


def private_from_now_on() -> None:
    """Make every file that this process and its children create readable only by its owner: SQLite's log, the mail, the
    access log."""
    os.umask(0o077)


def make_private(folder: Path) -> None:
    """Create ``folder`` if it is missing, and make everything in it readable only by its owner.

    Files that our processes create later are private through their umask (:func:`private_from_now_on`). Files of
    another owner, such as a mail delivery agent's, are left alone: the folder around them is closed. Raises
    :class:`DatabaseError` with one line if the folder can't be created or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
    except OSError as error:
        raise DatabaseError(f"the data folder {folder} can't be made: {error.strerror}") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        read_only = bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
        why = "it lies on a read-only file system" if read_only else "it belongs to another user"
        raise DatabaseError(f"the data folder {folder} can't be written: {why}; set INFERENCEBENCH_DATA_DIR to another")
    mine = os.geteuid()
    for path in (folder, *folder.rglob("*")):
        with contextlib.suppress(FileNotFoundError, PermissionError):
            status = path.lstat()
            wanted = FOLDER_MODE if path.is_dir() else FILE_MODE
            if status.st_uid == mine and not path.is_symlink() and status.st_mode & 0o777 != wanted:
                path.chmod(wanted)


TEMPORARY = (".backup-", ".restore-")
"""Prefixes of the temporary folders in which a backup is made or unpacked."""


def sweep(folder: Path) -> None:
    """Delete what killed backups and restores left in ``folder``: whole copies of the data."""
    for prefix in TEMPORARY:
        for left in folder.glob(f"{prefix}*"):
            with contextlib.suppress(OSError), (left / "lock").open("a") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # refused while the process that created it is alive
                shutil.rmtree(left, ignore_errors=True)


@contextlib.contextmanager
def temporary(folder: Path, prefix: str) -> Iterator[Path]:
    """A folder inside ``folder`` with a prefix from :data:`TEMPORARY`, deleted at the end. Leftovers of killed
    processes are deleted first."""
    sweep(folder)
    with tempfile.TemporaryDirectory(prefix=prefix, dir=folder) as made, (Path(made) / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield Path(made)


LEAST_FREE = 20 * MIB


def full_disk(folder: Path) -> str:
    """A warning if the folder's disk is nearly full, otherwise ``""``."""
    free = shutil.disk_usage(folder).free
    return (
        ""
        if free >= LEAST_FREE
        else f"the disk of the data folder has {free // MIB} MB left: reports and mail can't be kept"
    )


def use(folder: Path) -> None:
    """Mark the folder as in use until this process ends, so that no backup is restored into it meanwhile."""
    if folder not in _in_use:
        _in_use[folder] = _locked(folder / USE_LOCK, fcntl.LOCK_SH, "a backup is being restored into it")


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Use the folder exclusively. Raises :class:`BusyFolderError` while any other process uses it."""
    held = _locked(folder / USE_LOCK, fcntl.LOCK_EX, "inferencebench runs on it; stop it first")
    try:
        yield
    finally:
        os.close(held)
        _in_use.pop(folder, None)


@contextlib.contextmanager
def one_worker(folder: Path, command: str) -> Iterator[None]:
    """Become the folder's only worker. Raises :class:`BusyFolderError`, naming the process that already is."""
    path = folder / WORKER_LOCK
    try:
        held = _locked(path, fcntl.LOCK_EX, "")
    except BusyFolderError:
        who = path.read_text(encoding="ascii", errors="replace").strip()[:60] or "another process"
        raise BusyFolderError(f"inferencebench {who} runs on the data folder {folder} already; stop it first") from None
    try:
        os.ftruncate(held, 0)
        os.pwrite(held, f"{command} (process {os.getpid()})\n".encode("ascii"), 0)
        yield
    finally:
        os.close(held)


def _locked(path: Path, kind: int, why: str) -> int:
    held = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    try:
        fcntl.lockf(held, kind | fcntl.LOCK_NB)
    except OSError as error:
        os.close(held)
        if error.errno not in (errno.EACCES, errno.EAGAIN):
            raise
        raise BusyFolderError(f"the data folder {path.parent} is in use: {why}") from None
    return held
