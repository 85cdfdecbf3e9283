"""Cells of a CSV that no spreadsheet runs. Pure."""

FORMULA_BEGINS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a spreadsheet takes for the begin of a formula (OWASP, CSV injection)."""


def safe(value: object) -> str:
    """A cell as text; one that a spreadsheet would run begins with an apostrophe instead."""
    text = str(value)
    return f"'{text}" if text.startswith(FORMULA_BEGINS) else text
