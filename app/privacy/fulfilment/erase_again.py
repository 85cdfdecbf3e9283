"""Erasing again, after a restore, what an older database brought back."""

from collections.abc import Iterable

from app.core import logs
from app.core.settings import Settings
from app.core.version_keys import QUEUE_KEY
from app.privacy.mail import copy_store, sync
from app.privacy.requests.store import delete as delete_case
from app.storage.engine import scrub, transaction
from app.submissions import publish, store

log = logs.get("journal")


async def erase_again(settings: Settings, back: dict[str, list[str]]) -> None:
    """Erase what is ``back`` (kind of the erasure journal → ids), with what was published of it."""
    await publish.with_prices(_forget(back.get("submission", ())))
    for one in back.get("case", ()):
        await sync.delete_copies(settings, await copy_store.copies_of([one]))
    async with transaction():
        for one in back.get("case", ()):
            await delete_case(one)
    await scrub()
    log.warning(
        "erased again what an older database brought back", extra={kind: len(ids) for kind, ids in back.items()}
    )


async def _forget(ids: Iterable[str]) -> None:
    for one in ids:
        report = await store.by_id(one)
        async with transaction(QUEUE_KEY, *(report.keys if report else ())):
            await store.forget(one)
