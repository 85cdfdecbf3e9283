"""``inferencebench retention`` and ``inferencebench abuse``."""

import time
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated

from app.cli.database import open_database
from app.cli.options import group, whole
from app.core import clock
from app.core.errors import InferenceBenchError
from app.core.number_format import percent
from app.core.plain_text import visible
from app.core.settings import Settings
from app.core.units import DAY_S, HOUR_S
from app.privacy.retention import canary as canaries
from app.privacy.retention import purge
from app.storage import engine
from app.telemetry import access_log_reader
from app.telemetry.abuse import Tally

if TYPE_CHECKING:
    from app.telemetry import nodes

app = group("retention")
SOON_S = DAY_S


def instant(text: str, name: str) -> int:
    """Seconds since 1970 of an instant that was given as ``--name``."""
    try:
        return int(clock.parse_instant(text).timestamp())
    except ValueError:
        raise InferenceBenchError(
            f"--{name} {text!r} is no date or instant; for example 2026-11-24 or 2026-11-24T14:00:00Z"
        ) from None


@app.command
def status(*, now: str = "", settings: Settings) -> int:
    """Print what is stored, for how long, and what is due for deletion.

    Args:
        now: as if it were this instant, such as 2027-02-28T00:00:00Z
    """
    from rich.console import Console
    from rich.table import Table

    at = instant(now, "now") if now else clock.timestamp()
    open_database(settings)
    table = Table("kind", "kept", "held", "oldest", "due now", "next due", "last purge", box=None)
    for state in engine.run(purge.held_by_kind(settings, at)):
        table.add_row(
            state.kind.name, state.kind.kept, f"{state.held:,}" if state.kind.ages else "-", _day(state.oldest),
            f"{state.due:,}" if state.kind.ages else "-", _moment(state.next_at), _moment(state.ran_at),
        )  # fmt: skip
    Console(markup=False).print(table)
    return 0


@app.command
def run(*, now: str = "", dry_run: bool = False, settings: Settings) -> int:
    """Erase what is past its limit.

    Args:
        now: as if it were this instant, such as 2027-02-28T00:00:00Z
        dry_run: print what would be erased, and erase nothing
    """
    at = instant(now, "now") if now else clock.timestamp()
    open_database(settings)
    if dry_run:
        for state in engine.run(purge.held_by_kind(settings, at)):
            if state.due:
                print(f"{state.kind.name}: {state.due:,} would go ({state.kind.erased})")
        print("nothing was erased: this was a dry run")
        return 0
    for name, count in engine.run(purge.run(settings, at)).items():
        print(f"{name}: {count:,} gone")
    return 0


@app.command
def canary(*, wait: Annotated[int, whole(1, HOUR_S)] = canaries.LEAST_WAIT_S, settings: Settings) -> int:
    """Plant artificial rows of every kind shortly before their limit, wait for it, and check that they are gone.

    The exit status is 1 if one is still there one second past its limit.

    Args:
        wait: seconds until the limit, from 1 to 3600
    """
    from rich.progress import track

    open_database(settings)
    one = engine.run(canaries.plant(settings, wait))
    print(
        f"planted {sum(one.rows.values())} artificial rows of {len(one.rows)} kinds; the last limit is at "
        f"{_moment(one.due_at)}"
    )
    for _ in track(range(max(0, one.due_at - clock.timestamp())), "waiting", transient=True):
        time.sleep(1)
    checked = engine.run(canaries.check(settings, one))
    if checked.found:
        print("still there a second past the limit:")
        print("\n".join(f"  {place}" for place in checked.found))
        print("does the worker run? inferencebench doctor tells; inferencebench retention run erases what is due")
        return 1
    print("gone from every file, mailbox and page")
    return 0


def abuse(
    *, since: str = "", until: str = "", address: str = "", top: Annotated[int, whole(1)] = 10, settings: Settings
) -> int:
    """Print the busiest addresses and those whose requests failed in bursts, or every row of one address.

    Every node is asked; the exit status is 1 if one did not answer, and it is named.

    Args:
        since: from this date or instant on; a day ago if not given
        until: up to this date or instant
        address: print every row of this IP address instead
        top: how many addresses to print
    """
    now = clock.timestamp()
    span = (instant(since, "since") if since else now - SOON_S, instant(until, "until") if until else None)
    from app.telemetry import nodes

    try:
        asked = nodes.Asked(settings, nodes.Question("rows" if address else "tally", *span, address))
        engine.use(settings.database)
        engine.run(_of_address(asked) if address else _of_all(asked, top))
    except ValueError:
        raise InferenceBenchError(
            f"--address {address!r} is no IP address; for example 203.0.113.7 or 2001:db8::7"
        ) from None
    for who in asked.silent:
        print(f"without {who}")
    return 1 if asked.silent else 0


async def _of_address(asked: "nodes.Asked") -> None:
    rows = [access_log_reader.LogRow(**row) async for part in asked.parts() for row in part]
    for row in sorted(rows, key=attrgetter("at")):
        took = "" if row.ms is None else f"{row.ms:.1f} ms"
        line = (
            f"{_moment(row.at)}  {row.status}  {row.method} {row.path if row.path != '-' else row.route} "
            f" {row.browser}, {row.system}  {row.referrer}  {took}"
        )
        print(visible(line))
    print(f"{len(rows):,} rows")


async def _of_all(asked: "nodes.Asked", top: int) -> None:
    tally = Tally()
    async for part in asked.parts():
        tally.join(part)
    print(f"{tally.asked.total():,} requests of {len(tally.asked):,} addresses")
    if tally.asked:
        print("top talkers:")
    for address, count in tally.asked.most_common(top):
        route, most = tally.routes[address].most_common(1)[0]
        share = percent(tally.failed[address] / count)
        print(visible(f"  {count:>9,}  {address}  {share} failed, most of all {route} ({most:,})"))
    worst = tally.bursts(top)
    if worst:
        print("bursts of failed requests, a minute each:")
    for (address, minute), count in worst:
        print(f"  {count:>9,}  {address}  {_moment(minute * 60)}")


def _moment(at: int | None) -> str:
    return "-" if at is None else f"{clock.from_timestamp(at):%Y-%m-%d %H:%M:%S}"


def _day(at: int | None) -> str:
    return "-" if at is None else f"{clock.from_timestamp(at):%Y-%m-%d}"
