"""A measured run of a model, as the Hub's leaderboard states it and as it is stored. Pure."""

from typing import NamedTuple


class MeasuredSpeed(NamedTuple):
    """One measured run, as it is stored. Times in milliseconds, rates in tokens per second; ``None`` is "not
    measured". ``file`` is the leaderboard's file."""

    slug: str
    model: str
    gpu: str
    gpu_count: int
    engine: str
    engine_version: str
    precision: str
    attention: str
    input_tokens: int | None
    output_tokens: int | None
    concurrency: int | None
    ttft_ms: float | None
    tpot_ms: float | None
    output_tokens_per_s: float | None
    file: str
