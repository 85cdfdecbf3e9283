"""How long a price lasts, by provider and tier; the chance that one still stands on a day; how such claims held."""

from datetime import date, timedelta

from app.catalog.facts import gpus, providers
from app.core import clock
from app.core.addresses import encode
from app.core.errors import QueryError
from app.core.units import DAY_S
from app.core.version_keys import LASTING_KEY, OFFERS_KEY
from app.pricing.history import survival_curves, survival_store
from app.pricing.history.survival import LEAST_CHANGES, LEAST_MOVED, LEAST_POOLED, LEAST_PRICES, Curve, of_few
from app.pricing.history.survival_curves import Lasting
from app.pricing.offers import store
from app.pricing.offers.offer import COMMUNITY
from app.pricing.offers.price_query import FILTERS, PriceQuery
from app.pricing.search.parse_query import parse
from app.site.price_api import data_query, to_json
from app.site.region_check import refuse_unknown_regions
from app.site.render import render
from app.site.survival_note import until_midnight
from app.site.survival_schema import AGES, LastingPrices, curve_of, lasting_offer
from app.web.answers import JSON, Answer, Ask
from app.web.front import public
from app.web.one_at_a_time import one_at_a_time

CLAIMED = 40
"""Days of the sentence about a provider's prices."""
FARTHEST_DAYS, USUAL_DAYS = 1096, 30
"""How far ahead can be asked, and the day that the form proposes."""
SHOWN, MOST = 50, 1000
"""Offers on the page, and as data."""


@public("/prices/lasting", shows=(LASTING_KEY, OFFERS_KEY))
async def page(ask: Ask) -> Answer:
    """Survival by provider and tier, the chances of a named day, and the score of each past month."""
    query = parse([pair for pair in ask.pairs() if pair[0] in FILTERS])
    on, today = _on(ask.pairs(), ask.now), clock.from_timestamp(ask.now).date()
    canonical = _address("/prices/lasting", query, on)
    ask.redirect_to_canonical(canonical)
    await refuse_unknown_regions(query)
    curves = await survival_curves.stored()
    rows = await _lowest(query, ask.now) if on or query.has_filters else []
    until = await survival_store.until()
    day = on or today + timedelta(days=USUAL_DAYS)
    body = render(
        "prices/lasting.html", settings=ask.settings, path="/prices/lasting", canonical=canonical,
        title="How long does a price last?", ages=AGES, query=query, day=day.isoformat(), now=ask.now,
        first=(today + timedelta(days=1)).isoformat(), farthest=(today + timedelta(days=FARTHEST_DAYS)).isoformat(),
        found=len(rows),
        chances=[(row, curves.chance(row, _noon(day)), curves.rests_on(row)) for row in rows[:SHOWN]],
        data=_address("/api/prices/lasting", query, on), groups=list(curves.curves.items()),
        scores=await survival_store.scores(), least=LEAST_PRICES, least_changes=LEAST_CHANGES, moved=LEAST_MOVED,
        pooled=LEAST_POOLED, last=f"{clock.from_timestamp(until - 1):%Y-%m-%d}" if until else "",
        names={"gpu": {slug: gpu.name for slug, gpu in gpus().items()},
               "provider": {slug: provider.name for slug, provider in providers().items()},
               "tier": {"on-demand": "On demand", "spot": "Spot", "reserved": "Reserved"}},
        short=_short, pools=survival_curves.POOLS,
        description="How long GPU prices stand before they change, by provider and tier, and how often that came true.",
    )  # fmt: skip
    return Answer(body, valid_until=until_midnight(ask.now, await store.next_stale(ask.now)))


@public("/api/prices/lasting", shows=(LASTING_KEY, OFFERS_KEY))
async def data(ask: Ask) -> Answer:
    """The curves, and the chance of each offer that answers the filters, as JSON."""
    on = _on(ask.pairs(), ask.now)
    query = await data_query([pair for pair in ask.pairs() if pair[0] != "on"], also=("on",))
    query = query.with_(sort="price", order="asc")
    ask.redirect_to_canonical(_address("/api/prices/lasting", query, on))
    curves = await survival_curves.stored()
    rows = await _lowest(query, ask.now)
    at = _noon(on) if on else ask.now
    answer = LastingPrices(
        on=f"{clock.from_timestamp(at):%Y-%m-%d}", count=len(rows),
        curves=[curve_of(provider, tier, curve) for (provider, tier), curve in curves.curves.items()],
        offers=[lasting_offer(row, curves, at) for row in rows[:MOST]],
    )  # fmt: skip
    return Answer(to_json(answer), JSON, until_midnight(ask.now, await store.next_stale(ask.now)))


def claim(curve: Curve) -> str:
    """``4 of 5 such prices still stood after 40 days``, or to the age that was watched."""
    chance = curve.chance(0, CLAIMED)
    return chance.words if chance else ""


def _short(curve: Curve) -> str:
    """The same for a column: ``4 of 5 after 40 days``."""
    chance = curve.chance(0, CLAIMED)
    if chance is None:
        return ""
    share = of_few(chance.share) if 0 < chance.share < 1 else "all" if chance.share else "none"
    return f"{share} after {chance.days} days"


def claims(provider: str, curves: Lasting) -> list[tuple[str, str]]:
    """(tier, what is claimed) of a provider's prices, where enough is known."""
    return [(tier, claim(curve)) for (whose, tier), curve in curves.curves.items() if whose == provider]


async def _lowest(query: PriceQuery, now: int) -> list[store.Row]:
    """Each provider's lowest price of a GPU and tier that answers the filters, the cheapest first; current prices
    before stale ones, and none that visitors reported."""
    found: dict[tuple[object, ...], store.Row] = {}
    async with one_at_a_time():
        rows = [row for row in await store.all_rows(query) if row["source"] != COMMUNITY]
    for row in sorted(rows, key=lambda r: (r["stale_at"] <= now, r["usd_per_gpu_hour_micro"], r["id"])):
        found.setdefault((row["provider"], row["gpu"], row["tier"], row["commitment_months"]), row)
    return sorted(found.values(), key=lambda r: (r["usd_per_gpu_hour_micro"], r["id"]))


def _address(path: str, query: PriceQuery, on: date | None) -> str:
    pairs = [*query.pairs(), *([("on", on.isoformat())] if on else [])]
    return f"{path}?{encode(pairs)}" if pairs else path


def _noon(day: date) -> int:
    return int(clock.parse_instant(day.isoformat()).timestamp()) + DAY_S // 2


def _on(pairs: list[tuple[str, str]], now: int) -> date | None:
    """The day that is asked about, None where none is."""
    given = {value.strip() for name, value in pairs if name == "on" and value.strip()}
    today = clock.from_timestamp(now).date()
    farthest = today + timedelta(days=FARTHEST_DAYS)
    hint = f"For example on={today + timedelta(days=USUAL_DAYS)}; days from tomorrow to {farthest} can be asked about."
    if len(given) > 1:
        raise QueryError("on", "on is given more than once.", hint)
    if not given:
        return None
    text = given.pop()
    try:
        day = date.fromisoformat(text) if len(text) == len("2026-09-01") else None
    except ValueError:
        day = None
    if day is None:
        raise QueryError("on", f"on={text[:20]!r} is not a day of the form 2026-12-24.", hint)
    if not today < day <= farthest:
        raise QueryError("on", f"on={day} is not a day to come, or too far ahead.", hint)
    return day
