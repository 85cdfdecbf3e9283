"""The list of changes that ``make mutants`` tries fits the code: each text stands once, and each test is there."""

from tests.conftest import DATA
from tools import mutants


def test_every_change_of_the_list_can_be_made() -> None:
    assert list(mutants.faults()) == []


def test_every_change_is_of_a_promise_that_was_made() -> None:
    assert {one.promise for one in mutants.mutants()} <= set((DATA / "promises.txt").read_text().split())
