"""Price spans and returns of stock in the database. Instants are seconds since 1970, money is micro-dollars."""

from collections.abc import Mapping
from typing import NamedTuple

from app.pricing.history.price_span import Span
from app.storage.engine import fetch, fetch_column, fetch_one, marks

_SERIES = (
    "s.offer AS offer, s.provider AS provider, s.gpu AS gpu, s.tier AS tier, s.commitment_months AS months, "
    "s.region AS region"
)
Chosen = Mapping[str, tuple[str, ...]]
"""Column of ``price_series`` → the values that it may have; an empty tuple allows any."""


class StockReturn(NamedTuple):
    """An offer that was out of stock and came back at the second ``at``, with its price then."""

    offer: str
    provider: str
    gpu: str
    tier: str
    months: int | None
    region: str
    at: int
    micro: int


class LastKnown(NamedTuple):
    """``still`` is 1 if any price is still valid, else 0; ``ended`` is the second at which the last ended one ended,
    ``None`` if none has."""

    still: int
    ended: int | None


def _among(chosen: Chosen) -> tuple[str, list[str]]:
    """SQL conditions (`` AND …``) for the chosen columns, and their values."""
    wanted = {name: values for name, values in chosen.items() if values}
    text = "".join(f" AND s.{name} IN ({marks(values)})" for name, values in wanted.items())
    return text, [value for values in wanted.values() for value in values]


async def spans(chosen: Chosen, since: int, until: int | None) -> list[Span]:
    """The prices that were valid after the second ``since``, and began before ``until`` if given."""
    among, values = _among(chosen)
    before = " AND p.valid_from < {}" if until is not None else ""
    return await fetch(
        Span,
        f'SELECT {_SERIES}, p.valid_from AS "begin", p.valid_to AS "end", p.usd_per_gpu_hour_micro AS micro '  # noqa: S608
        "FROM price_series s JOIN price_span p ON p.series = s.id "
        f"WHERE (p.valid_to IS NULL OR p.valid_to > {{}}){before}{among}",
        *([since] if until is None else [since, until]), *values,
    )  # fmt: skip


async def returns(chosen: Chosen, since: int) -> list[StockReturn]:
    """When stock came back, from the second ``since`` on."""
    among, values = _among(chosen)
    return await fetch(
        StockReturn,
        f"SELECT {_SERIES}, s.at AS at, s.usd_per_gpu_hour_micro AS micro FROM stock_return s "  # noqa: S608
        f"WHERE s.at >= {{}}{among}",
        since, *values,
    )  # fmt: skip


async def last_known() -> LastKnown:
    """The newest end of the price history."""
    found = await fetch_one(
        LastKnown,
        "SELECT CASE WHEN EXISTS (SELECT 1 FROM price_span WHERE valid_to IS NULL) THEN 1 ELSE 0 END AS still, "
        "(SELECT max(valid_to) FROM price_span) AS ended",
    )
    return found or LastKnown(0, None)


async def slices() -> set[str]:
    """The ids of offers of a fraction of a GPU."""
    return set(await fetch_column("SELECT id FROM offer WHERE gpu_count_number < 1"))
