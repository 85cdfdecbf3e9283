"""Writing the summaries of offers, in the transaction that writes the offers themselves. Money is micro-dollars.

Each is an exact function of the offers and independent of time. Those by source are rewritten for a source at a time,
so that a refresh costs what its source is long.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable

from app.pricing.offers.offer import COMMUNITY
from app.pricing.offers.price_strip import spread_of
from app.pricing.offers.summary_tables import StripRow
from app.storage.engine import execute, execute_many, fetch_column, fetch_rows, fetch_value, insert_many, marks

TALLIED = (
    "gpu", "gpu_memory_gb", "provider", "tier", "commitment_months", "gpu_count", "continent", "country", "region",
    "stock",
)  # fmt: skip
"""The columns of an offer that filters go by."""
_KIND = (
    "source", "provider", "gpu", "tier", "commitment_months", "gpu_count_number", "stock", "reclaim_low",
    "reclaim_high", "reclaim_hours", "stale_at",
)  # fmt: skip
_BY_FILTERS = ", ".join(("source", *TALLIED))
_BY_KIND = ", ".join(_KIND)
_BY_EXTRAS = "source, provider, price_includes, price_excludes, disk_usd_per_gb_month_micro, traffic_usd_per_gb_micro"
_HOST_PRICE = "CASE WHEN remark LIKE 'vCPU $%' THEN remark ELSE '' END"
_HAS_HOST = "vcpus > 0 AND ram_gb > 0 AND gpu_count_number > 0"
_SUMS = {
    "offer_tally": f"({_BY_FILTERS}, offers) SELECT {_BY_FILTERS}, count(*) FROM offer "  # noqa: S608 -- names of ours
    f"WHERE source = {{}} GROUP BY {_BY_FILTERS}",
    "offer_words": f"({_BY_FILTERS}, search_text, offers) SELECT {_BY_FILTERS}, search_text, count(*) "  # noqa: S608
    f"FROM offer WHERE source = {{}} GROUP BY {_BY_FILTERS}, search_text",
    "offer_kind": f"({_BY_KIND}, offers, low_micro, high_micro, cheapest, first_seen_at, last_seen_at) "  # noqa: S608
    f"SELECT {_BY_KIND}, count(*), min(micro), max(micro), min(CASE WHEN turn = 1 THEN id END), min(seen), max(seen) "
    f"FROM (SELECT {_BY_KIND}, usd_per_gpu_hour_micro AS micro, fetched_at AS seen, id, row_number() OVER "
    f"(PARTITION BY {_BY_KIND} ORDER BY usd_per_gpu_hour_micro, id) AS turn FROM offer WHERE source = {{}}) o "
    f"GROUP BY {_BY_KIND}",
    "offer_extras": f"({_BY_EXTRAS}, remark, offers, hosts, vcpus, ram_gb) SELECT {_BY_EXTRAS}, said, "  # noqa: S608
    "count(*), sum(host), sum(CASE WHEN host = 1 THEN vcpus * 1.0 / gpu_count_number ELSE 0.0 END), "
    "sum(CASE WHEN host = 1 THEN ram_gb * 1.0 / gpu_count_number ELSE 0.0 END) "
    f"FROM (SELECT offer.*, {_HOST_PRICE} AS said, CASE WHEN {_HAS_HOST} THEN 1 ELSE 0 END AS host FROM offer "
    f"WHERE source = {{}}) o GROUP BY {_BY_EXTRAS}, said",
}  # fmt: skip
"""Summary → how its rows are inserted for one source."""
KINDS = ("offer_kind",)
"""The summaries that change with when offers were seen, or with how often spot is reclaimed; the others only with what
offers state."""


async def summarise(sources: Iterable[str], summaries: Iterable[str] = tuple(_SUMS)) -> None:
    """Rewrite ``summaries`` for the offers of ``sources``."""
    if await fetch_column("SELECT 1 FROM offer_tally WHERE source = '' LIMIT 1"):
        await rebuild()  # a worker of the version before wrote it in a rolling upgrade, and no other summary with it
        return
    for summary in summaries:
        for source in dict.fromkeys(sources):
            await execute(f"DELETE FROM {summary} WHERE source = {{}}", source)  # noqa: S608 -- names of ours
            await execute(f"INSERT INTO {summary} {_SUMS[summary]}", source)


async def summarise_strips(pairs: Collection[tuple[str, str]] | None = None) -> None:
    """Rewrite the strips of these GPUs and tiers, or of all."""
    wanted = None if pairs is None else sorted({f"{tier} {gpu}" for gpu, tier in pairs})
    if wanted == []:
        return
    among = "" if wanted is None else f" AND tier || ' ' || gpu IN ({marks(wanted)})"
    found = await fetch_rows(
        "SELECT gpu, tier, usd_per_gpu_hour_micro AS micro, count(*) AS offers FROM offer "  # noqa: S608
        f"WHERE source <> {{}} AND tier IN ('on-demand', 'spot'){among} GROUP BY gpu, tier, usd_per_gpu_hour_micro",
        COMMUNITY, *(wanted or ()),
    )  # fmt: skip
    prices: dict[tuple[str, str], dict[int, int]] = defaultdict(dict)
    for row in found:
        prices[row["gpu"], row["tier"]][row["micro"]] = row["offers"]
    if pairs is None:
        await execute("DELETE FROM price_strip")
    else:
        await execute_many("DELETE FROM price_strip WHERE gpu = {} AND tier = {}", pairs)
    await insert_many(
        StripRow,
        ("gpu", "tier", "offers", "prices", "low_micro", "median_micro", "high_micro", "ticks"),
        ((gpu, tier, spread.offers, spread.prices, spread.low, spread.median, spread.high,
          " ".join(map(str, spread.ticks)))
         for (gpu, tier), of_pair in prices.items() if (spread := spread_of(of_pair))),
    )  # fmt: skip


async def fill() -> None:
    """Sum up all offers, if that was never done, or the summaries miss some."""
    summed = await fetch_value("SELECT CAST(coalesce(sum(offers), 0) AS BIGINT) FROM offer_kind")
    if summed != await fetch_value("SELECT count(*) FROM offer"):
        await rebuild()


async def rebuild() -> None:
    """Sum up all offers anew."""
    for summary in _SUMS:
        await execute(f"DELETE FROM {summary}")  # noqa: S608 -- names of ours
    await summarise(await fetch_column("SELECT DISTINCT source FROM offer ORDER BY source"))
    await summarise_strips()
