"""Compare the formulas for real traffic with simulation on 500 random loads: ``python -m tools.judge``.

Writes ``app/estimate/simulation_errors.json``, which /methodology shows. The seed is used for nothing else: no formula
was made with these loads in view.
"""

import json
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from app.core.clock import now
from tests.estimate.judge import Verdict, judged, judged_agents, summary
from tests.estimate.loads import JUDGE, agents, loads

FILE = Path(__file__).parents[1] / "app" / "estimate" / "simulation_errors.json"
LOADS, AGENTS, REQUESTS, TURNS = 375, 125, 6_000, 8_000


def _part(given: tuple[int, int]) -> list[tuple[str, Verdict]]:
    part, parts = given
    found = [("loads", judged(one, REQUESTS)) for n, one in enumerate(loads(JUDGE, LOADS)) if n % parts == part]
    return found + [
        ("agents", judged_agents(one, TURNS)) for n, one in enumerate(agents(JUDGE, AGENTS)) if n % parts == part
    ]


def _rows(verdicts: list[Verdict]) -> dict[str, Any]:
    rows = {name: [round(error, 4) for error in errors] for name, errors in summary(verdicts).items()}
    return {"count": len(verdicts), "errors": rows}


def report_of(found: list[tuple[str, Verdict]]) -> dict[str, Any]:
    """The errors of all verdicts, as :func:`app.estimate.simulation_errors.judged` describes them."""
    steady = [(kind, one) for kind, one in found if one.said.busy < 1]
    kinds: dict[str, list[Verdict]] = {
        "formulas": [one for _, one in steady if one.said.sure],
        "formulas, agents alone": [one for kind, one in steady if one.said.sure and kind == "agents"],
        "left to simulation": [one for _, one in steady if not one.said.sure],
    }
    cached = sorted(abs(one.cached[0] - one.cached[1]) for kind, one in steady if kind == "agents" and one.said.sure)
    return {
        "seed": JUDGE, "loads": LOADS, "agents": AGENTS, "date": f"{now():%Y-%m-%d}",
        "kinds": {name: _rows(verdicts) for name, verdicts in kinds.items()},
        "cached": [round(cached[len(cached) // 2], 4), round(cached[int(len(cached) * 0.95)], 4)],
    }  # fmt: skip


def main() -> int:
    """Run the comparison, write the file and print it."""
    cores = os.cpu_count() or 1
    with ProcessPoolExecutor(cores) as pool:
        found = [row for rows in pool.map(_part, [(n, cores) for n in range(cores)]) for row in rows]
    made = report_of(found)
    FILE.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    json.dump(made, sys.stdout, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
