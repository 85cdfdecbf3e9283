"""Is a source's answer to be believed? Judged as a whole before anything is replaced. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from app.pricing.offers.offer import Offer

HALF = 2
"""An answer with fewer offers than those kept divided by this is not believed at once."""
AGREEING = 3
"""So many small answers in a row that agree are believed."""
MOVED = 10
"""A price that moves by more than this factor waits for the next fetch to confirm it."""
TOLERANCE = 0.1
"""Small answers agree when their numbers of offers differ by at most this share."""


@dataclass(frozen=True, slots=True)
class Small:
    """How many offers the last small answer held, and how many such answers agreed in a row."""

    offers: int
    times: int


@dataclass(frozen=True, slots=True)
class Judged:
    """What is wrong with one provider's part of an answer, if anything, and how often in a row."""

    fault: str
    small: Small | None


def judge(kept: int, came: int, before: Small | None, *, accept: bool) -> Judged:
    """Judge an answer of ``came`` offers where ``kept`` are shown.

    Under half is refused until three answers in a row agree; an empty one until the operator accepts it.
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
    """Offer id → the new price of each that moved by more than ten times and that no earlier fetch announced.

    ``prices`` are those shown, ``held`` those announced by the last fetch, in micro-dollars per GPU-hour.
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
