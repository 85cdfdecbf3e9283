"""CSV cells that no spreadsheet evaluates as a formula. Pure."""

FORMULA_BEGINS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""Characters that begin a formula in a spreadsheet (OWASP, CSV injection)."""


def safe(value: object) -> str:
    """A cell as text; one that a spreadsheet would evaluate gets an apostrophe in front."""
    text = str(value)
    return f"'{text}" if text.startswith(FORMULA_BEGINS) else text
