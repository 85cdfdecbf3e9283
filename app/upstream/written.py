"""What writing an answer to the database changed."""

from dataclasses import dataclass, field


@dataclass
class Written:
    """What a write did: how many offers are new, changed, confirmed and gone, and the keys that it raised."""

    added: int = 0
    changed: int = 0
    confirmed: int = 0
    gone: int = 0
    keys: set[str] = field(default_factory=set)
