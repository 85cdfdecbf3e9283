"""The register: every promise is made in the policy and kept by a test, and the page that says so is current."""

import pytest

from tests.conftest import DATA
from tests.policies.test_pages import SAID
from tools import promises

REGISTER = DATA / "promises.txt"
"""The promises that were agreed on, by number."""
NOT_KEPT_YET: set[str] = set()
"""Promises whose code is still to be written."""


def test_the_page_of_promises_is_current() -> None:
    assert promises.PAGE.read_text() == promises.table(), "run python -m tools.promises"


@pytest.mark.parametrize("name", sorted(set(SAID) - NOT_KEPT_YET))
def test_every_promise_has_a_test(name: str) -> None:
    assert promises.kept_by().get(name)


def test_every_test_names_a_promise_that_exists() -> None:
    assert set(promises.kept_by()) <= set(SAID)


def test_the_policy_is_complete_against_the_register() -> None:
    assert set(REGISTER.read_text().split()) == set(SAID)
