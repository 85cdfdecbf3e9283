"""The page of one GPU with its prices, offers, history and facts, and the history as a table."""

from collections.abc import Iterable
from statistics import median
from typing import Any

from app.calculator import choices
from app.catalog import checks
from app.catalog.facts import Gpu, gpus, providers
from app.core.addresses import encode
from app.core.clock import from_timestamp, parse_instant
from app.core.errors import QueryError
from app.core.money import parse_decimal, plain, show, to_micro
from app.core.units import DAY_S
from app.core.version_keys import MODELS_KEY, gpu_key
from app.pricing.history import chart, provider_low_store, queries
from app.pricing.history import levels as history
from app.pricing.offers import best as best_prices
from app.pricing.offers import market_store, store
from app.pricing.offers.market_store import Kind
from app.pricing.offers.offer import COMMUNITY
from app.pricing.offers.price_query import PriceQuery
from app.pricing.snapshot import files
from app.site.gpus_and_providers import SHOWN_OFFERS, known_thing
from app.site.offer_groups import first_of
from app.site.render import day_text, figure, months_text, render
from app.site.strips import strips_of
from app.site.survival_note import SHOWN_KEYS, SurvivalNote, survival_note, until_midnight
from app.web.answers import Answer, Ask
from app.web.front import public

SHOWN_MODELS = 10
FACTS = (
    ("Memory", "memory_gb", "GB"), ("Memory type", "memory_type", ""), ("Memory bandwidth", "bandwidth_gb_s", "GB/s"),
    ("FP16 / BF16, dense", "fp16_tflops", "TFLOPS"), ("FP8, dense", "fp8_tflops", "TFLOPS"),
    ("INT8, dense", "int8_tops", "TOPS"), ("FP4, dense", "fp4_tflops", "TFLOPS"), ("Power", "tdp_w", "W"),
    ("Interconnect", "interconnect", ""), ("Interconnect, per direction", "interconnect_gb_s", "GB/s"),
    ("Form", "form_factor", ""),
)  # fmt: skip


@public("/gpus/{gpu:str}", shows=(gpu_key("{gpu}"), MODELS_KEY))
async def gpu_page(ask: Ask) -> Answer:
    """One GPU: its prices and offers, their history, what it can run, all facts."""
    gpu: Gpu = known_thing(ask.parts["gpu"], gpus(), "GPU", "/gpus")
    window, below = _asked(ask, gpu)
    kinds = await market_store.kinds(gpu=gpu.slug)
    first = await store.rows_between(PriceQuery(gpu=(gpu.slug,)), 0, SHOWN_OFFERS, ask.now)
    past = await _past(gpu.slug, window, below, ask.now)
    best, note = await best_prices.best_of(kinds, ask.now), await survival_note(ask.now)
    body = render(
        "gpus/page.html", settings=ask.settings, path="/gpus", canonical=f"/gpus/{gpu.slug}", now=ask.now, gpu=gpu,
        facts=FACTS, line=facts_line(gpu), figures=_figures(best, kinds, note), best=best, survival=note,
        **first_of(first, kinds, ask.now),
        **strips_of([gpu], await market_store.spreads([gpu.slug])),
        **past, charted=whose_prices(past["drawn"] | carried(kinds, past["since"]), kinds), kin=_kin(gpu),
        stock=await _stock(gpu.slug, kinds), second=checks.compared(gpu), variants=checks.variants_of(gpu),
        preview=f"/previews/gpus/{gpu.slug}.png", title=f"{gpu.name} price",
        description=_describe(gpu, best, sum(kind.offers for kind in kinds)),
        runs=await choices.for_gpu(gpu, ask.now, SHOWN_MODELS),
    )  # fmt: skip
    return Answer(body, valid_until=until_midnight(ask.now, await store.next_stale(ask.now)), shows=SHOWN_KEYS)


@public("/gpus/{gpu:str}/history", shows=(gpu_key("{gpu}"),))
async def gpu_history(ask: Ask) -> Answer:
    """The figures of the chart as a table."""
    gpu: Gpu = known_thing(ask.parts["gpu"], gpus(), "GPU", "/gpus")
    window, _ = _asked(ask, gpu, "/history")
    past = await _past(gpu.slug, window, None, ask.now)
    body = render(
        "gpus/history.html", settings=ask.settings, path="/gpus", gpu=gpu, **past,
        canonical=f"/gpus/{gpu.slug}/history",
        title=f"{gpu.name} price history", preview=f"/previews/gpus/{gpu.slug}.png",
        description=f"{gpu.name}: lowest and median price on demand and lowest spot price by day, USD per GPU-hour.",
    )  # fmt: skip
    return Answer(body, valid_until=await store.next_stale(ask.now))


def facts_line(gpu: Gpu) -> str:
    """The most important facts about a GPU: ``80 GB HBM3 at 3.35 TB/s · 989 TFLOPS FP16 · … · Hopper, 2022``."""
    memory = f"{gpu.memory_gb} GB {gpu.memory_type}".strip() if gpu.memory_gb else ""
    if memory and gpu.bandwidth_gb_s:
        memory += f" at {gpu.bandwidth_gb_s / 1000:f}".rstrip("0").rstrip(".") + " TB/s"
    parts = [
        gpu.variant_note.capitalize(), memory, figure(gpu.fp16_tflops, "TFLOPS FP16") if gpu.fp16_tflops else "",
        f"{figure(gpu.fp8_tflops)} FP8" if gpu.fp8_tflops else "", f"{gpu.tdp_w:,} W" if gpu.tdp_w else "",
        gpu.interconnect, f"{gpu.vendor} {gpu.architecture}" + (f", {gpu.year}" if gpu.year else ""),
    ]  # fmt: skip
    return " · ".join(part for part in parts if part)


def _figures(
    best: dict[tuple[str, int | None], store.Row], kinds: list[Kind], note: SurvivalNote
) -> list[tuple[str, int, str, bool, str]]:
    """Up to four (label, micro-dollars per GPU-hour, whose and when, whether stale, how many such prices still stood):
    the cheapest on demand, as spot and for the longest known term, and the median of providers' lowest on demand."""
    now = note.now
    named = [(f"Cheapest {name}", best[tier, None]) for tier, name in (("on-demand", "on demand"), ("spot", "spot"))
             if (tier, None) in best]  # fmt: skip
    term = max((months for tier, months in best if tier == "reserved" and months), default=None)
    if term:
        named.append((f"Reserved, {months_text(term)}", best["reserved", term]))
    found = [(label, row["usd_per_gpu_hour_micro"], _whose(row), row["stale_at"] <= now, note.words(row))
             for label, row in named]  # fmt: skip
    asked = [kind for kind in kinds if kind.tier == "on-demand" and kind.source != COMMUNITY]
    asked = [kind for kind in asked if kind.stale_at > now] or asked
    lows: dict[str, Kind] = {}
    for kind in sorted(asked, key=lambda kind: (kind.is_part, kind.low_micro, kind.cheapest)):
        lows.setdefault(kind.provider, kind)
    if len(lows) > 1:
        dearest = max(lows.values(), key=lambda kind: kind.low_micro)
        middle = int(median(kind.low_micro for kind in lows.values()))
        top = f"{show(dearest.low_micro)} at {providers()[dearest.provider].name}"
        found.append(
            (f"Median of {len(lows)} providers, on demand", middle, f"each one's lowest, up to {top}", False, "")
        )
    return found


def _whose(row: store.Row) -> str:
    return f"{providers()[row['provider']].name}, {day_text(row['fetched_at'])}"


def _kin(gpu: Gpu) -> list[Gpu]:
    """Other GPUs with the same chip, to compare with."""
    family = gpu.slug.split("-")[0]
    if family in ("rtx", "gtx", "quadro", "tpu"):
        return []
    return [other for other in gpus().values() if other is not gpu and other.slug.split("-")[0] == family]


def _asked(ask: Ask, gpu: Gpu, page: str = "") -> tuple[str, int | None]:
    """(the chart's window, the price that the reader chose) from the address."""
    given = {name: value for name, value in ask.pairs() if value}
    window, below = given.get("days", ""), given.get("below", "")
    if window and window not in history.WINDOWS:
        raise QueryError(
            "days", f"days={window[:20]!r} is not a window of the chart.", f"One of {', '.join(history.WINDOWS)}."
        )
    price = parse_decimal(below) if below else None
    if below and (price is None or not 0 < price <= 100_000):
        raise QueryError(
            "below", f"below={below[:20]!r} is not a price in dollars per GPU-hour.", "For example below=1.50."
        )
    micro = to_micro(price) if price is not None else None
    pairs = [("days", window)] if window else []
    pairs += [("below", plain(micro))] if micro and not page else []
    ask.redirect_to_canonical(f"/gpus/{gpu.slug}{page}{'?' if pairs else ''}{encode(pairs)}")
    return window, micro


async def _past(gpu: str, window: str, below: int | None, now: int) -> dict[str, Any]:
    """The chart for the requested window, or for the smallest one that contains something, and how spot prices behaved
    in it."""
    choices = [window] if window else ["30", "90", "365", "all"]
    for choice in choices:
        days = history.WINDOWS[choice]
        since = now - days * DAY_S if days else 0
        by_day = days is None or days > history.FINE_DAYS
        levels = await (queries.levels_by_day if by_day else queries.levels)(gpu, since)
        step = history.step_of(levels, now)
        drawn = chart.draw(history.days_of(levels, now, step))
        if drawn:
            break
    return {
        "drawn": await provider_low_store.providers(gpu, since), "since": since,
        "chart": drawn, "window": choice, "windows": await _windows(gpu, choice, now), "below": below, "by_day": by_day,
        "step": step, "table": history.runs(drawn.table, step) if drawn else [],
        "spread": history.spread(levels, "spot", now, below),
        "rentable": {tier: history.rentable(levels, tier, now, below) for tier in ("on-demand", "spot")},
        "has_history": bool(drawn) or bool(await queries.levels_by_day(gpu)),
    }  # fmt: skip


async def _windows(gpu: str, chosen: str, now: int) -> dict[str, str]:
    """The windows that contain two days with a price, so that no choice leads to an empty chart, and the chosen one.

    A longer window contains what a shorter one does: the first with two days is looked for, from the shortest on.
    """
    keys = list(history.WINDOWS)
    shortest = len(keys)
    for place, length in enumerate(history.WINDOWS.values()):
        since, first = (now - length * DAY_S, days_ago(now, length)) if length else (0, "")
        rows = history.days_of(await queries.levels_by_day(gpu, since), now, 1)
        if sum(row.day >= first for row in rows if any(price is not None for price in row.prices)) > 1:
            shortest = place
            break
    return {key: name for key, name in history.WINDOW_NAMES.items() if key == chosen or keys.index(key) >= shortest}


def days_ago(now: int, days: int) -> str:
    """The ISO date ``days`` days before the second ``now``."""
    return f"{from_timestamp(now - days * DAY_S):%Y-%m-%d}"


def carried(kinds: Iterable[Kind], since: int) -> set[str]:
    """The providers whose shipped prices count in the lines after the second ``since``, since a price of the shipped
    lists counts until the last of them was read."""
    shipped: dict[str, Any] = files.about()["sources"]
    until = max(parse_instant(about["day"]).timestamp() for about in shipped.values()) + DAY_S
    return {kind.provider for kind in kinds if since < until and kind.source in shipped and kind.tier != "reserved"}


def whose_prices(drawn: set[str], kinds: Iterable[Kind]) -> str:
    """Whose prices a chart shows, next to the figures above it, which cover every provider with an offer."""
    offering = {kind.provider for kind in kinds if kind.tier in ("on-demand", "spot") and kind.source != COMMUNITY}
    if not drawn:
        return ""
    since = "each from the day it was first seen, a price until it was next seen"
    gone = _names(drawn - offering)
    ended = f" {gone} no longer offer{'' if len(drawn - offering) > 1 else 's'} it." if gone else ""
    if missing := len(offering - drawn):
        return (
            f"The lines cover {_names(drawn)}, {since}; of {missing} {'other' if missing == 1 else 'others'} with "
            f"offers no history is recorded.{ended}"
        )
    covered = f"all {len(drawn)} providers" if len(drawn) > 1 else _names(drawn)
    return f"The lines cover {covered}, {since}.{ended}"


def _names(slugs: set[str]) -> str:
    names = sorted(providers()[slug].name if slug in providers() else slug for slug in slugs)
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


async def _stock(gpu: str, kinds: list[Kind]) -> dict[str, Any] | None:
    """In how many regions it is in stock, of how many that report stock, and when that was seen; ``None`` if nobody
    reports it."""
    seen = [kind.last_seen_at for kind in kinds if kind.stock]
    if not seen:
        return None
    places = await market_store.places_with_stock(gpu)
    regions = {(place.provider, place.region) for place in places}
    stocked = {(place.provider, place.region) for place in places if place.stock == "in"}
    return {"regions": len(stocked), "stated": len(regions), "at": max(seen)}


def _describe(gpu: Gpu, found: dict[tuple[str, int | None], store.Row], offers: int) -> str:
    best = found.get(("on-demand", None))
    facts = f"{gpu.memory_gb} GB, " if gpu.memory_gb else ""
    if best is None:
        return f"{gpu.name}: {facts}{gpu.architecture}. {offers} offers."
    price = show(best["usd_per_gpu_hour_micro"])
    return (
        f"{gpu.name}: {facts}{gpu.architecture}. On demand from {price} an hour, {offers} offers with source and date."
    )
