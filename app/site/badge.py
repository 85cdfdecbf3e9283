"""An image of a GPU's lowest price for other people's pages: text and a date, no script."""

from typing import Any

from app.catalog.facts import Gpu, gpus
from app.core.errors import NotFoundError, QueryError
from app.core.money import show
from app.core.version_keys import gpu_key
from app.pricing.offers import best as best_prices
from app.pricing.offers import market_store, store
from app.site.render import day, render
from app.web.answers import Answer, Ask
from app.web.front import public

SVG = "image/svg+xml"
TIERS = {"on-demand": "on demand", "spot": "spot"}
"""Tier that a badge can show → its name on the badge. Reserved prices have terms that do not rank against each
other."""
PADDING = 10
MOST_CHARACTERS = 80
"""The longest text on either half of a badge; a longer one is cut off."""
_NARROW, _WIDE = frozenset("ijlftIr.,:'|!()[]- "), frozenset("mwMW@%")


@public("/badge/{name:str}")
async def badge(ask: Ask) -> Answer:
    """The lowest price of one GPU and tier (a fresh one before a stale one), with the day it was last confirmed."""
    name = ask.parts["name"]
    gpu: Gpu | None = gpus().get(name.removesuffix(".svg")) if name.endswith(".svg") else None
    if gpu is None:
        raise NotFoundError("There is no such badge.", (("The GPUs; each page offers its own badge", "/gpus"),))
    tier = _tier(ask)
    ask.redirect_to_canonical(f"/badge/{gpu.slug}.svg" + ("" if tier == "on-demand" else f"?tier={tier}"))
    best = (await best_prices.best_of(await market_store.kinds(gpu=gpu.slug), ask.now)).get((tier, None))
    body = render("site/badge.svg", settings=ask.settings, **texts(gpu.name, TIERS[tier], best))
    return Answer(body, SVG, valid_until=await store.next_stale(ask.now), shows=(gpu_key(gpu.slug),))


def texts(gpu: str, tier: str, best: store.Row | None) -> dict[str, Any]:
    """The content of a badge: label, value, title, and the width of each half in pixels."""
    label = _cut(f"{gpu} {tier}")
    value, title = "no offer known", f"{gpu} {tier}: no offer known. InferenceBench"
    if best is not None:
        price, seen = show(best["usd_per_gpu_hour_micro"]), day(best["fetched_at"]).striptags()
        value = _cut(f"{price}/GPU-hour, {seen}")
        title = f"{gpu} {tier}: lowest price {price} per GPU-hour, seen {seen}. InferenceBench"
    return {"label": label, "value": value, "title": title,
            "left": width(label) + 2 * PADDING, "right": width(value) + 2 * PADDING}  # fmt: skip


def width(text: str) -> int:
    """The approximate width of ``text`` in pixels, in an 11-pixel sans-serif font; the image stretches the text to
    it."""
    return round(sum(4.2 if c in _NARROW else 10 if c in _WIDE else 7.4 if c.isupper() else 6.6 for c in text))


def _cut(text: str) -> str:
    return text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - 1] + "…"


def _tier(ask: Ask) -> str:
    given = {value.strip().casefold() for name, value in ask.pairs() if name == "tier" and value.strip()}
    if len(given) > 1 or not given <= set(TIERS):
        raise QueryError("tier", f"tier={', '.join(sorted(given))[:40]!r} is not something a badge can show.",
                         "For example tier=spot; on-demand if left out.")  # fmt: skip
    return given.pop() if given else "on-demand"
