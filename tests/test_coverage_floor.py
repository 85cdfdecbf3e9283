"""The floor of the coverage is stated, and only rises."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools import coverage_floor

TEXT = '[tool.coverage.report]\nfail_under = 90 # per cent\nshow_missing = true\nother = "fail_under = 7"\n'


@given(st.floats(0, 100))
def test_the_floor_only_rises_and_nothing_else_changes(measured: float) -> None:
    after = coverage_floor.raised(TEXT, measured)
    assert coverage_floor.floor_of(after) == max(90, int(measured))
    assert after.replace(f"= {coverage_floor.floor_of(after)} #", "= 90 #") == TEXT


def test_a_project_without_a_floor_is_refused() -> None:
    with pytest.raises(ValueError, match="fail_under"):
        coverage_floor.raised("[tool.coverage.report]\n", 95)


def test_the_floor_is_the_one_that_coverage_reads_and_no_lower_than_it_was() -> None:
    project = coverage_floor.PROJECT.read_text(encoding="utf-8")
    stated = tomllib.loads(project)["tool"]["coverage"]["report"]["fail_under"]
    assert stated == coverage_floor.floor_of(project) >= 94
