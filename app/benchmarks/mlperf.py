"""MLPerf Inference v5.1 results that judge the estimator and are never fitted to: ``mlperf.csv``.

How the rows were read was settled before anything was predicted of them:

- Closed division, data centre, Server and Interactive. Every ``mlperf_log_summary.txt`` with the words "Result is :
  VALID" that a public copy of the results repository holds of a model and a GPU known here
  (github.com/ntuhpc/inference_results_v5.1 at a634ab7); one that stands under 99 and 99.9 % accuracy alike is one row.
- Times are the log's means: "Mean First Token latency" and "Mean Time to Output Token". Requests arrive at "Scheduled
  samples per second", or at ``target_qps`` where the log rounds that to two digits. Output tokens are "Completed
  tokens per second" over "Completed samples per second".
- Prompts have their data set's mean: 9,400 tokens (llama3.1-405b; MLCommons, "LLM inference v5", April 2025), 778
  (llama3.1-8b; "Small LLM inference 5.1", September 2025), 800 (deepseek-r1; "DeepSeek inference 5.1", September 2025).
  Of OpenOrca no mean of the prompts was found: the 294 tokens of its reference answers stand for it, in llama2-70b and
  in mixtral-8x7b, a third of whose prompts are from there.
- Layout, format of weights and cache, and the engine's limit on running requests are those of a configuration
  published for the same GPU, benchmark and scenario, the submitter's own where it was found. Where none was: one
  replica on each GPU (what all configurations seen do, but for 405B and R1), FP4 weights on Blackwell and FP8 on
  others, cache and limit unknown. A replica gets its share of the arrivals.
- Systems whose number of replicas is not stated are left out (two of Red Hat's), and what has more than one kind of
  GPU.
"""

import csv
from functools import cache
from pathlib import Path

MLPERF = Path(__file__).with_name("mlperf.csv")


@cache
def mlperf_rows() -> tuple[dict[str, str], ...]:
    """The rows: what tells a submission, then the columns of :data:`app.benchmarks.rows.COLUMNS`, of one replica."""
    with MLPERF.open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))
