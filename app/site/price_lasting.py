"""How long a price lasts, by provider and tier, and how often such claims held in the months before."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime

from app.catalog.facts import providers
from app.core.units import DAY_S
from app.core.version_keys import TALLY_KEY
from app.pricing.history import spans
from app.pricing.history.survival import LEAST_CHANGES, LEAST_PRICES, Curve, Life, Score, curve, lives, score
from app.pricing.history.sweep import Span, grouped
from app.pricing.offers.price_query import PriceQuery
from app.site.render import render
from app.web.answers import Answer, Ask
from app.web.front import public

AGES = (7, 30, 90)
"""Days after which the share that still stands is told."""
CLAIMED = 40
"""Days of the sentence about a provider's prices."""
MONTHS = 36


@dataclass(frozen=True, slots=True)
class Group:
    """A provider's prices of one tier and how long they last."""

    provider: str
    tier: str
    curve: Curve

    @property
    def claim(self) -> str:
        """``4 of 5 such prices still stood after 40 days``, or to the age that was watched."""
        days = int(min(CLAIMED, self.curve.longest))
        share = self.curve.at(days)
        return "" if share is None or days < 1 else f"{of_few(share)} such prices still stood after {days} days"


def of_few(share: float) -> str:
    """A share in words: the fraction of up to ten parts that is nearest, ``4 of 5``, the simplest of equals."""
    parts = min(range(1, 11), key=lambda n: (round(abs(round(share * n) / n - share), 2), n))
    parts = max(parts, 5) if parts in (1, 5) else parts
    return f"{round(share * parts)} of {parts}"


@public("/prices/lasting", shows=(TALLY_KEY,))
async def page(ask: Ask) -> Answer:
    """Survival by provider and tier, and the score of each past month."""
    ask.redirect_to_canonical("/prices/lasting")
    last = await spans.last_day(ask.now)
    groups, scores = await _of_day(ask, last)
    body = render(
        "prices/lasting.html", settings=ask.settings, path="/prices/lasting", canonical="/prices/lasting",
        title="How long does a price last?", ages=AGES, groups=groups, scores=scores, least=LEAST_PRICES,
        least_changes=LEAST_CHANGES, last=f"{_day((last + 1) * DAY_S - 1):%Y-%m-%d}",
        description="How long GPU prices stand before they change, by provider and tier, and how often that came true.",
    )  # fmt: skip
    return Answer(body, valid_until=ask.now - ask.now % DAY_S + DAY_S)


async def claims(provider: str, ask: Ask) -> list[tuple[str, str]]:
    """(tier, what is claimed) of a provider's prices, where enough is known."""
    groups, _ = await _of_day(ask, await spans.last_day(ask.now))
    return [(group.tier, group.claim) for group in groups if group.provider == provider and group.claim]


_made: dict[tuple[str, int], tuple[list[Group], list[Score]]] = {}


async def _of_day(ask: Ask, last: int) -> tuple[list[Group], list[Score]]:
    """What the history up to the end of the day ``last`` says: read once a day, since it is all of it."""
    key = (str(ask.settings.data_dir), last)
    if key not in _made:
        stood = await spans.answering(PriceQuery(), 0)
        made = await asyncio.to_thread(_computed, stood, (last + 1) * DAY_S)
        _made.clear()
        _made[key] = made
    return _made[key]


def _computed(stood: list[Span], until: int) -> tuple[list[Group], list[Score]]:
    named = grouped((s for s in stood if s.provider in providers()), lambda span: (span.provider, span.tier))
    found = [(name, lives(some, until)) for name, some in named]
    groups = [Group(*name, made) for name, some in found if (made := curve(some)).is_told]
    return groups, _scores([some for _, some in found], until)


def _scores(groups: list[list[Life]], until: int) -> list[Score]:
    """The score of each whole month, newest first."""
    found = []
    end = _first_of_month(_day(until))
    for _ in range(MONTHS):
        begin = _first_of_month(_day(end - 1))
        told = score(groups, f"{_day(begin):%Y-%m-%d}", begin, end)
        found += [told] if told else []
        end = begin
    return found


def _day(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _first_of_month(day: datetime) -> int:
    return int(datetime(day.year, day.month, 1, tzinfo=UTC).timestamp())
