"""Reclaim bands of spot machines, by kind of machine and region, and the spot offers that show them."""

from collections.abc import Iterable
from typing import NamedTuple

from app.pricing.offers.reclaim import Reclaim
from app.storage.engine import execute, execute_many, fetch, fetch_value


class SpotOffer(NamedTuple):
    """A spot offer and its band: per cent reclaimed within ``reclaim_hours``."""

    id: str
    source: str
    gpu: str
    product: str
    region: str
    reclaim_low: int | None
    reclaim_high: int | None
    reclaim_hours: int | None


class Band(NamedTuple):
    """The band of a kind of machine in a region, in per cent within ``hours``; ``high`` is ``None`` for "or more"."""

    product: str
    region: str
    low: int
    high: int | None
    hours: int


async def number(source: str) -> int:
    """The number of stored bands of a source."""
    return int(await fetch_value("SELECT count(*) FROM spot_reclaim WHERE source = {}", source))


async def replace(source: str, bands: Iterable[Reclaim]) -> None:
    """Replace the stored bands of a source, inside the running transaction."""
    await execute("DELETE FROM spot_reclaim WHERE source = {}", source)
    await execute_many(
        "INSERT INTO spot_reclaim (source, provider, product, region, low, high, hours, seen_at) "
        "VALUES ({}, {}, {}, {}, {}, {}, {}, {}) ON CONFLICT (provider, product, region) DO UPDATE SET "
        "source = excluded.source, low = excluded.low, high = excluded.high, hours = excluded.hours, "
        "seen_at = excluded.seen_at",
        ((source, b.provider, b.product, b.region, b.low, b.high, b.hours, b.seen_at) for b in bands),
    )


async def spot_offers(provider: str) -> list[SpotOffer]:
    """The spot offers of a provider."""
    return await fetch(
        SpotOffer,
        f"SELECT {', '.join(SpotOffer._fields)} FROM offer WHERE provider = {{}} AND tier = 'spot'",  # noqa: S608
        provider,
    )


async def write_bands(rows: Iterable[tuple[int | None, int | None, int | None, str]]) -> None:
    """Set the bands of offers, (low, high, hours, id) each, inside the running transaction."""
    await execute_many("UPDATE offer SET reclaim_low = {}, reclaim_high = {}, reclaim_hours = {} WHERE id = {}", rows)


async def bands(provider: str) -> list[Band]:
    """The stored bands of a provider's machines."""
    return await fetch(Band, "SELECT product, region, low, high, hours FROM spot_reclaim WHERE provider = {}", provider)
