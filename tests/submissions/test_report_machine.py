"""The life of a report under random sequences of what visitors, operator, purge, clock, restart, restore and crash
do."""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import time_machine
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from app.cli import submissions
from app.core import clock
from app.core.errors import ConflictError, InferenceBenchError
from app.core.settings import load
from app.privacy.retention import purge
from app.process import prepare
from app.storage import engine
from app.submissions import store
from tests.conftest import Inside, Shipped
from tests.database import Copy
from tests.rule_machines import rule_machine_settings
from tests.submissions.test_reports import EXPERIENCE, agreed, send

DAY_S = 86_400
BEGIN = "2026-11-24T15:00:00Z"


@dataclass
class Report:
    """What the model knows of a report: its words, state and the day of its end; ``published`` are words that the
    operator saw."""

    number: str
    receipt: str
    words: str
    state: str = "waiting"
    frozen: bool = False
    ended: int | None = None
    version: int = 1
    seen: int | None = None


class Life(RuleBasedStateMachine):
    """A site in this process, and what should be true of its reports."""

    reports = Bundle("reports")
    shipped: Shipped

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.settings = load(Life.shipped(self.folder / "data"))
        self.travel = time_machine.travel(clock.parse_instant(BEGIN), tick=False)
        self.clock = self.travel.start()
        self.known: dict[str, Report] = {}
        self.final: set[str] = set()
        self.erased: set[str] = set()
        self.backup: tuple[Copy, dict[str, Any]] | None = None
        self.number = 0
        self._open()

    def _open(self) -> None:
        self.site = Inside(self.settings)
        for limit in self.site.limits().values():
            limit.most = 10**9

    def teardown(self) -> None:
        self.site.app._prepared._watch.close()
        self.travel.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _words(self) -> str:
        self.number += 1
        return f"Words number {self.number} of somebody, long enough to keep."

    def _post(self, report: Report, action: str, **more: str) -> int:
        return int(
            self.site.run(
                lambda client: client.post("/submissions", data={"receipt": report.receipt, "do": action, **more})
            ).status_code
        )

    def _gone(self, report: Report) -> None:
        self.known.pop(report.number, None)

    @rule(target=reports)
    def somebody_sends(self) -> Report:
        words = self._words()
        number, receipt = self.site.run(lambda client: send(client, "experience", {**EXPERIENCE, "text": words}))
        made = Report(number, receipt, words)
        self.known[number] = made
        return made

    @rule(report=reports)
    def its_sender_corrects(self, report: Report) -> None:
        words = self._words()
        status = self._post(report, "save", **agreed(None, {**EXPERIENCE, "text": words}))  # type: ignore[arg-type]
        if report.number not in self.known:
            assert status == 422
        elif report.frozen or report.state == "withdrawn":
            assert status == 409
        else:
            assert status == 200
            report.words, report.state, report.ended = words, "waiting", None
            report.version += 1

    @rule(report=reports, erase=st.booleans())
    def its_sender_ends_it(self, report: Report, erase: bool) -> None:
        status = self._post(report, "erase" if erase else "withdraw", sure="yes")
        if report.number not in self.known:
            assert status == 422
        elif erase:
            assert status == 200
            self.final.add(report.number)
            self.erased.add(report.number)
            self._gone(report)
        elif report.state == "withdrawn":
            assert status == 409
        else:
            assert status == 200
            report.state, report.ended = "withdrawn", clock.timestamp() // DAY_S * DAY_S
            self.final.add(report.number)

    @rule(report=reports)
    def the_operator_looks(self, report: Report) -> None:
        if report.number in self.known:
            submissions.show(report.number, settings=self.settings)
            report.seen = report.version

    @rule(report=reports, action=st.sampled_from(["approve", "reject"]), named=st.booleans())
    def the_operator_decides(self, report: Report, action: str, named: bool) -> None:
        asked = f"{report.number}@{report.version}" if named else report.number
        looked = report.version if named else report.seen or 1
        allowed = (
            report.number in self.known
            and not report.frozen
            and report.state in {"approve": ("waiting", "rejected"), "reject": ("waiting", "approved")}[action]
            and (action == "reject" or looked == report.version)
        )
        try:
            getattr(submissions, action)(asked, reason="because", settings=self.settings)
        except InferenceBenchError:
            assert not allowed
            return
        assert allowed
        report.state = "approved" if action == "approve" else "rejected"
        report.ended = None if action == "approve" else clock.timestamp() // DAY_S * DAY_S

    @rule(report=reports, frozen=st.booleans())
    def a_case_freezes_it(self, report: Report, frozen: bool) -> None:
        async def go() -> None:
            found = await store.by_id(report.number)
            if found:
                await store.restrict([found], frozen)

        allowed = (
            report.number in self.known and report.frozen != frozen and (not frozen or report.state != "withdrawn")
        )
        try:
            engine.run(go())
        except ConflictError:
            assert not allowed
            return
        if report.number in self.known:
            assert allowed
            report.frozen = frozen

    @rule(days=st.integers(1, 40))
    def time_goes_by(self, days: int) -> None:
        self.clock.shift(days * DAY_S)

    @rule()
    def the_purge_runs(self) -> None:
        engine.run(purge.run(self.settings, clock.timestamp()))
        limits = {"rejected": 30, "withdrawn": 7}
        for report in list(self.known.values()):
            if report.ended is not None and report.ended + limits[report.state] * DAY_S <= clock.timestamp():
                self._gone(report)

    @rule(crash=st.booleans())
    def it_starts_again(self, crash: bool) -> None:
        self.site.app._prepared._watch.close()
        prepare.prepare(self.settings)
        self._open()

    @rule()
    def a_backup_is_made(self) -> None:
        self.backup = (
            Copy(self.settings, self.folder),
            {number: Report(**vars(report)) for number, report in self.known.items()},
        )

    @rule()
    def the_backup_is_put_back(self) -> None:
        if self.backup is None:
            return
        self.site.app._prepared._watch.close()
        self.backup[0].restore()
        prepare.prepare(self.settings)
        before = self.backup[1]
        for number in list(self.known):
            if number not in before:
                self.known.pop(number)
        for number, old in before.items():
            live = self.known.get(number)
            if number in self.final and (old.state != "withdrawn" or number in self.erased):
                self.known.pop(number, None)
                continue
            if live is None:  # purged since: it is back, and the next purge takes it again
                self.known[number] = old
            else:
                vars(live).update(vars(old))
        self._open()

    @invariant()
    def the_site_and_the_model_agree(self) -> None:
        found = {report.id: report for report in engine.run(store.listed())}
        assert found.keys() == self.known.keys()
        for number, report in self.known.items():
            assert (found[number].state, found[number].restricted, found[number].values["text"],
                    found[number].version) == (
                report.state, report.frozen, report.words, report.version,
            )  # fmt: skip

    @invariant()
    def only_what_was_approved_is_shown(self) -> None:
        page = self.site.run(lambda client: client.get("/providers/lambda")).text
        for report in self.known.values():
            assert (report.words in page) == (report.state == "approved" and not report.frozen), report

    @invariant()
    def what_ended_for_good_is_shown_nowhere(self) -> None:
        assert not [number for number in self.final & self.known.keys() if self.known[number].state != "withdrawn"]


def test_the_life_of_a_report(shipped: Shipped) -> None:
    Life.shipped = staticmethod(shipped)
    run_state_machine_as_test(Life, settings=rule_machine_settings(12, 25))
