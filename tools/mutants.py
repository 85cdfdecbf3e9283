"""Break the code that keeps each promise, one small change at a time, and see the tests catch it: ``make mutants``.

``docs/mutants.toml`` lists the changes: the promise, the file, the text to replace, which occurs there once, its
replacement, and the tests that have to fail. Each runs in its own copy of the tree; the working tree is never touched.
Exit status 1 if one survives. ``--only P-8b`` takes the changes of one promise.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIST = ROOT / "docs" / "mutants.toml"
SECONDS = 300
_LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "__pycache__", "data", "dist", ".hypothesis", ".*_cache")


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: ``old`` occurs exactly once in ``file`` and is replaced by ``new``; at least one of ``tests``,
    arguments for pytest, has to fail."""

    promise: str
    what: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


def mutants() -> list[Mutant]:
    """The list."""
    rows = tomllib.loads(LIST.read_text(encoding="utf-8"))["mutant"]
    return [Mutant(**{**row, "tests": tuple(row["tests"])}) for row in rows]


def faults() -> Iterator[str]:
    """Faults of the list itself: a text that does not occur exactly once, a test file that does not exist."""
    for one in mutants():
        count = (ROOT / one.file).read_text(encoding="utf-8").count(one.old)
        if count != 1:
            yield f"{one.promise}, {one.what}: its text occurs {count} times in {one.file}"
        for test in one.tests:
            if not (ROOT / test.split("::")[0]).exists():
                yield f"{one.promise}, {one.what}: there is no {test}"


def is_caught(one: Mutant) -> bool:
    """True if a test fails with the change in place."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        copy = Path(folder) / "tree"
        shutil.copytree(ROOT, copy, ignore=_LEFT_OUT)
        shutil.copytree(ROOT / "tests" / "data", copy / "tests" / "data", dirs_exist_ok=True)
        path = copy / one.file
        path.write_text(path.read_text(encoding="utf-8").replace(one.old, one.new), encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *one.tests]
        try:
            done = subprocess.run(command, cwd=copy, capture_output=True, timeout=SECONDS, check=False)
        except subprocess.TimeoutExpired:
            return True  # a test that never ends is no test that passes
        return done.returncode == 1


def main() -> int:
    """Try every change of the list, or of one promise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", metavar="PROMISE")
    only = parser.parse_args().only
    if wrong := list(faults()):
        print("\n".join(wrong), file=sys.stderr)
        return 2
    asked = [one for one in mutants() if only in ("", one.promise)]
    survived = []
    for number, one in enumerate(asked, 1):
        caught = is_caught(one)
        print(f"{number}/{len(asked)}  {'caught  ' if caught else 'SURVIVED'}  {one.promise}  {one.what}", flush=True)
        if not caught:
            survived.append(one)
    counts = Counter(one.promise for one in asked)
    print(f"{len(asked) - len(survived)} of {len(asked)} changes to {len(counts)} promises were caught")
    return int(bool(survived))


if __name__ == "__main__":
    sys.exit(main())
