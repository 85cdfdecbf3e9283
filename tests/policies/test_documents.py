"""What is in force when, and what no clock and no file can cut short."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from app.cli.main import main
from app.core.settings import Settings, load
from app.core.units import DAY_S
from app.policies.difference import difference
from app.policies.documents import (
    NOTICE_DAYS,
    POLICIES,
    DocumentError,
    Version,
    earliest_effect,
    faults,
    next_change,
    parse,
    state_at,
)
from app.policies.files import RECORD, Policies, read_published, read_versions
from app.privacy.processors import Processor, processor_faults
from app.storage import engine
from tests.conftest import ROOT

FIRST = "2026-03-27"


def text(
    effective: str, announced: str = FIRST, material: str = "false", version: str = "1", body: str = "## 1. One\n\nA.\n"
) -> str:
    front = {
        "title": "Privacy policy",
        "version": version,
        "announced": announced,
        "effective": effective,
        "material": material,
        "language": "en",
        "summary": "New.",
    }
    return "---\n" + "".join(f"{key}: {value}\n" for key, value in front.items()) + "---\n" + body


def made(
    effective: str, announced: str = FIRST, material: str = "false", version: str = "1", body: str = "## 1. One\n\nA.\n"
) -> Version:
    return parse("privacy", effective, text(effective, announced, material, version, body))


def at(moment: str) -> int:
    return int(datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp())


OLD = made(FIRST)
NEW = made("2026-07-01", "2026-06-01", "true", "2")
SHOWN = {OLD.key: at(FIRST), NEW.key: at("2026-06-01")}


@pytest.mark.parametrize(
    ("moment", "in_force", "announced"),
    [
        ("2026-03-26T23:59:59", None, False), ("2026-03-27T00:00:00", OLD, False), ("2026-05-31T23:59:59", OLD, False),
        ("2026-06-01T00:00:00", OLD, True),
        ("2026-06-30T23:59:59", OLD, True), ("2026-07-01T00:00:00", NEW, False),
    ],
)  # fmt: skip
def test_a_version_is_announced_and_takes_effect_to_the_second(
    moment: str, in_force: Version | None, announced: bool
) -> None:
    found = state_at((OLD, NEW), SHOWN, at(moment))
    assert found.in_force.get("privacy") == in_force
    assert (NEW in found.announced) == announced


@pytest.mark.parametrize("promise", ["P-13a"])
def test_a_material_change_shown_late_never_takes_effect(promise: str) -> None:
    late = {**SHOWN, NEW.key: at("2026-06-01T00:00:01")}
    for moment in ("2026-06-15", "2026-07-01", "2030-01-01"):
        found = state_at((OLD, NEW), late, at(moment))
        assert found.in_force["privacy"] == OLD
        assert found.announced == ()
        assert found.refused[0][0] == NEW
        assert "2026-07-02" in found.refused[0][1]


def test_an_announcement_can_not_be_back_dated_in_the_file() -> None:
    claimed = made("2026-07-01", "2026-01-01", "true", "2")
    found = state_at((OLD, claimed), {OLD.key: at(FIRST)}, at("2026-06-20"))
    assert found.refused[0][0] == claimed
    assert earliest_effect(claimed, {}, at("2026-06-20")).isoformat() == "2026-07-20"


@given(st.integers(0, 400 * DAY_S), st.integers(0, 80))
def test_no_material_change_has_less_notice_than_promised(shown_after: int, days: int) -> None:
    announced = datetime(2026, 6, 1, tzinfo=UTC)
    effective = (announced + timedelta(days=days)).date().isoformat()
    version = made(effective, "2026-06-01", "true", "2")
    shown = {OLD.key: at(FIRST), version.key: int(announced.timestamp()) + shown_after}
    in_force_then = state_at((OLD, version), shown, version.effective_at).in_force["privacy"] == version
    assert in_force_then == (version.effective_at - shown[version.key] >= NOTICE_DAYS * DAY_S)


def test_a_small_change_needs_no_notice_and_leap_days_are_days() -> None:
    small = made("2028-02-29", "2028-02-29", "false", "2")
    assert state_at((OLD, small), {}, at("2028-02-28T23:59:59")).in_force["privacy"] == OLD
    assert state_at((OLD, small), {}, at("2028-02-29")).in_force["privacy"] == small


def test_the_next_change_bounds_what_may_be_kept() -> None:
    assert next_change((OLD, NEW), at("2026-05-01")) == at("2026-06-01")
    assert next_change((OLD, NEW), at("2026-06-01")) == at("2026-07-01")
    assert next_change((OLD, NEW), at("2026-07-01")) is None


@pytest.mark.parametrize(
    ("policy", "name", "content", "words"),
    [
        ("privacy", FIRST, "no front matter", "begins without front matter"),
        ("cookies", FIRST, text(FIRST), "there is no policy"),
        ("privacy", "2026-03-28", text(FIRST), "name the file"),
        ("privacy", FIRST, text(FIRST).replace("summary: New.\n", ""), "lacks summary"),
        ("privacy", FIRST, text(FIRST).replace("title:", "titel:"), "lacks title"),
        ("privacy", FIRST, text(FIRST, "soon"), "write a date"),
        ("privacy", FIRST, text(FIRST, material="perhaps"), "true or false"),
        ("privacy", FIRST, text(FIRST).replace("summary:", "extra: x\nsummary:"), "extra"),
    ],
)  # fmt: skip
def test_a_file_that_can_not_be_read_says_what_to_do(policy: str, name: str, content: str, words: str) -> None:
    with pytest.raises(DocumentError, match=words):
        parse(policy, name, content)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shipped policies that the commands use."""
    copied = shutil.copytree(ROOT / "policies", tmp_path / "policies")
    monkeypatch.setenv("INFERENCEBENCH_POLICIES_DIR", str(copied))
    monkeypatch.setenv("INFERENCEBENCH_DATA_DIR", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    return copied


def test_the_shipped_policies_hold(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "check"]) == 0
    assert main(["policy", "list"]) == 0
    assert capsys.readouterr().out.count("in force") == len(POLICIES)


def test_a_changed_or_lost_past_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "privacy" / f"{FIRST}.md"
    path.write_text(path.read_text().replace("at most 90 days", "at most 900 days"))
    (folder / "terms" / f"{FIRST}.md").unlink()
    assert main(["policy", "check"]) == 1
    told = capsys.readouterr().err
    assert "policies/privacy/2026-03-27.md: was published and has changed" in told
    assert "policies/terms/2026-03-27.md: was published and is gone" in told


def test_a_deploy_that_would_cut_the_notice_short_is_refused_with_the_day_that_holds(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with time_machine.travel(datetime(2026, 12, 1, 12, tzinfo=UTC), tick=False):
        (folder / "privacy" / "2026-12-20.md").write_text(text("2026-12-20", "2026-10-01", "true", "2"))
        assert main(["policy", "check"]) == 1
        assert "earliest effective date that holds is 2027-01-01" in capsys.readouterr().err


def test_a_new_versions_skeleton_holds_at_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with time_machine.travel(datetime(2026, 12, 1, 23, 59, 59, tzinfo=UTC), tick=False):
        assert main(["policy", "new", "privacy"]) == 0
        assert main(["policy", "check"]) == 0
        assert main(["policy", "new", "privacy"]) == 2
        assert main(["policy", "new", "cookies"]) == 2
    versions, _ = read_versions(folder)
    newest = max((v for v in versions if v.policy == "privacy"), key=lambda v: v.effective)
    assert (newest.version, newest.effective.isoformat(), newest.material) == ("2", "2027-01-05", True)


def test_two_versions_of_one_number_are_refused() -> None:
    twice = made("2026-09-01", "2026-06-01", "false", "1")
    assert any("occurs twice" in line for line in faults((OLD, twice), {}, at("2026-08-01")))


def test_a_running_site_remembers_when_it_first_showed_a_version(folder: Path, tmp_path: Path) -> None:
    settings = load()
    (folder / "privacy" / "2027-01-05.md").write_text(text("2027-01-05", "2026-12-01", "true", "2"))
    with time_machine.travel(datetime(2026, 12, 2, tzinfo=UTC), tick=False):
        running = Policies(settings)
        running.show()
        assert [v.name for v in running.state_at(at("2026-12-02")).announced] == ["2027-01-05"]
    with time_machine.travel(datetime(2026, 12, 30, tzinfo=UTC), tick=False):
        again = Policies(settings)
        assert again.state_at(at("2027-01-05")).in_force["privacy"].version == "2"
        (tmp_path / "data" / RECORD).unlink()
        assert Policies(settings).state_at(at("2027-01-05")).in_force["privacy"].version == "1"


def test_who_only_looks_shows_nothing_and_begins_no_notice(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "privacy" / "2027-01-05.md").write_text(text("2027-01-05", "2026-12-01", "true", "2"))
    with time_machine.travel(datetime(2026, 12, 1, tzinfo=UTC), tick=False):
        assert main(["policy", "list"]) == 0
        assert main(["policy", "check"]) == 0
        main(["doctor"])
    assert not (tmp_path / "data" / RECORD).exists()
    with time_machine.travel(datetime(2026, 12, 20, tzinfo=UTC), tick=False):
        late = Policies(load())
        late.show()
        assert late.state_at(at("2027-01-05")).in_force["privacy"].version == "1", "it was shown on the 20th"


def test_a_text_that_was_changed_after_its_announcement_is_a_new_announcement(folder: Path) -> None:
    path, record = folder / "privacy" / "2027-01-05.md", folder / "published.json"
    path.write_text(text("2027-01-05", "2026-12-01", "true", "2"))
    told = json.loads(record.read_text())
    digest = next(version.digest for version in read_versions(folder)[0] if version.name == "2027-01-05")
    told["privacy"]["2027-01-05"] = {"digest": digest, "first_shown": "2026-12-01T00:00:00Z"}
    record.write_text(json.dumps(told))
    with time_machine.travel(datetime(2026, 12, 20, tzinfo=UTC), tick=False):
        assert Policies(load()).state_at(at("2027-01-05")).in_force["privacy"].version == "2"
        path.write_text(text("2027-01-05", "2026-12-01", "true", "2", "## 1. One\n\nAll is sold.\n"))
        changed = Policies(load())
        changed.show()
        assert any("was published and has changed" in line for line in changed.troubles())
    with time_machine.travel(datetime(2027, 1, 5, tzinfo=UTC), tick=False):
        assert Policies(load()).state_at(at("2027-01-05")).in_force["privacy"].version == "1"


def test_gaps_and_overlaps_of_versions_are_refused() -> None:
    third = made("2026-09-01", "2026-08-01", "false", "3")
    assert any("number it 2" in line for line in faults((OLD, third), {}, at("2026-08-02")))
    second = made("2026-10-01", "2026-08-01", "false", "2")
    assert any("number it" in line for line in faults((OLD, second, third), {}, at("2026-08-02"))), "3 before 2"
    assert any("nothing is in force before it" in line for line in faults((third,), {}, at("2026-08-02")))
    good = (OLD, made("2026-09-01", "2026-08-01", "false", "2"))
    assert not [line for line in faults(good, {}, at("2026-08-02")) if "privacy" in line]


def test_a_broken_record_or_file_never_darkens_the_site(folder: Path, tmp_path: Path) -> None:
    (folder / "privacy" / "2027-01-05.md").write_text("garbage")
    for damaged in ("{", "[]", '{"a": "b"}'):
        (tmp_path / "data" / RECORD).write_text(damaged)
        known = Policies(load())
        known.show()
        assert (tmp_path / "data" / RECORD).read_text() == damaged, "the operator mends it"
        assert any("record of what was shown" in line for line in known.troubles())
    assert len(known.state_at(at("2026-12-02")).in_force) == len(POLICIES)
    assert any("front matter" in line for line in known.troubles())
    (folder / "published.json").write_text("[")
    assert len(Policies(load()).state_at(at("2026-12-02")).in_force) == len(POLICIES)


def test_every_shipped_version_is_published_with_its_digest() -> None:
    versions, unreadable = read_versions(ROOT / "policies")
    assert not unreadable
    assert set(read_published(ROOT / "policies")) == {version.key for version in versions}
    assert json.loads((ROOT / "policies" / "published.json").read_text()).keys() == POLICIES.keys()


def test_a_difference_is_told_by_section() -> None:
    old = made(FIRST, body="Hello.\n\n## 1. One\n\nA.\n\nB.\n\n## 2. Two\n\nC.\n")
    new = made("2026-07-01", "2026-06-01", "true", "2", body="Hello.\n\n## 1. One\n\nA.\n\nBee.\n\n## 3. Three\n\nD.\n")
    found = difference(old, new)
    assert [(change.heading, change.kind) for change in found] == [
        ("1. One", "changed"),
        ("3. Three", "added"),
        ("2. Two", "removed"),
    ]
    assert found[0].lines == (("same", "A."), ("removed", "B."), ("added", "Bee."))
    assert difference(old, old) == []


def test_a_notice_is_the_same_on_every_node_and_no_restored_database_cuts_it_short(
    folder: Path, tmp_path: Path, empty_database: Path
) -> None:
    (folder / "privacy" / "2027-01-05.md").write_text(text("2027-01-05", "2026-12-01", "true", "2"))
    one, other = (load({"INFERENCEBENCH_DATA_DIR": str(tmp_path / name), "INFERENCEBENCH_POLICIES_DIR": str(folder)})
                  for name in ("one", "other"))  # fmt: skip

    def started(settings: Settings, day: datetime) -> Policies:
        settings.data_dir.mkdir(exist_ok=True)
        with time_machine.travel(day, tick=False):
            node = Policies(settings)
            node.show()
            engine.run(node.share())
        return node

    def in_force(node: Policies) -> str:
        return node.state_at(at("2027-01-05")).in_force["privacy"].version

    def forget() -> None:
        async def go() -> None:
            async with engine.transaction():
                await engine.execute("DELETE FROM policy_shown")

        engine.run(go())

    assert in_force(started(one, datetime(2026, 12, 2, tzinfo=UTC))) == "2"
    assert in_force(started(other, datetime(2026, 12, 20, tzinfo=UTC))) == "2", "the first node's showing counts"
    forget()  # a database of before the version was shown is restored
    (other.data_dir / RECORD).unlink()
    assert in_force(started(other, datetime(2026, 12, 21, tzinfo=UTC))) == "1", "nobody knows: it counts from now"
    assert in_force(started(one, datetime(2026, 12, 22, tzinfo=UTC))) == "2", "the node's file is a witness"
    assert in_force(started(other, datetime(2026, 12, 23, tzinfo=UTC))) == "2"
    for broken in ("{", "[]"):
        (other.data_dir / RECORD).write_text(broken)
        assert in_force(started(other, datetime(2026, 12, 24, tzinfo=UTC))) == "2"
        assert (other.data_dir / RECORD).read_text() == broken


def unreadable(path: Path, how: str) -> None:
    if how == "folder":
        path.mkdir()
    elif how == "loop":
        path.symlink_to(path.name)
    elif how == "gone":
        path.symlink_to("/nowhere")
    else:
        path.write_bytes(b"\xff\xfe---\n")


@pytest.mark.parametrize("how", ["folder", "loop", "gone", "not UTF-8"])
def test_a_file_that_cannot_be_read_is_named_and_the_others_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], how: str
) -> None:
    shutil.copytree(ROOT / "policies", tmp_path / "policies")
    unreadable(tmp_path / "policies" / "privacy" / "2027-05-05.md", how)
    settings = load({"INFERENCEBENCH_POLICIES_DIR": str(tmp_path / "policies"),
                     "INFERENCEBENCH_DATA_DIR": str(tmp_path)})  # fmt: skip
    found = Policies(settings)
    assert [line for line in found.troubles() if line.startswith("policies/privacy/2027-05-05.md: ")]
    assert "privacy" in found.state_at(at("2026-11-29T00:00:00")).in_force
    monkeypatch.setenv("INFERENCEBENCH_POLICIES_DIR", str(tmp_path / "policies"))
    assert main(["policy", "check"]) == 1
    assert "2027-05-05.md" in "".join(capsys.readouterr())


@pytest.mark.parametrize("field", ["name", "privacy", "country"])
@pytest.mark.parametrize("value", [5, ["x"], None, " "])
def test_a_processor_that_is_half_said_is_named(tmp_path: Path, field: str, value: object) -> None:
    rows = json.loads((ROOT / "policies" / "processors.json").read_text())
    shutil.copytree(ROOT / "policies", tmp_path / "policies")
    first = rows[0] if rows else dict.fromkeys(Processor.__match_args__, "https://x.example")
    path = tmp_path / "policies" / "processors.json"
    path.write_text(json.dumps([{**first, field: value}]))
    (said,) = processor_faults(load({"INFERENCEBENCH_POLICIES_DIR": str(tmp_path / "policies")}))
    assert "lacks" in said
    assert field in said or "https" in said
