"""Write ``docs/promises.md``: promise → section of the policy that makes it → tests that keep it. ``--check`` compares.

A test says which promises it keeps by a parameter ``promise``, one or more with spaces between; the policy's words
are in :mod:`tests.policies.test_pages`.
"""

import ast
import sys
from collections import defaultdict
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "promises.md"
POLICY = ROOT / "policies" / "privacy" / "2026-03-27.md"


@cache
def kept_by(folder: Path = ROOT / "tests") -> dict[str, list[str]]:
    """Promise → the tests that name it, as ``file::test``."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(folder.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                for promise in _named(node):
                    found[promise].append(f"{path.relative_to(folder.parent)}::{node.name}")
    return dict(found)


def _named(test: ast.FunctionDef) -> list[str]:
    for mark in test.decorator_list:
        if (
            isinstance(mark, ast.Call)
            and ast.unparse(mark.func) == "pytest.mark.parametrize"
            and isinstance(mark.args[0], ast.Constant)
            and mark.args[0].value == "promise"
            and isinstance(mark.args[1], ast.List)
        ):
            return [promise for item in mark.args[1].elts for promise in str(ast.literal_eval(item)).split()]
    return []


def section_of(words: str, policy: str) -> str:
    """The heading of the section of ``policy`` (Markdown) that holds ``words``."""
    heading, text = "", ""
    for line in [*policy.splitlines(), "## end"]:
        if line.startswith("#"):
            if words in " ".join(text.split()):
                return heading
            heading, text = line.lstrip("# "), ""
        else:
            text += f" {line}"
    raise LookupError(f"the policy nowhere says {words!r}")


def table() -> str:
    """The page."""
    from tests.policies.test_pages import SAID

    policy, tests = POLICY.read_text(encoding="utf-8"), kept_by()
    lines = ["# The promises, where they are made and what keeps them", "",
             ("Written by `python -m tools.promises`; a test compares it. Each test fails when the code that keeps the "
             "promise is taken out."), "",
             "| promise | made in the privacy policy, section | kept by |", "|---|---|---|"]  # fmt: skip
    for promise, words in SAID.items():
        keep = "<br>".join(f"`{name.removeprefix('tests/')}`" for name in tests.get(promise, [])) or "no test yet"
        lines.append(f"| {promise} | {section_of(words, policy)} | {keep} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write the page, or compare it."""
    made = table()
    if "--check" in sys.argv:
        return int(PAGE.read_text(encoding="utf-8") != made)
    PAGE.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
