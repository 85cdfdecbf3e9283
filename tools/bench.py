"""The benchmark harness: ``make bench``. Ratios first: a machine's speed drifts, a ratio taken in turns holds.

``make bench ARGS="page edge"`` runs some of: page, edge, render, size, import, start, refresh,
history, estimate, log, purge, flood, mailbox, parsers, lighthouse.
"""

import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tools import (
    bench_estimate,
    bench_http,
    bench_offers,
    bench_parsers,
    bench_refresh,
    bench_submissions,
    bench_telemetry,
)
from tools.bench_site import Line

PARTS: dict[str, Callable[[Path], Iterator[Line]]] = {
    "page": bench_http.page,
    "edge": bench_http.edge,
    "render": bench_offers.render,
    "size": bench_http.size,
    "import": bench_offers.importing,
    "start": bench_http.start,
    "refresh": bench_refresh.refresh,
    "history": bench_refresh.history,
    "estimate": bench_estimate.estimate,
    "log": bench_telemetry.access_log,
    "purge": bench_telemetry.purge,
    "flood": bench_submissions.flood,
    "mailbox": bench_submissions.mailbox,
    "parsers": bench_parsers.parsers,
    "lighthouse": bench_http.lighthouse,
}


def main(names: list[str]) -> None:
    print("| what | measured | goal |\n|---|---|---|")
    for name in names or PARTS:
        with tempfile.TemporaryDirectory() as folder:
            for what, measured, goal in PARTS[name](Path(folder)):
                print(f"| {what} | {measured} | {goal} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
