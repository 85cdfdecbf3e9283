"""How long a price lasts: the survival estimate of Kaplan and Meier (1958), and how often its claims came true. Pure.

The product-limit estimate of E. L. Kaplan and P. Meier, "Nonparametric Estimation from Incomplete Observations",
Journal of the American Statistical Association 53 (1958): prices whose end was not seen (censored) count for as long as
they were observed. A change that happened during a gap in observation is spread evenly over the gap. Instants are
seconds since 1970, ages and lengths are in days.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

from app.core.units import DAY_S
from app.pricing.history.price_span import Span, grouped, lowest

LEAST_PRICES, LEAST_CHANGES = 20, 5
"""With fewer prices, or fewer observed changes, a curve claims nothing."""
LEAST_WATCHED = 5
"""A curve reaches to the age up to which at least this many prices were observed."""
SPREAD = 10
"""How many instants, evenly spaced over a gap, a change during that gap is spread over."""
LEAST_MOVED, LEAST_POOLED = 2, 3
"""A pooled curve needs changes of at least two providers, and reaches to the age up to which three were observed."""


@dataclass(frozen=True, slots=True)
class Life:
    """The life of one price, from the second ``begin`` to ``end``. ``changed`` is true if another price replaced it,
    and false if observation ended (censored). A change during a gap in observation becomes several lives, one for each
    instant at which it may have happened, each with a part of the ``weight``."""

    begin: int
    end: int
    changed: bool
    weight: float = 1.0

    @property
    def days(self) -> float:
        return (self.end - self.begin) / DAY_S


@dataclass(frozen=True, slots=True)
class Chance:
    """The share, 0 to 1, of such prices that were unchanged after ``days``. ``at_most`` is true if no price was
    observed for that long: the share is then an upper bound."""

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
"""Denominators to try for a share in words, and the largest deviation allowed in the middle of the scale; near 0 and 1
less is allowed. The last denominator always fits."""


def of_few(share: float) -> str:
    """A share between 0 and 1, both excluded, in words: the simplest fraction close to it, such as ``4 of 5``; never
    all or none."""
    near = max(NEAR / 2, min(NEAR, share / 2, (1 - share) / 2))
    for parts in FEW:
        part = min(range(1, parts), key=lambda part: abs(part / parts - share))
        if abs(part / parts - share) <= near:
            break
    return f"{part} of {parts}"


@dataclass(frozen=True, slots=True)
class Curve:
    """A survival curve: from each of ``ages`` (days) on, the share in ``shares`` of prices is unchanged. ``longest`` is
    the age in days up to which it claims anything; ``prices`` and ``changes`` are the numbers it was made from."""

    ages: tuple[float, ...]
    shares: tuple[float, ...]
    longest: float
    prices: int
    changes: int

    def at(self, age: float) -> float | None:
        """The share that is unchanged after ``age`` days; ``None`` beyond :attr:`longest`."""
        if age > self.longest:
            return None
        place = bisect_right(self.ages, age) - 1
        return self.shares[place] if place >= 0 else 1.0

    def still(self, age: float, days: float) -> float | None:
        """The chance that a price of ``age`` days is unchanged ``days`` later; ``None`` beyond :attr:`longest`."""
        now, then = self.at(age), self.at(age + days)
        return then / now if now and then is not None else None

    def chance(self, age: float, days: float) -> "Chance | None":
        """As :meth:`still`; beyond :attr:`longest` the chance at :attr:`longest`, which is an upper bound. ``None`` if
        that is less than a day away."""
        watched = min(days, self.longest - age)
        share = self.still(age, watched) if watched >= min(days, 1) else None
        return None if share is None else Chance(share, int(watched), at_most=watched < days)

    @property
    def is_sufficient(self) -> bool:
        """True if it was made from enough prices to claim anything."""
        return self.prices >= LEAST_PRICES and self.changes >= LEAST_CHANGES and self.longest >= 1


def lives(spans: Iterable[Span], until: int, *, across: bool = False) -> list[Life]:
    """The lives of each kind's lowest price up to the second ``until``.

    A price has changed when another follows at once. If it is still valid, or no price is known after it, its life is
    censored. With ``across``, gaps are bridged: the same price on both sides lived on, and another one means that it
    changed at an unknown instant in between.
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
    """The lives of a price that was last seen at ``seen`` and whose successor was first seen at ``other``."""
    if other <= seen:
        return [Life(begin, seen, changed=True)]
    ends = (seen + (other - seen) * (2 * part + 1) // (2 * SPREAD) for part in range(SPREAD))
    return [Life(begin, end, changed=True, weight=1 / SPREAD) for end in ends]


def curve(found: Iterable[Life]) -> Curve:
    """The product-limit estimate: at each age at which prices changed, the share falls by the part that changed of
    those still observed. A price observed up to exactly that age counts as observed."""
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
"""Rounding error allowed in sums of weights; smaller than any weight."""


def known_by(spans: Iterable[Span], at: int) -> list[Span]:
    """The spans as they were known at the second ``at``: without later prices and without later ends."""
    return [
        span if span.end is not None and span.end < at else span._replace(end=None) for span in spans if span.begin < at
    ]


@dataclass(frozen=True, slots=True)
class Score:
    """How the claims of one month turned out: of ``claims`` prices the share ``said`` was predicted to be unchanged at
    its end, and the share ``stood`` was.

    ``month`` is its first day. ``own`` claims were made from the provider's own prices, the others from all providers'.
    ``brier`` is the mean squared difference between claims and outcomes (Brier, 1950): 0 is perfect.
    """

    month: str
    own: bool
    claims: int
    said: float
    stood: float
    brier: float


Claim = tuple[float, bool]
"""A claimed chance, and whether it came true."""


def claimed(spans: Sequence[Span], made: Curve, begin: int, end: int) -> list[Claim]:
    """The claims of the curve ``made`` about the prices valid at the second ``begin``: the chance that each is
    unchanged at ``end``, and whether it was.

    Prices that were not observed all that time are left out.
    """
    found = []
    days = (end - begin) / DAY_S
    for life in lives(spans, end + 1):
        is_valid = life.begin < begin < life.end
        seen = life.changed or life.end >= end
        chance = made.still((begin - life.begin) / DAY_S, days) if is_valid and seen else None
        if chance is not None:
            found.append((chance, life.end >= end))
    return found


def score(said: Sequence[Claim], month: str, *, own: bool) -> Score | None:
    """The score of a month's claims; ``None`` without any."""
    if not said:
        return None
    brier = sum((chance - stood) ** 2 for chance, stood in said) / len(said)
    mean, held = sum(chance for chance, _ in said) / len(said), sum(stood for _, stood in said) / len(said)
    return Score(month, own, len(said), mean, held, brier)


def pooled(groups: Iterable[Sequence[Life]]) -> Curve:
    """The curve of several providers' prices of a tier; each group is one provider's. It claims nothing if all changes
    are one provider's, nor beyond the age up to which three providers' prices were observed."""
    each = [found for found in groups if found]
    made = curve([life for found in each for life in found])
    moved = sum(any(life.changed for life in found) for found in each)
    watched = sorted((max(life.days for life in found) for found in each), reverse=True)
    enough = moved >= LEAST_MOVED and len(watched) >= LEAST_POOLED
    return replace(made, longest=min(made.longest, watched[LEAST_POOLED - 1]) if enough else 0.0)
