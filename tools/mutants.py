"""Break the code that keeps each promise, one small change at a time, and see the tests catch it: ``make mutants``.

``docs/mutants.toml`` lists the changes: the promise, the file, the text that stands there once, what to put in its
place, and the tests that have to fail. Each runs in a copy of the tree of its own; the working tree is never touched.
Printed with each is the test that failed. A test that only ran out of its time decides nothing: on a busy machine it
does so without the change too. Exit status 1 if one survives or is undecided. ``--only P-8b`` takes the changes of one
promise, ``--from 40`` goes on where a run was cut off.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIST = ROOT / "docs" / "mutants.toml"
SECONDS = 900
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


_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)(.*)", re.MULTILINE)


def verdict(status: int, output: str) -> str:
    """What a run of pytest says of a change: ``caught by`` a test, ``SURVIVED``, or ``UNDECIDED``."""
    failed = _FAILED.search(output)
    if status == 1 and failed and not failed[2].startswith(" - Failed: Timeout"):
        return f"caught by {failed[1].removeprefix('tests/')}"
    return "SURVIVED" if status == 0 else "UNDECIDED"


def tried(one: Mutant) -> str:
    """The verdict on a change, by its tests run in a copy of the tree."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        copy = Path(folder) / "tree"
        shutil.copytree(ROOT, copy, ignore=_LEFT_OUT)
        shutil.copytree(ROOT / "tests" / "data", copy / "tests" / "data", dirs_exist_ok=True)
        path = copy / one.file
        path.write_text(path.read_text(encoding="utf-8").replace(one.old, one.new), encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *one.tests]
        try:
            done = subprocess.run(command, cwd=copy, capture_output=True, text=True, timeout=SECONDS, check=False)
        except subprocess.TimeoutExpired:
            return "UNDECIDED"
        return verdict(done.returncode, done.stdout)


def main() -> int:
    """Try every change of the list, or of one promise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", metavar="PROMISE")
    parser.add_argument("--from", dest="first", type=int, default=1, metavar="NUMBER")
    asked_for = parser.parse_args()
    if wrong := list(faults()):
        print("\n".join(wrong), file=sys.stderr)
        return 2
    asked = [one for one in mutants() if asked_for.only in ("", one.promise)]
    caught, judged = 0, asked[asked_for.first - 1 :]
    for number, one in enumerate(judged, asked_for.first):
        found = tried(one)
        print(f"{number}/{len(asked)}  {one.promise}  {one.what}: {found}", flush=True)
        caught += found.startswith("caught")
    promises = len({one.promise for one in judged})
    print(f"{caught} of {len(judged)} changes to {promises} promises were caught")
    return int(caught < len(judged))


if __name__ == "__main__":
    sys.exit(main())
