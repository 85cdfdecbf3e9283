"""How long a price lasts: survival by Kaplan and Meier (1958), and how often what it claimed came true. Pure.

The product-limit estimate of E. L. Kaplan and P. Meier, "Nonparametric Estimation from Incomplete Observations",
Journal of the American Statistical Association 53 (1958): prices of which the end was not seen count for as long as
they were watched. A change that happened while nobody watched is spread evenly over that time. Instants are seconds
since 1970, ages and lengths are in days.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

from app.core.units import DAY_S
from app.pricing.history.price_span import Span, grouped, lowest

LEAST_PRICES, LEAST_CHANGES = 20, 5
"""Of fewer prices, or fewer that were seen to change, nothing is claimed."""
LEAST_WATCHED = 5
"""A curve is claimed to the age that so many prices were watched to."""
SPREAD = 10
"""Instants for which a change that nobody watched counts."""
LEAST_MOVED, LEAST_POOLED = 2, 3
"""What is claimed of all providers rests on changes of so many, and on so many watched to that age."""


@dataclass(frozen=True, slots=True)
class Life:
    """One price: from when it is known until when; ``changed`` is whether another took its place, or, where not, it was
    only watched no longer. Of a change that nobody watched each instant at which it may have been has a life of its
    own, with a part of the ``weight``."""

    begin: int
    end: int
    changed: bool
    weight: float = 1.0

    @property
    def days(self) -> float:
        return (self.end - self.begin) / DAY_S


@dataclass(frozen=True, slots=True)
class Chance:
    """The share of such prices that still stood after so many ``days``; ``at_most``: longer ago than was watched."""

    share: float
    days: int
    at_most: bool

    @property
    def words(self) -> str:
        """``4 of 5 such prices still stood after 40 days``."""
        return self.words_of("")

    def words_of(self, whose: str) -> str:
        """As :attr:`words`, and whose prices they are: ``4 of 5 such prices of all providers still stood …``."""
        after = "a day" if self.days == 1 else f"{self.days} days"
        whole = "all such prices" if self.share == 1 else "" if self.share else "no such price"
        such = whole or f"{of_few(self.share)} such prices"
        return f"{such}{' ' if whose else ''}{whose} still stood after {after}"


FEW, NEAR = (*range(2, 11), 20, 50, 100), 0.02
"""The wholes of a fraction in words, and how far it may be from the share, less so near all and none of them. The last
of them is near enough to any."""


def of_few(share: float) -> str:
    """A share between 0 and 1, both excluded, in words: the simplest fraction that is near, ``4 of 5``; never all or
    none of them."""
    near = max(NEAR / 2, min(NEAR, share / 2, (1 - share) / 2))
    for parts in FEW:
        part = min(range(1, parts), key=lambda part: abs(part / parts - share))
        if abs(part / parts - share) <= near:
            break
    return f"{part} of {parts}"


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

    def chance(self, age: float, days: float) -> "Chance | None":
        """As :meth:`still`; past what was watched the chance after as long as was watched, which bounds it. ``None``
        where that is under a day."""
        watched = min(days, self.longest - age)
        share = self.still(age, watched) if watched >= min(days, 1) else None
        return None if share is None else Chance(share, int(watched), at_most=watched < days)

    @property
    def is_told(self) -> bool:
        """True if it rests on enough prices to claim anything."""
        return self.prices >= LEAST_PRICES and self.changes >= LEAST_CHANGES and self.longest >= 1


def lives(spans: Iterable[Span], until: int, *, across: bool = False) -> list[Life]:
    """The lives of each kind's lowest price up to the second ``until``.

    A price ends when another follows at once. One that is followed by nothing known, or still stands, was watched no
    longer. ``across`` such gaps a price that is the same at both ends lived on, and another one shows that it changed
    in between, at an instant that is not known.
    """
    found: list[Life] = []
    for _, kind in grouped(spans, lambda span: span.kind):
        levels = [(at, span) for at, span in lowest(kind) if at < until]
        held: tuple[int, int, int] | None = None  # since when, until when it was watched, its price
        for (at, span), (then, _) in pairwise([*levels, (until, None)]):
            if span is None or then <= at:
                continue
            begin = at
            if held and held[1] < at and not across:
                found.append(Life(held[0], held[1], changed=False))
            elif held and held[2] != span.micro:
                found += _changed(held[0], held[1], at)
            elif held:
                begin = held[0]
            held = begin, then, span.micro
        if held:
            found.append(Life(held[0], held[1], changed=False))
    return found


def _changed(begin: int, seen: int, other: int) -> list[Life]:
    """A price that was last seen at ``seen`` and of which another was first seen at ``other``."""
    if other <= seen:
        return [Life(begin, seen, changed=True)]
    ends = (seen + (other - seen) * (2 * part + 1) // (2 * SPREAD) for part in range(SPREAD))
    return [Life(begin, end, changed=True, weight=1 / SPREAD) for end in ends]


def curve(found: Iterable[Life]) -> Curve:
    """The product-limit estimate: at each age at which prices changed the share falls by those of them among all that
    were still watched. A price watched up to just that age counts as watched."""
    ended = sorted((life.days, life.changed, life.weight) for life in found)
    left = total = sum(weight for _, _, weight in ended)
    ages, shares, share, longest = [], [], 1.0, 0.0
    for age, group in groupby(ended, lambda end: end[0]):
        if left > LEAST_WATCHED - TINY:
            longest = age
        lost = [(changed, weight) for _, changed, weight in group]
        gone = sum(weight for changed, weight in lost if changed)
        if gone:
            share = share * (1 - gone / left) if left - gone > TINY else 0.0
            ages.append(age)
            shares.append(share)
        left -= sum(weight for _, weight in lost)
    changes = sum(weight for _, changed, weight in ended if changed)
    return Curve(tuple(ages), tuple(shares), longest, round(total), round(changes))


TINY = 1e-6
"""Less than any weight: what sums of floating-point numbers may be wrong by."""


def known_by(spans: Iterable[Span], at: int) -> list[Span]:
    """What was known of prices at the second ``at``: later ones were not yet seen, nor was a later end."""
    return [
        span if span.end is not None and span.end < at else span._replace(end=None) for span in spans if span.begin < at
    ]


@dataclass(frozen=True, slots=True)
class Score:
    """How claims of one month held: of ``claims`` prices the share ``said`` was to stand at its end, ``stood`` did.

    ``month`` is its first day. ``own`` claims rest on the provider's own prices, the others on all providers'.
    ``brier`` is the mean squared distance of each claim from what happened (Brier, 1950): 0 is perfect.
    """

    month: str
    own: bool
    claims: int
    said: float
    stood: float
    brier: float


Said = tuple[float, bool]
"""A chance that was claimed, and whether it came true."""


def claimed(spans: Sequence[Span], made: Curve, begin: int, end: int) -> list[Said]:
    """What ``made`` claims at the second ``begin`` of the prices that stood then, and whether each stood at ``end``.

    Prices that were not watched from the one to the other are left out.
    """
    found = []
    days = (end - begin) / DAY_S
    for life in lives(spans, end + 1):
        stands = life.begin < begin < life.end
        seen = life.changed or life.end >= end
        chance = made.still((begin - life.begin) / DAY_S, days) if stands and seen else None
        if chance is not None:
            found.append((chance, life.end >= end))
    return found


def score(said: Sequence[Said], month: str, *, own: bool) -> Score | None:
    """The score of claims of a month; ``None`` without a claim."""
    if not said:
        return None
    brier = sum((chance - stood) ** 2 for chance, stood in said) / len(said)
    mean, held = sum(chance for chance, _ in said) / len(said), sum(stood for _, stood in said) / len(said)
    return Score(month, own, len(said), mean, held, brier)


def pooled(groups: Iterable[Sequence[Life]]) -> Curve:
    """The curve of all providers' prices of a tier, each group one provider's. It claims nothing where the changes are
    of one provider alone, nor past the age to which three of them were watched."""
    each = [found for found in groups if found]
    made = curve([life for found in each for life in found])
    moved = sum(any(life.changed for life in found) for found in each)
    watched = sorted((max(life.days for life in found) for found in each), reverse=True)
    enough = moved >= LEAST_MOVED and len(watched) >= LEAST_POOLED
    return replace(made, longest=min(made.longest, watched[LEAST_POOLED - 1]) if enough else 0.0)
