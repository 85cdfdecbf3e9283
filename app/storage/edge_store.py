"""The outbox of purges: which version of each key was last purged at every edge. Instants are seconds since 1970."""

from collections.abc import Sequence
from typing import NamedTuple

from piccolo.columns import BigInt, Varchar
from piccolo.table import Table

from app.storage import scopes
from app.storage.engine import ENGINE, execute, execute_many, fetch, transaction


class EdgePurgeRow(Table, db=ENGINE, tablename="edge_purge"):
    """The version of a key that was last purged at an edge; ``again_at`` is when it is purged once more, 0 for
    never."""

    edge = Varchar(length=16, primary_key=True)
    key = Varchar(length=120, primary_key=True)
    version = BigInt()
    again_at = BigInt()


class EdgeFaultRow(Table, db=ENGINE, tablename="edge_fault"):
    """An edge that can't be purged: since when, and its last error."""

    edge = Varchar(length=16, primary_key=True)
    since = BigInt()
    why = Varchar(length=300)


class Change(NamedTuple):
    """A key to purge at an edge: its version, and the version that was last purged there, 0 if none was."""

    key: str
    version: int
    purged: int


class Fault(NamedTuple):
    """An edge that can't be purged: since when, and its last error."""

    edge: str
    since: int
    why: str


async def changes(edge: str, now: int) -> list[Change]:
    """The keys to purge at ``edge`` at ``now``."""
    return await fetch(
        Change,
        "SELECT v.key, v.version, coalesce(p.version, 0) AS purged FROM data_version v LEFT JOIN edge_purge p "
        "ON p.key = v.key AND p.edge = {} WHERE p.version IS NULL OR p.version <> v.version "
        "OR (p.again_at > 0 AND p.again_at <= {}) ORDER BY v.key",
        edge, now,
    )  # fmt: skip


async def mark_purged(edge: str, found: Sequence[Change], again_at: int) -> None:
    """Record that ``found`` was purged at ``edge``; keys that were new to it are purged once more at ``again_at``,
    since an answer under way may have been stored there after the first purge."""
    async with transaction(scope=scopes.EDGES):
        await execute_many(
            "INSERT INTO edge_purge (edge, key, version, again_at) VALUES ({}, {}, {}, {}) ON CONFLICT (edge, key) "
            "DO UPDATE SET version = excluded.version, again_at = excluded.again_at",
            [(edge, one.key, one.version, 0 if one.purged == one.version else again_at) for one in found],
        )
        await execute("DELETE FROM edge_fault WHERE edge = {}", edge)


async def failed(edge: str, now: int, why: str) -> None:
    """Record that ``edge`` could not be purged; the instant of its first fault is kept."""
    async with transaction(scope=scopes.EDGES):
        await execute(
            "INSERT INTO edge_fault (edge, since, why) VALUES ({}, {}, {}) ON CONFLICT (edge) "
            "DO UPDATE SET why = excluded.why",
            edge, now, why[:300],
        )  # fmt: skip


async def faults() -> list[Fault]:
    """The edges that can't be purged now."""
    return await fetch(Fault, "SELECT edge, since, why FROM edge_fault ORDER BY since")
