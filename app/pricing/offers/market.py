"""What a monthly bill needs beside the offer itself: the prices of extras that providers publish, and the market's
medians."""

from functools import cache

from app.catalog.facts import read_rows
from app.core.money import parse_decimal, to_micro
from app.pricing.offers import bill, market_store
from app.pricing.offers.kept_store import kept


@cache
def published_extras() -> dict[str, bill.Extras]:
    """Provider → its published price of disk and traffic, from ``extras.csv`` of the catalogue."""

    def micro(text: str) -> int | None:
        amount = parse_decimal(text)
        return None if amount is None else to_micro(amount)

    return {
        row["provider"]: bill.Extras(
            micro(row["disk_usd_per_gb_month"]), micro(row["traffic_usd_per_gb"]), int(row["free_traffic_gb"] or 0)
        )
        for row in read_rows("extras.csv")
    }


async def market(now: int) -> bill.Market:
    """The medians of the prices of disk, traffic and hosts that offers state, at ``now``, and providers publish."""
    return await kept("market", now, _market)


async def _market() -> bill.Market:
    rows = [*await market_store.priced_extras(), *await market_store.hosts()]
    return bill.market_of(rows, published_extras(), bill.usually_included(await market_store.parts()))
