"""The processors: companies that may see personal data on the controller's behalf. Read from ``processors.json`` in the
folder of policies."""

import json
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path

from app.core.errors import InferenceBenchError
from app.core.settings import Settings

FILE = "processors.json"


@dataclass(frozen=True, slots=True)
class Processor:
    """One processor: what it does, which data it may see, in which country, the safeguard for the transfer, and the
    address of its privacy policy."""

    name: str
    does: str
    data: str
    country: str
    safeguard: str
    privacy: str


def processors(settings: Settings) -> tuple[Processor, ...] | None:
    """The list; ``None`` if it can't be read, which the page then says."""
    try:
        return _read(settings.policies_dir / FILE)
    except InferenceBenchError:
        return None


def processor_faults(settings: Settings) -> list[str]:
    """Problems in the list that the operator should fix."""
    try:
        _read(settings.policies_dir / FILE)
    except InferenceBenchError as error:
        return [str(error)]
    return []


def _is_said(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip()) and value.isprintable()


@lru_cache(maxsize=4)
def _read(path: Path) -> tuple[Processor, ...]:
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        found = tuple(Processor(**row) for row in rows)
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise InferenceBenchError(f"{path} can't be read as the list of processors: {error}") from None
    for row in found:
        empty = [name for name in (field.name for field in fields(row)) if not _is_said(getattr(row, name))]
        if empty or not row.privacy.startswith("https://"):
            raise InferenceBenchError(
                f"{path}: {row.name or 'a processor'} lacks "
                f"{', '.join(empty) or 'an https:// address of its privacy policy'}"
            )
    return found
