"""The commands that start processes or concern the installation as a whole.

What they need is imported only when they run.
"""

import sys
from pathlib import Path

from app.core.settings import Settings


def up(*, settings: Settings) -> int:
    """Serve the pages and keep the prices fresh."""
    from app.process import serve as web

    return web.run(settings, with_worker=True)


def serve(*, settings: Settings) -> int:
    """Run the web process alone."""
    from app.process import serve as web

    return web.run(settings)


def work(*, settings: Settings) -> int:
    """Run the worker alone."""
    from app.process import prepare, supervise

    prepare.prepare(settings)
    return supervise.run_worker(settings)


def doctor(*, settings: Settings) -> int:
    """Print what is misconfigured; exit status 1 if anything is."""
    from app.process import doctor as examination

    return examination.run(settings)


def backup(file: str, /, *, settings: Settings) -> int:
    """Write a backup.

    Args:
        file: the file to write
    """
    from app.process import backup as backups

    size = backups.backup(settings, Path(file))
    print(f"{file}: {size / 1e6:,.1f} MB")
    if settings.database_url:
        print(
            "Without the database, which lies on a server: copy it with pg_dump --format=custom, before this file, so "
            "that what is erased in between stands in this file's journal."
        )
    return 0


def restore(file: str, /, *, settings: Settings) -> int:
    """Restore a backup into the data folder.

    Args:
        file: the backup
    """
    from app.process import backup as backups

    came = backups.restore(settings, Path(file))
    print("restored: " + ", ".join(f"{count:,} {what}" for what, count in came.items()))
    return 0


def estimate(file: str, /, *, output: str | None = None, settings: Settings) -> int:
    """Predict every row of a file.

    Args:
        file: the rows, as CSV
        output: where to write the rows with their predictions; standard output if not given
    """
    from app.benchmarks.predict import estimate_file

    del settings  # wrong settings are refused by every command, including this one

    rows, wrong = estimate_file(file, output)
    print(f"{rows} rows, {rows - wrong} predicted, {wrong} with an error", file=sys.stderr)
    return 0
