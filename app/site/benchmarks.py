"""The measured rows beside the prediction for each, and how predictions are made."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from math import exp, log
from typing import Any

from app.benchmarks import accuracy, calibration_report, folds, mlperf, ranges, shipped_ledger
from app.benchmarks.query import PAGE_SIZE, SORTS, parse, select
from app.calculator.presets import ELECTRICITY
from app.catalog import grids
from app.core.addresses import encode
from app.core.errors import QueryError
from app.estimate import (
    disaggregation,
    inputs,
    latency,
    lengths,
    memory,
    plan,
    prefix_cache,
    queueing,
    speculative_decoding,
    speed,
    step_time,
)
from app.estimate.constants import CONSTANTS, fitted
from app.estimate.fixed import FIXED
from app.estimate.offsets import RESTS_ON
from app.estimate.shape import shape_of
from app.estimate.simulation_errors import judged
from app.models.architecture.naming import short_name, slug_of
from app.pricing.offers.offer import COMMUNITY
from app.pricing.offers.reclaim import RELOAD_HOURS
from app.site.render import render
from app.submissions import ledger
from app.submissions.publish import benchmark_rows
from app.web.answers import Answer, Ask
from app.web.front import public

FOLD_WORDS = {
    "place": "model × engine × GPU generation",
    "model": "whole models",
    "generation": "whole GPU generations",
}
_BEFORE = (("size ÷ bandwidth, as most web calculators do", "53%"), ("a plain roofline", "63%"),
           ("the best sum of terms known before", "16.5%"))  # fmt: skip
"""Median errors of other ways on rows they were not fitted on, as measured before this one was made."""
_PLOT = (760, 420, 60, 46)


@dataclass(frozen=True, slots=True)
class Errors:
    """Of one figure over ``rows`` measurements: the median relative error, and the shares of them that lie within a
    fifth of the measurement and inside the stated 80% range."""

    rows: int
    median: float
    within: float
    inside: float


@cache
def _rows() -> tuple[dict[str, Any], ...]:
    """Every measured row with a prediction that no row of its model, engine and generation took part in."""
    found = []
    for row, (tpot, ttft, throughput, running, limited_by, rests_on, low, high) in zip(
        calibration_report.shown_rows(), calibration_report.calibration_report()["rows"], strict=True
    ):
        first = fitted()["ranges"]["ttft"][rests_on]
        error = tpot / row.tpot - 1 if row.tpot else throughput / row.throughput - 1
        found.append({
            **row.plain, "name": short_name(row.plain["model"]), "slug": slug_of(row.plain["model"]),
            "gpu_name": row.ask.gpu.name, "gpus": row.ask.layout.gpus,
            "load": row.ask.traffic.concurrency or running, "tpot": row.tpot, "ttft": row.ttft,
            "throughput": row.throughput, "guess_tpot": tpot, "guess_ttft": ttft, "guess_throughput": throughput,
            "tpot_range": (low * tpot, high * tpot), "ttft_range": [ttft * edge for edge in first],
            "error": error, "limited_by": limited_by, "rests_on": RESTS_ON[rests_on],
            "inside": low <= row.tpot / tpot <= high if row.tpot else None,
        })  # fmt: skip
    return tuple(found)


@cache
def _choices() -> dict[str, tuple[str, ...]]:
    return {
        name: tuple(sorted({row[name] for row in _rows()}))
        for name in ("model", "gpu", "engine", "precision", "source")
    }


def plot(rows: list[Any]) -> dict[str, Any] | None:
    """Predicted against measured on logarithmic axes: one path of dots, the diagonal, and ±20%."""
    if len(rows) < 2:
        return None
    width, height, left, bottom = _PLOT
    values = [value for row in rows for value in (row["tpot"], row["guess_tpot"])]
    low, high = log(min(values) / 1.1), log(max(values) * 1.1)

    def place(measured: float, guess: float) -> tuple[float, float]:
        return (
            left + (width - left - 10) * (log(measured) - low) / (high - low),
            height - bottom - (height - bottom - 10) * (log(guess) - low) / (high - low),
        )

    dots = {(round(x), round(y)) for x, y in (place(row["tpot"], row["guess_tpot"]) for row in rows)}
    ticks = [t / 1e3 for t in (0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if low <= log(t / 1e3) <= high]
    order = sorted(dots)
    steps = zip([(0, 0), *order], order, strict=False)
    path = "M0 0" + "".join(f"m{x - before_x} {y - before_y}h0" for (before_x, before_y), (x, y) in steps)
    shown = (("same", 1.0), ("over", 1.2), ("under", 1 / 1.2))
    line = {name: [place(t, t * factor) for t in (min(values), max(values))] for name, factor in shown}
    return {
        "width": width, "height": height, "left": left, "bottom": height - bottom, "path": path, "line": line,
        "ticks": [(place(t, t), f"{t * 1e3:g}") for t in ticks],
    }  # fmt: skip


def errors_of(rows: Iterable[Mapping[str, Any]]) -> list[tuple[str, Errors]]:
    """(TPOT or TTFT, its errors) over those of ``rows`` where it was measured."""
    found = []
    for name, key in (("TPOT", "tpot"), ("TTFT", "ttft")):
        measured = [row for row in rows if row[key]]
        if measured:
            off = sorted(abs(row[f"guess_{key}"] / row[key] - 1) for row in measured)
            inside = sum(row[f"{key}_range"][0] <= row[key] <= row[f"{key}_range"][1] for row in measured)
            found.append((name, Errors(len(off), off[len(off) // 2], sum(e <= 0.2 for e in off) / len(off),
                                       inside / len(off))))  # fmt: skip
    return found


@public("/benchmarks", shows=(COMMUNITY,))
async def benchmarks(ask: Ask) -> Answer:
    """Measured results with our prediction for the same row and its error."""
    query = parse(ask.pairs(), _choices())
    ask.redirect_to_canonical(query.address())
    found = select(_rows(), query)
    pages = max(1, -(-len(found) // PAGE_SIZE))
    if query.page > pages:
        raise QueryError(
            "page",
            f"There {'is 1 page' if pages == 1 else f'are {pages} pages'} of this.",
            "For example page=1.",
            status=404,
        )
    reported = await benchmark_rows() if query.page == 1 else []
    judged = [row for row in found if not row["doubt"]]
    first = (query.page - 1) * PAGE_SIZE
    body = render(
        "benchmarks/page.html", settings=ask.settings, path="/benchmarks", canonical=query.address(), query=query,
        rows=found[first : first + PAGE_SIZE], reported=reported,
        total=len(found), every=len(_rows()), first=first + 1, pages=pages, choices=_choices(), sorts=SORTS,
        plot=plot([row for row in judged if row["tpot"]]),
        errors=errors_of(judged),
        title="Benchmarks: measured and predicted",
        description=f"{len(_rows())} measured results of serving language models, each beside our prediction for the "
                    f"same set-up and its error.",
    )  # fmt: skip
    return Answer(body, valid_until=ask.now + 60 if reported else None)


def _accuracy() -> dict[str, Any]:
    found = calibration_report.calibration_report()
    return {
        "summary": [(FOLD_WORDS[kind], errors) for kind, errors in found["summary"].items()],
        "groups": found["groups"],
        "worst": found["worst"],
        "regret": found["regret"],
        "sealed": accuracy.sealed_set(),
        "sealed_rows": fitted()["sealed"]["all"]["rows"],
        "doubtful": len(accuracy.doubtful()),
        "sealed_rests_on": [(RESTS_ON[key], errors) for key, errors in fitted()["sealed"]["rests_on"].items()],
        "family_shrink": folds.FAMILY_SHRINK,
        "full": folds.FULL,
        "full_first": folds.FULL_FIRST,
        "waited": f"{exp(folds.WAITED):.0f}",
    }


def plain_text(docstring: str) -> str:
    """A docstring for readers: on one line, without the marks of reStructuredText."""
    named = re.sub(
        r":[a-z:]+:`~?(?:[^`<]*<)?([^`<>]+)>?`", lambda role: role[1].lstrip("~.").replace("_", " "), docstring
    )
    return " ".join(named.replace("``", "").replace("`", "").split())


_FIGURES = {"TTFT, median": "ttft p50", "TTFT, p95": "ttft p95", "Answer, median": "whole p50",
            "Answer, p95": "whole p95", "TPOT, median": "each p50", "TPOT, p95": "each p95"}  # fmt: skip


def _names_and_docstrings(formulas: Iterable[Callable[..., Any]]) -> list[tuple[str, str]]:
    """Name and docstring of each formula."""
    return [(formula.__name__.strip("_").replace("_", " "), plain_text(formula.__doc__ or "")) for formula in formulas]


@public("/methodology", shows=(COMMUNITY,))
async def methodology(ask: Ask) -> Answer:
    """Every formula, constant, source, error and known weakness, from the code and the file that predictions are
    made with."""
    ask.redirect_to_canonical("/methodology")
    formulas = (shape_of, *speed.FORMULAS, plan.hold, plan.cost)
    body = render(
        "benchmarks/methodology.html", settings=ask.settings, path="/methodology", canonical="/methodology",
        fitted=fitted(),
        constants=CONSTANTS, before=_BEFORE,
        rests_on=RESTS_ON,
        formulas=_names_and_docstrings(formulas),
        bytes=inputs.WEIGHT_BYTES, sources=sorted({(row["source"], sum(r["source"] == row["source"] for r in _rows()))
            for row in _rows()}),
        electricity=ELECTRICITY, grids=grids.grids(), grids_page=grids.PAGE, grids_file=grids.CARRIED_BY,
        reload_hours=RELOAD_HOURS, reserve=memory.RESERVE,
        ledger=await ledger.summary(), shipped_ledger=shipped_ledger.summary(), covered=ranges.COVERED,
        mlperf=mlperf.verdicts(), **_accuracy(),
        title="Methodology",
        description="How predictions and costs are made: every formula, constant, source of data, and the measured "
                    "error by group.",
    )  # fmt: skip
    return Answer(body)


@public("/methodology/constants")
async def constants(ask: Ask) -> Answer:
    """Each constant with its fitted and its expected value, its unit and its source."""
    ask.redirect_to_canonical("/methodology/constants")
    body = render(
        "benchmarks/constants.html", settings=ask.settings, path="/methodology", canonical="/methodology/constants",
        fitted=fitted(), constants=[(constant, fitted()["constants"][constant.name]) for constant in CONSTANTS],
        fixed=FIXED,
        title="Constants of predictions",
        description="Every constant that predictions are made with: its fitted and expected value, unit and source.",
    )  # fmt: skip
    return Answer(body)


@public("/methodology/traffic")
async def traffic(ask: Ask) -> Answer:
    """The formulas of varied traffic and their errors against a simulated engine."""
    ask.redirect_to_canonical("/methodology/traffic")
    formulas = (
        lengths.spread, step_time.pace, step_time.step, queueing.attended, queueing.most_rate, queueing.crowd,
        queueing.waits, queueing.together, queueing.held_up, latency.seen, latency.answers,
        prefix_cache.prompts, prefix_cache.kept_for, prefix_cache.reused,
        speculative_decoding.drafting, speculative_decoding.gain, disaggregation.seen_apart, disaggregation.best_apart,
    )  # fmt: skip
    body = render(
        "benchmarks/traffic.html", settings=ask.settings, path="/methodology", canonical="/methodology/traffic",
        traffic=_names_and_docstrings(formulas), judged=judged(), drafts=speculative_decoding.accepted_lengths(),
        sure={"busy": latency.SURE_BUSY, "prompts": latency.SURE_PROMPTS, "places": latency.SURE_PLACES,
              "burst": latency.SURE_BURST, "steps": latency.SURE_STEPS}, figures=_FIGURES,
        title="Realistic traffic",
        description="How lengths that vary, bursts, agents and drafts are computed, and the errors against a "
                    "simulated engine.",
    )  # fmt: skip
    return Answer(body)


@public("/methodology/errors", shows=(COMMUNITY,))
async def errors_by_group(ask: Ask) -> Answer:
    """The errors of every group of measurements, by one kind of group at a time."""
    accuracy_found = _accuracy()
    kinds = list(accuracy_found["groups"])
    asked = [value for name, value in ask.pairs() if name == "by" and value]
    if asked and asked[0] not in kinds:
        raise QueryError("by", f"by={asked[0][:40]!r} is not a kind of group.", f"One of {', '.join(kinds)}.")
    by = asked[0] if asked else kinds[0]
    ask.redirect_to_canonical(
        "/methodology/errors" if by == kinds[0] else f"/methodology/errors?{encode([('by', by)])}"
    )
    body = render(
        "benchmarks/errors.html", settings=ask.settings, path="/methodology", by=by, fitted=fitted(), **accuracy_found,
        canonical="/methodology/errors", title="Errors of predictions by group",
        description="How far predictions are from measurements, by model, engine, GPU, weight format and source.",
    )  # fmt: skip
    return Answer(body)
