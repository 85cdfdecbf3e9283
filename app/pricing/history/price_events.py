"""The events of a price watch: a new lowest price, a change of five per cent, stock that came back. Pure.

Several changes of one thing within a UTC day are one event, as of the day's end, so that its key is that of the day.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from app.core.units import DAY_S
from app.pricing.history.price_moves import THRESHOLD
from app.pricing.history.price_span import Level, Span, grouped, lowest

LOW_DAYS = 30
"""A new lowest price is lower than every lowest price of this many days before."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a price: ``what`` is ``low``, ``change`` or ``stock``; ``at`` is in seconds since
    1970.

    Prices in micro-dollars per GPU-hour. ``before_micro`` is the price before, for ``low`` the market's lowest price;
    ``None`` for stock that came back.
    """

    what: str
    at: int
    provider: str
    gpu: str
    tier: str
    months: int | None
    region: str
    before_micro: int | None
    after_micro: int

    @property
    def key(self) -> str:
        """A stable name of this event, for a feed's entry. A new lowest price belongs to its market, whichever provider
        has it."""
        day = self.at // DAY_S
        term = "" if self.months is None else str(self.months)
        whose = () if self.what == "low" else (self.provider, self.region or "any")
        return "-".join((self.what, str(day), self.gpu, self.tier, term, *whose))


def events(spans: Iterable[Span], since: int) -> list[Event]:
    """New lowest prices and changes among ``spans`` from the second ``since`` on, newest first.

    A provider's change that is also the new lowest price of that day is one event, ``low``.
    """
    found = list(spans)
    lows = [event for _, market in grouped(found, lambda span: span.market) for event in new_lows(market, since)]
    as_low = {(low.at // DAY_S, low.provider, low.gpu, low.tier, low.months, low.region) for low in lows}
    moved = [event for _, kind in grouped(found, lambda span: span.kind) for event in changes(kind, since)]
    rest = [e for e in moved if (e.at // DAY_S, e.provider, e.gpu, e.tier, e.months, e.region) not in as_low]
    return newest_first([*lows, *rest])


def newest_first(found: Iterable[Event]) -> list[Event]:
    """By day, lowest prices before stock before changes, larger changes first."""
    order = ("low", "stock", "change")
    return sorted(found, key=lambda e: (-(e.at // DAY_S), order.index(e.what), -_size(e), e.key))


def _size(event: Event) -> Fraction:
    before = event.before_micro
    return abs(Fraction(event.after_micro - before, before)) if before else Fraction(0)


def new_lows(market: Iterable[Span], since: int) -> list[Event]:
    """When one market's lowest price fell below that of each of the :data:`LOW_DAYS` days before, at most once a day.

    The first known prices of a market are no event.
    """
    days: dict[int, Event] = {}
    window: deque[tuple[int, int]] = deque()  # (end, price) of past levels, prices rising: the lowest comes first
    before: Level | None = None
    for at, span in lowest(market):
        if before is not None and before[1] is not None:
            _add(window, at, before[1].micro)
        while window and window[0][0] <= at - LOW_DAYS * DAY_S:
            window.popleft()
        if span is not None and window and span.micro < window[0][1] and at >= since:
            first = days.get(at // DAY_S)
            was = first.before_micro if first else window[0][1]
            days[at // DAY_S] = _event("low", at, span, was)
        before = (at, span)
    return list(days.values())


def _add(window: deque[tuple[int, int]], end: int, price: int) -> None:
    while window and window[-1][1] >= price:
        window.pop()
    window.append((end, price))


def changes(kind: Iterable[Span], since: int) -> list[Event]:
    """The UTC days over which one kind's lowest price moved by :data:`THRESHOLD` or more."""
    found = []
    start: Span | None = None
    for day, levels in _by_day(lowest(kind)):
        last = levels[-1]
        moved = start and abs(Fraction(last[1].micro - start.micro, start.micro)) >= THRESHOLD
        if start and moved and day * DAY_S >= since - since % DAY_S:
            found.append(_event("change", last[0], last[1], start.micro))
        start = last[1]
    return found


def _by_day(levels: Iterable[Level]) -> list[tuple[int, list[tuple[int, Span]]]]:
    days: dict[int, list[tuple[int, Span]]] = {}
    for at, span in levels:
        if span is not None:
            days.setdefault(at // DAY_S, []).append((at, span))
    return list(days.items())


def _event(what: str, at: int, span: Span, before: int | None) -> Event:
    return Event(what, at, span.provider, span.gpu, span.tier, span.months, span.region, before, span.micro)
