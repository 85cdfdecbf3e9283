"""Refusing a region that nobody has."""

from app.core.errors import QueryError
from app.pricing.offers import region_store
from app.pricing.offers.price_query import PriceQuery
from app.pricing.search.places import hint, is_catalogued, value_of


async def refuse_unknown_regions(query: PriceQuery) -> None:
    """Raise :class:`QueryError` for a region that neither the catalogue nor any offer, current or past, names.

    Regions are compared as providers write them; another case is refused with the spelling that works.
    """
    unsure = [name for name in query.region if value_of(name) is None]
    stated = await region_store.stated(unsure) if unsure else set()
    for name in unsure:
        spelled = sorted(region for region in stated if region.casefold() == name.casefold())
        if name in spelled or (not spelled and is_catalogued(name)):
            continue
        meant = f"Did you mean {' or '.join(spelled)}?" if spelled else hint(name)
        raise QueryError("region", f"No region is called {name[:60]!r}.", meant)
