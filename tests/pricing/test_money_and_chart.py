"""Money is exact, and a chart says what the figures say."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core import money
from app.pricing.history import chart


@given(st.integers(0, 10**15))
def test_a_plain_amount_reads_back_as_itself(micro: int) -> None:
    assert money.to_micro(Decimal(money.plain(micro))) == micro


@pytest.mark.parametrize(
    ("micro", "unit", "shown"),
    [(2_490_000, "hour", "$2.49"), (34_500, "hour", "$0.0345"), (20_000, "hour", "$0.02"),
     (2_490_000, "month", "$1,817.70"),
     (1_000_000, "year", "$8,760.00"), (12, "hour", "$0.000012"), (98_320_000, "hour", "$98.32")],
)  # fmt: skip
def test_amounts_are_shown_as_people_write_them(micro: int, unit: str, shown: str) -> None:
    assert money.show(micro, unit) == shown


@pytest.mark.parametrize("value", ["", "abc", None, True, "1_000", "NaN", "inf", "9" * 50, [], "1e30", "٣"])
def test_what_is_no_finite_number_is_no_amount(value: object) -> None:
    assert money.parse_decimal(value) is None


def test_rounding_is_half_to_even_for_fractions_too() -> None:
    assert money.to_micro(Fraction(1, 3)) == 333_333
    assert money.to_micro(Decimal("0.0000005")) == 0
    assert money.to_micro(Decimal("0.0000015")) == 2


def test_a_chart_needs_two_days_and_breaks_its_line_over_a_gap() -> None:
    assert chart.draw((chart.Day("2026-06-01", 1, 1, None),)) is None
    drawn = chart.draw(
        (
            chart.Day("2026-06-01", 10**6, None, None),
            chart.Day("2026-06-02", 2 * 10**6, None, None),
            chart.Day("2026-06-03", None, None, None),
            chart.Day("2026-06-20", 10**6, None, None),
        )
    )
    assert drawn
    assert drawn.lines[0].path.count("M") == 2
    assert drawn.y_ticks[0].label == "$0"
    assert float(drawn.y_ticks[-1].label.lstrip("$")) >= 2
