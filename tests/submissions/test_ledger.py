"""The ledger of predictions: written before a report is published, checked by anybody, emptied when the report goes."""

import json
from pathlib import Path

import pytest

from app.benchmarks import ledger_lines, shipped_ledger
from app.benchmarks.measured import measured_rows
from app.cli.main import main
from app.core.settings import load
from app.storage import engine
from app.submissions import ledger, publish, receive, store
from tests.conftest import Shipped
from tests.database import execute, tuples
from tests.submissions.test_reports import BENCHMARK

VALUES = {name: value for name, value in BENCHMARK.items() if name != "contact"}


@pytest.fixture
def folder(tmp_path: Path, shipped: Shipped, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in shipped(tmp_path / "data").items():
        monkeypatch.setenv(name, value)
    settings = load()
    engine.use(settings.database)
    return settings.data_dir


def report(**change: str) -> str:
    sent = engine.run(receive.send("benchmark", {**VALUES, **change}, "1.0", "I agree"))
    assert sent
    return sent[0]


def verified(capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, str]:
    capsys.readouterr()
    status = main(["ledger", "verify", *more])
    return status, capsys.readouterr().out


def change(statement: str, *values: object) -> None:
    async def go() -> None:
        async with engine.transaction():
            await execute(statement, *values)

    engine.run(go())


def test_what_was_predicted_is_written_when_a_report_comes_in_and_judged_when_it_is_published(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = report()
    for approved in (0, 1):
        status, text = verified(capsys)
        assert status == 0
        assert "holds: predicted" in text
        assert "1 line, 0 empty, 0 wrong" in text
        assert engine.run(ledger.summary())["judged"] == approved
        if not approved:  # what is predicted by then is not what was predicted before the report was seen
            monkeypatch.setattr(ledger_lines, "added", lambda _: pytest.fail("predicted again"))
            assert main(["submissions", "approve", one]) == 0


def test_a_corrected_report_gets_a_line_of_its_own_when_the_correction_comes_in(folder: Path) -> None:
    one = engine.run(store.by_id(report()))
    assert one
    assert engine.run(receive.correct(one, {**VALUES, "concurrency": "12"}))
    assert [bool(line.empty) for line in engine.run(ledger.verify())] == [True, False]


def test_a_report_that_is_not_kept_leaves_no_line(folder: Path) -> None:
    assert main(["submissions", "approve", report()]) == 0
    assert engine.run(receive.send("benchmark", VALUES, "1.0", "I agree")) is None  # the same again
    assert len(engine.run(ledger.verify())) == 1


def test_a_line_written_by_other_formulas_says_so_and_the_chain_still_guards_it(folder: Path) -> None:
    one = engine.run(store.by_id(report()))
    assert one
    body = json.loads(ledger_lines.content_of(publish.as_row(one)))
    digest, constants = ledger_lines.constants_now()
    body["predicted"]["predicted_tpot_ms"] = "1.0000"
    assert "computed again" in ledger_lines.replayed(body, {digest: constants})[0]
    fault, text = ledger_lines.replayed({**body, "formulas": "others"}, {digest: constants})
    assert fault == ""
    assert "today's formulas predict" in text
    known = json.loads(constants)
    del known["constants"]["burst"]
    old = json.dumps(known)
    key = ledger_lines.digest(old)
    fault, text = ledger_lines.replayed({**body, "constants": key}, {key: old})
    assert fault == ""
    assert "'burst'" in text


FORMULA = 'def f(x: float) -> float:\n    if x < 0:\n        raise ValueError("below")\n    return 2 * x\n'


@pytest.mark.parametrize(
    ("other", "is_same"),
    [
        (FORMULA.replace("2 * x", "2 * x  # twice"), True),
        (FORMULA.replace(":\n    if", ':\n    """Twice x."""\n    if'), True),
        ('K = 1\n"""One."""\n' + FORMULA, False),
        (FORMULA.replace("below", "under zero"), True),
        (FORMULA.replace("2 * x", "(\n        2 * x\n    )"), True),
        (FORMULA.replace("2 * x", "3 * x"), False),
        (FORMULA.replace("x < 0", "x <= 0"), False),
    ],
)
def test_the_digest_of_formulas_is_of_what_they_compute(other: str, is_same: bool) -> None:
    assert (ledger_lines.code_of(other) == ledger_lines.code_of(FORMULA)) is is_same


@pytest.mark.parametrize("name", ["tpot_high_ms", "ttft_low_ms", "predicted_ttft_ms", "rests_on"])
def test_a_range_that_was_widened_is_seen_though_every_hash_was_made_again(folder: Path, name: str) -> None:
    one = engine.run(store.by_id(report()))
    assert one
    body = json.loads(ledger_lines.content_of(publish.as_row(one)))
    digest, constants = ledger_lines.constants_now()
    assert ledger_lines.replayed(body, {digest: constants})[0] == ""
    body["predicted"][name] = "nothing" if name == "rests_on" else f"{float(body['predicted'][name]) * 1.5:.4f}"
    assert name in ledger_lines.replayed(body, {digest: constants})[0]


def test_lines_cut_off_the_end_leave_another_end(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for in_flight in ("8", "16"):
        report(concurrency=in_flight)
    before = engine.run(ledger.summary())
    assert f"chain ends with {before['head']}" in verified(capsys)[1]
    for table in ("ledger_entry", "ledger_line"):
        change(f"DELETE FROM {table} WHERE line = 2")
    after = engine.run(ledger.summary())
    assert (before["lines"], after["lines"]) == (2, 1)
    assert before["head"] != after["head"]


@pytest.mark.parametrize(
    "statement",
    [
        (
            "UPDATE ledger_entry SET body = replace(body, 'predicted_tpot_ms\": \"', 'predicted_tpot_ms\": \"1') WHERE "
            "line = 1"
        ),
        'UPDATE ledger_entry SET body = replace(body, \'"tpot_ms": "\', \'"tpot_ms": "1\') WHERE line = 2',
        "UPDATE ledger_line SET content = substr(content, 2) || '0' WHERE line = 1",
        "UPDATE ledger_line SET day = '2020-01-01' WHERE line = 2",
        "UPDATE ledger_constants SET body = replace(body, '0.', '1.')",
    ],
)
def test_whatever_is_changed_afterwards_is_seen(
    folder: Path, capsys: pytest.CaptureFixture[str], statement: str
) -> None:
    for in_flight in ("8", "16"):
        main(["submissions", "approve", report(concurrency=in_flight)])
    assert verified(capsys)[0] == 0
    change(statement)
    assert verified(capsys)[0] == 1


def test_a_line_that_was_cut_out_is_seen(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for in_flight in ("8", "16", "32"):
        main(["submissions", "approve", report(concurrency=in_flight)])
    change("DELETE FROM submission WHERE id IN (SELECT submission FROM ledger_entry WHERE line = 2)")
    assert verified(capsys)[0] == 0  # empty: its report is gone
    change("DELETE FROM ledger_line WHERE line = 2")
    assert verified(capsys)[0] == 1


@pytest.mark.parametrize("approved", [True, False])
def test_a_content_deleted_under_a_report_that_is_still_there_is_seen(
    folder: Path, capsys: pytest.CaptureFixture[str], approved: bool
) -> None:
    kept, other = report(concurrency="8"), report(concurrency="16")
    if approved:
        assert main(["submissions", "approve", kept, other]) == 0
    assert verified(capsys)[0] == 0
    change("DELETE FROM ledger_entry WHERE line = 1")
    status, text = verified(capsys)
    assert status == 1
    assert f"report {kept} is {'approved' if approved else 'waiting'}, but what was predicted of it was deleted" in text
    assert other not in text


def test_a_content_that_outlived_its_report_is_seen(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = report()
    change("UPDATE submission SET state = 'withdrawn', ended_on = '2026-11-01' WHERE id = ?", one)
    status, text = verified(capsys)
    assert status == 1
    assert f"report {one} is withdrawn, corrected or refused" in text


def test_two_lines_whose_reports_were_swapped_are_seen(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = report(concurrency="8"), report(concurrency="16")
    for one, line in ((second, 1), (first, 2)):
        change("UPDATE ledger_entry SET submission = ? WHERE line = ?", one, line)
    status, text = verified(capsys)
    assert status == 1
    assert text.count("has the line of another measurement") == 2


def resigned(order: list[int]) -> None:
    """Give the chain the lines of ``order``, one after another, with every hash made again."""
    kept = {line: rest for line, *rest in engine.run(tuples(
        "SELECT l.line, day, content, submission, version, body FROM ledger_line l JOIN ledger_entry e "
        "ON e.line = l.line"))}  # fmt: skip
    for table in ("ledger_entry", "ledger_line"):
        change(f"DELETE FROM {table}")
    before = ledger_lines.START
    for number, line in enumerate(order, 1):
        day, content, submission, version, body = kept[line]
        before = ledger_lines.chained(before, number, day, content)
        change("INSERT INTO ledger_line (line, day, content, hash) VALUES (?, ?, ?, ?)", number, day, content, before)
        change(
            "INSERT INTO ledger_entry (line, submission, version, body) VALUES (?, ?, ?, ?)",
            number, submission, version, body,
        )  # fmt: skip


@pytest.mark.parametrize("order", [[2, 1, 3], [1, 2], [1, 3], [3, 2, 1]])
def test_a_chain_made_again_differs_from_the_hash_that_was_noted(
    folder: Path, capsys: pytest.CaptureFixture[str], order: list[int]
) -> None:
    for in_flight in ("8", "16", "32"):
        report(concurrency=in_flight)
    head = engine.run(ledger.summary())
    noted = ["--noted", f"{head['lines']}:{head['head'][:16]}"]
    assert verified(capsys, *noted)[0] == 0
    report(concurrency="64")
    assert verified(capsys, *noted)[0] == 0  # what follows is new
    for line in {1, 2, 3, 4} - {*order}:
        change("DELETE FROM submission WHERE id IN (SELECT submission FROM ledger_entry WHERE line = ?)", line)
    resigned(order)
    assert verified(capsys)[0] == 0  # consistent in itself: nothing that is stored with it tells
    status, text = verified(capsys, *noted)
    assert status == 1
    assert ("now it is gone" if len(order) < 3 else "the chain was made again") in text


@pytest.mark.parametrize("text", ["", "1", "0:0123456789abcdef", "1:0123", "1:0123456789abcdeg"])
def test_a_note_that_is_none_is_refused(folder: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    assert main(["ledger", "verify", "--noted", text]) == 2
    assert "12:0123456789abcdef" in capsys.readouterr().err


def test_the_shipped_lines_are_compared_with_what_was_noted_of_them_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = shipped_ledger.recorded(measured_rows()[:1], {"seen_before": "", "constants": {}, "lines": []})
    monkeypatch.setattr(shipped_ledger, "shipped", lambda: kept)
    for number, digits, status in ((1, kept["lines"][0]["hash"], 0), (1, "f" * 16, 1), (2, "f" * 16, 1)):
        assert verified(capsys, "--shipped", "--noted", f"{number}:{digits}")[0] == status


def test_a_report_of_which_nothing_can_be_predicted_has_a_line_that_says_so(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        refused = dict.fromkeys(ledger_lines.PREDICTED, "") | {"error": "the model is not known"}
        patched.setattr(ledger_lines, "added", lambda _: refused)
        one = report()
        assert main(["submissions", "approve", one]) == 0
    status, text = verified(capsys)
    assert status == 0
    assert "no prediction could be made: the model is not known" in text
    assert engine.run(ledger.summary())["judged"] == 0
    change("DELETE FROM ledger_entry")
    assert verified(capsys)[0] == 1


@pytest.mark.parametrize("way", ["withdraw", "erase", "purge", "reject", "correct"])
def test_a_report_that_goes_leaves_an_empty_line_and_the_chain_holds(
    folder: Path, capsys: pytest.CaptureFixture[str], way: str
) -> None:
    first, second = report(concurrency="8"), report(concurrency="16")
    assert main(["submissions", "approve", first, second]) == 0
    kept = engine.run(store.by_id(first))
    assert kept
    if way == "withdraw":
        engine.run(store.withdraw(folder, kept))
    elif way == "erase":
        engine.run(store.erase(folder, [kept]))
    elif way == "purge":
        change("DELETE FROM submission WHERE id = ?", first)
    elif way == "reject":
        assert main(["submissions", "reject", first, "--reason", "not so"]) == 0
    else:
        assert engine.run(receive.correct(kept, {**VALUES, "concurrency": "12"}))
    status, text = verified(capsys)
    assert status == 0
    lines = "3 lines" if way == "correct" else "2 lines"
    assert f"{lines}, 1 empty, 0 wrong" in text
    summary = engine.run(ledger.summary())
    assert (summary["judged"], summary["withdrawn"]) == (1, 1)  # a corrected one waits
    assert first not in json.dumps(engine.run(tuples("SELECT * FROM ledger_line")))
    assert (1,) not in engine.run(tuples("SELECT line FROM ledger_entry"))


def test_the_range_that_held_is_counted_and_the_one_that_did_not(folder: Path) -> None:
    far = report(tpot_ms="999")
    main(["submissions", "approve", far])
    summary = engine.run(ledger.summary())
    assert (summary["judged"], summary["held"], summary["withdrawn"]) == (1, 0, 0)


def test_one_line_is_replayed_alone_and_one_that_is_not_there_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for in_flight in ("8", "16"):
        main(["submissions", "approve", report(concurrency=in_flight)])
    status, text = verified(capsys, "2")
    assert status == 0
    assert text.startswith("2 ")
    assert main(["ledger", "verify", "7"]) == 2
    assert "no line 7" in capsys.readouterr().err


ONE_ENGINES = pytest.mark.sqlite_only
"""A cell that is not of its column's type: PostgreSQL takes none."""


def rewritten(body: object) -> None:
    """Give the first line another content, with everything that guards it computed anew."""
    text = body.decode("latin-1") if isinstance(body, bytes) else str(body)
    ((day,),) = engine.run(tuples("SELECT day FROM ledger_line WHERE line = 1"))
    content = ledger_lines.digest(text)
    change("UPDATE ledger_entry SET body = ? WHERE line = 1", body)
    change("UPDATE ledger_line SET content = ?, hash = ? WHERE line = 1", content,
           ledger_lines.chained(ledger_lines.START, 1, day, content))  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [
        "garbage", "", "[]", "5", "null", "{}", '{"constants": 5}', '{"constants": "x", "predicted": [], "outcome": 1}',
        '{"predicted": {"predicted_tpot_ms": "x"}, "constants": "y", "outcome": {}}', "[" * 100_000,
        *(pytest.param(text, marks=ONE_ENGINES) for text in (b"\xff\x00", b"{}")),
    ],
)  # fmt: skip
def test_a_line_whose_content_is_no_content_is_wrong_and_takes_nothing_down(
    folder: Path, capsys: pytest.CaptureFixture[str], body: object
) -> None:
    main(["submissions", "approve", report()])
    rewritten(body)
    status, text = verified(capsys)
    assert status == 1, text
    assert "1 line, 0 empty, 1 wrong" in text
    assert engine.run(ledger.summary())["judged"] == 0


@pytest.mark.parametrize("column", ["day", "content", "hash"])
@pytest.mark.parametrize("value", ["", "x\x00", *(pytest.param(value, marks=ONE_ENGINES) for value in (b"\xff", 5))])
def test_a_damaged_cell_of_a_line_is_wrong(
    folder: Path, capsys: pytest.CaptureFixture[str], column: str, value: object
) -> None:
    main(["submissions", "approve", report()])
    change(f"UPDATE ledger_line SET {column} = ? WHERE line = 1", value)
    assert verified(capsys)[0] == 1
    engine.run(ledger.summary())


@pytest.mark.parametrize("body", ["garbage", "{}", "[]", pytest.param(b"\xff", marks=ONE_ENGINES)])
def test_constants_that_are_none_are_wrong(folder: Path, capsys: pytest.CaptureFixture[str], body: object) -> None:
    main(["submissions", "approve", report()])
    change("UPDATE ledger_constants SET body = ?", body)
    assert verified(capsys)[0] == 1


def test_what_is_left_of_an_entry_without_its_inputs_is_wrong(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["submissions", "approve", report()])
    ((text,),) = engine.run(tuples("SELECT body FROM ledger_entry WHERE line = 1"))
    whole = json.loads(text)
    for name in ("inputs", "predicted", "outcome", "version"):
        rewritten(json.dumps({key: value for key, value in whole.items() if key != name}))
        assert verified(capsys)[0] == 1, name
    for name in ("model", "gpu", "concurrency"):
        rewritten(json.dumps({**whole, "inputs": {k: v for k, v in whole["inputs"].items() if k != name}}))
        assert verified(capsys)[0] == 1, name
