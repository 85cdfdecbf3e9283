"""Which names of regions sources have stated, now or in the past."""

from collections.abc import Collection

from app.storage.engine import fetch_column, marks


async def stated(names: Collection[str]) -> set[str]:
    """The regions that some offer, current or past, states and that are called one of ``names``, in any case."""
    folded = [name.lower() for name in names]
    found: set[str] = set()
    for table in ("offer_tally", "price_series"):
        rows = await fetch_column(
            f"SELECT DISTINCT region FROM {table} WHERE lower(region) IN ({marks(folded)})",  # noqa: S608
            *folded,
        )
        found |= {str(row) for row in rows}
    return found
