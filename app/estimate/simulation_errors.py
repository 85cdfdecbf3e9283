"""How far the formulas for real traffic lay from simulation when they were judged: the shipped file that ``python -m
tools.judge`` writes."""

import json
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("simulation_errors.json")


@cache
def judged() -> dict[str, Any]:
    """Seed, numbers of loads and the day; for each kind of load the median of the errors and what 95% of them stay
    within, as shares; and the same of the share of prompt tokens that a prefix cache finds."""
    found: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return found
