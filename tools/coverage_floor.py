"""Raise the floor of the coverage in ``pyproject.toml`` to what was measured; ``make coverage`` calls it."""

import io
import re
import sys
from math import floor
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"
_FLOOR = re.compile(r"^fail_under = (\d+)", re.MULTILINE)


def floor_of(project: str) -> int:
    """The floor that the text of a ``pyproject.toml`` states, in per cent. Raises :class:`ValueError` without one."""
    stated = _FLOOR.search(project)
    if stated is None:
        raise ValueError("pyproject.toml states no fail_under = PERCENT")
    return int(stated[1])


def raised(project: str, measured: float) -> str:
    """The text with the floor at the whole per cents of ``measured``, or as it was where that is no rise."""
    return _FLOOR.sub(f"fail_under = {max(floor_of(project), floor(measured))}", project, count=1)


def main() -> int:
    """Read what was measured and raise the floor. Returns 1 if less was covered than the floor asks for."""
    from coverage import Coverage

    results = Coverage()
    results.load()
    measured = results.report(file=io.StringIO())
    before = PROJECT.read_text(encoding="utf-8")
    after = raised(before, measured)
    if after != before:
        PROJECT.write_text(after, encoding="utf-8")
        print(f"the floor rises from {floor_of(before)} % to {floor_of(after)} %: commit pyproject.toml")
    print(f"{measured:.2f} % covered; the floor is {floor_of(after)} %")
    return int(measured < floor_of(before))


if __name__ == "__main__":
    sys.exit(main())
