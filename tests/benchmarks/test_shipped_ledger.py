"""What is predicted of new shipped rows is written down before anything is fitted to them."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from app.benchmarks import shipped_ledger
from app.benchmarks.measured import every_row
from app.benchmarks.predict import added
from app.cli.main import main

EMPTY: dict[str, Any] = {"seen_before": "", "constants": {}, "lines": []}


def made() -> dict[str, Any]:
    """A ledger that began with all rows but three, of which one is doubtful."""
    rows = every_row()
    new = [*[row for row in rows if row["tpot_ms"] and not row["doubt"]][:2], next(row for row in rows if row["doubt"])]
    names = "".join(shipped_ledger.name_of(row) for row in rows if row not in new)
    return shipped_ledger.recorded(rows, {**EMPTY, "seen_before": names})


def test_no_row_ships_that_the_ledger_does_not_know() -> None:
    known = shipped_ledger.seen(shipped_ledger.shipped())
    assert not [row for row in every_row() if shipped_ledger.name_of(row) not in known]
    assert not [checked for checked in shipped_ledger.verify() if checked.fault]


def test_new_rows_get_a_line_with_what_is_predicted_and_old_ones_none() -> None:
    kept = made()
    assert [line["line"] for line in kept["lines"]] == [1, 2]  # of the doubtful row nothing is judged
    for line in kept["lines"]:
        body = json.loads(line["body"])
        assert body["predicted"]["predicted_tpot_ms"] == added(body["inputs"])["predicted_tpot_ms"]
        assert body["outcome"]["tpot_ms"] == body["inputs"]["tpot_ms"]
    assert not [checked.fault for checked in shipped_ledger.verify(kept=kept) if checked.fault]
    assert shipped_ledger.recorded(every_row(), kept) == kept


def test_what_is_noted_of_a_row_later_makes_no_new_row_of_it() -> None:
    row = every_row()[0]
    assert shipped_ledger.name_of({**row, "max_running": "64", "doubt": "x"}) == shipped_ledger.name_of(row)
    assert shipped_ledger.name_of({**row, "tpot_ms": "1"}) != shipped_ledger.name_of(row)


@pytest.mark.parametrize("field", ["body", "content", "day", "hash"])
def test_whatever_is_changed_afterwards_is_seen(field: str) -> None:
    kept = made()
    kept["lines"][0][field] = kept["lines"][0][field].replace("1", "2").replace("3", "4")
    assert any(checked.fault for checked in shipped_ledger.verify(kept=kept))


def test_the_command_checks_shipped_lines_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: Mapping[str, Any] = made()
    monkeypatch.setattr(shipped_ledger, "shipped", lambda: kept)
    assert main(["ledger", "verify", "2", "--shipped"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("shipped 2 ")
    assert main(["ledger", "verify", "7", "--shipped"]) == 2
    assert shipped_ledger.summary()["judged"] == 2
