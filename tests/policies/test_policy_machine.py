"""The life of a policy's versions under random sequences of what an operator, restarts and the clock do.

The promise (P-13): a material change is announced, readable and at least 30 full days old before it takes effect;
there is always one version in force; what was ever in force stays readable as it was.
"""

import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from app.core import clock
from app.core.settings import load
from app.core.units import DAY_S
from app.policies.documents import Version, instant
from app.policies.files import Policies
from tests.rule_machines import rule_machine_settings

BEGIN = "2026-11-24T15:00:00Z"
POLICY = "terms"
FRONT = (
    "---\ntitle: Terms of use\nversion: {number}\nannounced: {announced}\neffective: {effective}\nmaterial:"
    " {material}\nlanguage: en\nsummary: Another text.\n---\n"
)


@dataclass
class Seen:
    """What a visitor could know of a version: since when it stood on public pages without a break, and its text."""

    since: int
    body: str


class Versions(RuleBasedStateMachine):
    """A folder of policies, the process that reads it at its start, and a visitor who looks after every step."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        (self.folder / "data").mkdir()
        shutil.copytree(Path(__file__).parents[2] / "policies", self.folder / "policies")
        self.settings = load(
            {
                "INFERENCEBENCH_DATA_DIR": str(self.folder / "data"),
                "INFERENCEBENCH_POLICIES_DIR": str(self.folder / "policies"),
            }
        )
        self.travel = time_machine.travel(clock.parse_instant(BEGIN), tick=False)
        self.clock = self.travel.start()
        self.number = 1
        self.seen: dict[tuple[str, str], Seen] = {}
        self.was_in_force: dict[str, str] = {}
        self.restart()

    @rule()
    def restart(self) -> None:
        self.running = Policies(self.settings)
        self.running.show()

    @rule(announced=st.integers(-40, 40), notice=st.integers(-5, 45) | st.integers(27, 31), material=st.booleans())
    def a_version_is_written_and_the_site_restarted(self, announced: int, notice: int, material: bool) -> None:
        today = datetime.fromtimestamp(clock.timestamp(), UTC).date()
        first = today + timedelta(days=announced)
        effective = first + timedelta(days=notice)
        path = self.folder / "policies" / POLICY / f"{effective}.md"
        if path.exists():
            return
        self.number += 1
        front = FRONT.format(number=self.number, announced=first, effective=effective, material=str(material).lower())
        path.write_text(f"{front}## 1. Text\n\nNumber {self.number}.\n")
        self.restart()

    @precondition(lambda self: any(v.effective_at > clock.timestamp() for v in self.running.versions))
    @rule(data=st.data())
    def a_version_that_is_not_in_force_yet_is_changed(self, data: st.DataObject) -> None:
        coming = [v for v in self.running.versions if v.policy == POLICY and v.effective_at > clock.timestamp()]
        if not coming:
            return
        version = data.draw(st.sampled_from(coming))
        path = self.folder / "policies" / POLICY / f"{version.name}.md"
        self.number += 1
        path.write_text(path.read_text().rstrip("\n") + f"\n\nChanged, {self.number}.\n")
        self.seen.pop(version.key, None)
        self.restart()

    @rule(days=st.integers(0, 50), seconds=st.integers(0, DAY_S))
    def time_passes(self, days: int, seconds: int) -> None:
        """A day at a time, with a visitor each day."""
        for step in [DAY_S] * days + [seconds]:
            self.clock.shift(step)
            self.look()

    def public(self) -> list[Version]:
        policy_state = self.running.state_at(clock.timestamp())
        return [v for v in self.running.versions if policy_state.is_public(v)]

    @invariant()
    def look(self) -> None:
        now = clock.timestamp()
        policy_state = self.running.state_at(now)
        public = {version.key: version for version in self.public()}
        for key in [key for key in self.seen if key not in public]:
            assert key[1] not in self.was_in_force, f"{key} was in force and can't be read any more"
            del self.seen[key]
        for key, version in public.items():
            held = self.seen.setdefault(key, Seen(now, version.body))
            assert held.body == version.body
        current = policy_state.in_force.get(POLICY)
        assert current is not None, "nothing is in force"
        assert current.effective_at <= now
        assert current.announced <= current.effective
        if current.name not in self.was_in_force:
            if current.material and self.was_in_force:
                seen = self.seen[current.key].since
                # a visitor comes once a day, so sees an announcement up to a day after it began
                assert current.effective_at - seen >= 29 * DAY_S, "a material change took effect without its notice"
                assert current.effective_at - instant(current.announced) >= 30 * DAY_S
            self.was_in_force[current.name] = current.body
        assert self.was_in_force[current.name] == current.body, "what is in force has changed under its readers"
        later = [name for name in self.was_in_force if name > current.name]
        assert later == [], "an older version came back into force"

    def teardown(self) -> None:
        self.travel.stop()
        shutil.rmtree(self.folder)


@pytest.mark.parametrize("promise", ["P-13a P-13b"])
def test_no_sequence_cuts_a_notice_short_or_takes_a_version_away(promise: str) -> None:
    run_state_machine_as_test(Versions, settings=rule_machine_settings(12, 15))
