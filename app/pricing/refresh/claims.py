"""What sources say that do not speak for a provider, kept so that it can be compared with what is shown.

One row for each source, provider, card, tier and term: its lowest price and the day. Bounded, and replaced with each
answer of the source.
"""

from collections.abc import Iterable, Mapping

from app.core.units import DAY_S
from app.core.version_keys import SOURCES_KEY, provider_key
from app.pricing.offers.offer import Offer
from app.storage.sqlite import execute_many, fetch, transaction

MOST = 3000
"""A source keeps at most so many claims, about thirty times as many as any states."""
Claim = tuple[str, str, str, str, int | None, int, int]
"""(source, provider, GPU, tier, months, micro-dollars per GPU-hour, when it was seen)."""


def lowest(offers: Iterable[Offer]) -> list[Claim]:
    """The lowest price of whole cards of each source, provider, card, tier and term."""
    best: dict[tuple[object, ...], Offer] = {}
    for offer in offers:
        if offer.gpu_count is not None and offer.gpu_count < 1:
            continue
        key = (offer.source, offer.provider, offer.gpu, offer.tier, offer.commitment_months)
        if key not in best or offer.usd_per_gpu_hour_micro < best[key].usd_per_gpu_hour_micro:
            best[key] = offer
    return [
        (o.source, o.provider, o.gpu, o.tier.value, o.commitment_months, o.usd_per_gpu_hour_micro, o.fetched_at)
        for o in best.values()
    ][:MOST]


async def of_retiring(retire: Mapping[str, frozenset[str]]) -> list[Claim]:
    """What the sources that are put out say until now; shipped lists, which are old by nature, are not compared."""
    found: list[Claim] = []
    live = {row[0] for row in await fetch("SELECT name FROM loaded_source WHERE live = 1")}
    for source in sorted(live & set(retire)):
        for provider in sorted(retire[source]):
            found += await fetch(
                "SELECT source, provider, gpu, tier, commitment_months, min(usd_per_gpu_hour_micro), max(fetched_at) "
                "FROM offer WHERE source = ? AND provider = ? AND (gpu_count_number IS NULL OR gpu_count_number >= 1) "
                "GROUP BY 1, 2, 3, 4, 5",
                source, provider,
            )  # fmt: skip
    return found


async def keep(source: str, claims: list[Claim], retired: list[Claim]) -> set[str]:
    """Replace the claims of ``source``, and add those of the sources that it put out. Returns the keys it raised."""
    columns = "source, provider, gpu, tier, commitment_months, usd_per_gpu_hour_micro, seen_at"
    was = {_of_day(row) for row in await fetch(f"SELECT {columns} FROM source_claim WHERE source = ?", source)}  # noqa: S608
    changed = {row[1] for row in was.symmetric_difference(map(_of_day, claims))} | {row[1] for row in retired}
    if not changed:
        return set()
    keys = {SOURCES_KEY, *map(provider_key, changed)}
    async with transaction(*sorted(keys)):
        await execute_many("DELETE FROM source_claim WHERE source = ?", [(source,)])
        await execute_many("DELETE FROM source_claim WHERE source = ? AND provider = ?", {r[:2] for r in retired})
        await execute_many(
            f"INSERT INTO source_claim ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
            [*claims, *retired[:MOST]],
        )
    return keys


def _of_day(claim: Claim) -> Claim:
    """The claim with the day on which it was seen: that is all a page tells of the instant."""
    return *claim[:-1], claim[-1] // DAY_S
