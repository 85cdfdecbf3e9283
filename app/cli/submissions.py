"""``inferencebench submissions``: the queue, a report next to what is known, decisions in batches."""

import csv
import io
import sys
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated

from cyclopts import Parameter

from app.benchmarks.predict import added
from app.benchmarks.rows import COLUMNS
from app.cli import new_file
from app.cli.database import open_database
from app.cli.options import group, one_of
from app.core import csv_text, money
from app.core.errors import InferenceBenchError
from app.core.number_format import percent
from app.core.plain_text import visible
from app.core.settings import Settings
from app.pricing.offers.market_store import offers_like
from app.storage import engine
from app.submissions import ledger, ledger_store, plausible, publish, store, version_store
from app.submissions.export import STATES
from app.submissions.forms import FORMS
from app.submissions.store import Submission
from app.web import cdn_purge

app = group("submissions")
EVERY_STATE = "all"


@app.command(name="list")
def listing(
    *,
    state: Annotated[str, one_of((*STATES, EVERY_STATE))] = "waiting",
    kind: Annotated[str, one_of(tuple(FORMS), optional=True)] = "",
    settings: Settings,
) -> int:
    """Print the queue, or the reports in another state."""
    from rich.console import Console
    from rich.table import Table

    open_database(settings)
    found = engine.run(store.listed("" if state == EVERY_STATE else state, kind))
    table = Table("number", "sent", "kind", "state", "what", box=None)
    for report in found:
        table.add_row(
            report.id,
            report.day,
            report.kind,
            STATES[report.state] + (", frozen" if report.restricted else ""),
            visible(_line(report)),
        )
    if found:
        Console(markup=False).print(table)
    print(f"{len(found)} {'report' if len(found) == 1 else 'reports'}")
    return 0


def _line(report: Submission) -> str:
    if not report.sound:
        return "can't be read"
    v = report.values
    if report.kind == "price":
        return (
            f"{v['provider']}: {v['gpu_count']} x {v['gpu']}, {v['tier']}, {v['price']} USD per {v['per']}, seen"
            f" {v['seen_on']}"
        )
    if report.kind == "benchmark":
        return f"{v['model']} on {v['gpu']} TP{v['tensor_parallel']}, {v['engine']}: {v.get('tpot_ms', '?')} ms a token"
    return f"{v['provider']}, {v['topic']}, {v['rating']}/5: {v['text'][:60]!r}"


@app.command
def show(number: str, /, *, settings: Settings) -> int:
    """Print a whole report, with what is known about the same thing next to it.

    Args:
        number: the report's number, as listed
    """
    open_database(settings)
    return engine.run(_show(number))


async def _show(number: str) -> int:
    """Print a report, and remember which version was printed."""
    report = await _known(number)
    await store.mark_seen(report)
    print(
        f"{report.id}  {report.kind}  sent {report.day}  "
        f"{STATES[report.state]}{', frozen' if report.restricted else ''}"
    )
    print(f"  version {report.version}: inferencebench submissions approve {report.id}@{report.version}")
    if not report.sound:
        print("! what is stored of this report can't be read; it is shown nowhere and can only be erased")
        return 0
    for field in FORMS[report.kind].fields:
        if field.name in report.values:
            print(visible(f"  {field.label}: {report.values[field.name]}"))
    print(f"  E-mail for questions: {'given' if report.contact else 'none'}")
    for line in await _beside(report):
        print(visible(line))
    return 0


async def _known(one: str) -> Submission:
    report = await store.by_id(one)
    if report is None:
        raise InferenceBenchError(
            f"there is no report {one[:20]!r}; inferencebench submissions list --state all names them"
        )
    return report


async def _beside(report: Submission) -> list[str]:
    lines = [f"! {text}" for text in (await plausible.doubts(report.kind, report.values)).values()]
    v = report.values
    if report.kind == "price":
        amount = Decimal(v["price"]) / (1 if v["per"] == "gpu-hour" else Decimal(v["gpu_count"]))
        lines.append(f"= {amount:.4f} USD per GPU-hour; known of {v['provider']}, {v['gpu']}, {v['tier']}:")
        lines += [
            f"  {row['source']}: {row['gpu_count']} GPUs, {row['region'] or 'region not stated'}, "
            f"{money.show(row['usd_per_gpu_hour_micro'])} "
            f"({percent(float(amount * 1_000_000 / row['usd_per_gpu_hour_micro'] - 1), signed=True)})"
            for row in await offers_like(v["provider"], v["gpu"], v["tier"])
        ] or ["  nothing"]
    elif report.kind == "benchmark":
        row = publish.as_row(report)
        guess = added(row)
        prediction = (
            guess["error"]
            or f"{guess['predicted_tpot_ms']} ms a token predicted, 80% range {guess['tpot_low_ms']} to "
            f"{guess['tpot_high_ms']}"
        )
        lines.append(f"= {row['tpot_ms']} ms a token reported; {prediction}")
    return lines


Number = Annotated[
    str, Parameter(required=True, help="a report's, or NUMBER@VERSION: refused if it was corrected since that version")
]


@app.command
def approve(*numbers: Number, reason: str = "", settings: Settings) -> int:
    """Publish reports, marked as reported by the community; all that are named, or none.

    The version published is the one named, otherwise the one shown last. A report that was never shown is printed first
    and, at a terminal, confirmed; one that was corrected since it was shown is refused.

    Args:
        reason: what the sender reads
    """
    open_database(settings)
    unseen = engine.run(_never_shown(numbers))
    for number in unseen:
        engine.run(_show(number))
    if (
        unseen
        and sys.stdin.isatty()
        and input(f"Publish {'it' if len(numbers) == 1 else 'all'}? [y/N] ").strip().casefold() not in ("y", "yes")
    ):
        raise InferenceBenchError("nothing was published")
    return engine.run(_decide(settings, numbers, "approve", reason.strip()[:300]))


async def _never_shown(numbers: Sequence[str]) -> list[str]:
    """The reports among ``numbers`` for which no version is named or was shown, and which were never corrected."""
    found = []
    for one, version in map(_named, numbers):
        if version is None and (await _known(one)).version == 1 and not await version_store.was_shown(one):
            found.append(one)
    return found


@app.command
def reject(*numbers: Number, reason: str = "", settings: Settings) -> int:
    """Refuse reports; all that are named, or none.

    Args:
        reason: what the sender reads; a rejection needs one
    """
    if not reason.strip():
        raise InferenceBenchError(
            "a rejection needs its reason: the sender reads it; for example --reason 'no such instance is sold'"
        )
    open_database(settings)
    return engine.run(_decide(settings, numbers, "reject", reason.strip()[:300]))


async def _decide(settings: Settings, ids: Sequence[str], action: str, reason: str) -> int:
    asked = dict(_named(one) for one in ids)
    reports = [await _known(one) for one in asked]
    keys = {key for report in reports for key in report.keys}

    async def decide() -> None:
        for report in reports:
            await store.decide(report, action, reason, asked[report.id])
            await (ledger.write(report) if action == "approve" else ledger_store.forget(report.id))

    _, written = await publish.with_prices(decide())  # all or none
    await cdn_purge.purge(settings, keys | written.keys)
    print(
        f"{len(reports)} {'report' if len(reports) == 1 else 'reports'} "
        f"{'approved' if action == 'approve' else 'rejected'}"
    )
    return 0


def _named(text: str) -> tuple[str, int | None]:
    """A report's number and the version reviewed, if named: ``NUMBER`` or ``NUMBER@VERSION``."""
    one, at, version = text.partition("@")
    if at and not (version.isascii() and version.isdigit() and 0 < len(version) < 7):
        raise InferenceBenchError(f"{text[:40]!r} names no version; for example {one[:20]}@1")
    return one, int(version) if at else None


@app.command
def benchmarks(output: str, /, *, settings: Settings) -> int:
    """Write the approved benchmarks in the columns of the measured rows, for make calibrate COMMUNITY=FILE.csv.

    Args:
        output: the new CSV file to write
    """
    path = new_file.check(output)
    open_database(settings)
    rows = [publish.as_row(report) for report in engine.run(store.published("benchmark"))]
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: csv_text.cell(value) for name, value in row.items()} for row in rows)
    new_file.write(path, file.getvalue().encode())
    print(f"{len(rows)} rows", file=sys.stderr)
    return 0
