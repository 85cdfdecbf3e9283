"""A source's whole answer: each row normalised, then duplicates, superseded rows and absurd prices set aside. Pure.

A row is never lost: whatever goes in comes out in one of the two lists of a :class:`~app.pricing.offers.offer.Batch`.
"""

from collections.abc import Iterable, Mapping
from statistics import median

from app.pricing.offers.normalise import normalise
from app.pricing.offers.offer import Batch, Offer, Rate, RawOffer, Reason, SetAside

ABSURD_FACTOR = 20
"""How many times over, or under, its GPU's median a price may be before it is taken for an error."""


def normalise_batch(
    raws: Iterable[RawOffer], rates: Mapping[str, Rate], now: int, medians: Mapping[str, int] | None = None
) -> Batch:
    """Normalise a whole answer: each alone, then duplicates, superseded rows and absurd prices among them.

    ``medians`` (GPU slug → micro-dollars per GPU-hour) are those of what is already known; a GPU that is not
    among them is judged by the batch's own median.
    """
    kept: list[tuple[Offer, RawOffer]] = []
    aside: list[SetAside] = []
    for raw in raws:
        outcome = normalise(raw, rates, now)
        if isinstance(outcome, Offer):
            kept.append((outcome, raw))
        else:
            aside.append(outcome)
    for step in (_without_duplicates, _without_superseded, lambda rows: _without_absurd(rows, medians or {})):
        kept, dropped = step(kept)
        aside += dropped
    return Batch(tuple(offer for offer, _ in kept), tuple(aside))


_Rows = list[tuple[Offer, RawOffer]]


def _without_duplicates(rows: _Rows) -> tuple[_Rows, list[SetAside]]:
    """One row for each identity: the one seen last and, of one instant, the dearest: no offer is to look better
    than it is."""
    best: dict[str, tuple[Offer, RawOffer]] = {}
    aside: list[SetAside] = []
    for row in rows:
        held = best.get(row[0].id)
        if held is None:
            best[row[0].id] = row
            continue
        winner, loser = sorted((held, row), key=lambda r: (-r[0].fetched_at, -r[0].usd_per_gpu_hour_micro))
        best[row[0].id] = winner
        aside.append(SetAside(loser[1], Reason.DUPLICATE, f"stands here already, with {winner[0].quoted_amount}"))
    return list(best.values()), aside


def _without_superseded(rows: _Rows) -> tuple[_Rows, list[SetAside]]:
    """A row of an older list gives way to the same offer in a later list of another source."""
    groups: dict[tuple[object, ...], _Rows] = {}
    for row in rows:
        offer = row[0]
        groups.setdefault((offer.provider, offer.gpu, offer.tier, offer.commitment_months), []).append(row)
    gone: dict[str, str] = {}
    for group in groups.values():
        if len({offer.source for offer, _ in group}) > 1:
            for offer, _ in group:
                if any(_supersedes(other, offer) for other, _ in group):
                    gone[offer.id] = "a later list states the same offer"
    aside = [SetAside(raw, Reason.SUPERSEDED, gone[offer.id]) for offer, raw in rows if offer.id in gone]
    return [row for row in rows if row[0].id not in gone], aside


def _supersedes(later: Offer, earlier: Offer) -> bool:
    def agree(a: object, b: object) -> bool:
        return not a or not b or a == b

    own = {later.provider_tier.casefold().replace("_", "-"), earlier.provider_tier.casefold().replace("_", "-")}
    return (
        later.source != earlier.source
        and later.fetched_at > earlier.fetched_at
        and len(own) == 1
        and agree(later.gpu_count, earlier.gpu_count)
        and agree(later.region.replace("global", ""), earlier.region.replace("global", ""))
        and agree(later.product, earlier.product)
    )


def _without_absurd(rows: _Rows, known: Mapping[str, int]) -> tuple[_Rows, list[SetAside]]:
    prices: dict[str, list[int]] = {}
    for offer, _ in rows:
        prices.setdefault(offer.gpu, []).append(offer.usd_per_gpu_hour_micro)
    middle = {gpu: known.get(gpu) or median(found) for gpu, found in prices.items()}
    kept: _Rows = []
    aside: list[SetAside] = []
    for offer, raw in rows:
        price, usual = offer.usd_per_gpu_hour_micro, middle[offer.gpu]
        if usual / ABSURD_FACTOR <= price <= usual * ABSURD_FACTOR:
            kept.append((offer, raw))
        else:
            detail = f"{price / 1e6:.4f} USD per GPU-hour where the median is {usual / 1e6:.4f}"
            aside.append(SetAside(raw, Reason.ABSURD, detail))
    return kept, aside
