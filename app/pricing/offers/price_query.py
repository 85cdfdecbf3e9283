"""A query of the price table: typed, checked, and with one canonical address. Pure."""

from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import NamedTuple

from app.core.addresses import encode
from app.core.money import HOURS_PER, plain

PAGE_SIZE = 40
SORTS = {
    "price": "price per GPU",
    "instance": "price per instance",
    "gpu": "GPU",
    "memory": "memory per GPU",
    "count": "GPUs",
    "provider": "provider",
    "tier": "tier",
    "reclaims": "how often spot is reclaimed",
    "region": "region",
    "seen": "last seen",
}
"""Sort key → what it sorts by, in words."""
RANKED = ("price", "instance")
"""Sort keys that are prices: with these, terms of different length are listed apart and never rank against each
other."""
ORDERS = ("asc", "desc")
UNITS = tuple(HOURS_PER)
NOWHERE = "not-stated"
"""The filter value for offers whose source states no region."""
OR_NOT_STATED = "-or-not-stated"
"""Suffix of a country or continent: also match offers without a region whose provider has machines there."""

FILTERS = ("gpu", "provider", "region", "tier", "commitment_months", "stock", "min_memory_gb", "max_usd", "gpu_count",
           "q")  # fmt: skip
STOCKS = ("in", "out")
MOST_MEMORY_GB, MOST_USD, MOST_MONTHS = 10_000, 100_000, 120
"""The largest memory of one GPU, the highest price per GPU-hour and the longest commitment that can be asked for."""
PARAMETERS = (*FILTERS, "unit", "sort", "order", "page")
"""Every parameter of ``/prices``, in the order of the canonical address."""


class Meaning(NamedTuple):
    """The meaning of a parameter in words, and an example of a value."""

    words: str
    example: str


MEANINGS = {
    "gpu": Meaning("one or more GPUs, by slug", "h100-sxm-80gb"),
    "provider": Meaning("one or more providers, by slug", "verda"),
    "region": Meaning("countries (ISO code), continents, a provider's own region name, europe-or-not-stated", "us"),
    "tier": Meaning("on-demand, spot or reserved", "spot"),
    "commitment_months": Meaning("length of the commitment in months, of reserved prices", "12"),
    "stock": Meaning("in or out of stock, where the source states it; most don't", "in"),
    "min_memory_gb": Meaning("minimum memory of one GPU, GB", "80"),
    "max_usd": Meaning("maximum price, USD per GPU-hour", "2.50"),
    "gpu_count": Meaning("GPUs in the instance; a fraction for part of a card", "8"),
    "q": Meaning(
        "free text; words that name a GPU, tier, region, memory size or price limit become filters",
        "h100 80gb spot under 2",
    ),
    "unit": Meaning("hour, month (730 h) or year (8,760 h)", "hour"),
    "sort": Meaning(", ".join(SORTS), "price"),
    "order": Meaning("asc or desc", "asc"),
    "page": Meaning(f"page of {PAGE_SIZE} rows, from 1", "1"),
}
"""Parameter → what it means: for help, the API's documentation and its tests."""


@dataclass(frozen=True, slots=True)
class PriceQuery:
    """A checked query. Several values of one filter are alternatives; an offer has to match all filters."""

    gpu: tuple[str, ...] = ()
    provider: tuple[str, ...] = ()
    region: tuple[str, ...] = ()
    tier: tuple[str, ...] = ()
    commitment_months: int | None = None
    stock: str = ""
    min_memory_gb: int | None = None
    max_usd_micro: int | None = None
    gpu_count: Fraction | None = None
    q: str = ""
    unit: str = "hour"
    sort: str = "price"
    order: str = "asc"
    page: int = 1
    dropped: tuple[str, ...] = field(default=(), compare=False)

    def pairs(self) -> list[tuple[str, str]]:
        """The canonical (name, value) pairs: fixed order, sorted values, defaults left out."""
        found: list[tuple[str, str]] = []
        for name in ("gpu", "provider", "region", "tier"):
            found += [(name, value) for value in getattr(self, name)]
        for name, value in (
            ("commitment_months", self.commitment_months),
            ("stock", self.stock or None),
            ("min_memory_gb", self.min_memory_gb),
            ("max_usd", None if self.max_usd_micro is None else plain(self.max_usd_micro)),
            ("gpu_count", self.gpu_count),
            ("q", self.q or None),
            ("unit", None if self.unit == "hour" else self.unit),
            ("sort", None if self.sort == "price" else self.sort),
            ("order", None if self.order == "asc" else self.order),
            ("page", None if self.page == 1 else self.page),
        ):
            if value is not None:
                found.append((name, str(value)))
        return found

    def query_string(self) -> str:
        """The canonical query string, without ``?``."""
        return encode(self.pairs())

    def address(self, path: str = "/prices") -> str:
        """The canonical address of this query at ``path``."""
        query = self.query_string()
        return f"{path}?{query}" if query else path

    @property
    def has_filters(self) -> bool:
        return any(name in FILTERS for name, _ in self.pairs())

    def with_(self, **changes: object) -> "PriceQuery":
        """The same query with ``changes``, on its first page."""
        return replace(self, **{"page": 1, **changes})  # type: ignore[arg-type]

    def without(self, name: str, value: str | None = None) -> "PriceQuery":
        """The same query without one filter, or without one of its values."""
        attribute = "max_usd_micro" if name == "max_usd" else name
        held = getattr(self, attribute)
        if isinstance(held, tuple):
            return self.with_(**{attribute: tuple(v for v in held if v != value)})
        return self.with_(**{attribute: "" if name in ("q", "stock") else None})
