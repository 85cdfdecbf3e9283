"""What the commands' parameters have in common: how they are read from the command line."""

import re
from collections.abc import Sequence
from typing import Any

from cyclopts import App, Parameter, Token

_WHOLE = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_READ = Parameter(
    negative=(),  # --yes has no --no-yes
    allow_repeating=True,  # the last one counts, unless the option takes a list
    parse=re.compile("^(?!settings$)"),  # settings are passed in, not parsed
    show_default=lambda value: value or None,  # show no default for an option that is off or empty
)


def group(name: str, text: str = "") -> App:
    """A command with subcommands."""
    return App(name=name, help=text, version_flags=(), help_format="plaintext", default_parameter=_READ)


def one_of(choices: Sequence[str], text: str = "", *, optional: bool = False) -> Parameter:
    """A parameter that takes one of ``choices``; with ``optional``, an empty value too, which means none."""

    def check(_: Any, value: str) -> None:
        if value not in choices and not (optional and not value):
            raise ValueError(f"Use one of: {', '.join(choices)}.")

    return Parameter(validator=check, help=f"{text + '; ' if text else ''}one of {', '.join(choices)}")


def whole(least: int | None = None, most: int | None = None) -> Parameter:
    """A parameter that takes a whole number in decimal digits, from ``least`` to ``most``; nothing is rounded."""

    def convert(_: Any, tokens: Sequence[Token]) -> int:
        if not _WHOLE.fullmatch(tokens[0].value):
            raise ValueError(f"{tokens[0].value!r} is no whole number; for example 60.")
        found = int(tokens[0].value)
        if (least is not None and found < least) or (most is not None and found > most):
            upper = "on" if most is None else f"to {most:,}"
            raise ValueError(f"{found} is out of range; use a whole number from {least} {upper}.")
        return found

    return Parameter(converter=convert)
