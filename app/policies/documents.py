"""Versions of policies: which is in force at an instant, which is announced, which must be refused. Pure.

A material change takes effect only after a notice of at least :data:`NOTICE_DAYS` days, counted from its stated
announcement or the instant it was first shown, whichever is later. Instants are seconds since 1970, days begin at 00:00
UTC.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from app.core.errors import InferenceBenchError
from app.core.units import DAY_S

POLICIES = {"privacy": "Privacy policy", "terms": "Terms of use", "accessibility": "Accessibility statement",
            "independence": "Independence statement", "security": "Security policy"}  # fmt: skip
"""Policy → its usual name, in the order in which they are listed."""
NOTICE_DAYS = 30
SKELETON_DAYS = 35
KEYS = ("title", "version", "announced", "effective", "material", "language", "summary")
Shown = Mapping[tuple[str, str], int]
"""(policy, effective date) → the instant when that version was first shown."""


class DocumentError(InferenceBenchError):
    """A policy's file can't be read; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a policy. ``name`` is its effective date, which is also its file's name."""

    policy: str
    name: str
    title: str
    version: str
    announced: date
    effective: date
    material: bool
    language: str
    summary: str
    body: str
    digest: str

    @property
    def key(self) -> tuple[str, str]:
        return self.policy, self.name

    @property
    def effective_at(self) -> int:
        return instant(self.effective)


@dataclass(frozen=True, slots=True)
class PolicyState:
    """The state of the policies at an instant: versions ``in_force`` by policy, versions ``announced`` whose notice is
    running, and versions ``refused`` with the reason."""

    in_force: Mapping[str, Version]
    announced: tuple[Version, ...]
    refused: tuple[tuple[Version, str], ...]

    def state(self, version: Version) -> str:
        """``in force``, ``announced``, ``superseded``, or ``not in force`` if refused or not announced yet."""
        if any(version == other for other, _ in self.refused):
            return "not in force"
        current = self.in_force.get(version.policy)
        if current == version:
            return "in force"
        if version in self.announced:
            return "announced"
        return "superseded" if current and version.effective < current.effective else "not in force"

    def is_public(self, version: Version) -> bool:
        """True for a version that was ever in force or is announced; others are visible only to the operator."""
        return self.state(version) != "not in force"


def instant(day: date) -> int:
    """The first second of a day."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def parse(policy: str, name: str, text: str) -> Version:
    """Read ``policies/{policy}/{name}.md``. Raises :class:`DocumentError`."""
    where = f"policies/{policy}/{name}.md"
    if policy not in POLICIES:
        raise DocumentError(f"{where}: there is no policy {policy!r}; use one of {', '.join(POLICIES)}")
    parts = re.fullmatch(r"---\n(.*?)\n---\n(.*)", text.replace("\r\n", "\n"), re.DOTALL)
    if parts is None:
        raise DocumentError(
            f"{where}: begins without front matter; begin with a line ---, the keys {', '.join(KEYS)}, and a line ---"
        )
    front = dict(line.split(": ", 1) for line in parts[1].split("\n") if ": " in line)
    if missing := [key for key in KEYS if not front.get(key, "").strip()]:
        raise DocumentError(f"{where}: the front matter lacks {', '.join(missing)}; add it")
    if unknown := [key for key in front if key not in KEYS]:
        raise DocumentError(f"{where}: the front matter has {', '.join(unknown)}; use {', '.join(KEYS)} alone")
    days = {}
    for key in ("announced", "effective"):
        try:
            days[key] = date.fromisoformat(front[key])
        except ValueError:
            raise DocumentError(f"{where}: {key} is {front[key]!r}; write a date such as 2026-03-27") from None
    if front["effective"] != name:
        raise DocumentError(f"{where}: is effective {front['effective']}; name the file {front['effective']}.md")
    if front["material"] not in ("true", "false"):
        raise DocumentError(f"{where}: material is {front['material']!r}; write true or false")
    return Version(
        policy, name, front["title"], front["version"], days["announced"], days["effective"],
        front["material"] == "true",
        front["language"], front["summary"], parts[2].strip() + "\n", hashlib.sha256(text.encode()).hexdigest(),
    )  # fmt: skip


def noticed_from(version: Version, shown: Shown, now: int) -> int:
    """The instant when its notice period began: once it was both announced and shown. A version that was never shown
    counts from ``now``."""
    return max(instant(version.announced), shown.get(version.key, now))


def earliest_effect(version: Version, shown: Shown, now: int) -> date:
    """The first day on which a material version may take effect."""
    begun = datetime.fromtimestamp(noticed_from(version, shown, now) + NOTICE_DAYS * DAY_S, UTC)
    return begun.date() + timedelta(days=0 if begun.timestamp() == instant(begun.date()) else 1)


def _fault(version: Version, first: bool, shown: Shown, now: int) -> str:
    """Why a version must not take effect, or an empty string. The first version of a policy needs no notice."""
    if version.effective < version.announced:
        return "takes effect before it is announced; move its effective date"
    if first or not version.material:
        return ""
    earliest = earliest_effect(version, shown, now)
    if version.effective >= earliest:
        return ""
    return (
        f"is material and would be announced less than {NOTICE_DAYS} full days before; the earliest effective date that"
        f" holds is {earliest}"
    )


def state_at(versions: Iterable[Version], shown: Shown, now: int) -> PolicyState:
    """The state of the policies at ``now``. A refused version is never in force: the one before it stays in force."""
    in_force: dict[str, Version] = {}
    announced, refused = [], []
    seen: set[str] = set()
    for version in sorted(versions, key=lambda version: (version.policy, version.effective)):
        fault = _fault(version, version.policy not in seen, shown, now)
        seen.add(version.policy)
        if fault:
            refused.append((version, fault))
        elif version.effective_at <= now:
            in_force[version.policy] = version
        elif noticed_from(version, shown, now) <= now:
            announced.append(version)
    return PolicyState(in_force, tuple(announced), tuple(refused))


def next_change(versions: Iterable[Version], now: int) -> int | None:
    """The next instant when the versions in force or announced may change."""
    instants = (moment for version in versions for moment in (instant(version.announced), version.effective_at))
    return min((moment for moment in instants if moment > now), default=None)


def past_faults(versions: Sequence[Version], published: Mapping[tuple[str, str], tuple[str, int]]) -> list[str]:
    """Published versions that are missing or have changed. ``published`` holds (digest, first shown) of each."""
    found = []
    known = {version.key: version for version in versions}
    for (policy, name), (digest, _) in published.items():
        version = known.get((policy, name))
        where = f"policies/{policy}/{name}.md"
        if version is None:
            found.append(f"{where}: was published and is gone; every version stays readable for ever, restore it")
        elif version.digest != digest:
            found.append(
                f"{where}: was published and has changed; restore it and write a new version (inferencebench policy "
                f"new {policy})"
            )
    return found


def _order_faults(policy: str, mine: Sequence[Version], now: int) -> list[str]:
    """Gaps, overlaps and duplicates among the versions of one policy, in the order of their effective dates."""
    if not mine:
        return [f"policies/{policy}: has no version; write one (inferencebench policy new {policy})"]
    found = []
    if mine[0].effective_at > now:
        found.append(
            f"policies/{policy}/{mine[0].name}.md: nothing is in force before it; the first version takes effect "
            "today at the latest"
        )
    labels = [version.version for version in mine]
    found += [
        f"policies/{policy}: version {label} occurs twice; give each its own number"
        for label in sorted({label for label in labels if labels.count(label) > 1})
    ]
    for before, after in pairwise(mine):
        where = f"policies/{policy}/{after.name}.md"
        if after.announced < before.announced:
            found.append(f"{where}: is announced before the version it follows; order the dates")
        numbers = before.version, after.version
        if numbers[0] != numbers[1] and all(n.isdigit() for n in numbers) and int(numbers[1]) != int(numbers[0]) + 1:
            found.append(f"{where}: version {numbers[1]} follows version {numbers[0]}; number it {int(numbers[0]) + 1}")
    return found


def faults(versions: Sequence[Version], published: Mapping[tuple[str, str], tuple[str, int]], now: int) -> list[str]:
    """What ``inferencebench policy check`` refuses.

    ``published`` holds (digest, first shown) of each published version.
    """
    found = past_faults(versions, published)
    shown = {key: at for key, (_, at) in published.items()}
    for policy in POLICIES:
        mine = (version for version in versions if version.policy == policy)
        found += _order_faults(policy, sorted(mine, key=lambda version: version.effective), now)
    found += [
        f"policies/{version.policy}/{version.name}.md: {fault}"
        for version, fault in state_at(versions, shown, now).refused
    ]
    return found


def skeleton(policy: str, latest: Version | None, today: date) -> tuple[str, str]:
    """(file name, text) of the next version of a policy, with dates that satisfy the notice period."""
    effective = today + timedelta(days=SKELETON_DAYS)
    number = str(int(latest.version) + 1) if latest and latest.version.isdigit() else "1"
    title, body = (latest.title, latest.body) if latest else (POLICIES[policy], "## 1. \n")
    front = {"title": title, "version": number, "announced": today.isoformat(), "effective": effective.isoformat(),
             "material": "true",
             "language": latest.language if latest else "en",
             "summary": "Say here in one sentence what changes."}  # fmt: skip
    return (
        effective.isoformat(),
        "---\n" + "".join(f"{key}: {value}\n" for key, value in front.items()) + "---\n" + body,
    )
