"""An architecture as JSON and back, for the shipped file and the database. Pure."""

from dataclasses import asdict
from typing import Any

from app.models.architecture.architecture import Architecture, FeedForward, Mixer


def to_plain(architecture: Architecture) -> dict[str, Any]:
    """An architecture as plain values; those equal to their default are left out."""
    found = asdict(architecture)
    found["mixers"] = [_without_defaults(asdict(mixer), Mixer) for mixer in architecture.mixers]
    found["feed_forwards"] = [_without_defaults(asdict(part), FeedForward) for part in architecture.feed_forwards]
    return _without_defaults(found, Architecture)


def _without_defaults(values: dict[str, Any], kind: Any) -> dict[str, Any]:
    from dataclasses import MISSING, fields

    defaults = {field.name: field.default for field in fields(kind) if field.default is not MISSING}
    return {name: value for name, value in values.items() if name not in defaults or value != defaults[name]}


def from_plain(values: dict[str, Any]) -> Architecture:
    """The architecture from the values of :func:`to_plain`."""
    made = {
        **values,
        "mixers": tuple(Mixer(**mixer) for mixer in values["mixers"]),
        "feed_forwards": tuple(FeedForward(**part) for part in values["feed_forwards"]),
        "other_parts": tuple(values.get("other_parts", ())),
        "notes": tuple(values.get("notes", ())),
    }
    return Architecture(**made)
