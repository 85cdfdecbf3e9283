"""Rendering templates. What every page needs is provided here, once."""

import base64
import json
import re
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from functools import cache, lru_cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from app.catalog import facts
from app.core import clock, money, number_format
from app.core.settings import HOME, Settings
from app.policies.files import policies
from app.pricing.offers.offer import COMMUNITY
from app.pricing.offers.price_query import OR_NOT_STATED
from app.pricing.offers.store import CONFIRMATION_STEP_S
from app.telemetry.counters import ERRORS, SHIFTS, TIMES_MS, hidden
from app.web import assets
from app.web.answers import ROUTE

SCENARIO_VERSION = 4
"""The version of a scenario, as ``static/scenarios.js`` reads it."""


@cache
def environment() -> Environment:
    """The template environment: escaping is on, undefined names are errors."""
    made = Environment(
        loader=FileSystemLoader(HOME / "templates"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, auto_reload=False,
    )  # fmt: skip
    made.filters.update(
        usd=money.show, bare_usd=bare_usd, short_usd=short_usd, day_text=day_text, iso_day_text=iso_day_text,
        plain_usd=money.plain, tight=tight, day=day, moment=moment, seen=seen, count=count_text, hidden=hidden,
        figure=figure, percent=number_format.percent, chance=number_format.chance,
        reclaim_band=number_format.reclaim_band,
        number=number_format.number, fixed=number_format.fixed, dollars=number_format.dollars,
        grouped=grouped,
        thousands=lambda n: f"{n:,}", duration=duration, opening=opening, place=place_name, months=months_text,
        may_be=where_it_may_be, in_currency=in_currency,
    )  # fmt: skip
    made.globals.update(
        beacon_times=_edges(TIMES_MS), beacon_shifts=_edges(SHIFTS), beacon_errors=_edges(ERRORS),
        asset=assets.address, integrity=assets.integrity, gpus=facts.gpus(), providers=facts.providers(),
        countries=facts.countries(), continents=facts.CONTINENTS, COMMUNITY=COMMUNITY,
    )  # fmt: skip
    return made


def _edges(edges: tuple[int, ...]) -> str:
    return " ".join(map(str, edges))


def render(template: str, *, settings: Settings, **values: Any) -> bytes:
    """The rendered ``template`` as UTF-8."""
    policy_state = policies(settings).state_at(clock.timestamp())
    notices = [(version, policy_state.in_force.get(version.policy)) for version in policy_state.announced]
    text = environment().get_template(template).render(settings=settings, notices=notices, route=ROUTE.get(), **values)
    return text.encode()


def duration(seconds: float) -> str:
    """A short time for a reader, in milliseconds to three digits: ``49.9 ms``, ``539 ms``, ``1,290 ms``.

    One unit everywhere: a limit entered in milliseconds never appears next to a figure in seconds.
    """
    rounded = float(f"{seconds * 1e3:.3g}")
    said = f"{rounded:,.0f}" if rounded >= 100 else f"{rounded:g}"
    return f"{said}\u00a0ms"  # keep a number and its unit on one line


def in_currency(micro: int | None, rate: Decimal) -> str:
    """A sum in whole units of a currency of which one dollar buys ``rate``."""
    return "not known" if micro is None else f"{round(money.to_decimal(micro) * rate):,}"


def grouped(text: str) -> str:
    """``text`` with its whole numbers of five or more digits, and four-digit counts, grouped in threes: ``2332 measured
    rows`` → ``2,332 measured rows``. Years and fractions are left alone."""
    return re.sub(r"(?<![\d.,-])(\d{5,}|\d{4}(?= [a-z]))(?![\d.,-])", lambda found: f"{int(found[1]):,}", text)


def opening(model: str) -> str:
    """What follows ``/calculator`` in a link that opens it with ``model``: it is placed after #, so no request carries
    it."""
    scenario = json.dumps({"version": SCENARIO_VERSION, "input": {"model": model}}, separators=(",", ":"))
    return "#s=" + base64.urlsafe_b64encode(scenario.encode()).decode().rstrip("=")


def _time(instant: datetime, text: str) -> Markup:
    return Markup('<time datetime="{}">{}</time>').format(instant.strftime("%Y-%m-%dT%H:%M:%SZ"), text)


@lru_cache(maxsize=4096)
def day(value: str | int) -> Markup:
    """A day for a reader, from an ISO date or seconds: ``15 Jun 2026``."""
    if not value:
        return Markup("not known")
    if isinstance(value, str):
        read = datetime.fromisoformat(value)
        return Markup('<time datetime="{}">{}</time>').format(value, f"{read.day} {read:%b %Y}")
    instant = clock.from_timestamp(value)
    return Markup('<time datetime="{}">{}</time>').format(f"{instant:%Y-%m-%d}", f"{instant.day} {instant:%b %Y}")


def tight(markup: Markup) -> Markup:
    """Markup of many rows without the line breaks between them, which a table doesn't show."""
    return Markup(re.sub(r"\s*\n\s*(?=<(?:t[dr]|label|li)[ >])", "", markup))  # noqa: S704 (takes away spaces alone)


def day_text(seconds: int) -> str:
    """Like :func:`day`, without its element: for tables with many rows."""
    instant = clock.from_timestamp(seconds)
    return f"{instant.day} {instant:%b %Y}"


def iso_day_text(value: str) -> str:
    """As :func:`day_text`, from an ISO date; of a month alone ``Nov 2025``, of a year ``2025``."""
    if len(value) < len("2025-11-20"):
        return f"{datetime.fromisoformat(f'{value}-01'):%b %Y}" if "-" in value else value
    read = datetime.fromisoformat(value)
    return f"{read.day} {read:%b %Y}"


def bare_usd(micro: int, unit: str = "hour") -> str:
    """Like :func:`money.show`, without the dollar sign: for a column whose heading says USD."""
    return money.show(micro, unit).removeprefix("$")


def short_usd(micro: int) -> str:
    """A price to compare at a glance, to the cent: ``0.40``; under ten cents to the tenth of one: ``0.083``."""
    dollars = money.to_decimal(micro)
    return f"{dollars:,.2f}" if dollars >= Decimal("0.1") else f"{dollars:.3f}"


def moment(seconds: int) -> Markup:
    """An exact instant for a reader: ``15 Jun 2026, 12:26 UTC``."""
    instant = clock.from_timestamp(seconds)
    return _time(instant, f"{instant.day} {instant:%b %Y, %H:%M} UTC")


def seen(seconds: int) -> Markup:
    """When a price was last confirmed, rounded down to six hours."""
    return moment(seconds - seconds % CONFIRMATION_STEP_S)


def count_text(count: str | None) -> str:
    """A number of GPUs: ``8``, ``1/6``, ``not known``."""
    return "not known" if count is None else str(Fraction(count))


def figure(value: object, unit: str = "") -> str:
    """A catalogue figure with its unit, or ``not known``."""
    if value is None or value == "":
        return "not known"
    text = f"{value:,}" if isinstance(value, int | Decimal) else str(value)
    return f"{text} {unit}" if unit else text


def months_text(months: int | None) -> str:
    """A commitment's length: ``12 months``, ``term not known``."""
    if not months:
        return "term not known"
    return "1 month" if months == 1 else f"{months} months"


def where_it_may_be(provider: facts.Provider) -> str:
    """The continents where a machine without a stated location may be, as far as its provider says, in words."""
    if "any" in provider.data_centres:
        return "anywhere"
    found = [name for slug, name in facts.CONTINENTS.items() if provider.data_centres and provider.may_be_in(slug)]
    return f"machines in {', '.join(found)}" if found else ""


def place_name(value: str) -> str:
    """A region filter's value for a reader: a country's, continent's or provider region's name."""
    if value == "not-stated":
        return "not stated"
    place = value.removesuffix(OR_NOT_STATED)
    if place != value:
        return f"{place_name(place)} or not stated"
    if value in facts.countries():
        return facts.countries()[value].name
    return facts.CONTINENTS.get(value, value)
