"""``inferencebench refresh``: all sources in parallel, with a progress line each, and a table of the results."""

import difflib
import os
from collections.abc import Sequence

from app.core import logs
from app.core.errors import SettingError
from app.core.plain_text import visible
from app.core.settings import Settings
from app.models.hub import refresh as models
from app.pricing.sources import EVERY
from app.process import prepare
from app.storage import engine
from app.upstream.outcome import Outcome
from app.web import cdn_purge

HUB_NAMES = ("huggingface", "hub", "hf")
"""Other names for the models."""
NICE = 10
"""Fetching runs at a lower priority than serving, so that pages requested meanwhile are served first."""
_WORDS = {
    "ok": "[green]ok[/]",
    "failed": "[red]failed[/]",
    "not configured": "[dim]not configured[/]",
    "busy": "[yellow]busy[/]",
}


def refresh(*sources: str, accept: Sequence[str] = (), settings: Settings) -> int:
    """Fetch prices now. Exit status 1 if any source failed.

    Args:
        sources: which sources; all of them if none is named
        accept: accept this source's answer although it is small or its prices jumped
    """
    names = [models.NAME if name in HUB_NAMES else name for name in sources]
    wanted = _known([*names, *accept]) or [*EVERY]
    prepare.prepare(settings)
    os.nice(NICE)
    logs.configure()
    engine.use(settings.database)
    outcomes = engine.run(_all(settings, list(dict.fromkeys(wanted)), accept))
    return 1 if any(outcome.state == "failed" for outcome in outcomes) else 0


def _known(names: Sequence[str]) -> list[str]:
    """The names, checked; raises :class:`SettingError` for one that is not a source."""
    known = [*EVERY, models.NAME]
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            raise SettingError(
                f"no source is called {name!r}; "
                f"{f'did you mean {close[0]}?' if close else f'known are {chr(44).join(known)}'}"
            )
    return list(names)


async def _all(settings: Settings, names: list[str], accept: Sequence[str]) -> list[Outcome]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from app.pricing.refresh.refresh_source import refresh_many

    console = Console(soft_wrap=True)
    columns = (
        TextColumn("{task.description:<16}"),
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=console) as progress:
        tasks = {name: progress.add_task(name, total=None, note="asking") for name in names}

        def done(outcome: Outcome) -> None:
            note = f"{_WORDS[outcome.state]} {outcome.shown:,}" if outcome.state == "ok" else _WORDS[outcome.state]
            progress.update(tasks[outcome.source], total=1, completed=1, note=note)

        outcomes = await refresh_many([name for name in names if name != models.NAME], settings, accept, done)
        if models.NAME in names:
            outcomes.append(await models.refresh_models(settings))
            done(outcomes[-1])
    console.print(_table(outcomes))
    for outcome in outcomes:
        if outcome.note:
            console.print(visible(f"{outcome.source}: {outcome.note}"), highlight=False, markup=False)
    keys = set().union(*(outcome.keys for outcome in outcomes))
    if fault := await cdn_purge.purge(settings, keys):
        console.print(visible(f"the edge could not be told: {fault}"), markup=False)
    return outcomes


def _table(outcomes: list[Outcome]) -> object:
    from rich.table import Table

    table = Table("source", "state", title="Refresh", title_justify="left")
    for heading in ("stated", "shown", "new", "changed", "confirmed", "gone"):
        table.add_column(heading, justify="right")
    for outcome in outcomes:
        written = outcome.written
        counts = [written.added, written.changed, written.confirmed, written.gone] if written else []
        cells = [f"{n:,}" for n in (outcome.stated, outcome.shown, *counts)] if outcome.state == "ok" or written else []
        table.add_row(outcome.source, _WORDS[outcome.state], *(cells + [""] * (6 - len(cells))))
    return table
