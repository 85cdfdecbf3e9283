"""Plausibility checks of a source's answer as a whole, before any offer is replaced. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from app.pricing.offers.offer import Offer

HALF = 2
"""An answer with fewer offers than the shown ones divided by this is small, and not accepted at once."""
AGREEING = 3
"""This many small answers in a row that agree are accepted."""
MOVED = 10
"""A price that changes by more than this factor has to be confirmed by the next fetch."""
TOLERANCE = 0.1
"""Small answers agree when their numbers of offers differ by at most this share."""


@dataclass(frozen=True, slots=True)
class Small:
    """The number of offers in the last small answer, and how many such answers in a row agreed."""

    offers: int
    times: int


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdict on one provider's part of an answer: ``fault`` is "" if it is accepted; ``small`` is set if it is
    small and not accepted."""

    fault: str
    small: Small | None


def judge(kept: int, came: int, before: Small | None, *, accept: bool) -> Judged:
    """The verdict on an answer of ``came`` offers where ``kept`` are shown; ``before`` is the last small answer.

    Less than half is refused until :data:`AGREEING` answers in a row agree; an empty answer until the operator
    accepts it (``accept``).
    """
    if accept or came * HALF >= kept:
        return Judged("", None)
    agrees = before is not None and abs(before.offers - came) <= max(1, TOLERANCE * max(before.offers, came))
    small = Small(came, before.times + 1 if before is not None and agrees else 1)
    if came and small.times >= AGREEING:
        return Judged("", None)
    words = "an empty answer" if not came else f"only {came:,}"
    again = "" if not came else f"; believed after {AGREEING} answers that agree ({small.times} so far)"
    return Judged(f"{words} where {kept:,} offers stand{again}", small)


def leaps(offers: Iterable[Offer], prices: Mapping[str, int], held: Mapping[str, int]) -> dict[str, int]:
    """Offer id → the new price of each offer that changed by more than :data:`MOVED` and is not confirmed by the fetch
    before.

    ``prices`` are those shown, ``held`` those that the last fetch stated and that are not shown yet, in micro-dollars
    per GPU-hour.
    """
    found = {}
    for offer in offers:
        was, price = prices.get(offer.id), offer.usd_per_gpu_hour_micro
        if was is None or (was <= price * MOVED and price <= was * MOVED):
            continue
        announced = held.get(offer.id)
        if announced is None or abs(announced - price) * 20 > announced:
            found[offer.id] = price
    return found
