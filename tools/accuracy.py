"""The accuracy of the formulas as they are, on rows left out of each fold's fit: ``make accuracy``.

Exit status 1 past a limit.
"""

import sys
from collections.abc import Mapping, Sequence

from app.benchmarks.accuracy import (
    GROUPS,
    HEADING,
    Errors,
    Guess,
    Row,
    by_group,
    errors_of,
    line,
    open_rows,
    worst_groups,
)
from app.benchmarks.calibration_report import calibration_report, judged_folds
from app.benchmarks.folds import guess, load_folds, without_campaign
from app.benchmarks.mlperf import Verdict, verdicts
from app.benchmarks.regret import BY_GPU, BY_SET_UP, Regret, regret
from app.estimate.constants import fitted
from app.estimate.offsets import MEASURED, Basis

LIMITS = {"tpot": 0.09, "worst": 0.14, "ttft": 0.25}
"""The largest errors allowed with model × engine × generation left out: slightly worse than what was reached."""
LEAST_WITHIN = 0.85
INSIDE = (0.76, 0.89)
"""The least and the largest share of left-out rows that the 80% range may contain, for either time, with the range made
without their group too. An unknown group beyond each edge makes it hold more than 80% where few groups are known."""


LEAST_FOUND, MOST_REGRET = 0.92, 0.02
"""The least share of measured questions whose cheapest GPU is found, and the most by which the chosen one is dearer."""


def failures(found: Errors) -> list[str]:
    """The errors that exceed a limit, in words."""
    failed = [
        f"{name} {getattr(found, name):.1%} is over {limit:.1%}"
        for name, limit in LIMITS.items()
        if getattr(found, name) > limit
    ]
    if (found.within_20 or 0) < LEAST_WITHIN:
        failed.append(f"within 20%: {found.within_20:.1%} is under {LEAST_WITHIN:.0%}")
    for name, inside in (("step", found.inside or 0), ("first token", found.inside_ttft or 0)):
        if not INSIDE[0] <= inside <= INSIDE[1]:
            failed.append(f"the 80% range of a {name} holds {inside:.1%}")
    return failed


def tables(rows: Sequence[Row], guesses: Mapping[str, Sequence[Guess]]) -> tuple[str, Errors]:
    """The tables as text, and the errors that are compared with the limits."""
    lines = [HEADING, *(line(f"whole {kind}s", errors_of(rows, found)) for kind, found in guesses.items())]
    places = guesses["place"]
    for name, of in GROUPS.items():
        lines += ["", f"by {name}, model x engine x generation left out"]
        lines += [line(group, found) for group, found in by_group(rows, places, of)]
    lines += ["", "the worst groups", *(line(group, found) for group, found in worst_groups(rows, places))]
    return "\n".join(lines), errors_of(rows, places)


def in_order_of_time() -> str:
    """The errors on rows whose group was measured before, with offsets of earlier campaigns alone, and, for what those
    offsets are worth, by physics alone."""
    rows, constants = open_rows(), load_folds()["sealed"]["all"]
    found = without_campaign(rows, constants)
    again = [rows[i] for i, _ in found]
    plain = [guess(row, constants, Basis(MEASURED), fitted()["ranges"]) for row in again]
    return "\n".join([
        HEADING, line("by offsets of earlier campaigns", errors_of(again, [one for _, one in found])),
        line("the same rows without offsets", errors_of(again, plain)),
    ])  # fmt: skip


def lost(name: str, found: Regret) -> str:
    """The regret of following the predictions, in words."""
    return (
        f"cheapest {name} of {found.questions} measured questions found: {found.found:.1%}; regret {found.mean:.1%} on "
        f"average, {found.most:.1%} at most"
    )


MLPERF = {"tpot": 0.14, "inside": 0.80}
"""The largest median error allowed on MLPerf's rows and the least share within the range, with the measured number of
requests in flight: slightly worse than what was reached."""


def verdict_line(kind: str, found: Verdict) -> str:
    """One line of the table of MLPerf's rows."""
    shares = (found.in_flight.tpot, found.in_flight.within_20, found.in_flight.inside, found.arriving.tpot,
        found.arriving.inside, found.arriving.ttft, found.arriving.inside_ttft)  # fmt: skip
    name = f"{kind} {found.group}".strip()[:38]
    told_ = " ".join("       " if s is None else f"{s:7.1%}" for s in shares)
    return f"{name:38} {found.in_flight.rows:5} {told_} {found.unsustained:6}"


VERDICTS = f"{'MLPerf v5.1, never fitted to':38} {'rows':>5} " + " ".join(
    f"{name:>7}" for name in ("tpot", "±20%", "inside", "by rate", "inside", "ttft", "inside", "unsust")
)


def judged_on_mlperf() -> list[str]:
    """Print the verdicts; returns those that exceed a limit, in words."""
    print("\n".join([VERDICTS, *(verdict_line(kind, v) for kind, group in verdicts() for v in group)]))
    every = verdicts()[0][1][0].in_flight
    tpot, inside = every.tpot or 1.0, every.inside or 0.0
    told_ = [f"MLPerf's tpot {tpot:.1%} is over {MLPERF['tpot']:.1%}"] if tpot > MLPERF["tpot"] else []
    return told_ + ([f"the range holds {inside:.1%} of MLPerf's rows"] if inside < MLPERF["inside"] else [])


def main() -> int:
    text, errors = tables(open_rows(), judged_folds())
    print(text)
    found = failures(errors)
    print(f"\n{in_order_of_time()}\n")
    found += judged_on_mlperf()
    print()
    for by in (BY_GPU, BY_SET_UP):
        by_price = regret(open_rows(), judged_folds()["place"], calibration_report()["prices"], by)
        print(lost(by, by_price))
        if by_price.found < LEAST_FOUND or by_price.mean > MOST_REGRET:
            found.append(lost(by, by_price))
    for words in found:
        print(f"worse than allowed: {words}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
