"""``/prices.atom``: watching prices without an account. A feed of what happens to the prices that match the filters."""

import asyncio
import hashlib

from app.catalog.facts import gpus, providers
from app.core.clock import from_timestamp
from app.core.money import show
from app.core.number_format import percent
from app.core.units import DAY_S
from app.core.version_keys import HISTORY_KEY
from app.pricing.history import queries, spans
from app.pricing.history.price_events import LOW_DAYS, Event, events, newest_first
from app.pricing.offers.price_query import PriceQuery
from app.site import feeds
from app.site.price_api import data_query
from app.site.price_changes import NEVER_S
from app.site.prices import shows, titled
from app.site.render import months_text
from app.web.answers import Answer, Ask
from app.web.front import public
from app.web.one_at_a_time import one_at_a_time

DAYS = 90
"""A feed contains what happened in this many days up to the newest known change of any price."""
MOST = 100
"""The most entries in a feed, the newest first."""


@public("/prices.atom", shows=(HISTORY_KEY,))
async def feed(ask: Ask) -> Answer:
    """New lowest prices, stock that came back, and changes of 5%, among the offers that match the filters (RFC
    4287)."""
    query = (await data_query(ask.pairs())).with_(sort="price", order="asc")
    ask.redirect_to_canonical(query.address("/prices.atom"))
    span = await queries.history_extent()
    last = span.last or NEVER_S
    async with one_at_a_time():
        found = (await happened(query, last))[:MOST]
    title = titled(query)
    feed = feeds.Feed(
        f"{title}: lowest prices, stock, changes",
        query.address("/prices"),
        query.address("/prices.atom"),
        _instant(max((event.at for event in found), default=last)),
        [_entry(event, query) for event in found],
    )
    answer = feeds.atom(ask.settings, feed)
    return Answer(answer.body, answer.media_type, shows=shows(query))


async def happened(query: PriceQuery, last: int) -> list[Event]:
    """What happened in the :data:`DAYS` days up to the second ``last`` to what ``query`` matches, newest first."""
    since = last - DAYS * DAY_S
    stood = await spans.answering(query, since - LOW_DAYS * DAY_S)
    found = await asyncio.to_thread(events, stood, since)
    found = newest_first([*found, *_once_a_day(await spans.returns(query, since))])
    most = query.max_usd_micro
    return [event for event in found if most is None or event.after_micro <= most]


def _once_a_day(returns: list[Event]) -> list[Event]:
    """One return to stock per day and kind: the cheapest."""
    kept: dict[str, Event] = {}
    for event in sorted(returns, key=lambda event: (event.after_micro, event.at)):
        kept.setdefault(event.key, event)
    return list(kept.values())


def _entry(event: Event, query: PriceQuery) -> feeds.Entry:
    gpu, provider = gpus()[event.gpu].name, providers()[event.provider].name
    tier = f"reserved, {months_text(event.months)}" if event.tier == "reserved" else event.tier
    where = f", {event.region}" if event.region else ""
    price = show(event.after_micro)
    whose = f"{provider}, {tier}{where}: {price} per GPU-hour"
    if event.what == "stock":
        title, more = f"{gpu} at {provider} is in stock again: {price}", "."
    elif event.what == "low":
        title = f"{gpu}, {tier}: new lowest price {price} at {provider}"
        more = f"; the lowest of the {LOW_DAYS} days before was {show(event.before_micro or 0)}."
    else:
        before = event.before_micro or event.after_micro
        moved = percent((event.after_micro - before) / before, 1, signed=True)
        title, more = f"{gpu} at {provider}: {price}, {moved}", f", from {show(before)}."
    identity = f"tag:inferencebench.io,2026:watch:{event.key}"
    if event.what == "low":  # the lowest among these filters' offers: other filters have another one
        identity += f"-{_filters(query)}"
    return feeds.Entry(identity, title, f"/gpus/{event.gpu}", _instant(event.at), whose + more)


def _filters(query: PriceQuery) -> str:
    return hashlib.sha256(query.query_string().encode()).hexdigest()[:12]


def _instant(seconds: int) -> str:
    return f"{from_timestamp(seconds):%Y-%m-%dT%H:%M:%SZ}"
