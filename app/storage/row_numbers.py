"""The number that a row of any table has, for work on many rows in short batches, as SQL of the engine in use."""

from collections.abc import Iterable

from app.storage.engine_in_use import ENGINE


def place_of_row() -> str:
    """The SQL expression for a row's number. It may change with the row, or when the table is rewritten."""
    return str(ENGINE.driver.ROW)


def is_after(number: int) -> str:
    """The SQL condition of rows with larger numbers; the table is read from there, and not from its beginning."""
    return str(ENGINE.driver.row_after(int(number)))


def is_among(numbers: Iterable[int]) -> str:
    """The SQL condition of the rows with these numbers, each of which is found directly. The numbers are part of the
    text, so that there may be any number of them."""
    return str(ENGINE.driver.rows_among([int(number) for number in numbers]))
