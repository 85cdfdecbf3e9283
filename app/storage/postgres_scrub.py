"""Getting the text of deleted rows out of PostgreSQL's files.

DELETE marks a row, and VACUUM frees its space: its text stays in the table's file until other rows overwrite it. VACUUM
FULL rewrites the table and deletes the old file. The write-ahead log keeps the text until its segments are recycled: a
checkpoint releases those before it, unless an archive or a replica needs them. The retention table and
docs/operating.md say what may stay there and for how long.
"""

import asyncio
import contextlib
from typing import Any

import asyncpg

from app.core import logs

WAIT_S = 0.1
NO_SAMPLES = """DO $$ DECLARE c record; BEGIN
    FOR c IN SELECT attrelid::regclass AS place, attname FROM pg_attribute JOIN pg_class t ON t.oid = attrelid
        WHERE t.relnamespace = '{schema}'::regnamespace AND t.relkind = 'r' AND attnum > 0 AND NOT attisdropped
        AND coalesce(attstattarget, -1) <> 0
    LOOP EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET STATISTICS 0', c.place, c.attname); END LOOP;
END $$"""
"""Turns off statistics of personal tables: ANALYZE would copy values of columns into a catalogue that our purge can't
reach. ``attstattarget`` is NULL in PostgreSQL 17 if nothing is set, hence the coalesce."""
log = logs.get("storage")


async def rewrite(connection: Any, tables: tuple[str, ...], schema: str, tries: int) -> bool:
    """Rewrite each of ``tables`` whose files may hold deleted or overwritten text.

    Returns False if a reader still blocks one after ``tries`` tries of :data:`WAIT_S` seconds each.
    """
    await connection.execute(f"SET lock_timeout = {int(WAIT_S * 1000)}")
    left = [table for table in tables if await _has_file(connection, f"{schema}.{table}")]
    if not left:
        return True
    for turn in range(tries):
        if turn:
            await asyncio.sleep(WAIT_S)
        for table in list(left):
            with contextlib.suppress(asyncpg.LockNotAvailableError):
                await connection.execute(f"VACUUM FULL {schema}.{table}")
                left.remove(table)
        if not left:
            await _end_segment(connection)
            return True
    log.error("personal tables could not be rewritten; the next purge tries again", extra={"tables": left})
    return False


async def _has_file(connection: Any, table: str) -> bool:
    """False if the files of the table and its indexes are empty, apart from the first page of each index.

    The server's own count of dead rows is not used, because it lags behind.
    """
    asked = (
        "SELECT pg_relation_size(c.oid) + coalesce(pg_relation_size(nullif(c.reltoastrelid, 0)), 0) > 0 OR EXISTS "
        "(SELECT 1 FROM pg_index WHERE indrelid IN (c.oid, c.reltoastrelid) AND pg_relation_size(indexrelid) > 8192) "
        "FROM pg_class c WHERE c.oid = $1::text::regclass"
    )
    return bool(await connection.fetchval(asked, table))


async def _end_segment(connection: Any) -> None:
    """Begin a new segment of the write-ahead log and run a checkpoint, which releases older segments, as far as this
    user has the rights."""
    for statement in ("SELECT pg_switch_wal()", "CHECKPOINT"):
        try:
            await connection.execute(statement)
        except asyncpg.InsufficientPrivilegeError:
            log.warning("the database's user may not do this; the server does it by itself within its own limits",
                        extra={"statement": statement})  # fmt: skip
