"""Reading and writing what a refresh needs: a source's offers, rows set aside, answers and prices not yet accepted.
Writes are inside the caller's transaction. Money is micro-dollars, instants are seconds since 1970.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import fields
from fractions import Fraction
from typing import Any, NamedTuple

from app.pricing.offers.offer import COMMUNITY, Offer, Tier
from app.pricing.offers.tables import OfferRow, SetAsideRow, SmallAnswerRow
from app.pricing.refresh.answer_checks import Small
from app.storage.engine import execute, execute_many, fetch, fetch_column, fetch_one, fetch_pairs, insert_many
from app.upstream.tables import LoadedSource


class StoredOffer(NamedTuple):
    """An offer in the columns of its row: first what it states, then its dates."""

    id: str
    source: str
    provider: str
    gpu: str
    provider_tier: str
    commitment_months: int | None
    region: str
    country: str
    continent: str
    usd_per_gpu_hour_micro: int
    usd_per_instance_hour_micro: int | None
    derived: str
    currency: str
    quoted_amount: str
    quoted_per: str
    exchange_rate_date: str
    price_includes: str
    price_excludes: str
    product: str
    interconnect: str
    vcpus: int | None
    ram_gb: int | None
    remark: str
    source_url: str
    stock: str
    disk_gb: int | None
    disk_usd_per_gb_month_micro: int | None
    traffic_usd_per_gb_micro: int | None
    min_nodes: int | None
    reclaim_low: int | None
    reclaim_high: int | None
    reclaim_hours: int | None
    reliability: float | None
    tier: str
    gpu_memory_gb: int | None
    gpu_count: str | None
    gpu_count_number: float | None
    rank_group: int
    search_text: str
    fetched_at: int
    price_since: str
    stale_at: int


FIRST_DATE = StoredOffer._fields.index("fetched_at")
"""Index of the first column with a date; those before it are what an offer states."""


class AsideText(NamedTuple):
    """A row set aside, cut to the lengths of its columns."""

    reference: str
    provider: str
    gpu: str
    tier: str
    price: str
    reason: str
    detail: str


class SourceRecord(NamedTuple):
    """What pages show of a source; ``left_out`` is JSON: reason → number of rows."""

    title: str
    offers: int
    set_aside: int
    error: str
    left_out: str


class GpuPrice(NamedTuple):
    """The price of an offer of a GPU, in micro-dollars per GPU-hour."""

    gpu: str
    usd_per_gpu_hour_micro: int


class SmallAnswer(NamedTuple):
    """The number of a provider's offers in the last small answer, and how many such answers in a row agreed."""

    provider: str
    offers: int
    times: int


async def stored(source: str) -> list[StoredOffer]:
    """Every offer of a source."""
    return await fetch(StoredOffer, f"SELECT {', '.join(StoredOffer._fields)} FROM offer WHERE source = {{}}", source)  # noqa: S608


async def offers_of(source: str, ids: Collection[str]) -> dict[str, Offer]:
    """The stored offers with these ``ids``, by id."""
    found = await OfferRow.select().where(OfferRow.source == source).run()
    return {row["id"]: _as_offer(row) for row in found if row["id"] in ids}


def _as_offer(row: Mapping[str, Any]) -> Offer:
    values = {field.name: row[field.name] for field in fields(Offer)}
    count = row["gpu_count"]
    return Offer(**{**values, "tier": Tier(row["tier"]), "gpu_count": None if count is None else Fraction(count)})


async def delete_offers(ids: Iterable[str]) -> None:
    """Delete offers, and their prices that wait to be confirmed."""
    keys = [(one,) for one in ids]
    await execute_many("DELETE FROM offer WHERE id = {}", keys)
    await execute_many("DELETE FROM held_price WHERE id = {}", keys)


async def insert_offers(offers: Iterable[StoredOffer]) -> None:
    """Insert offers."""
    await insert_many(OfferRow, StoredOffer._fields, offers)


async def confirm_offers(offers: Iterable[StoredOffer]) -> None:
    """Update when offers were confirmed, and until when they count as fresh."""
    await execute_many(
        "UPDATE offer SET fetched_at = {}, stale_at = {} WHERE id = {}",
        ((offer.fetched_at, offer.stale_at, offer.id) for offer in offers),
    )


async def replace_set_aside(source: str, texts: list[AsideText]) -> bool:
    """Replace the rows of a source that are set aside; False if they have not changed."""
    was = await fetch(
        AsideText,
        f"SELECT {', '.join(AsideText._fields)} FROM set_aside WHERE source = {{}} ORDER BY id",  # noqa: S608
        source,
    )
    if texts == was:
        return False
    await SetAsideRow.delete().where(SetAsideRow.source == source).run()
    await insert_many(SetAsideRow, ("source", *AsideText._fields), ((source, *text) for text in texts))
    return True


async def delete_set_aside(source: str, spellings: Collection[str]) -> None:
    """Delete a source's rows set aside of the provider with these ``spellings``, in lower case."""
    names = await fetch_column("SELECT DISTINCT provider FROM set_aside WHERE source = {}", source)
    leaving = [(source, name) for name in names if name.casefold() in spellings]
    await execute_many("DELETE FROM set_aside WHERE source = {} AND provider = {}", leaving)


async def set_aside(limit: int) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """At most ``limit`` of the rows set aside, and their number by reason."""
    found = await SetAsideRow.select().order_by(SetAsideRow.source, SetAsideRow.id).limit(limit).run()
    return list(found), await fetch_pairs("SELECT reason, count(*) FROM set_aside GROUP BY reason ORDER BY 2 DESC, 1")


async def set_aside_of(spellings: set[str], limit: int = 100) -> list[dict[str, Any]]:
    """At most ``limit`` rows set aside of the provider with any of these ``spellings``, in lower case."""
    names = [
        name for name in await fetch_column("SELECT DISTINCT provider FROM set_aside") if name.casefold() in spellings
    ]
    if not names:
        return []
    asked = SetAsideRow.select().where(SetAsideRow.provider.is_in(names))
    return list(await asked.order_by(SetAsideRow.source, SetAsideRow.id).limit(limit).run())


async def source_record(source: str) -> SourceRecord | None:
    """The stored record of a source."""
    return await fetch_one(
        SourceRecord, "SELECT title, offers, set_aside, error, left_out FROM loaded_source WHERE name = {}", source
    )


async def write_source_record(source: str, said: SourceRecord, fetched_at: int, now: int, *, live: bool) -> None:
    """Write the record of a source, fetched at ``fetched_at`` and tried at ``now``."""
    await LoadedSource.delete().where(LoadedSource.name == source).run()
    await insert_many(
        LoadedSource,
        ("name", "fetched_at", "tried_at", "error_at", "live", *SourceRecord._fields),
        [(source, fetched_at, now, now if said.error else None, live, *said)],
    )


async def number_of_offers(source: str) -> int:
    """The number of a source's offers."""
    return int(await OfferRow.count().where(OfferRow.source == source).run())


async def recount(source: str) -> None:
    """Update the numbers of offers and of rows set aside in a source's record."""
    await execute(
        "UPDATE loaded_source SET offers = (SELECT count(*) FROM offer WHERE source = {}), "
        "set_aside = (SELECT count(*) FROM set_aside WHERE source = {}) WHERE name = {}",
        source, source, source,
    )  # fmt: skip


async def live_sources() -> frozenset[str]:
    """The sources that have answered, so that their shipped list is replaced."""
    found = await LoadedSource.select(LoadedSource.name).where(LoadedSource.live.eq(True)).run()
    return frozenset(row["name"] for row in found)


async def others_prices(source: str) -> list[GpuPrice]:
    """The prices of each GPU in sources other than ``source``, without visitors' reports."""
    return await fetch(
        GpuPrice, "SELECT gpu, usd_per_gpu_hour_micro FROM offer WHERE source NOT IN ({}, {})", source, COMMUNITY
    )


async def offers_by_provider(source: str) -> dict[str, int]:
    """Provider → the number of a source's offers."""
    return await fetch_pairs("SELECT provider, count(*) FROM offer WHERE source = {} GROUP BY provider", source)


async def small_answers(source: str) -> dict[str, Small]:
    """Provider → the last small answer, of providers whose last answer was small."""
    found = await fetch(SmallAnswer, "SELECT provider, offers, times FROM small_answer WHERE source = {}", source)
    return {row.provider: Small(row.offers, row.times) for row in found}


async def replace_small_answers(source: str, small: Mapping[str, Small]) -> None:
    """Replace the stored small answers of a source."""
    await execute("DELETE FROM small_answer WHERE source = {}", source)
    kept = [(source, provider, seen.offers, seen.times) for provider, seen in small.items()]
    await insert_many(SmallAnswerRow, ("source", "provider", "offers", "times"), kept)


async def prices_by_offer(source: str) -> dict[str, int]:
    """Offer id → the shown price, in micro-dollars per GPU-hour."""
    return await fetch_pairs("SELECT id, usd_per_gpu_hour_micro FROM offer WHERE source = {}", source)


async def held_prices(source: str) -> dict[str, int]:
    """Offer id → the price that waits for a second fetch to confirm it, in micro-dollars per GPU-hour."""
    return await fetch_pairs("SELECT id, usd_per_gpu_hour_micro FROM held_price WHERE source = {}", source)


async def replace_held(source: str, prices: Mapping[str, int]) -> None:
    """Replace the stored prices of a source that wait to be confirmed."""
    await execute("DELETE FROM held_price WHERE source = {}", source)
    await execute_many(
        "INSERT INTO held_price (id, source, usd_per_gpu_hour_micro) VALUES ({}, {}, {})",
        ((one, source, micro) for one, micro in prices.items()),
    )


async def when_rates_were_fetched() -> dict[str, int]:
    """Currency → the second at which its rate was fetched."""
    return await fetch_pairs("SELECT currency, fetched_at FROM exchange_rate")
