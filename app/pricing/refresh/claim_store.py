"""Which sources have which provider's prices, and the claims of those that are not shown. Instants are seconds since
1970."""

from collections.abc import Iterable
from typing import NamedTuple

from app.pricing.offers.offer import COMMUNITY
from app.pricing.offers.tables import ClaimRow
from app.storage.engine import execute, execute_many, fetch, insert_many


class Claim(NamedTuple):
    """The lowest price of whole GPUs that a source states, in micro-dollars per GPU-hour, and when it was seen."""

    source: str
    provider: str
    gpu: str
    tier: str
    commitment_months: int | None
    usd_per_gpu_hour_micro: int
    seen_at: int


class SourceOfProvider(NamedTuple):
    """When the newest of a source's offers of a provider was seen, and until when the last of them counts as fresh."""

    source: str
    provider: str
    seen_at: int
    stale_at: int


async def other_sources(source: str) -> list[SourceOfProvider]:
    """The sources other than ``source``, by provider, without visitors' reports."""
    return await fetch(
        SourceOfProvider,
        "SELECT source, provider, max(fetched_at) AS seen_at, max(stale_at) AS stale_at FROM offer "
        "WHERE source NOT IN ({}, {}) GROUP BY 1, 2",
        source, COMMUNITY,
    )  # fmt: skip


async def lowest_shown(source: str, provider: str) -> list[Claim]:
    """The lowest prices of whole GPUs among the shown offers of a source and provider."""
    return await fetch(
        Claim,
        "SELECT source, provider, gpu, tier, commitment_months, min(usd_per_gpu_hour_micro) "
        "AS usd_per_gpu_hour_micro, max(fetched_at) AS seen_at FROM offer WHERE source = {} AND provider = {} "
        "AND (gpu_count_number IS NULL OR gpu_count_number >= 1) GROUP BY 1, 2, 3, 4, 5",
        source, provider,
    )  # fmt: skip


async def claims(source: str) -> list[Claim]:
    """The stored claims of a source."""
    return await fetch(Claim, f"SELECT {', '.join(Claim._fields)} FROM source_claim WHERE source = {{}}", source)  # noqa: S608


async def forget(source: str) -> None:
    """Delete the claims of a source, inside the running transaction."""
    await execute("DELETE FROM source_claim WHERE source = {}", source)


async def forget_pairs(pairs: Iterable[tuple[str, str]]) -> None:
    """Delete the claims of each (source, provider), inside the running transaction."""
    await execute_many("DELETE FROM source_claim WHERE source = {} AND provider = {}", pairs)


async def insert(rows: Iterable[Claim]) -> None:
    """Store claims, inside the running transaction."""
    await insert_many(ClaimRow, Claim._fields, rows)
