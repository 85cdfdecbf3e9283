"""Write the pages of ``docs/`` that are made from the code: ``python -m tools.docs``. ``--check`` compares them.

A test runs the comparison, so that the pages never differ from the code.
"""

import ast
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
ARCHITECTURE = DOCS / "architecture.md"
BEGIN, END = "<!-- made from the imports by `make docs` -->", "<!-- end -->"
STOREYS = {
    "Roof": ("cli", "workers", "process", "site", "web"),
    "Features": (
        "policies", "privacy", "submissions", "calculator", "benchmarks", "estimate", "models", "pricing", "upstream",
        "catalog", "telemetry",
    ),
    "Ground": ("storage", "core"),
}  # fmt: skip
"""Storey → its rooms, the highest first, in the order of the layers that import-linter checks."""


def settings() -> str:
    """``docs/settings.md``: every environment variable that the software reads."""
    from app.core.settings import HOME, PREFIX, SETTINGS

    lines = [
        "# Settings",
        "",
        (
            "Environment variables, all of them optional, read once at the start. A wrong value stops the start with a "
            "line"
        ),
        (
            "that says what is wrong; a name that is not listed here is refused too, so that a typing error can't go "
            "unseen."
        ),
        "Written by `make docs` from `app/core/settings.py`.",
        "",
        "| variable | default | example | meaning |",
        "|---|---|---|---|",
    ]
    for one in SETTINGS:
        default, example = (text.replace(str(HOME), "(the software's folder)") for text in (one.default, one.example))
        lines.append(f"| `{one.variable}` | {f'`{default}`' if default else 'none'} | `{example}` | {one.meaning} |")
    lines += [
        (
            f"| `{PREFIX}SOURCE_{{NAME}}_KEY` | none | `{PREFIX}SOURCE_LAMBDA_KEY=secret` | Key of a source of prices "
            f"that asks for one. |"
        ),
        (
            f"| `{PREFIX}SOURCE_{{NAME}}_URL` | the source's own | "
            f"`{PREFIX}SOURCE_AZURE_URL=https://mirror.example.org` | Where a source of prices is asked instead. |"
        ),
    ]
    return "\n".join(lines) + "\n"


def room_of(module: str) -> str:
    """The room of a module: ``app.pricing.offers.store`` → ``pricing``, ``workers.jobs`` → ``workers``."""
    parts = module.split(".")
    return parts[0] if parts[0] == "workers" else parts[1] if len(parts) > 1 else ""


def imports_of(path: Path) -> set[str]:
    """The modules of ours that a file imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.split(".")[0] in ("app", "workers")}


def arrows() -> dict[str, set[str]]:
    """Room → the rooms it imports."""
    known = {room for rooms in STOREYS.values() for room in rooms}
    found: dict[str, set[str]] = defaultdict(set)
    for folder in ("app", "workers"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            here = room_of(".".join(path.relative_to(ROOT).with_suffix("").parts))
            for name in imports_of(path):
                there = room_of(name)
                if here in known and there in known and here != there:
                    found[here].add(there)
    return found


def drawn(all_arrows: dict[str, set[str]]) -> dict[str, set[str]]:
    """The arrows to draw: those that are not implied by a longer path through other rooms."""

    def reach(room: str, seen: set[str]) -> set[str]:
        for there in all_arrows.get(room, set()) - seen:
            seen.add(there)
            reach(there, seen)
        return seen

    return {
        room: {one for one in there if not any(one in reach(other, set()) for other in there - {one})}
        for room, there in all_arrows.items()
    }


def picture() -> str:
    """The rooms and their imports as a Mermaid diagram."""
    lines = ["```mermaid", "flowchart TD"]
    for storey, rooms in STOREYS.items():
        lines += [f"  subgraph {storey}", *(f"    {room}" for room in rooms), "  end"]
    shown = drawn(arrows())
    lines += [
        f"  {room} --> {there}" for rooms in STOREYS.values() for room in rooms for there in sorted(shown.get(room, ()))
    ]
    return "\n".join([*lines, "```"])


def architecture() -> str:
    """``docs/architecture.md`` with its picture remade from the imports; its text is written by hand."""
    text = ARCHITECTURE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{picture()}\n{END}{rest.split(END)[1]}"


def what_is_read() -> str:
    """``docs/what-is-read.md``: what is read of each tool's file, each cloud's answer and each family's
    configuration."""
    from app.models.architecture.families import FAMILIES
    from app.pricing.sources import RATES, RECLAIMS, SOURCES
    from app.submissions.result_files import READERS

    lines = [
        "# What is read, and from where", "",
        ("Made by `make docs` from the readers themselves: the result files' `READS`, the sources' own descriptions, "
        "and the list of"),
        ("families beside the configurations' reader. What is not named here is not read; what can't be read is said, "
        "never guessed."), "",
        "## Result files of benchmark tools", "", "| tool | what is read |", "|---|---|",
        *(f"| {tool} | {text} |" for reader in READERS for tool, text in reader.READS.items()), "",
        ("Lengths are totals over what was completed. Several runs of a file are offered to choose from and never "
        "joined; failed requests are said;"),
        "an engine that is not named is unknown; a median of 0 says nothing.", "",
        "## Answers of clouds", "",
    ]  # fmt: skip
    known: list[Any] = [*SOURCES.values(), *RECLAIMS.values(), RATES]
    for source in known:
        text = (sys.modules[source.__module__].__doc__ or "").strip()
        lines += [f"### {source.title} (`{source.name}`)", "", text.replace("``", "`"), ""]
    lines += [
        "## Configurations of models",
        "",
        "| families | what is read |",
        "|---|---|",
        *(f"| {name} | {text} |" for name, text in FAMILIES),
        "",
    ]
    return "\n".join(lines)


def commands() -> str:
    """``docs/cli.md``: every command with its arguments and options, as the command line itself reads them."""
    from cyclopts import App

    from app.cli.main import root

    lines = [
        "# Commands",
        "",
        (
            "Made by `make docs` from `app/cli`. A command that can't be carried out says why in one line on standard "
            "error. Exit"
        ),
        (
            "status: 0 for done, 1 where a command's own words below say so, 2 for what could not be read or done, 130 "
            "for an"
        ),
        "interruption. `--help` after any command prints its part of this page.",
        "",
    ]
    text = root().generate_docs().split("\n", 1)[1].rstrip("\n") + "\n"
    _, _, ours = App().name[0].partition(" ")  # how this program was started gets into the usage of some commands
    return "\n".join(lines) + (text.replace(f" {ours}", "") if ours else text)


PAGES: dict[Path, Callable[[], str]] = {
    DOCS / "what-is-read.md": what_is_read,
    DOCS / "settings.md": settings,
    DOCS / "cli.md": commands,
    ARCHITECTURE: architecture,
}
"""Page → what makes it."""


def main() -> int:
    """Write every page; with ``--check`` write none and return 1 if one is not what the code would make."""
    stale = [path for path, make in PAGES.items() if not path.exists() or path.read_text(encoding="utf-8") != make()]
    if "--check" in sys.argv:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is not current; run make docs", file=sys.stderr)
        return int(bool(stale))
    for path in stale:
        path.write_text(PAGES[path](), encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
