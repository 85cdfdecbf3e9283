"""A source's whole answer: each row normalised, then duplicates, superseded rows and absurd prices set aside. Pure.

No row is lost: each ends in one of the two lists of a :class:`~app.pricing.offers.offer.Batch`.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from statistics import median
from typing import NamedTuple

from app.catalog.facts import gpus
from app.pricing.offers.normalise import normalise
from app.pricing.offers.offer import Batch, Offer, Rate, RawOffer, Reason, SetAside

ABSURD_FACTOR = 20
"""A price this many times above or below its GPU's median is taken for an error."""


def normalise_batch(
    raws: Iterable[RawOffer], rates: Mapping[str, Rate], now: int, medians: Mapping[str, int] | None = None
) -> Batch:
    """Normalise a whole answer: each alone, then duplicates, superseded rows and absurd prices among them.

    ``medians`` (GPU slug → micro-dollars per GPU-hour) are those of the prices already known; a GPU that is not among
    them is judged by the batch's own median.
    """
    kept: _Rows = []
    aside: list[SetAside] = []
    for raw in raws:
        outcome = normalise(raw, rates, now)
        if isinstance(outcome, Offer):
            kept.append(_Row(outcome, raw))
        else:
            aside.append(outcome)
    for step in (_without_duplicates, _without_superseded, lambda rows: _without_absurd(rows, medians or {})):
        kept, dropped = step(kept)
        aside += dropped
    return Batch(tuple(offer for offer, _ in kept), tuple(aside))


class _Row(NamedTuple):
    """An offer, and the row of a source that stated it."""

    offer: Offer
    raw: RawOffer


_Rows = list[_Row]


def _without_duplicates(rows: _Rows) -> tuple[_Rows, list[SetAside]]:
    """One row for each id: the one seen last and, among those of one instant, the most expensive, so that no offer
    looks better than it is."""
    best: dict[str, _Row] = {}
    aside: list[SetAside] = []
    for row in rows:
        held = best.get(row.offer.id)
        if held is None:
            best[row.offer.id] = row
            continue
        winner, loser = sorted((held, row), key=lambda r: (-r.offer.fetched_at, -r.offer.usd_per_gpu_hour_micro))
        best[row.offer.id] = winner
        aside.append(SetAside(loser.raw, Reason.DUPLICATE, f"is listed already, with {winner.offer.quoted_amount}"))
    return list(best.values()), aside


def _without_superseded(rows: _Rows) -> tuple[_Rows, list[SetAside]]:
    """Set aside rows of an older list that a later list of another source supersedes: if the later list states the same
    offer, or if all its prices of this provider, GPU and tier are higher. Otherwise a provider's best price could be
    one that a newer list no longer has.
    """
    groups: dict[tuple[object, ...], _Rows] = {}
    for row in rows:
        offer = row.offer
        part = offer.gpu_count is not None and offer.gpu_count < 1
        groups.setdefault((offer.provider, _family(offer.gpu), offer.tier, offer.commitment_months, part), []).append(
            row
        )
    gone: dict[str, str] = {}
    for group in groups.values():
        if len({offer.source for offer, _ in group}) > 1:
            current: list[Offer] = []
            for offer, _ in sorted(group, key=lambda row: -row.offer.fetched_at):
                if why := _superseded(offer, [other for other in current if _is_later(other, offer)]):
                    gone[offer.id] = why
                else:
                    current.append(offer)
    aside = [SetAside(raw, Reason.SUPERSEDED, gone[offer.id]) for offer, raw in rows if offer.id in gone]
    return [row for row in rows if row.offer.id not in gone], aside


@cache
def _family(gpu: str) -> str:
    """The GPU's slug without form factor and memory: a spelling may leave open which of these variants is meant."""
    return re.sub(r"-(sxm\d?|pcie|nvl|server|workstation|max-q)(?=-)", "", gpu)


def _is_later(other: Offer, offer: Offer) -> bool:
    same_card = other.gpu == offer.gpu or gpus()[other.gpu].is_open_variant or gpus()[offer.gpu].is_open_variant
    return same_card and other.source != offer.source and other.fetched_at > offer.fetched_at


def _superseded(offer: Offer, later: list[Offer]) -> str:
    """Why later lists supersede an offer; empty if none does."""
    price = offer.usd_per_gpu_hour_micro
    if any(
        _states_the_same(other, offer) or (other.usd_per_gpu_hour_micro == price and _same_region(other, offer))
        for other in later
    ):
        return "a later list states the same offer"
    lowest = min((other.usd_per_gpu_hour_micro for other in later), default=0)
    if lowest > price:
        return f"a later list's lowest price of this provider, card and tier is {lowest / 1e6:g} USD per GPU-hour"
    return ""


_ANY_MARKET = {"on-demand", "marketplace", "spot", ""}
"""Spellings of a tier that do not say which of a provider's markets it belongs to."""


def _agree(a: object, b: object) -> bool:
    return not a or not b or a == b


def _same_region(one: Offer, other: Offer) -> bool:
    return _agree(one.region.replace("global", ""), other.region.replace("global", ""))


def _states_the_same(later: Offer, earlier: Offer) -> bool:
    own = {later.provider_tier.casefold().replace("_", "-"), earlier.provider_tier.casefold().replace("_", "-")}
    return (
        (len(own) == 1 or bool(own & _ANY_MARKET))
        and _agree(later.gpu_count, earlier.gpu_count)
        and _same_region(later, earlier)
        and _agree(later.product, earlier.product)
    )


def _without_absurd(rows: _Rows, known: Mapping[str, int]) -> tuple[_Rows, list[SetAside]]:
    prices: dict[str, dict[str, list[int]]] = {}
    for offer, _ in rows:
        prices.setdefault(offer.gpu, {}).setdefault(offer.provider, []).append(offer.usd_per_gpu_hour_micro)
    middle = {
        gpu: known.get(gpu) or median(median(of_one) for of_one in found.values()) for gpu, found in prices.items()
    }  # a provider with fifty regions counts once
    kept: _Rows = []
    aside: list[SetAside] = []
    for offer, raw in rows:
        price, usual = offer.usd_per_gpu_hour_micro, middle[offer.gpu]
        if usual / ABSURD_FACTOR <= price <= usual * ABSURD_FACTOR:
            kept.append(_Row(offer, raw))
        else:
            detail = f"{price / 1e6:.4f} USD per GPU-hour where the median is {usual / 1e6:.4f}"
            aside.append(SetAside(raw, Reason.ABSURD, detail))
    return kept, aside
