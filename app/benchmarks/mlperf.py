"""MLPerf Inference v5.1 results that judge the estimator and are never fitted to: ``mlperf.csv``.

These rules for reading the results were fixed before anything was predicted:

- Closed division, data centre, Server and Interactive. Every ``mlperf_log_summary.txt`` with the words "Result is :
  VALID" in a public copy of the results repository, of a model and a GPU known here
  (github.com/ntuhpc/inference_results_v5.1 at a634ab7); one listed under 99 and 99.9% accuracy is one row.
- Times are the log's means: "Mean First Token latency" and "Mean Time to Output Token". Requests arrive at "Scheduled
  samples per second", or at ``target_qps`` where the log rounds that to two digits. Output tokens are "Completed
  tokens per second" over "Completed samples per second".
- Prompts have their data set's mean: 9,400 tokens (llama3.1-405b; MLCommons, "LLM inference v5", April 2025), 778
  (llama3.1-8b; "Small LLM inference 5.1", September 2025), 800 (deepseek-r1; "DeepSeek inference 5.1", September 2025).
  No mean of OpenOrca's prompts was found: the 294 tokens of its reference answers are used for it, in llama2-70b and in
  mixtral-8x7b, a third of whose prompts are from there.
- Layout, format of weights and cache, and the engine's limit on running requests are those of a configuration
  published for the same GPU, benchmark and scenario, the submitter's own where it was found. Where none was: one
  replica on each GPU (what all configurations seen do, but for 405B and R1), FP4 weights on Blackwell and FP8 on
  others, cache and limit unknown. A replica gets its share of the arrivals.
- Systems whose number of replicas is not stated are left out (two of Red Hat's), and what has more than one kind of
  GPU.
"""

import csv
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from app.benchmarks.accuracy import Errors, Guess, Row, errors_of, row_of
from app.benchmarks.folds import guess
from app.estimate.constants import fitted
from app.estimate.offsets import generation

MLPERF = Path(__file__).with_name("mlperf.csv")


@cache
def mlperf_rows() -> tuple[dict[str, str], ...]:
    """The rows: what identifies a submission, then the columns of :data:`app.benchmarks.rows.COLUMNS`, of one
    replica."""
    with MLPERF.open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))


@dataclass(frozen=True, slots=True)
class Verdict:
    """The errors of a group. ``in_flight`` are those with as many requests in flight as were on average by Little's
    law, ``arriving`` those with requests arriving as they did; ``unsustained`` of the rows are said to arrive faster
    than they can be served, though all were."""

    group: str
    in_flight: Errors
    arriving: Errors
    unsustained: int


def in_flight(plain: dict[str, str]) -> dict[str, str]:
    """The row with the mean number of its requests in flight in place of their arrivals: completed requests a second
    times the mean time of one, first token and further ones (Little's law)."""
    seconds = (float(plain["ttft_ms"]) + (int(plain["output_tokens"]) - 1) * float(plain["tpot_ms"])) / 1e3
    completed = float(plain["completed_per_s"]) / int(plain["replicas"])
    return {**plain, "concurrency": f"{completed * seconds:.4f}", "request_rate_per_s": ""}


@cache
def _judged() -> tuple[Sequence[Row], Sequence[Guess], Sequence[Row], Sequence[Guess]]:
    """The rows by requests in flight and by arrivals, each with what is predicted by all that ships."""
    found: list[Sequence[Row] | Sequence[Guess]] = []
    for plain in ([in_flight(row) for row in mlperf_rows()], mlperf_rows()):
        rows = [row_of(row) for row in plain]
        found += [rows, [guess(row, fitted()["constants"], row.ask.basis(), fitted()["ranges"]) for row in rows]]
    return tuple(found)  # type: ignore[return-value]


GROUPS: dict[str, Callable[[Row], str]] = {
    "scenario": lambda row: row.plain["scenario"],
    "GPU generation": lambda row: generation(row.ask.gpu),
    "model": lambda row: row.plain["benchmark"].split("-99")[0],
}
"""Kind of group → a row's group, for the tables of verdicts."""


def verdict(group: str, chosen: Sequence[int]) -> Verdict:
    """The errors of the rows with the indices ``chosen``."""
    rows, guesses, arriving, arriving_guesses = _judged()
    return Verdict(
        group, errors_of(rows, guesses, chosen), errors_of(arriving, arriving_guesses, chosen),
        sum(not arriving_guesses[i].speed.sustained for i in chosen),
    )  # fmt: skip


@cache
def verdicts() -> tuple[tuple[str, tuple[Verdict, ...]], ...]:
    """All rows, then by each of :data:`GROUPS`, the largest group first."""
    rows = _judged()[0]
    found: list[tuple[str, tuple[Verdict, ...]]] = [("", (verdict("all", range(len(rows))),))]
    for name, of in GROUPS.items():
        groups: dict[str, list[int]] = defaultdict(list)
        for i, row in enumerate(rows):
            groups[of(row)].append(i)
        by_size = sorted(groups.items(), key=lambda item: -len(item[1]))
        found.append((name, tuple(verdict(group, chosen) for group, chosen in by_size)))
    return tuple(found)
