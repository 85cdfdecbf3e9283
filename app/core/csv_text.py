"""CSV text (RFC 4180) in which no spreadsheet evaluates a cell as a formula. Pure."""

import csv
import io
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

FORMULA_BEGINS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""Characters that begin a formula in a spreadsheet (OWASP, CSV injection)."""


def table(header: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """The rows under their header, lines ended by CRLF, quoted where needed; see :func:`cell`."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows([cell(value) for value in row] for row in rows)
    return out.getvalue()


def cell(value: object) -> str:
    """A value as the text of a cell: ``None`` is empty, a decimal has no trailing zeros and no exponent.

    Text that a spreadsheet would evaluate as a formula gets an apostrophe in front.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        text = f"{value:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    text = str(value)
    return f"'{text}" if text.startswith(FORMULA_BEGINS) else text
