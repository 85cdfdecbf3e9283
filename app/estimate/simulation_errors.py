"""The errors of the formulas for real traffic against simulation: the shipped file that ``python -m tools.judge``
writes."""

import json
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("simulation_errors.json")


@cache
def judged() -> dict[str, Any]:
    """The file's contents: seed, numbers of loads and the day; for each kind of load the median and the 95th percentile
    of the errors, as shares; and the same for the share of prompt tokens found in a prefix cache."""
    found: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return found
