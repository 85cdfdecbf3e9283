"""Reading the policy files, the record of what was published, and this site's own record of what it showed."""

import json
from pathlib import Path

from app import clock, logs
from app.policies.documents import DocumentError, Standing, Version, next_change, parse, standing
from app.privacy.processors import processor_faults
from app.settings import Settings

PUBLISHED = "published.json"
RECORD = "policies-shown.json"
log = logs.get("policies")


def read_versions(folder: Path) -> tuple[tuple[Version, ...], tuple[str, ...]]:
    """Every version in the folder, and what is wrong with those that can't be read."""
    versions, faults = [], []
    for path in sorted(folder.glob("*/*.md")):
        try:
            versions.append(parse(path.parent.name, path.stem, path.read_text(encoding="utf-8")))
        except (DocumentError, UnicodeDecodeError) as error:
            faults.append(str(error))
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
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DocumentError(f"policies/{PUBLISHED} can't be read ({error}); restore it from the repository") from None


class Policies:
    """The policies of a running site: read once, with the record of when each version was first shown."""

    def __init__(self, settings: Settings) -> None:
        self.versions, faults = read_versions(settings.policies_dir)
        self._faults = [*faults, *processor_faults(settings)]
        self._record = settings.data_dir / RECORD
        self._shown: dict[tuple[str, str], int] = {}
        try:
            self._shown = {key: at for key, (_, at) in read_published(settings.policies_dir).items()}
            self._remember()
        except (DocumentError, OSError, ValueError) as error:  # the site goes on with what it knows
            self._faults.append(f"the record of what was shown: {error}")
        for line in self.troubles():
            log.warning("policy refused", extra={"why": line})

    def _remember(self) -> None:
        """Write down the versions that are shown for the first time now."""
        kept = json.loads(self._record.read_text(encoding="utf-8")) if self._record.exists() else {}
        before, now = len(kept), clock.timestamp()
        for version in self.versions:
            if version.key not in self._shown:
                self._shown[version.key] = kept.setdefault(f"{version.policy}/{version.name}/{version.digest}", now)
        if len(kept) > before:
            half = self._record.with_suffix(".part")
            half.write_text(json.dumps(kept, indent=1), encoding="utf-8")
            half.replace(self._record)

    def standing(self, now: int) -> Standing:
        """How the policies stand at ``now``."""
        return standing(self.versions, self._shown, now)

    def next_change(self, now: int) -> int | None:
        """Until when a page may be kept."""
        return next_change(self.versions, now)

    def troubles(self) -> list[str]:
        """What an operator should mend; the site goes on with what is in force."""
        refused = self.standing(clock.timestamp()).refused
        return [*self._faults, *(f"policies/{version.policy}/{version.name}.md: {why}" for version, why in refused)]


_known: dict[tuple[Path, Path], Policies] = {}


def policies(settings: Settings) -> Policies:
    """The policies of this site, read once."""
    key = (settings.policies_dir, settings.data_dir)
    if key not in _known:
        _known[key] = Policies(settings)
    return _known[key]
