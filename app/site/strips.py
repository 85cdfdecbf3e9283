"""The price strips of the GPUs on a page, on one axis."""

from collections.abc import Iterable, Mapping
from typing import Any

from app.catalog.facts import Gpu
from app.pricing.offers import price_strip


def strips_of(shown: Iterable[Gpu], prices: Mapping[str, price_strip.Prices]) -> dict[str, Any]:
    """``strips``, by GPU slug, and the ``axis`` that they share; without a price it is ``None``.

    ``per_tick`` is the number of offers that a tick stands for on average, where there are too many prices for a tick
    each; else 0. ``prices`` is GPU → tier → their spread.
    """
    held = {gpu.slug: prices.get(gpu.slug, {}) for gpu in shown}
    spreads = [spread for tiers in held.values() for spread in tiers.values()]
    axis = price_strip.axis_of(spreads)
    if axis is None:
        return {"axis": None, "strips": {}, "per_tick": 0}
    strips, unit = price_strip.draw(held, axis)
    drawn = sum(path.count("M") for strip in strips.values() for path in (strip.on_demand, strip.spot))
    thinned = unit > 1 or any(spread.is_thinned for spread in spreads)
    return {
        "axis": axis, "strips": strips,
        "per_tick": round(sum(spread.offers for spread in spreads) / max(drawn, 1)) if thinned else 0,
    }  # fmt: skip
