"""Each provider's lowest price of a GPU and tier over time, in the database. Instants are seconds since 1970, money is
micro-dollars per GPU-hour. Writes are inside the caller's transaction."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from app.pricing.history.price_span import Span
from app.pricing.offers.tables import ProviderLowRow
from app.storage.engine import execute, execute_many, fetch, fetch_column, fetch_rows, insert_many, marks

TIERS = ("on-demand", "spot")
"""Reserved prices are left out: their terms differ in length."""
Key = tuple[str, str, str, int]
"""(GPU, tier, provider, 1 for slices of a GPU or 0 for whole ones)."""


class OpenLow(NamedTuple):
    """A lowest price that is still valid, since the second ``valid_from``."""

    id: int
    part: int
    valid_from: int
    micro: int


async def open_lows(gpu: str, tier: str, provider: str) -> list[OpenLow]:
    """The stored lowest prices that are still valid."""
    return await fetch(
        OpenLow,
        "SELECT id, part, valid_from, usd_per_gpu_hour_micro AS micro FROM provider_low WHERE gpu = {} AND tier = {} "
        "AND provider = {} AND valid_to IS NULL",
        gpu, tier, provider,
    )  # fmt: skip


async def lowest_valid(gpu: str, tier: str, provider: str) -> dict[int, int]:
    """1 for slices or 0 for whole GPUs → the lowest price in the history that has no end yet."""
    found = await fetch_rows(
        "SELECT CASE WHEN o.id IS NULL THEN 0 ELSE 1 END AS part, min(p.usd_per_gpu_hour_micro) AS micro "
        "FROM price_series s JOIN price_span p ON p.series = s.id AND p.valid_to IS NULL "
        "LEFT JOIN offer o ON o.id = s.offer AND o.gpu_count_number < 1 "
        "WHERE s.provider = {} AND s.gpu = {} AND s.tier = {} GROUP BY 1",
        provider, gpu, tier,
    )  # fmt: skip
    return {row["part"]: row["micro"] for row in found}


async def change(number: int, micro: int) -> None:
    """Replace the price of a row."""
    await execute("UPDATE provider_low SET usd_per_gpu_hour_micro = {} WHERE id = {}", micro, number)


async def close(number: int, now: int) -> None:
    """End a row at ``now``."""
    await execute("UPDATE provider_low SET valid_to = {} WHERE id = {}", now, number)


async def begin(key: Key, now: int, micro: int, midnight: int) -> None:
    """Begin a price at ``now``; what ended since ``midnight`` and began after it is forgotten."""
    await execute(
        "DELETE FROM provider_low WHERE gpu = {} AND tier = {} AND provider = {} AND part = {} AND valid_from >= {} "
        "AND valid_to <= {}",
        *key, midnight, now,
    )  # fmt: skip
    await insert([(*key, now, None, micro)])


async def insert(rows: Iterable[Sequence[Any]]) -> None:
    """Insert rows: (key, first second, second after the last or ``None``, micro-dollars)."""
    columns = ("gpu", "tier", "provider", "part", "valid_from", "valid_to", "usd_per_gpu_hour_micro")
    await insert_many(ProviderLowRow, columns, rows)


async def forget_all() -> None:
    """Delete every row."""
    await execute_many("DELETE FROM provider_low", [()])


async def is_empty() -> bool:
    """True if nothing is stored."""
    return not await fetch_column("SELECT 1 FROM provider_low LIMIT 1")


async def gpus_with_history() -> list[str]:
    """The GPUs of which any price on demand or spot is known."""
    return await fetch_column(
        f"SELECT DISTINCT gpu FROM price_series WHERE tier IN ({marks(TIERS)}) ORDER BY gpu",  # noqa: S608
        *TIERS,
    )


async def lows(gpu: str, tiers: Sequence[str], since: int) -> list[Span]:
    """The lowest prices of whole GPUs that were valid after the second ``since``, of one GPU or, without a name, of
    all."""
    of_gpu, values = (" AND gpu = {}", [gpu]) if gpu else ("", [])
    return await fetch(
        Span,
        "SELECT '' AS offer, provider, gpu, tier, NULL AS months, '' AS region, valid_from AS \"begin\", "  # noqa: S608
        'valid_to AS "end", usd_per_gpu_hour_micro AS micro FROM provider_low '
        f"WHERE part = 0 AND (valid_to IS NULL OR valid_to > {{}}) AND tier IN ({marks(tiers)}){of_gpu}",
        since, *tiers, *values,
    )  # fmt: skip


async def providers(gpu: str, since: int) -> set[str]:
    """The providers of which any price of ``gpu`` was valid after the second ``since``, slices of it too."""
    return set(
        await fetch_column(
            "SELECT DISTINCT provider FROM provider_low WHERE gpu = {} AND (valid_to IS NULL OR valid_to > {})",
            gpu, since,
        )
    )  # fmt: skip
