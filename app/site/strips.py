"""The price strips of the GPUs that a page shows, on one axis."""

from collections.abc import Iterable
from typing import Any

from app.catalog.facts import Gpu
from app.pricing.offers import price_strip


def strips_of(shown: Iterable[Gpu], prices: dict[str, dict[str, list[int]]]) -> dict[str, Any]:
    """``strips`` of the GPUs ``shown``, by slug, and the ``axis`` that they share; ``None`` where nothing is asked.

    ``prices`` is GPU → tier → micro-dollars per GPU-hour.
    """
    held = {gpu.slug: prices.get(gpu.slug, {}) for gpu in shown}
    axis = price_strip.axis_of(price for tiers in held.values() for asked in tiers.values() for price in asked)
    if axis is None:
        return {"axis": None, "strips": {}}
    return {"axis": axis, "strips": {slug: price_strip.draw(tiers, axis) for slug, tiers in held.items()}}
