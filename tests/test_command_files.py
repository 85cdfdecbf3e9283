"""Files that commands write, and text of others that they print: one clear line for each fault, nothing overwritten,
nothing that acts on a terminal."""

import shutil
from pathlib import Path

import pytest

from app.cli import privacy
from app.cli.main import main
from app.core.settings import Settings, load
from app.process import doctor
from tests.privacy.test_requests import all_cases, office  # noqa: F401

WRITES = (
    "submissions benchmarks {file}",
    "privacy export PR-AAAAAAAA --output {file}",
    "backup {file}",
)


@pytest.fixture
def here(tmp_path: Path, prepared_data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a data folder in it, which the commands use."""
    data = shutil.copytree(prepared_data, tmp_path / "data")
    monkeypatch.setenv("INFERENCEBENCH_DATA_DIR", str(data))
    return tmp_path


@pytest.mark.parametrize("line", WRITES)
@pytest.mark.parametrize(
    ("name", "said"), [("nowhere/x", ""), ("there", "exists already"), ("", ""), ("dangling", "")]
)  # fmt: skip
def test_a_file_that_cannot_be_written_is_said_in_one_line(
    here: Path, line: str, name: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "there").write_text("mine")
    (here / "dangling").symlink_to(here / "nowhere")
    assert main(line.format(file=here / name).split()) == 2
    out, error = capsys.readouterr()
    assert (out, error.count("\n")) == ("", 1)
    assert error.startswith("inferencebench: ")
    assert str(here / name) in error
    assert said in error
    assert (here / "there").read_text() == "mine"


def test_no_backup_lies_in_the_folder_that_it_is_of(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "link").symlink_to(here / "data")
    for name in ("data/kept.tar", "data/mail/kept.tar", "link/kept.tar"):
        assert main(["backup", str(here / name)]) == 2
        assert "lies in the data folder" in capsys.readouterr().err
        assert not (here / name).exists()


def test_the_doctor_says_whether_the_first_start_can_make_the_data_folder(tmp_path: Path) -> None:
    def said(folder: str) -> tuple[str, str]:
        return next(doctor.examine(load({"INFERENCEBENCH_DATA_DIR": folder})))

    assert said("/proc/x/y")[0] == "fault"
    assert "/proc/x/y can't be made in /proc" in said("/proc/x/y")[1]
    assert said(str(tmp_path / "a/b")) == (
        "note", f"the data folder {tmp_path / 'a/b'} does not exist yet; the first start makes it"
    )  # fmt: skip
    assert list(tmp_path.iterdir()) == [], "nothing is left of trying"


def test_a_case_is_shown_without_what_acts_on_a_terminal(
    office: Settings,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "letter").write_text("Please \x1b]0;owned\x07 delete \x9b31m me \u202e now")
    privacy.record(kind="erasure", way="a \x1b[2Jletter", text=str(tmp_path / "letter"), settings=office)
    assert privacy.show(all_cases()[0].reference, settings=office) == 0
    out = capsys.readouterr().out
    assert "owned" in out
    assert not set("\x1b\x07\x9b\u202e") & set(out)
