"""The list of changes that ``make mutants`` tries fits the code: each text stands once, and each test is there."""

import pytest

from tests.conftest import DATA
from tools import mutants


def test_every_change_of_the_list_can_be_made() -> None:
    assert list(mutants.faults()) == []


def test_every_change_is_of_a_promise_that_was_made() -> None:
    assert {one.promise for one in mutants.mutants()} <= set((DATA / "promises.txt").read_text().split())


@pytest.mark.parametrize(
    ("status", "output", "verdict"),
    [
        (1, "FAILED tests/a.py::test_b[x] - AssertionError: no", "caught by a.py::test_b[x]"),
        (1, "ERROR tests/a.py - ImportError", "caught by a.py"),
        (1, "FAILED tests/a.py::test_b - Failed: Timeout (>120.0s) from pytest-timeout.", "UNDECIDED"),
        (0, "3 passed", "SURVIVED"),
        (2, "interrupted", "UNDECIDED"),
        (5, "no tests ran", "UNDECIDED"),
    ],
)
def test_a_test_that_ran_out_of_time_decides_nothing(status: int, output: str, verdict: str) -> None:
    assert mutants.verdict(status, output) == verdict
