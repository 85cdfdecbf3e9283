"""The audit: every licence is one we agreed to, and what was not checked is not called sound."""

import pytest

from tests.conftest import ROOT
from tools import audit


@pytest.mark.parametrize("promise", ["P-10e"])
def test_every_locked_dependency_has_a_licence_that_was_agreed_to(promise: str) -> None:
    packages = audit.locked()
    assert len(packages) > 50
    assert [f"{package.name}: {package.licence}" for package in packages if not package.agreed] == []
    assert sum(package.installed for package in packages) > 50


@pytest.mark.parametrize("promise", ["P-10e"])
def test_a_fault_fails_and_a_silent_database_is_not_a_clean_bill(promise: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "write_bill", lambda *_: None)
    well = {"dependencies": [{"name": "a", "version": "1", "vulns": []}]}
    faulty = {"dependencies": [{"name": "a", "version": "1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2"]}]}]}
    silent = {"dependencies": [{"name": "a", "skip_reason": "not found"}]}
    for report, status in ((well, 0), (faulty, 1), (silent, 3)):
        monkeypatch.setattr(audit, "ask_for_faults", lambda report=report: report)
        assert audit.main() == status
    monkeypatch.setattr(audit, "ask_for_faults", lambda: well)
    monkeypatch.setattr(audit, "locked", lambda: [audit.Package("b", "1", "Proprietary", True)])
    assert audit.main() == 1


def test_make_has_the_command() -> None:
    assert "\naudit: " in (ROOT / "Makefile").read_text()
