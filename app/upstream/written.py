"""The changes that writing an answer made to the database."""

from dataclasses import dataclass, field


@dataclass
class Written:
    """How many offers are new, changed, confirmed and gone, and the version keys that were raised."""

    added: int = 0
    changed: int = 0
    confirmed: int = 0
    gone: int = 0
    keys: set[str] = field(default_factory=set)
