"""What changed between two versions, by section. Pure."""

import difflib
import re
from dataclasses import dataclass

from app.policies.documents import Version


@dataclass(frozen=True, slots=True)
class Change:
    """A section that differs. ``lines`` are (kind, text), one paragraph each; ``kind`` is ``same``, ``removed`` or
    ``added``."""

    heading: str
    kind: str
    lines: tuple[tuple[str, str], ...]


def sections(body: str) -> dict[str, list[str]]:
    """Heading → its paragraphs, in order; text before the first heading has the heading ``Beginning``."""
    found: dict[str, list[str]] = {"Beginning": []}
    heading = "Beginning"
    for block in re.split(r"\n\s*\n", body.strip()):
        first, _, rest = block.partition("\n")
        if block.startswith("#"):
            heading = first.lstrip("# ").strip()
            found.setdefault(heading, [])
        text = " ".join((rest if block.startswith("#") else block).split())
        if text:
            found[heading].append(text)
    return found


def difference(old: Version, new: Version) -> list[Change]:
    """The sections that differ, in the order of the new version, followed by the sections that were removed."""
    before, after = sections(old.body), sections(new.body)
    found = []
    for heading in (*after, *(name for name in before if name not in after)):
        had, has = before.get(heading, []), after.get(heading, [])
        if had == has and (heading in before) == (heading in after):
            continue
        kind = "added" if heading not in before else "removed" if heading not in after else "changed"
        lines: list[tuple[str, str]] = []
        for tag, i, j, k, end in difflib.SequenceMatcher(None, had, has, autojunk=False).get_opcodes():
            if tag == "equal":
                lines += [("same", text) for text in had[i:j]]
            else:
                lines += [("removed", text) for text in had[i:j]] + [("added", text) for text in has[k:end]]
        found.append(Change(heading, kind, tuple(lines)))
    return found
