"""Words of a search that ask for something to be done rather than found: compare, report, delete. Pure."""

import re
from dataclasses import dataclass

from app.catalog.facts import gpus
from app.core.addresses import encode
from app.core.errors import QueryError
from app.pricing.search.parse_query import parse

MOST_COMPARED = 6
_VERSUS = re.compile(r"\b(?:vs|versus|and|against|compare|with)\b|[,;&]", re.IGNORECASE)
_ASKS_TO_COMPARE = re.compile(r"\b(?:vs|versus|compare)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Errand:
    """Something that can be done here: its name for a reader, and its address."""

    name: str
    address: str


_REPORTS = (Errand("Report a price you saw", "/submit/price"),
            Errand("Report a benchmark you ran", "/submit/benchmark"),
            Errand("Report an experience with a provider", "/submit/experience"))  # fmt: skip
_RIGHTS = (Errand("Have your data deleted", "/privacy/rights#erasure"), Errand("Your rights", "/privacy/rights"),
           Errand("Privacy policy", "/privacy"))  # fmt: skip
_KNOWN: tuple[tuple[frozenset[str], tuple[Errand, ...]], ...] = (
    (frozenset({"report", "submit", "contribute"}), _REPORTS),
    (frozenset({"delete", "deletion", "erase", "erasure", "gdpr", "ccpa", "privacy", "rights"}), _RIGHTS),
    (frozenset({"receipt", "withdraw"}), (Errand("Your reports, by their receipt", "/submissions"),)),
    (frozenset({"changed", "changes", "moved"}), (Errand("What changed", "/prices/changes"),)),
    (frozenset({"measured", "benchmark", "benchmarks", "accuracy"}),
     (Errand("Measured beside predicted", "/benchmarks"),)),
    (frozenset({"index", "median", "trend"}), (Errand("The price index by GPU and tier", "/index"),)),
    (frozenset({"last", "lasting", "survival", "stand", "stands"}),
     (Errand("How long prices last, and the chance that one still stands", "/prices/lasting"),)),
    (frozenset({"bill", "monthly", "egress", "traffic", "disk", "storage", "tco", "total"}),
     (Errand("A month's bill with disk and traffic", "/bill"),)),
    (frozenset({"buy", "purchase", "own", "commitment", "commit"}),
     (Errand("Rent or buy, and when a commitment pays", "/bill#buy"),)),
    (frozenset({"interruption", "interruptions", "interrupted", "reclaim", "reclaims", "reclaimed", "eviction",
                "evictions", "preemption", "preempted"}),
     (Errand("Spot prices by how often they are reclaimed", "/prices?tier=spot&sort=reclaims"),
      Errand("What reclaims cost", "/methodology#spot"))),
    (frozenset({"feed", "watch", "alert", "alerts", "notify", "rss", "atom"}),
     (Errand("Watch prices without an account", "/api#watch"),)),
    (frozenset({"badge", "embed"}), (Errand("Badges for other pages", "/api#badge"),)),
    (frozenset({"mcp", "assistant", "assistants", "llm"}), (Errand("For assistants", "/api#mcp"),)),
    (frozenset({"api", "csv", "json", "openapi"}), (Errand("Data and API", "/api"),)),
    (frozenset({"status", "fresh", "freshness"}), (Errand("How fresh everything is", "/status"),)),
    (frozenset({"calculator", "serve", "estimate"}), (Errand("The calculator", "/calculator"),)),
)  # fmt: skip


def errands(text: str) -> tuple[Errand, ...]:
    """What ``text`` asks to be done, the most specific first; empty if it only names things."""
    words = set(re.findall(r"[a-z]+", text.casefold()))
    found = [errand for triggers, offered in _KNOWN if triggers & words for errand in offered]
    compared = _compared(text)
    return (compared, *found) if compared else tuple(found)


def _whole(slugs: list[str]) -> list[str]:
    """The GPUs whose variant is stated, since only they have all facts; all of them if none is."""
    return [slug for slug in slugs if "not stated" not in gpus()[slug].name] or slugs


def _compared(text: str) -> Errand | None:
    """The comparison that ``h100 vs a100`` asks for: for each name, the first GPU in the list that matches it."""
    if not _ASKS_TO_COMPARE.search(text):
        return None
    slugs: dict[str, None] = {}
    for part in _VERSUS.split(text):
        try:
            named = parse([("q", part.strip())]).gpu if part.strip() else ()
        except QueryError:
            return None
        slugs |= dict.fromkeys(_whole([slug for slug in gpus() if slug in named])[:1])
    if not 2 <= len(slugs) <= MOST_COMPARED:
        return None
    names = ", ".join(gpus()[slug].name for slug in slugs)
    return Errand(f"Compare {names}", f"/compare?{encode([('gpu', slug) for slug in slugs])}")
