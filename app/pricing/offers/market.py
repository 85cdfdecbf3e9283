"""What a month's bill rests on beside an offer itself: the providers' published extras, and the market's medians."""

from functools import cache

from app.catalog.facts import read_rows
from app.core.money import parse_decimal, to_micro
from app.pricing.offers import bill
from app.pricing.offers.offer import COMMUNITY
from app.storage.sqlite import fetch


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


async def market() -> bill.Market:
    """The medians of what all offers say of disk, traffic and hosts, and of what providers publish."""
    columns = ("provider", "disk_usd_per_gb_month_micro", "traffic_usd_per_gb_micro", "remark", "vcpus", "ram_gb",
               "gpu_count_number")  # fmt: skip
    priced = await fetch(
        "SELECT provider, disk_usd_per_gb_month_micro, traffic_usd_per_gb_micro, remark, NULL, NULL, NULL FROM offer "
        "WHERE source <> ? AND (disk_usd_per_gb_month_micro IS NOT NULL OR traffic_usd_per_gb_micro IS NOT NULL "
        "OR remark LIKE 'vCPU $%')",
        COMMUNITY,
    )
    hosts = await fetch(
        "SELECT provider, NULL, NULL, '', avg(vcpus / gpu_count_number), avg(ram_gb / gpu_count_number), 1 FROM offer "
        "WHERE source <> ? AND vcpus > 0 AND ram_gb > 0 AND gpu_count_number > 0 GROUP BY provider",
        COMMUNITY,
    )
    rows = [dict(zip(columns, row, strict=True)) for row in (*priced, *hosts)]
    told = await fetch(
        "SELECT DISTINCT provider, price_includes, price_excludes FROM offer WHERE source <> ?", COMMUNITY
    )
    return bill.market_of(rows, published_extras(), bill.usually_included(told))
