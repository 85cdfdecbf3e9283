"""Erasing again what a restored database brought back."""

from app.core import logs
from app.core.settings import Settings
from app.core.version_keys import QUEUE_KEY
from app.privacy.mail import sync
from app.storage.sqlite import execute, fetch, transaction
from app.storage.write_ahead_log import empty_log
from app.submissions import publish, store

log = logs.get("journal")


async def erase_again(settings: Settings, back: dict[str, list[str]]) -> None:
    """Erase the reports that are ``back``, and what was published of them."""
    for one in back.get("submission", ()):
        report = await store.by_id(one)
        async with transaction(QUEUE_KEY, *(report.keys if report else ())):
            await execute("DELETE FROM submission_contact WHERE submission = ?", one)
            await execute("DELETE FROM submission WHERE id = ?", one)
    for one in back.get("case", ()):
        copies = await fetch("SELECT place, name FROM mail_copy WHERE reference = ?", one)
        await sync.delete_copies(settings, [(place, name) for place, name in copies])
    async with transaction():
        for one in back.get("case", ()):
            await execute("DELETE FROM privacy_case WHERE reference = ?", one)
    await publish.publish_prices()
    await empty_log()
    log.warning(
        "erased again what an older database brought back", extra={kind: len(ids) for kind, ids in back.items()}
    )
