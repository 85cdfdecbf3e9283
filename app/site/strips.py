"""The price strips of the GPUs on a page, on one axis."""

from collections.abc import Iterable
from typing import Any

from app.catalog.facts import Gpu
from app.pricing.offers import price_strip


def strips_of(shown: Iterable[Gpu], prices: dict[str, dict[str, list[int]]]) -> dict[str, Any]:
    """``strips``, by GPU slug, and the ``axis`` that they share; ``None`` if there is no price.

    ``prices`` is GPU → tier → micro-dollars per GPU-hour.
    """
    held = {gpu.slug: prices.get(gpu.slug, {}) for gpu in shown}
    axis = price_strip.axis_of(price for tiers in held.values() for asked in tiers.values() for price in asked)
    if axis is None:
        return {"axis": None, "strips": {}}
    return {"axis": axis, "strips": {slug: price_strip.draw(tiers, axis) for slug, tiers in held.items()}}
