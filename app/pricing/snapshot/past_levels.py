"""The price levels that the history begins with, from lists that were read on single days. Pure.

A list read on one day says nothing about the next. If its prices counted on that day only, a GPU's lowest price would
fall and rise with the lists that happened to be read, and end at another price than the one that its page calls the
cheapest. So a price is carried forward until it was next seen, and that of an offer that is still listed to the end.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from statistics import median
from typing import NamedTuple

from app.core import clock
from app.pricing.history.provider_low_store import TIERS
from app.pricing.history.store import ShippedOffer
from app.pricing.snapshot.files import PriceSpan


class Held(NamedTuple):
    """The price of a provider, in micro-dollars per GPU-hour, from the day ``begin`` until the day ``until`` (ISO)."""

    provider: str
    tier: str
    begin: str
    until: str
    micro: int


def _day(offer: ShippedOffer) -> str:
    return clock.from_timestamp(offer.fetched_at).date().isoformat()


def carried(spans: Iterable[PriceSpan], offers: Iterable[ShippedOffer]) -> list[Held]:
    """The prices of one GPU, each carried forward until its kind was next seen.

    An offer's price holds until the last day on which any price is known; one of the past whose kind is still offered,
    until that offer was seen.
    """
    past = [span for span in spans if span.tier in TIERS]
    listed = [offer for offer in offers if offer.is_whole and offer.tier in TIERS]
    after = [(date.fromisoformat(_day(offer)) + timedelta(days=1)).isoformat() for offer in listed]
    end = max([*after, *(span.until for span in past)], default="")
    found = [
        Held(offer.provider, offer.tier, min(offer.price_since[:10], _day(offer)), end, offer.usd_per_gpu_hour_micro)
        for offer in listed
    ]
    seen: dict[tuple[str, str, str], str] = {}
    for offer in listed:
        kind = offer.provider, offer.tier, offer.region
        seen[kind] = min(_day(offer), seen.get(kind, end))
    kinds: dict[tuple[str, str, str], list[PriceSpan]] = defaultdict(list)
    for span in past:
        kinds[span.provider, span.tier, span.region].append(span)
    for kind, group in kinds.items():
        group.sort(key=lambda span: span.begin)
        follows = [*(span.begin for span in group[1:]), seen.get(kind, "")]
        found += [
            Held(span.provider, span.tier, span.begin, max(span.until, again), span.usd_per_gpu_hour_micro)
            for span, again in zip(group, follows, strict=True)
        ]
    return found


def levels(held: Sequence[Held]) -> Iterator[tuple[str, str, int | None, int | None]]:
    """(day, tier, lowest, median of each provider's lowest) for each day on which one differs from the day before;
    both ``None`` from the day on which no price is known any more."""
    for tier in TIERS:
        prices = [one for one in held if one.tier == tier]
        before: tuple[int | None, int | None] = (None, None)
        for day in sorted({edge for one in prices for edge in (one.begin, one.until)}):
            lowest: dict[str, int] = {}
            for one in prices:
                if one.begin <= day < one.until:
                    lowest[one.provider] = min(one.micro, lowest.get(one.provider, one.micro))
            low = min(lowest.values(), default=None)
            level = (low, int(median(lowest.values())) if lowest and tier == "on-demand" else low)
            if level != before:
                yield day, tier, *level
                before = level
