"""Words of a search that ask for something to be done rather than found: compare, report, delete. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from app.catalog.facts import gpus
from app.core.addresses import encode
from app.core.errors import QueryError
from app.pricing.search.parse_query import parse
from app.submissions.forms import FORMS

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
_ASK_TO_REPORT = frozenset({"report", "submit", "contribute"})
_OF_REPORTS = _ASK_TO_REPORT | {"price", "benchmark", "experience", "you", "i", "saw", "ran", "my"}
_RIGHTS = (Errand("Have your data deleted", "/privacy/rights#erasure"), Errand("Your rights", "/privacy/rights"),
           Errand("Privacy policy", "/privacy"))  # fmt: skip
_KNOWN: tuple[tuple[frozenset[str], tuple[Errand, ...]], ...] = (
    (_ASK_TO_REPORT, _REPORTS),
    (frozenset({"delete", "deletion", "erase", "erasure", "gdpr", "ccpa", "privacy", "rights"}), _RIGHTS),
    (frozenset({"receipt", "withdraw"}), (Errand("Your reports, by their receipt", "/submissions"),)),
    (frozenset({"changed", "changes", "moved"}), (Errand("What changed", "/prices/changes"),)),
    (frozenset({"measured", "benchmark", "benchmarks", "accuracy"}),
     (Errand("Measured beside predicted", "/benchmarks"),)),
    (frozenset({"index", "median", "trend"}), (Errand("The price index by GPU and tier", "/index"),)),
    (frozenset({"last", "lasting", "survival", "stand", "stands"}),
     (Errand("How long prices last, and the chance that one still holds", "/prices/lasting"),)),
    (frozenset({"bill", "monthly", "egress", "traffic", "disk", "storage", "tco", "total"}),
     (Errand("A monthly bill with disk and egress", "/bill"),)),
    (frozenset({"buy", "purchase", "own", "commitment", "commit"}),
     (Errand("Rent or buy, and when a commitment pays off", "/bill#buy"),)),
    (frozenset({"interruption", "interruptions", "interrupted", "reclaim", "reclaims", "reclaimed", "eviction",
                "evictions", "preemption", "preempted"}),
     (Errand("Spot prices by how often they are reclaimed", "/prices?tier=spot&sort=reclaims"),
      Errand("What reclaims cost", "/methodology#spot"))),
    (frozenset({"feed", "watch", "alert", "alerts", "notify", "rss", "atom"}),
     (Errand("Watch prices without an account", "/api#watch"),)),
    (frozenset({"badge", "embed"}), (Errand("Badges for other pages", "/api#badge"),)),
    (frozenset({"mcp", "assistant", "assistants", "llm"}), (Errand("For assistants", "/api#mcp"),)),
    (frozenset({"api", "csv", "json", "openapi"}), (Errand("Data and API", "/api"),)),
    (frozenset({"status", "fresh", "freshness"}), (Errand("How fresh the data is", "/status"),)),
    (frozenset({"calculator", "serve", "estimate"}), (Errand("The calculator", "/calculator"),)),
)  # fmt: skip


def errands(text: str, **values: str) -> tuple[Errand, ...]:
    """What ``text`` asks to be done, the most specific first; empty if it only names things.

    A report's form opens with the choices that the words make without doubt, and with ``values``."""
    words = set(re.findall(r"[a-z]+", text.casefold()))
    found = [errand for triggers, offered in _KNOWN if triggers & words for errand in offered]
    if words & _ASK_TO_REPORT:
        found = [Errand(e.name, report_address(e.address, report_values(text)[0] | values)) for e in found]
    compared = _compared(text)
    return (compared, *found) if compared else tuple(found)


def report_values(text: str) -> tuple[dict[str, str], str]:
    """The choices of a report that ``text`` makes without doubt, and the words left: they may name a model.

    Raises :class:`QueryError` as :func:`parse` does."""
    query = parse([("q", text)])
    named = {"gpu": _whole(list(query.gpu)), "provider": query.provider, "tier": query.tier}
    values = {name: found[0] for name, found in named.items() if len(found) == 1}
    left = []
    for word in query.q.split():
        field = next((f for f in FORMS["benchmark"].fields if word in dict(f.choices)), None)
        if field:
            values[field.name] = word
        elif word not in _OF_REPORTS:
            left.append(word)
    return values, " ".join(left)


def report_address(page: str, values: Mapping[str, str]) -> str:
    """The address of a report's form at ``page`` with those of ``values`` chosen that it asks for in a list; ``page``
    itself where it is no form's."""
    form = FORMS.get(page.removeprefix("/submit/"))
    pairs = [(f.name, values[f.name]) for f in form.fields if f.kind == "choice" and f.name in values] if form else []
    return f"{page}?{encode(pairs)}" if pairs else page


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
