"""Files that commands write: new ones only, whole or not at all, and each fault as one line."""

from pathlib import Path

from app.core.errors import InferenceBenchError


def check(name: str) -> Path:
    """The path of a file that does not exist yet, in a folder that does. Called before the work, whose result would be
    lost otherwise.

    Raises :class:`InferenceBenchError`.
    """
    path = Path(name)
    try:
        if path.is_dir():
            raise InferenceBenchError(f"{name} is a folder; name a new file in it")
        if path.exists() or path.is_symlink():
            raise InferenceBenchError(f"{name} exists already; name a new file")
        if not path.parent.is_dir():
            raise InferenceBenchError(f"{name} can't be written: there is no folder {path.parent}")
    except OSError as error:
        raise InferenceBenchError(f"{name} can't be written: {_why(error)}") from None
    return path


def write(path: Path, data: bytes) -> None:
    """Write a file that does not exist yet. Raises :class:`InferenceBenchError`; nothing is left then."""
    try:
        with path.open("xb") as file:
            try:
                file.write(data)
                file.flush()
            except OSError:
                path.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise InferenceBenchError(f"{path} can't be written: {_why(error)}") from None


def _why(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()
