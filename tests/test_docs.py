"""The documentation that is made from the code is current, and what it names exists."""

import re
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tools import docs


@pytest.mark.parametrize("page", docs.PAGES, ids=lambda path: path.name)
def test_a_page_made_from_the_code_is_current(page: Path) -> None:
    assert page.read_text(encoding="utf-8") == docs.PAGES[page](), "run make docs"


@pytest.mark.parametrize(
    "page", [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md"], ids=lambda path: path.name
)
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    named = re.findall(
        r"`((?:app|workers|static|templates|tools|deploy|policies|tests)/[\w./-]+)`", page.read_text(encoding="utf-8")
    )
    assert [name for name in named if not (ROOT / name).exists() and "example" not in name] == []


def test_every_feature_of_the_list_is_where_it_says() -> None:
    """A cell names files with their folder, or alone if they are beside the one named before."""
    rows = re.findall(r"^\| (.+) \| (.+) \|$", (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8"), re.M)
    rooms = {feature: re.findall(r"`([\w./-]+)`", cell) for feature, cell in rows if feature != "feature"}
    assert len(rooms) >= 30
    for feature, names in rooms.items():
        folder = ROOT
        assert names, feature
        for name in names:
            path = ROOT / name if "/" in name or (ROOT / name).exists() else folder / name
            assert path.exists(), (feature, name)
            folder = path if path.is_dir() else path.parent


def test_every_room_is_drawn() -> None:
    rooms = {path.name for path in (ROOT / "app").iterdir() if path.is_dir() and (path / "__init__.py").exists()}
    assert rooms | {"workers"} == {room for storey in docs.STOREYS.values() for room in storey}


def test_arrows_that_a_longer_way_tells_are_left_out() -> None:
    assert docs.drawn({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == {"a": {"b"}, "b": {"c"}, "c": set()}


def test_each_decision_has_a_number_of_its_own() -> None:
    numbers = [path.name[:4] for path in (ROOT / "docs" / "decisions").glob("*.md")]
    assert sorted(set(numbers)) == sorted(numbers)
