"""What a GPU costs per month in total: the page and its data."""

from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

from app.catalog.facts import gpus
from app.core.addresses import encode
from app.core.errors import QueryError
from app.core.money import to_decimal
from app.core.version_keys import OFFERS_KEY
from app.pricing.offers import bill, store, tally_store
from app.pricing.offers.market import market, published_extras
from app.pricing.offers.offer import COMMUNITY
from app.pricing.offers.price_query import PriceQuery
from app.pricing.refresh.exchange_rates import rates
from app.pricing.search.parse_query import parse, unknown_parameter
from app.site.bill_schema import LIMITS, NEVER, BillFilters, Bills, Even, bill_of
from app.site.price_api import to_json
from app.site.region_check import refuse_unknown_regions
from app.site.render import render
from app.web.answers import JSON, Answer, Ask
from app.web.front import public

SHOWN = 40
MOST_ROWS = {"on-demand": 300, "spot": 150, "reserved": 150}
"""Tier → only this many offers, those with the lowest rent, are considered."""
MOST_BILLS = 1_000
USUAL = "h100-sxm-80gb"
FILTERS = ("gpu", "provider", "region", "tier")
WORDS = {"gpus": "cards", "disk": "disk per machine, GB", "traffic": "egress per month, GB"}


@dataclass(frozen=True, slots=True)
class Asked:
    """The question: which offers, for what wish, and the currency to show."""

    query: PriceQuery
    wish: bill.Wish
    currency: str

    def address(self, path: str) -> str:
        """The canonical address of this question at ``path``."""
        wish = {"gpus": self.wish.gpus, "disk": self.wish.disk_gb, "traffic": self.wish.traffic_gb}
        pairs = [pair for pair in self.query.pairs() if pair[0] in FILTERS]
        pairs += [(name, str(value)) for name, value in wish.items() if value != LIMITS[name].default]
        pairs += [("currency", self.currency)] if self.currency != "USD" else []
        return f"{path}?{encode(pairs)}" if pairs else path


@public("/bill", shows=(OFFERS_KEY,))
async def page(ask: Ask) -> Answer:
    """The cheapest monthly bills for the requested GPUs, with what each price includes."""
    known = await _currencies()
    asked = _asked(ask.pairs(), known)
    ask.redirect_to_canonical(asked.address("/bill"))
    counts = await tally_store.counts_by("gpu")
    offered = sorted((gpu for gpu in gpus().values() if counts.get(gpu.slug)), key=lambda gpu: gpu.name.casefold())
    await refuse_unknown_regions(asked.query)
    was_chosen = bool(asked.query.gpu)
    asked, bills, slices, is_cut = await _bills(asked, counts, ask.now)
    gpu = gpus()[asked.query.gpu[0]] if asked.query.gpu else None
    body = render(
        "prices/bill.html", settings=ask.settings, path="/bill", canonical=asked.address("/bill"), now=ask.now,
        asked=asked, bills=bills[:SHOWN], total=len(bills), is_cut=is_cut,
        offered=offered, gpu=gpu, was_chosen=was_chosen, slices=slices, data=asked.address("/api/bill"),
        currencies=sorted(known), rate=known[asked.currency], market=await market(ask.now), extras=published_extras(),
        even=_even(bills), cheapest=round(to_decimal(bills[0].total_micro)) if bills else 0,
        watts=(gpu.tdp_w or 0) * asked.wish.gpus if gpu else 0, title=f"{gpu.name if gpu else 'GPU'} monthly bill",
        description="What GPUs cost a month with host, disk and traffic: what is in each price, what comes on top, and "
                    "from when on a commitment pays.",
    )  # fmt: skip
    return Answer(body, valid_until=await store.next_stale(ask.now))


@public("/api/bill", shows=(OFFERS_KEY,))
async def data(ask: Ask) -> Answer:
    """The same for programs, in US dollars."""
    for name, value in ask.pairs():
        if value.strip() and name not in BillFilters.__struct_fields__:
            raise unknown_parameter(name, BillFilters.__struct_fields__)
    asked = _asked(ask.pairs(), {"USD": Decimal(1)})
    ask.redirect_to_canonical(asked.address("/api/bill"))
    await refuse_unknown_regions(asked.query)
    asked, bills, _, _ = await _bills(asked, await tally_store.counts_by("gpu"), ask.now)
    even = _even(bills)
    rows = [bill_of(one, even.get(one.row["id"], NEVER), ask.now) for one in bills[:MOST_BILLS]]
    return Answer(to_json(Bills(count=len(bills), bills=rows)), JSON, await store.next_stale(ask.now))


async def _bills(asked: Asked, counts: dict[str, int], now: int) -> tuple[Asked, list[bill.Bill], int, bool]:
    """The question with a GPU (see :func:`_usual` if none is named), its bills, the cheapest first, how many offers
    are left out because they are of a slice of the GPU, and whether there are more than were considered."""
    if not asked.query.gpu and (usual := _usual(counts)):
        asked = replace(asked, query=asked.query.with_(gpu=(usual,)))
    fit, is_cut = [], False
    for tier, limit in MOST_ROWS.items():
        if not asked.query.tier or tier in asked.query.tier:
            rows = await store.rows_between(asked.query.with_(tier=(tier,)), 0, limit, now)
            fit += [row for row in rows if row["source"] != COMMUNITY]
            is_cut = is_cut or len(rows) == limit
    return asked, bill.ranked(fit, asked.wish, await market(now), now), sum(map(bill.is_slice, fit)), is_cut


def _usual(counts: dict[str, int]) -> str:
    """The GPU of a question that names none: :data:`USUAL`, or the most offered one if nobody offers that; ``""``
    without offers."""
    offered = sorted(slug for slug in counts if slug in gpus())
    return USUAL if USUAL in offered else max(offered, key=lambda slug: counts[slug], default="")


def _even(bills: list[bill.Bill]) -> dict[str, Even]:
    """Offer id of each commitment → when it breaks even."""
    own: dict[tuple[str, str], int] = {}
    for one in bills:
        if one.row["tier"] == "on-demand" and not one.missing:
            for who in (one.row["provider"], ""):
                own.setdefault((one.row["gpu"], who), _per_card(one))
    found = {}
    for one in bills:
        if one.row["tier"] == "reserved":
            prices = [own.get((one.row["gpu"], who)) for who in (one.row["provider"], "")]
            months = [bill.break_even(one, round(price * one.gpus)) if price else None for price in prices]
            found[one.row["id"]] = Even(months[0], months[1], prices[0] is not None)
    return found


def _per_card(one: bill.Bill) -> int:
    return round(Fraction(one.total_micro) / one.gpus)


async def _currencies() -> dict[str, Decimal]:
    """Currency → how much of it one dollar buys, for those with a known rate of the day."""
    found = {code: Decimal(1) / rate.usd for code, rate in (await rates()).items() if rate.usd}
    return {"USD": Decimal(1), **{code: found[code] for code in ("EUR", "GBP", "CHF") if code in found}}


def _asked(pairs: list[tuple[str, str]], currencies: dict[str, Decimal]) -> Asked:
    """The question in an address; raises :class:`QueryError` for a value that is not a number, or too large."""
    given = {name: value.strip() for name, value in pairs if value.strip()}
    numbers = {name: _number(name, given.get(name, "")) for name in LIMITS}
    currency = given.get("currency", "USD").upper()
    if currency not in currencies:
        known = ", ".join(sorted(currencies))
        raise QueryError("currency", f"currency={currency[:10]!r} has no known rate here.", f"Known are {known}.")
    query = parse([pair for pair in pairs if pair[0] in FILTERS])
    return Asked(query, bill.Wish(numbers["gpus"], numbers["disk"], numbers["traffic"]), currency)


def _number(name: str, text: str) -> int:
    least, most, usual = LIMITS[name]
    if not text:
        return usual
    if not (text.isascii() and text.isdigit() and len(text) <= 7 and least <= int(text) <= most):
        why = f"{name}={text[:20]!r} is not a whole number of {WORDS[name]} from {least:,} to {most:,}."
        raise QueryError(name, why, f"For example {name}={max(usual, 8)}.")
    return int(text)
