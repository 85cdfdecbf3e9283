"""Erasing again what a restored database brought back."""

from app import logs
from app.database import execute, transaction
from app.privacy.purge import empty_log
from app.settings import Settings
from app.submissions import publish, store

log = logs.get("journal")


async def erase_again(settings: Settings, back: dict[str, list[str]]) -> None:
    """Erase the reports that are ``back``, and what was published of them."""
    for one in back.get("submission", ()):
        report = await store.by_id(one)
        async with transaction(store.QUEUE_KEY, *(report.keys if report else ())):
            await execute("DELETE FROM submission_contact WHERE submission = ?", one)
            await execute("DELETE FROM submission WHERE id = ?", one)
    async with transaction():
        for one in back.get("case", ()):
            await execute("DELETE FROM privacy_case WHERE reference = ?", one)
    await publish.publish_prices()
    await empty_log()
    log.warning(
        "erased again what an older database brought back", extra={kind: len(ids) for kind, ids in back.items()}
    )
