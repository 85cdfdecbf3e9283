"""Whether stored values could have come from their form, as after a fault of the disk they could not. Pure."""

import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal

from app.submissions.forms import NUMBER, Field, Form, Values, contradictions, is_link


def is_sound(form: Form, values: Values) -> bool:
    """True if stored values could have come from the form: required ones present, each readable as what its field
    takes, none against another. Names of providers, GPUs and models are not looked up: those come and go."""
    for field in form.fields:
        value = values.get(field.name, "")
        if not value:
            if field.required:
                return False
        elif not _SOUND[field.kind](field, value):
            return False
    return not contradictions(form, values, {})


_UNREADABLE = re.compile("[\x00-\x09\x0b-\x1f\x7f\ud800-\udfff]")
"""What no text that was accepted holds; half a surrogate pair can't even be sent to a reader."""


def _is_amount(field: Field, value: str) -> bool:
    if not NUMBER.fullmatch(value) or not field.low <= Decimal(value) <= field.high:
        return False
    return field.kind == "number" or value.isdecimal()


def _is_day(_: Field, value: str) -> bool:
    try:
        return date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def _is_text(field: Field, value: str) -> bool:
    return len(value) <= field.most and not _UNREADABLE.search(value)


def _is_address(field: Field, value: str) -> bool:
    return is_link(value) and _is_text(field, value)


def _is_choice(field: Field, value: str) -> bool:
    return any(value == name for name, _ in field.choices) if field.choices else _is_text(field, value)


_SOUND: Mapping[str, Callable[[Field, str], bool]] = {
    "text": _is_text, "lines": _is_text, "choice": _is_choice, "whole": _is_amount, "number": _is_amount,
    "date": _is_day, "link": _is_address, "email": _is_text,
}  # fmt: skip
