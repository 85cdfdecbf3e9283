"""Questions about all offers of a market, answered from their summaries: lowest prices by source, the spread of a GPU's
prices, prices of extras. Money is micro-dollars."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from app.pricing.offers.offer import COMMUNITY
from app.pricing.offers.price_strip import Spread
from app.pricing.offers.tables import OfferRow
from app.storage.engine import fetch, fetch_column, fetch_rows, marks

_WHAT = "provider, gpu, tier, commitment_months, source"
_WHOLE = "(gpu_count_number IS NULL OR gpu_count_number >= 1)"


class SourceLow(NamedTuple):
    """The lowest price per GPU-hour, for whole GPUs, that a source states of a provider's GPU, tier and term. Instants
    are seconds since 1970; ``stale_at`` is 0 if the source's prices of this provider are not shown."""

    provider: str
    gpu: str
    tier: str
    commitment_months: int | None
    source: str
    micro: int
    seen_at: int
    stale_at: int


class Parts(NamedTuple):
    """Which parts a provider's prices include and exclude, joined by ``+``."""

    provider: str
    price_includes: str
    price_excludes: str


class Kind(NamedTuple):
    """Offers of one kind: see :class:`app.pricing.offers.summary_tables.OfferKind`."""

    source: str
    provider: str
    gpu: str
    tier: str
    commitment_months: int | None
    gpu_count_number: float | None
    stock: str
    stale_at: int
    offers: int
    low_micro: int
    cheapest: str
    first_seen_at: int
    last_seen_at: int

    @property
    def is_part(self) -> bool:
        """True for slices of a GPU: nobody can rent a whole one at their price."""
        return self.gpu_count_number is not None and self.gpu_count_number < 1


class Asked(NamedTuple):
    """What a provider asks for whole GPUs of a kind on demand, from its lowest to its highest price per GPU-hour, among
    offers that turn stale at the second ``stale_at``."""

    gpu: str
    provider: str
    stale_at: int
    low_micro: int
    high_micro: int


class Place(NamedTuple):
    """A provider's region, and whether its stock of a GPU is ``in`` or ``out``."""

    provider: str
    region: str
    stock: str


class _Strip(NamedTuple):
    gpu: str
    tier: str
    offers: int
    prices: int
    low_micro: int
    median_micro: int
    high_micro: int
    ticks: str


async def cheapest(tiers: Sequence[str], now: int) -> list[str]:
    """The id of the cheapest offer of each GPU and tier, without what visitors reported: whole GPUs go before slices,
    then what is fresh at ``now`` before what is not; of equal ones the first by id."""
    return await fetch_column(
        "SELECT cheapest FROM (SELECT cheapest, row_number() OVER (PARTITION BY gpu, tier "  # noqa: S608
        "ORDER BY CASE WHEN gpu_count_number < 1 THEN 1 ELSE 0 END, CASE WHEN stale_at > {} THEN 0 ELSE 1 END, "
        f"low_micro, cheapest) AS turn FROM offer_kind WHERE source <> {{}} AND tier IN ({marks(tiers)})) k "
        "WHERE turn = 1",
        now, COMMUNITY, *tiers,
    )  # fmt: skip


async def kinds(*, gpu: str = "", provider: str = "") -> list[Kind]:
    """The kinds of offers of a GPU or of a provider, visitors' reports among them."""
    column, value = ("gpu", gpu) if gpu else ("provider", provider)
    asked = f"SELECT {', '.join(Kind._fields)} FROM offer_kind WHERE {column} = {{}}"  # noqa: S608 -- names of ours
    return await fetch(Kind, asked, value)


async def places_with_stock(gpu: str) -> list[Place]:
    """Each place of a provider that states whether it has the GPU in stock, with what it states."""
    asked = "SELECT DISTINCT provider, region, stock FROM offer_tally WHERE gpu = {} AND stock <> ''"
    return await fetch(Place, asked, gpu)


async def asked_on_demand() -> list[Asked]:
    """What every provider asks for whole GPUs on demand."""
    return await fetch(
        Asked,
        "SELECT gpu, provider, stale_at, min(low_micro) AS low_micro, max(high_micro) AS high_micro "  # noqa: S608
        f"FROM offer_kind WHERE tier = 'on-demand' AND source <> {{}} AND {_WHOLE} GROUP BY gpu, provider, stale_at",
        COMMUNITY,
    )


async def spreads(gpus: Sequence[str] = ()) -> dict[str, dict[str, Spread]]:
    """GPU → tier → the spread of its prices, on demand and spot, without visitors' reports; of ``gpus``, or of all."""
    among = f" WHERE gpu IN ({marks(gpus)})" if gpus else ""
    found: dict[str, dict[str, Spread]] = {}
    for row in await fetch(
        _Strip, f"SELECT {', '.join(_Strip._fields)} FROM price_strip{among}", *gpus  # noqa: S608
    ):  # fmt: skip
        ticks = tuple(int(tick) for tick in row.ticks.split() if tick.isdecimal())
        spread = Spread(row.offers, row.prices, row.low_micro, row.median_micro, row.high_micro, ticks)
        found.setdefault(row.gpu, {})[row.tier] = spread
    return found


async def shown_lows(provider: str = "") -> list[SourceLow]:
    """The lowest prices among the shown offers, without visitors' reports; of one provider if it is named."""
    where, values = ("AND provider = {} ", [provider]) if provider else ("", [])
    return await fetch(
        SourceLow,
        f"SELECT {_WHAT}, min(low_micro) AS micro, max(last_seen_at) AS seen_at, "  # noqa: S608
        f"max(stale_at) AS stale_at FROM offer_kind WHERE source <> {{}} AND {_WHOLE} {where}GROUP BY 1, 2, 3, 4, 5",
        COMMUNITY, *values,
    )  # fmt: skip


async def claimed_lows(since: int, provider: str = "") -> list[SourceLow]:
    """The lowest prices that sources which are not shown stated after the second ``since``; of one provider if it is
    named."""
    where, values = (" AND provider = {}", [provider]) if provider else ("", [])
    return await fetch(
        SourceLow,
        f"SELECT {_WHAT}, usd_per_gpu_hour_micro AS micro, seen_at, 0 AS stale_at FROM source_claim "  # noqa: S608
        f"WHERE seen_at > {{}}{where}",
        since, *values,
    )  # fmt: skip


async def priced_extras() -> list[dict[str, Any]]:
    """The prices of disk, traffic and host that offers state, and how many ``offers`` state them, as rows for
    :func:`app.pricing.offers.bill.market_of`."""
    return await fetch_rows(
        "SELECT provider, disk_usd_per_gb_month_micro, traffic_usd_per_gb_micro, remark, offers, NULL AS vcpus, "
        "NULL AS ram_gb, NULL AS gpu_count_number FROM offer_extras WHERE source <> {} "
        "AND (disk_usd_per_gb_month_micro IS NOT NULL OR traffic_usd_per_gb_micro IS NOT NULL OR remark <> '')",
        COMMUNITY,
    )


async def hosts() -> list[dict[str, Any]]:
    """The mean host of each provider's machines: vCPUs and GB of memory per GPU."""
    return await fetch_rows(
        "SELECT provider, NULL AS disk_usd_per_gb_month_micro, NULL AS traffic_usd_per_gb_micro, '' AS remark, "
        "1 AS offers, sum(vcpus) / sum(hosts) AS vcpus, sum(ram_gb) / sum(hosts) AS ram_gb, 1 AS gpu_count_number "
        "FROM offer_extras WHERE source <> {} AND hosts > 0 GROUP BY provider",
        COMMUNITY,
    )


async def parts() -> list[Parts]:
    """Which parts the prices of each provider include and exclude."""
    return await fetch(
        Parts,
        "SELECT DISTINCT provider, price_includes, price_excludes FROM offer_extras WHERE source <> {}",
        COMMUNITY,
    )


async def known_prices(gpu: str, tier: str) -> list[int]:
    """The prices of a GPU and tier in micro-dollars per GPU-hour, the lowest first, without visitors' reports."""
    return await fetch_column(
        "SELECT usd_per_gpu_hour_micro FROM offer WHERE gpu = {} AND tier = {} AND source <> {} ORDER BY 1",
        gpu, tier, COMMUNITY,
    )  # fmt: skip


async def offers_like(provider: str, gpu: str, tier: str) -> list[dict[str, Any]]:
    """The offers of a provider, GPU and tier, the cheapest first."""
    asked = OfferRow.select().where(OfferRow.provider == provider).where(OfferRow.gpu == gpu)
    return list(await asked.where(OfferRow.tier == tier).order_by(OfferRow.usd_per_gpu_hour_micro).run())


_OF_A_KIND = "gpu, tier, commitment_months, gpu_count_number, reclaim_low, reclaim_high, reclaim_hours"
_CALCULATED = (*_OF_A_KIND.split(", "), "provider", "country", "usd_per_gpu_hour_micro", "fetched_at", "stale_at", "id")


async def cheapest_of_each_kind(now: int) -> list[dict[str, Any]]:
    """The cheapest offer of each GPU, tier, known term, number of cards and rate of reclaims, of those that are fresh
    at ``now`` (seconds) and of those that are not; of equal ones the first by id. Without visitors' reports.

    No two offers of a kind differ in anything but their price that the calculator goes by.
    """
    return await fetch_rows(
        f"SELECT {', '.join(f'o.{name}' for name in _CALCULATED)} FROM (SELECT cheapest, row_number() OVER "  # noqa: S608
        f"(PARTITION BY {_OF_A_KIND}, CASE WHEN stale_at > {{}} THEN 0 ELSE 1 END ORDER BY low_micro, cheapest) "
        "AS turn FROM offer_kind WHERE (tier <> 'reserved' OR commitment_months IS NOT NULL) AND source <> {}) k "
        "JOIN offer o ON o.id = k.cheapest WHERE turn = 1",
        now, COMMUNITY,
    )  # fmt: skip
