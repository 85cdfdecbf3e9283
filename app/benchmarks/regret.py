"""Regret: the cost of following the predictions. Among questions measured with several answers, how often is the
cheapest one chosen, and how much more does the chosen one cost? Pure.

A question is a model with its tokens and load. Its answers are the GPUs, each with the cheapest set-up measured on it,
or the set-ups: GPU, number and split, engine and format. The one predicted to be cheapest is chosen.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from app.benchmarks.accuracy import Guess, Row


@dataclass(frozen=True, slots=True)
class Regret:
    """``questions`` with two answers or more; the share whose cheapest answer was ``found``; and by how much the one
    taken is dearer on average, ``mean``, and at most, ``most``, as shares of the cheapest."""

    questions: int
    found: float
    mean: float
    most: float


BY_GPU, BY_SET_UP = "gpu", "set-up"


def _answer(row: Row, by: str) -> str:
    layout = row.ask.layout
    if by == BY_GPU:
        return row.ask.gpu.slug
    return f"{row.ask.gpu.slug} {layout} {layout.engine}"


def _usd(row: Row, ttft: float, tpot: float, prices: Mapping[str, float]) -> float:
    """What a request costs, but for a factor that is the same for all answers: GPUs times their price times the
    seconds in which the load's requests are served."""
    return prices[row.ask.gpu.slug] * row.ask.layout.gpus * (ttft + tpot * (row.ask.traffic.output - 1))


def regret(rows: Sequence[Row], guesses: Sequence[Guess], prices: Mapping[str, float], by: str = BY_GPU) -> Regret:
    """Of rows with both times and a number in flight, on GPUs with a price (USD per GPU-hour)."""
    asked: dict[tuple[str, int, int, float], list[tuple[str, float, float]]] = defaultdict(list)
    for row, guess in zip(rows, guesses, strict=True):
        traffic = row.ask.traffic
        if row.tpot and row.ttft and traffic.concurrency and row.ask.gpu.slug in prices:
            measured = _usd(row, row.ttft, row.tpot, prices)
            predicted = _usd(row, guess.speed.ttft, guess.speed.tpot, prices)
            asked[row.model, traffic.input, traffic.output, traffic.concurrency].append(
                (_answer(row, by), measured, predicted)
            )
    lost = []
    for answers in asked.values():
        best: dict[str, float] = {}
        for name, measured, _ in answers:
            best[name] = min(measured, best.get(name, measured))
        if len(best) > 1:
            taken = min(answers, key=lambda answer: answer[2])[0]
            lost.append(best[taken] / min(best.values()) - 1)
    return Regret(len(lost), lost.count(0) / len(lost), fmean(lost), max(lost)) if lost else Regret(0, 0.0, 0.0, 0.0)
