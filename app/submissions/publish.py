"""Publishing approved reports: prices among the offers, benchmarks beside the measured rows, experiences.

A reported price is shown beside the provider's own, never instead of it: it is marked, and best prices, history and the
calculator ignore it.
"""

from collections import defaultdict
from collections.abc import Awaitable, Iterable
from datetime import date
from decimal import Decimal
from typing import TypeVar

from app.benchmarks.predict import added
from app.core import clock, logs
from app.pricing.offers.normalise_batch import normalise_batch
from app.pricing.offers.offer import COMMUNITY, RawOffer
from app.pricing.refresh.exchange_rates import rates
from app.pricing.refresh.replace_offers import replace_source
from app.storage.engine import UNAVAILABLE, transaction
from app.submissions.store import Submission, published
from app.upstream.store import is_recorded
from app.upstream.written import Written

SOURCE, TITLE = COMMUNITY, "Reports of the community"
T = TypeVar("T")
log = logs.get("reports")
AGREE = Decimal("0.01")
"""Two prices agree within 1%."""
SAME_SPEED = 0.2


def as_instant(day: str) -> int:
    """The first second of a UTC day."""
    return int(clock.parse_instant(day).timestamp())


def grouped(reports: Iterable[Submission]) -> list[tuple[Submission, int]]:
    """(report to show, number of reports that agree with it) for each group about the same thing. Shown is the newest,
    and among several of one day the one with the most agreement."""
    alike: dict[tuple[str, ...], list[Submission]] = defaultdict(list)
    for report in reports:
        v = report.values
        alike[
            tuple(
                v.get(name, "")
                for name in ("provider", "gpu", "gpu_count", "tier", "commitment_months", "region", "per")
            )
        ].append(report)
    found = []
    for rows in alike.values():
        _, agreeing, _, shown = max((row.values["seen_on"], _agreeing(row, rows), row.id, row) for row in rows)
        found.append((shown, agreeing))
    return found


def _agreeing(report: Submission, rows: list[Submission]) -> int:
    price = Decimal(report.values["price"])
    return sum(abs(Decimal(row.values["price"]) / price - 1) <= AGREE for row in rows)


def as_raw(report: Submission, agreeing: int) -> RawOffer:
    """A reported price as a raw offer."""
    v = report.values
    amount = Decimal(v["price"])
    per_gpu = v["per"] == "gpu-hour"
    others = "1 report" if agreeing == 1 else f"{agreeing} reports agree"
    return RawOffer(
        source=SOURCE, provider=v["provider"], gpu=v["gpu"], gpu_count=v["gpu_count"], tier=v["tier"],
        region=v.get("region", ""),
        amount_per_gpu_hour=amount if per_gpu else None, amount_per_instance_hour=None if per_gpu else amount,
        commitment_months=int(v["commitment_months"]) if "commitment_months" in v else None,
        remark=f"{COMMUNITY}, {others}",
        source_url=v.get("link", f"/providers/{v['provider']}"), fetched_at=as_instant(v["seen_on"]),
        reference=report.id,
    )  # fmt: skip


async def publish_prices() -> Written:
    """Make the offers of the source :data:`SOURCE` match the approved reports; they never enter the price history."""
    raws = [as_raw(report, agreeing) for report, agreeing in grouped(await published("price"))]
    batch = normalise_batch(raws, await rates(), clock.timestamp())
    if not batch.offers and not await is_recorded(SOURCE):
        return Written(0, 0, 0, 0)
    return await replace_source(SOURCE, TITLE, list(batch.offers), [], clock.timestamp())


async def with_prices(change: Awaitable[T]) -> tuple[T, Written]:
    """Make a change to reports and publish the prices that are approved after it, in one transaction: a process killed
    in between leaves no withdrawn price on the pages.

    If they can't be published, because of a fault of ours or of another report, no reported price is shown until they
    can: withdrawing must not depend on it.
    """
    async with transaction():
        done = await change
        try:
            return done, await publish_prices()
        except UNAVAILABLE:
            raise
        except Exception as error:
            log.error("reported prices could not be published; none is shown",
                      extra={"why": type(error).__name__})  # fmt: skip
            return done, await replace_source(SOURCE, TITLE, [], [], clock.timestamp())


def as_row(report: Submission) -> dict[str, str]:
    """A reported benchmark in the columns of the measured rows."""
    v = report.values
    throughput, load = v.get("output_tokens_per_s", ""), Decimal(v["concurrency"])
    tpot = v.get("tpot_ms") or (f"{1000 * load / Decimal(throughput):.4f}" if throughput else "")
    return {
        "source": SOURCE, "measured_on": v["measured_on"], "engine": v["engine"], "engine_version": v["engine_version"],
        "model": v["model"],
        "precision": v["precision"], "gpu": v["gpu"], "tensor_parallel": v["tensor_parallel"],
        "pipeline_parallel": v["pipeline_parallel"],
        "attention_data_parallel": "1", "expert_parallel": "1", "input_tokens": v["input_tokens"],
        "output_tokens": v["output_tokens"],
        "concurrency": v["concurrency"], "request_rate_per_s": "", "output_tokens_per_s": throughput,
        "ttft_ms": v.get("ttft_ms", ""), "tpot_ms": tpot, "statistic": "median",
    }  # fmt: skip


async def benchmark_rows() -> list[dict[str, str]]:
    """Approved benchmarks with the prediction for the same set-up, the newest first; ``agree`` counts independent
    ones within 20%."""
    rows = [
        as_row(report) | {"id": report.id, "how": report.values["how"], "link": report.values.get("link", "")}
        for report in await published("benchmark")
    ]
    same = (
        "model",
        "gpu",
        "engine",
        "precision",
        "tensor_parallel",
        "pipeline_parallel",
        "input_tokens",
        "output_tokens",
        "concurrency",
    )
    found = []
    for row in rows:
        alike = [other for other in rows if all(other[name] == row[name] for name in same)]
        agree = sum(abs(float(other["tpot_ms"]) / float(row["tpot_ms"]) - 1) <= SAME_SPEED for other in alike)
        found.append({**row, **added(row), "agree": str(agree)})
    return sorted(found, key=lambda row: (row["measured_on"], row["id"]), reverse=True)


async def experiences(provider: str) -> list[Submission]:
    """Approved experiences with a provider, the newest first."""
    rows = await published("experience", provider)
    return sorted(rows, key=lambda row: (date.fromisoformat(row.day), row.id), reverse=True)
