"""``inferencebench move``: an installation's SQLite file into a database on PostgreSQL."""

from dataclasses import replace

from app.core import data_folder
from app.core.errors import InferenceBenchError, SettingError
from app.core.setting_readers import server, without_secret
from app.core.settings import Settings
from app.process import prepare
from app.storage import engine

EXAMPLE = "postgres://me@127.0.0.1/inferencebench"


def move(*, to: str, settings: Settings) -> int:
    """Copy this installation's database to PostgreSQL, compared row for row. The site is stopped meanwhile.

    The target is an empty database; a copy that is cut off leaves nothing in it and can be begun again.

    Args:
        to: the database's URL, for example postgres://inferencebench:secret@db.example.org/inferencebench
    """
    from rich.console import Console
    from rich.progress import Progress

    from app.storage import move as moving

    try:
        url = server(to)
    except ValueError as error:
        raise SettingError(f"--to {without_secret(to)!r} {error}; for example --to={EXAMPLE}") from None
    if not url:
        raise SettingError(f"--to names no database; for example --to={EXAMPLE}")
    path = settings.database_path
    if not path.exists():
        raise InferenceBenchError(f"there is nothing to move: {path} does not exist")
    prepare.prepare(replace(settings, database_url=""))
    with data_folder.alone(settings.data_dir), Progress(console=Console(stderr=True, soft_wrap=True)) as progress:
        sizes = dict(moving.rows_in(path))
        task = progress.add_task("", total=sum(sizes.values()))
        done: dict[str, int] = {}

        def tell(table: str, rows: int) -> None:
            done[table] = rows
            progress.update(task, description=table, completed=sum(done.values()))

        async def work() -> list[moving.Copied]:
            async with engine.alone():
                await engine.migrate()
                return await moving.move(path, url, tell)

        engine.use(url)
        copied = engine.run(work())
        progress.update(task, description="compared", total=1, completed=1)
    for table in copied:
        print(f"{table.table}: {table.rows:,} rows, digest {table.digest[:16]} on both sides")
    print(
        f"Moved. Set INFERENCEBENCH_DATABASE_URL and start again. {path} is as it was: delete it once the site runs on "
        "PostgreSQL, since no purge and no erasure reaches it any more."
    )
    return 0
