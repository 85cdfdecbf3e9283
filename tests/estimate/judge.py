"""The formulas against the simulated engine: errors of the middle and the 95th percentile of what users see."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.estimate.latency import Seen, seen
from tests.estimate.loads import Drawn, DrawnAgents, requests
from tests.estimate.simulator import Engine, Request

FIGURES = ("ttft", "whole", "each")
SHARES = (0.5, 0.95)
MOST_REQUESTS = 25_000


@dataclass(frozen=True)
class Verdict:
    """What the formulas say of a load, and the simulated quantiles of each figure in seconds."""

    said: Seen
    simulated: dict[str, tuple[float, float]]
    cached: tuple[float, float] = (0.0, 0.0)

    def errors(self) -> dict[str, float]:
        """Figure and percentile → relative error; what is 0 on one side is left out."""
        found = {}
        for name in FIGURES:
            for at, share in enumerate(SHARES):
                said, simulated = getattr(self.said, name)[at], self.simulated[name][at]
                if said and simulated:
                    found[f"{name} p{share * 100:.0f}"] = abs(said / simulated - 1)
        return found


def at(values: Sequence[float], share: float) -> float:
    """The value that ``share`` of ``values`` do not exceed."""
    ranked = sorted(values)
    return ranked[min(int(len(ranked) * share), len(ranked) - 1)]


def _told(kept: Sequence[Request]) -> dict[str, tuple[float, float]]:
    figures = {
        "ttft": [r.ttft for r in kept],
        "whole": [r.whole for r in kept],
        "each": [r.each for r in kept if r.output > 1] or [0.0],
    }
    return {name: (at(values, 0.5), at(values, 0.95)) for name, values in figures.items()}


def judged(drawn: Drawn, count: int) -> Verdict:
    """At least ``count`` requests, many more than are there at once; the first eighth is left out."""
    said = seen(drawn.pace, drawn.load)
    many = int(min(max(count, 100 * said.running), MOST_REQUESTS))
    told = Engine(drawn.pace).run(requests(drawn, many))
    return Verdict(said, _told(sorted(told.requests, key=lambda r: r.at)[many // 8 :]))


def judged_agents(drawn: DrawnAgents, count: int) -> Verdict:
    """At least ``count`` turns while sessions come, without the first third of the time."""
    said = drawn.formula()
    first = drawn.requests(max(count, 4 * int(drawn.rate * drawn.agents.pause * drawn.agents.turns)))
    end = first[-1].at
    told = Engine(drawn.pace).run(first)
    kept = [r for r in told.requests if end * 0.3 < r.at < end]
    cached = sum(r.cached for r in kept) / sum(r.prompt for r in kept)
    return Verdict(said.seen, _told(kept), (said.cached, cached))


def summary(verdicts: Iterable[Verdict]) -> dict[str, tuple[float, float]]:
    """Figure and percentile → the errors' own median and 95th percentile."""
    by: dict[str, list[float]] = {}
    for verdict in verdicts:
        for name, error in verdict.errors().items():
            by.setdefault(name, []).append(error)
    return {name: (at(errors, 0.5), at(errors, 0.95)) for name, errors in by.items()}
