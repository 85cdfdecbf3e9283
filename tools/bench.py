"""The benchmark harness: ``make bench``. Mostly ratios, measured in turns, because the speed of a machine drifts.

``make bench ARGS="page edge"`` runs some of: page, edge, render, size, import, start, refresh,
history, estimate, log, purge, flood, mailbox, parsers, lighthouse,
postgres, growth, growth-postgres.
"""

import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path

PARTS = {
    "page": "http", "edge": "http", "render": "offers", "size": "http", "import": "offers", "start": "http",
    "refresh": "refresh", "history": "refresh", "estimate": "estimate", "log": "telemetry", "purge": "telemetry",
    "flood": "submissions", "mailbox": "submissions", "parsers": "parsers", "lighthouse": "http",
    "postgres": "postgres", "growth": "growth", "growth-postgres": "growth",
}  # fmt: skip
"""Each part and the module that measures it."""
FUNCTIONS = {"import": "importing", "log": "access_log", "growth-postgres": "growth_postgres"}


def measure(name: str) -> None:
    """Print the rows of one part."""
    part = getattr(import_module(f"tools.bench_{PARTS[name]}"), FUNCTIONS.get(name, name))
    with tempfile.TemporaryDirectory() as folder:
        for what, measured, goal in part(Path(folder)):
            print(f"| {what} | {measured} | {goal} |", flush=True)


def main(names: list[str]) -> None:
    """Print a table of the parts ``names``, or of all.

    Each part runs in a process of its own: otherwise one part's imports and data would count as another's memory.
    """
    if unknown := [name for name in names if name not in PARTS]:
        raise SystemExit(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}")
    print("| what | measured | goal |\n|---|---|---|", flush=True)
    if len(names) == 1:
        measure(names[0])
        return
    for name in names or PARTS:
        found = subprocess.run(
            [sys.executable, "-m", "tools.bench", name], stdout=subprocess.PIPE, text=True, check=True
        )
        print("\n".join(found.stdout.splitlines()[2:]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
