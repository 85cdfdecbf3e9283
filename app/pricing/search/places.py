"""The values of the filter ``region``: countries, continents, their other names, and regions of providers. Pure."""

import difflib
from functools import cache

from app.catalog.facts import CONTINENTS, countries, place_spellings, region_names
from app.pricing.offers.price_query import MEANINGS, NOWHERE, OR_NOT_STATED


@cache
def _spellings() -> dict[str, str]:
    """Name in lower case → the filter's value, of places. A city that is also a provider's region means that region,
    since offers state it; a country means the country, however a provider writes it."""
    cities = {name.casefold() for name in region_names()}
    named = {name.casefold(): slug for slug, name in CONTINENTS.items()}
    named |= {country.name.casefold(): code for code, country in countries().items()}
    others = {n: place for n, place in place_spellings().items() if n not in cities or len(n) <= len("usa")}
    values = {value: value for value in (*countries(), *CONTINENTS, NOWHERE, "global")}
    return others | named | values


def value_of(name: str) -> str | None:
    """The filter's value for the country or continent ``name``, in any case and with the ending for offers without a
    region: ``EU`` → ``europe``, ``usa-or-not-stated`` → ``us-or-not-stated``; ``None`` for any other name."""
    folded = name.casefold()
    found = _spellings().get(folded.removesuffix(OR_NOT_STATED))
    if found is None or not folded.endswith(OR_NOT_STATED):
        return found
    return f"{found}{OR_NOT_STATED}" if found in countries() or found in CONTINENTS else None


def is_catalogued(region: str) -> bool:
    """True for a provider's region that the catalogue can place."""
    return region in region_names()


def hint(name: str) -> str:
    """What would work instead of ``name``, which is no known region: the names most like it, and examples."""
    known = {**{region.casefold(): region for region in region_names()}, **_spellings()}
    # a name of two letters is like many words and meant by few
    long = [one for one in known if len(one) > 2 or len(name) <= 2]
    close = difflib.get_close_matches(name.casefold(), long, n=3, cutoff=0.7)
    meant = " or ".join(dict.fromkeys(known[one] for one in close))
    example = f"For example region={MEANINGS['region'].example}, region=europe or region=us-east-1."
    return f"Did you mean {meant}? {example}" if meant else example
