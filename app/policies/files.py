"""Reading the policy files, the record of what was published, and this site's own record of what it has shown."""

import json
from collections.abc import Mapping
from pathlib import Path

from app.core import clock, logs
from app.core.settings import Settings
from app.policies import store
from app.policies.documents import DocumentError, PolicyState, Version, next_change, parse, past_faults, state_at
from app.privacy.processors import processor_faults

PUBLISHED = "published.json"
RECORD = "policies-shown.json"
log = logs.get("policies")


def read_versions(folder: Path) -> tuple[tuple[Version, ...], tuple[str, ...]]:
    """Every version in the folder, and what is wrong with those that can't be read."""
    versions, faults = [], []
    for path in sorted(folder.glob("*/*.md")):
        try:
            versions.append(parse(path.parent.name, path.stem, path.read_text(encoding="utf-8-sig")))
        except DocumentError as error:
            faults.append(str(error))
        except UnicodeDecodeError:
            faults.append(f"policies/{path.parent.name}/{path.name}: is not in UTF-8; save it so")
        except OSError as error:
            faults.append(f"policies/{path.parent.name}/{path.name}: can't be read ({error.strerror})")
    return tuple(versions), tuple(faults)


def read_published(folder: Path) -> dict[tuple[str, str], tuple[str, int]]:
    """(policy, effective date) → (digest, first shown) of every published version. Raises :class:`DocumentError`."""
    path = folder / PUBLISHED
    try:
        found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        return {
            (policy, name): (entry["digest"], int(clock.parse_instant(entry["first_shown"]).timestamp()))
            for policy, versions in found.items()
            for name, entry in versions.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DocumentError(f"policies/{PUBLISHED} can't be read ({error}); restore it from the repository") from None


class Policies:
    """The policies of a site: read once, with the record of when it first showed each version.

    Commands and the worker only read. They don't count as showing a version, so one that was not shown yet counts from
    now.
    """

    def __init__(self, settings: Settings) -> None:
        self.versions, faults = read_versions(settings.policies_dir)
        self._faults = [*faults, *processor_faults(settings)]
        self._record = settings.data_dir / RECORD
        self._kept: dict[str, int] | None = None
        published: dict[tuple[str, str], tuple[str, int]] = {}
        try:
            published = read_published(settings.policies_dir)
            self._faults += past_faults(self.versions, published)
            self._kept = _read_record(self._record)
        except (DocumentError, OSError, ValueError) as error:  # the site continues with what it has
            self._faults.append(f"the record of what was shown: {error}")
        self._published = published
        self._shown = self._seen(self._kept or {})

    def _seen(self, kept: Mapping[str, int]) -> dict[tuple[str, str], int]:
        """When each version was first shown, after the record ``kept`` and that of publication."""
        now = clock.timestamp()
        return {
            version.key: at
            for version in self.versions
            if (at := _first_shown(version, self._published, kept, now)) is not None
        }

    def show(self) -> None:
        """Record the versions that the site is now showing for the first time, and log what is wrong."""
        now, fresh = clock.timestamp(), [version for version in self.versions if version.key not in self._shown]
        self._shown |= {version.key: now for version in fresh}
        if fresh and self._kept is not None:  # an unreadable record is left for the operator to repair
            self._kept |= {_name(version): now for version in fresh}
            self._write()
        for line in self.troubles():
            log.warning("policy refused", extra={"why": line})

    def _write(self) -> None:
        half = self._record.with_suffix(".part")
        try:
            half.write_text(json.dumps(self._kept, indent=1), encoding="utf-8")
            half.replace(self._record)
        except OSError as error:
            self._faults.append(f"the record of what was shown: {error}")

    async def share(self) -> None:
        """Join this node's record and the one that all nodes share, so that a notice is the same on each of them.

        The first node that showed a version began its notice. The node's own file stays beside the database as a
        witness: a database restored from before a version was shown does not know it, and gets it back from there. A
        version that neither knows counts from now, so that a lost record lengthens a notice and never shortens it.
        """
        try:
            common = await store.shown()
            await self._join(common)
        except (
            Exception
        ) as error:  # a database that is away or damaged: until the next hour this node's own record holds
            log.error("the shared record of policies could not be joined", extra={"why": type(error).__name__})

    async def _join(self, common: Mapping[str, int]) -> None:
        kept = self._kept or {}
        joined = {name: min(at, common.get(name, at), kept.get(name, at)) for name, at in {**common, **kept}.items()}
        if joined != common and self._kept is not None:
            await store.add(joined)
        self._shown |= self._seen(joined)
        if self._kept is not None and joined != kept:
            self._kept = joined
            self._write()

    def state_at(self, now: int) -> PolicyState:
        """The state of the policies at ``now``."""
        return state_at(self.versions, self._shown, now)

    def next_change(self, now: int) -> int | None:
        """The instant until which a page may be kept."""
        return next_change(self.versions, now)

    def troubles(self) -> list[str]:
        """Problems for the operator to fix; the site continues with the versions in force."""
        refused = self.state_at(clock.timestamp()).refused
        return [*self._faults, *(f"policies/{version.policy}/{version.name}.md: {why}" for version, why in refused)]


def _read_record(path: Path) -> dict[str, int]:
    """Version and digest → when this site first showed it. Raises :class:`ValueError` or :class:`OSError`."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except RecursionError:
        kept = None
    if not isinstance(kept, dict) or not all(isinstance(at, int) for at in kept.values()):
        raise ValueError(f"{path} is not a record of instants; restore it or remove it")
    return kept


def _name(version: Version) -> str:
    return f"{version.policy}/{version.name}/{version.digest}"


def _first_shown(
    version: Version, published: Mapping[tuple[str, str], tuple[str, int]], kept: Mapping[str, int], now: int
) -> int | None:
    """When exactly this text was first shown. A record of publication counts for its own text, or once the version is
    in force."""
    digest, at = published.get(version.key, ("", 0))
    if digest == version.digest:
        return at
    return kept.get(_name(version), at if digest and version.effective_at <= now else None)


_known: dict[tuple[Path, Path], Policies] = {}


def policies(settings: Settings) -> Policies:
    """The policies of this site, read once."""
    key = (settings.policies_dir, settings.data_dir)
    if key not in _known:
        _known[key] = Policies(settings)
    return _known[key]
