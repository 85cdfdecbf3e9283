"""``inferencebench policy``: list, check, new."""

import sys
from typing import Annotated

from cyclopts import Parameter

from app.cli import new_file
from app.cli.options import group
from app.core import clock
from app.core.settings import Settings
from app.policies.documents import POLICIES, DocumentError, faults, skeleton
from app.policies.files import policies, read_published, read_versions

app = group("policy")


@app.command(name="list")
def list_versions(*, settings: Settings) -> int:
    """Print every version with its dates and its state."""
    known = policies(settings)
    policy_state = known.state_at(clock.timestamp())
    for version in known.versions:
        print(
            f"{version.policy:14} {version.name}  version {version.version}, announced {version.announced}, "
            f"{policy_state.state(version)}"
        )
    for line in known.troubles():
        print(line, file=sys.stderr)
    return 0


@app.command
def check(*, settings: Settings) -> int:
    """Refuse versions that would shorten a notice, change the past or can't be read: one line each, exit status 1."""
    versions, unreadable = read_versions(settings.policies_dir)
    found = [*unreadable, *faults(versions, read_published(settings.policies_dir), clock.timestamp())]
    for line in found:
        print(line, file=sys.stderr)
    if not found:
        print(f"{len(versions)} versions of {len(POLICIES)} policies hold")
    return 1 if found else 0


@app.command
def new(policy: Annotated[str, Parameter(help=f"one of {', '.join(POLICIES)}")], /, *, settings: Settings) -> int:
    """Write the skeleton of a policy's next version, with dates that satisfy the notice period."""
    if policy not in POLICIES:
        raise DocumentError(f"there is no policy {policy[:40]!r}; use one of {', '.join(POLICIES)}")
    versions, _ = read_versions(settings.policies_dir)
    mine = sorted((version for version in versions if version.policy == policy), key=lambda version: version.effective)
    name, text = skeleton(policy, mine[-1] if mine else None, clock.now().date())
    path = settings.policies_dir / policy / f"{name}.md"
    if path.exists():
        raise DocumentError(f"{path} is there already; edit it")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DocumentError(f"{path.parent} can't be made: {(error.strerror or str(error)).lower()}") from None
    new_file.write(path, text.encode())
    print(f"{path}: announced today, effective {name}; say what changes and write it")
    return 0
