"""The command line: what each line calls and with what, exit statuses, what is refused, and what a start loads."""

import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from cyclopts import App

from app.cli.main import main, read, root
from app.core.settings import Settings
from tests.conftest import ROOT

CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("up", "processes.up", {}),
    ("serve", "processes.serve", {}),
    ("work", "processes.work", {}),
    ("doctor", "processes.doctor", {}),
    ("backup site.tar", "processes.backup", {"file": "site.tar"}),
    ("restore site.tar", "processes.restore", {"file": "site.tar"}),
    ("move --to postgres://one@db.example.org/one", "move.move", {"to": "postgres://one@db.example.org/one"}),
    ("nodes list", "nodes.list_", {}),
    ("nodes forget web-2", "nodes.forget", {"name": "web-2"}),
    ("estimate rows.csv", "processes.estimate", {"file": "rows.csv", "output": None}),
    ("estimate rows.csv --output out.csv", "processes.estimate", {"file": "rows.csv", "output": "out.csv"}),
    ("estimate --output=out.csv rows.csv", "processes.estimate", {"file": "rows.csv", "output": "out.csv"}),
    ("refresh", "refresh.refresh", {"sources": (), "accept": ()}),
    (
        "refresh azure --accept akash vultr --accept azure",
        "refresh.refresh",
        {"sources": ("azure", "vultr"), "accept": ["akash", "azure"]},
    ),
    ("policy list", "policies.list_versions", {}),
    ("policy check", "policies.check", {}),
    ("policy new privacy", "policies.new", {"policy": "privacy"}),
    ("retention status", "retention.status", {"now": ""}),
    ("retention status --now 2027-02-28", "retention.status", {"now": "2027-02-28"}),
    ("retention run", "retention.run", {"now": "", "dry_run": False}),
    ("retention run --dry-run --now 2027-02-28", "retention.run", {"now": "2027-02-28", "dry_run": True}),
    ("retention canary", "retention.canary", {"wait": 65}),
    ("retention canary --wait 65", "retention.canary", {"wait": 65}),
    ("abuse", "retention.abuse", {"since": "", "until": "", "address": "", "top": 10}),
    (
        "abuse --since 2026-11-01 --until 2026-11-02 --address 2001:db8::7 --top 3",
        "retention.abuse",
        {"since": "2026-11-01", "until": "2026-11-02", "address": "2001:db8::7", "top": 3},
    ),
    ("submissions list", "submissions.listing", {"state": "waiting", "kind": ""}),
    ("submissions list --state all --kind price", "submissions.listing", {"state": "all", "kind": "price"}),
    ("submissions show r1", "submissions.show", {"number": "r1"}),
    ("submissions approve r1 r2@3", "submissions.approve", {"numbers": ("r1", "r2@3"), "reason": ""}),
    (
        "submissions reject r1 --reason 'not sold' r2",
        "submissions.reject",
        {"numbers": ("r1", "r2"), "reason": "not sold"},
    ),
    ("submissions benchmarks rows.csv", "submissions.benchmarks", {"output": "rows.csv"}),
    ("ledger verify", "ledger.verify", {"line": None, "shipped": False, "noted": ()}),
    ("ledger verify 12", "ledger.verify", {"line": 12, "shipped": False, "noted": ()}),
    ("ledger verify 2 --shipped", "ledger.verify", {"line": 2, "shipped": True, "noted": ()}),
    (
        "ledger verify --noted 1:ab --noted 2:cd",
        "ledger.verify",
        {"line": None, "shipped": False, "noted": ["1:ab", "2:cd"]},
    ),
    ("privacy poll", "privacy.poll", {}),
    ("privacy retry", "privacy.retry", {}),
    (
        "privacy record --kind erasure --way 'a letter'",
        "privacy.record",
        {"kind": "erasure", "law": "other", "address": "", "way": "a letter", "received": "", "text": ""},
    ),
    (
        "privacy record --kind know --law CCPA --address a@example.org --way letter --received 2026-11-20 --text t.txt",
        "privacy.record",
        {
            "kind": "know", "law": "CCPA", "address": "a@example.org", "way": "letter", "received": "2026-11-20",
            "text": "t.txt",
        },
    ),
    ("privacy list", "privacy.listing", {"all": False}),
    ("privacy list --all", "privacy.listing", {"all": True}),
    ("privacy show PR-2", "privacy.show", {"reference": "PR-2"}),
    (
        "privacy verify PR-2",
        "privacy_fulfilment.verify",
        {"reference": "PR-2", "code": "", "proof": "", "send_code": False, "kind": "", "law": ""},
    ),
    (
        "privacy verify PR-2 --code IB-2 --proof seen --send-code --kind access --law ''",
        "privacy_fulfilment.verify",
        {"reference": "PR-2", "code": "IB-2", "proof": "seen", "send_code": True, "kind": "access", "law": ""},
    ),
    (
        "privacy export PR-2",
        "privacy_fulfilment.export",
        {
            "reference": "PR-2", "output": "", "send": False, "ip": "", "ip_proof": "", "since": "", "until": "",
            "receipts": (),
        },
    ),
    (
        "privacy export --receipt a --receipt b PR-2 --output x.zip --send --ip ::1 --ip-proof x --since 1 --until 2",
        "privacy_fulfilment.export",
        {
            "reference": "PR-2", "output": "x.zip", "send": True, "ip": "::1", "ip_proof": "x", "since": "1",
            "until": "2", "receipts": ["a", "b"],
        },
    ),
    (
        "privacy restrict PR-2 --end --dry-run --receipt a",
        "privacy_fulfilment.restrict",
        {"reference": "PR-2", "end": True, "dry_run": True, "receipts": ["a"]},
    ),
    ("privacy erase PR-2", "privacy_fulfilment.erase", {"reference": "PR-2", "yes": False, "receipts": ()}),
    ("privacy erase PR-2 --yes", "privacy_fulfilment.erase", {"reference": "PR-2", "yes": True, "receipts": ()}),
    (
        "privacy resolve PR-2",
        "privacy.resolve",
        {"reference": "PR-2", "state": "resolved", "answer": "", "extend": False, "reason": ""},
    ),
    (
        "privacy resolve PR-2 --state refused --answer a.txt --extend --reason x --reason 'the last counts'",
        "privacy.resolve",
        {"reference": "PR-2", "state": "refused", "answer": "a.txt", "extend": True, "reason": "the last counts"},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("line", "function", "values"), CALLS, ids=lambda value: value if type(value) is str else "")
def test_a_line_calls_its_function_with_its_values(line: str, function: str, values: dict[str, Any]) -> None:
    command, bound = read(shlex.split(line))
    assert f"{command.__module__}.{command.__name__}" == f"app.cli.{function}"
    bound.apply_defaults()
    assert {name: value for name, value in bound.arguments.items() if name != "settings"} == values


def every_command(app: App, above: tuple[str, ...] = ()) -> Iterator[str]:
    """The words that name each command without commands below it."""
    below = [name for name in app if not name.startswith("-")]
    if not below:
        yield " ".join(above)
    for name in below:
        yield from every_command(app[name], (*above, name))


def test_every_command_is_tried() -> None:
    commands = set(every_command(root()))
    assert len(commands) > 25
    assert commands == {name for name in commands if any(f"{line} ".startswith(f"{name} ") for line, _, _ in CALLS)}


def test_every_number_is_read_without_rounding() -> None:
    """The library itself takes 1.5 for 2 where a whole number is asked for."""
    numbers = []
    for name in every_command(root()):
        app = root()
        for word in name.split():
            app = app[word]
        for argument in app.assemble_argument_collection():
            asked_for = not argument.name.startswith("--settings")
            if asked_for and int in (argument.hint, *get_args(argument.hint)):
                numbers.append(f"{name} {argument.name}")
                assert argument.parameter.converter is not None, f"{name} {argument.name} takes whole()"
    assert len(numbers) >= 3


REFUSED = [
    ("", "inferencebench --help"),
    ("policy", "inferencebench policy --help"),
    ("nonsense", "nonsense"),
    ("policy nonsense", "nonsense"),
    ("up now", "now"),
    ("serve --port 80", "--port"),
    ("backup", "FILE"),
    ("backup a b", "b"),
    ("estimate", "FILE"),
    ("retention run --dry", "--dry-run"),
    ("retention run --now", "--now"),
    ("retention canary --wait soon", "soon"),
    ("retention canary --wait 1.5", "1.5"),
    ("retention canary --wait 0", "from 1 to 3,600"),
    ("retention canary --wait 3601", "from 1 to 3,600"),
    ("abuse --top 0x10", "0x10"),
    ("abuse --top -1", "from 1 on"),
    ("abuse --top 0", "from 1 on"),
    ("'\x1b]0;x\x07'", "\\x1b]0;x\\x07"),
    ("ledger verify 1.5", "1.5"),
    ("ledger verify 1 2", "2"),
    ("abuse --settings 3", "--settings"),
    ("submissions list --state nonsense", "waiting, approved, rejected, withdrawn, all"),
    ("submissions list --kind nonsense", "price, benchmark, experience"),
    ("submissions approve", "NUMBER"),
    ("privacy record --kind erasure", "--way"),
    ("privacy record --kind nonsense --way x", "erasure"),
    ("privacy record --kind '' --way x", "erasure"),
    ("privacy verify PR-2 --law nonsense", "GDPR, CCPA, other"),
    ("privacy resolve PR-2 --state open", "answered, refused, resolved, spam"),
    ("privacy erase PR-2 --no-yes", "--no-yes"),
    ("privacy erase", "REFERENCE"),
]


@pytest.mark.parametrize(("line", "said"), REFUSED, ids=[line or "nothing" for line, _ in REFUSED])
def test_a_line_that_can_not_be_read_is_refused_in_one_line(
    line: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(shlex.split(line)) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.startswith("inferencebench: ")
    assert error.count("\n") == 1
    assert said in error


@pytest.mark.parametrize("line", ["--help", "-h", "up --help", "privacy -h", "privacy export --help"])
def test_help_is_printed_and_nothing_is_done(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(shlex.split(line)) == 0
    out, error = capsys.readouterr()
    assert error == ""
    assert f"Usage: inferencebench {line.replace('--help', '').replace('-h', '')}".strip() in out


def test_the_status_of_a_command_is_the_status_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    from app.process import serve

    def ran(settings: Settings, *, with_worker: bool = False) -> int:
        return 7 if with_worker else 3

    monkeypatch.setattr(serve, "run", ran)
    assert main(["up"]) == 7
    assert main(["serve"]) == 3

    def told(*_: Any, **__: Any) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(serve, "run", told)
    assert main(["up"]) == 130


@pytest.mark.parametrize("command", ["up", "serve", "work"])
def test_a_process_starts_without_loading_what_reads_options(command: str, tmp_path: Path) -> None:
    """These take no option; what reads options takes longer to load than all else that stands before the start."""
    code = (
        "import sys\n"
        "from app.cli import processes\n"
        "from app.cli.main import main\n"
        f"processes.{command} = lambda *, settings: 0\n"
        f"assert main([{command!r}]) == 0\n"
        "print(sorted({'cyclopts', 'rich', 'argparse', 'app.process.serve', 'app.privacy'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.stdout == "[]\n", ran.stderr


def test_the_page_of_commands_names_every_command_and_option() -> None:
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    for line, _, _ in CALLS:
        words = shlex.split(line)
        for word in words:
            if word.startswith("--"):
                assert f"`{word.split('=')[0]}" in page, word
    for name in every_command(root()):
        assert f"inferencebench {name}\n" in page
