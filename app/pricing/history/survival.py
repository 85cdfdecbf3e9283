"""How long a price lasts: survival by Kaplan and Meier (1958), and how often what it claimed came true. Pure.

The product-limit estimate of E. L. Kaplan and P. Meier, "Nonparametric Estimation from Incomplete Observations",
Journal of the American Statistical Association 53 (1958): prices of which the end was not seen count for as long as
they were watched. Instants are seconds since 1970, ages and lengths are in days.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from app.core.units import DAY_S
from app.pricing.history.sweep import Span, grouped, lowest

LEAST_PRICES, LEAST_CHANGES = 20, 5
"""Of fewer prices, or fewer that were seen to change, nothing is claimed."""
LEAST_WATCHED = 5
"""A curve is claimed to the age that so many prices were watched to."""


@dataclass(frozen=True, slots=True)
class Life:
    """One price: from when it is known until when; ``changed`` is whether another took its place, or, where not, it was
    only watched no longer."""

    begin: int
    end: int
    changed: bool

    @property
    def days(self) -> float:
        return (self.end - self.begin) / DAY_S


@dataclass(frozen=True, slots=True)
class Curve:
    """The share of prices that still stand after an age: ``shares`` from ``ages`` on. ``longest`` is the age to which
    it is claimed."""

    ages: tuple[float, ...]
    shares: tuple[float, ...]
    longest: float
    prices: int
    changes: int

    def at(self, age: float) -> float | None:
        """The share that still stands after ``age`` days; ``None`` past what was watched."""
        if age > self.longest:
            return None
        place = bisect_right(self.ages, age) - 1
        return self.shares[place] if place >= 0 else 1.0

    def still(self, age: float, days: float) -> float | None:
        """The chance that a price of ``age`` days still stands ``days`` later; ``None`` past what was watched."""
        now, then = self.at(age), self.at(age + days)
        return then / now if now and then is not None else None

    @property
    def is_told(self) -> bool:
        """True if it rests on enough prices to claim anything."""
        return self.prices >= LEAST_PRICES and self.changes >= LEAST_CHANGES


def lives(spans: Iterable[Span], until: int) -> list[Life]:
    """The lives of each kind's lowest price up to the second ``until``.

    A price ends when another follows at once. One that is followed by nothing known, or still stands, was watched no
    longer; nothing is known of changes within a gap.
    """
    found = []
    for _, kind in grouped(spans, lambda span: span.kind):
        levels = [(at, span) for at, span in lowest(kind) if at < until]
        for (at, span), (then, after) in pairwise([*levels, (until, None)]):
            if span is not None and then > at:
                found.append(Life(at, then, after is not None))
    return found


def curve(found: Iterable[Life]) -> Curve:
    """The product-limit estimate: at each age at which prices changed the share falls by those of them among all that
    were still watched. A price watched up to just that age counts as watched."""
    ended = sorted((life.days, life.changed) for life in found)
    total = len(ended)
    ages, shares, share, at = [], [], 1.0, 0
    while at < total:
        age, gone = ended[at][0], 0
        first = at
        while at < total and ended[at][0] == age:
            gone += ended[at][1]
            at += 1
        if gone:
            share *= 1 - gone / (total - first)
            ages.append(age)
            shares.append(share)
    longest = ended[-LEAST_WATCHED][0] if total >= LEAST_WATCHED else 0.0
    return Curve(tuple(ages), tuple(shares), longest, total, sum(changed for _, changed in ended))


def known_by(found: Iterable[Life], at: int) -> list[Life]:
    """What was known of lives at the second ``at``: later ends were not yet seen."""
    return [life if life.end < at else Life(life.begin, at, changed=False) for life in found if life.begin < at]


@dataclass(frozen=True, slots=True)
class Score:
    """How claims of one month held: of ``claims`` prices the share ``said`` was to stand at its end, ``stood`` did.

    ``brier`` is the mean squared distance of each claim from what happened (Brier, 1950): 0 is perfect.
    """

    month: str
    claims: int
    said: float
    stood: float
    brier: float


def score(groups: Iterable[Sequence[Life]], month: str, begin: int, end: int) -> Score | None:
    """The claims that could be made at ``begin`` for ``end`` from what was known then, against what happened.

    Each group has a curve of its own. Prices that were not watched to the end are left out. ``None`` without a claim.
    """
    said: list[tuple[float, bool]] = []
    days = (end - begin) / DAY_S
    for group in groups:
        made = curve(known_by(group, begin))
        if not made.is_told:
            continue
        for life in group:
            stands = life.begin < begin < life.end
            seen = life.changed or life.end >= end
            chance = made.still((begin - life.begin) / DAY_S, days) if stands and seen else None
            if chance is not None:
                said.append((chance, life.end >= end))
    if not said:
        return None
    brier = sum((chance - stood) ** 2 for chance, stood in said) / len(said)
    mean, held = sum(chance for chance, _ in said) / len(said), sum(stood for _, stood in said) / len(said)
    return Score(month, len(said), mean, held, brier)
