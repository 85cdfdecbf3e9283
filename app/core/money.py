"""Money: integer micro-dollars (10^-6 USD) in storage, ``Decimal`` when read. Never a float."""

from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from fractions import Fraction

MICRO = 1_000_000
HOURS_PER = {"hour": 1, "month": 730, "year": 8760}
"""Hours in each unit shown; a month is 365 × 24 ÷ 12 hours, as the clouds bill it."""


def parse_decimal(value: object) -> Decimal | None:
    """A string or number as a finite ``Decimal``, otherwise ``None``. A float is read from its shortest
    representation."""
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        return None
    text = str(value).strip()
    if len(text) > 40 or "_" in text or not text.isascii():
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number.adjusted()) < 20 else None


def to_micro(amount: Decimal | Fraction) -> int:
    """``amount`` dollars in micro-dollars, rounded half to even."""
    if isinstance(amount, Fraction):
        return round(amount * MICRO)
    return int((amount * MICRO).to_integral_value(ROUND_HALF_EVEN))


def to_decimal(micro: int) -> Decimal:
    """``micro`` micro-dollars in dollars, exactly."""
    return Decimal(micro) / MICRO


def plain(micro: int) -> str:
    """Dollars as a plain number without trailing zeros or an exponent: ``2.5``, ``0.0345``."""
    text = f"{to_decimal(micro):.6f}"
    return text.rstrip("0").rstrip(".")


def show(micro: int, unit: str = "hour") -> str:
    """Dollars for a reader: ``$2.49``, ``$0.0345``, ``$1,817.70``; per hour, month or year.

    Under a dollar an hour two to four places, as far as the price has them.
    """
    dollars = to_decimal(micro) * HOURS_PER[unit]
    if dollars >= 100_000:
        return f"${dollars:,.0f}"
    if dollars < 1 and unit == "hour":
        text = f"{dollars:.4f}" if dollars >= Decimal("0.00005") else f"{dollars:.6f}"
        return f"${text[:4]}{text[4:].rstrip('0')}"
    return f"${dollars:,.2f}"
