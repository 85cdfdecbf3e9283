"""Examples of searches that find something: chosen from the current offers, so that none leads to an empty page."""

from dataclasses import dataclass

from app.pricing.offers import tally_store
from app.pricing.search.parse_query import parse

MOST = 4
_LINKS = (
    ("H100 SXM on demand", (("gpu", "h100-sxm-80gb"), ("tier", "on-demand"))),
    ("80 GB or more, spot", (("tier", "spot"), ("min_memory_gb", "80"))),
    ("in Europe", (("region", "europe"),)),
    ("in the United States", (("region", "us"),)),
    ("RTX 4090", (("gpu", "rtx-4090-24gb"),)),
    ("24 GB or more under $1", (("min_memory_gb", "24"), ("max_usd", "1"))),
    ("on demand", (("tier", "on-demand"),)),
)
_WORDS = ("h100 spot europe", "h100 80gb spot under 2", "h100 spot", "h100", "24gb under 1", "spot", "on demand")


SEARCHES = (
    ("A GPU", ("h100", "rtx 4090", "mi300x", "tpu v5e", "amd")),
    ("What you need", ("h100 spot europe", "8 h100", "80gb spot under 2", "24 gb under 1", "a100 80gb us")),
    ("A model", ("llama 70b", "qwen3", "deepseek", "llama 3.3 70b on h200")),
    ("A provider", ("runpod", "google a100", "lambda")),
    ("What happened", ("what changed this month", "price index", "how long prices last")),
    ("Something to do", ("h100 vs h200", "monthly bill", "report a price", "delete my data")),
)
"""What can be typed into the search of the site, by kind; a page offers those that find something."""


@dataclass(frozen=True, slots=True)
class Example:
    """A search that finds offers: its name and the address of its page."""

    name: str
    address: str


async def links() -> list[Example]:
    """The first :data:`MOST` of the usual searches that currently find an offer."""
    found: list[Example] = []
    for name, pairs in _LINKS:
        query = parse(pairs)
        if len(found) < MOST and await tally_store.count_some(query, 1):
            found.append(Example(name, query.address("/prices")))
    return found


async def search_text() -> str:
    """The example in the search field: words that find an offer; ``""`` if there are no offers."""
    for text in _WORDS:
        if await tally_store.count_some(parse([("q", text)]), 1):
            return text
    return ""


async def finds(name: str, value: str) -> bool:
    """True if the parameter ``name`` with the value ``value`` matches any offer."""
    return bool(await tally_store.count_some(parse([(name, value)]), 1))
