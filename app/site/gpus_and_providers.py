"""GPUs and providers: the lists, and a page each."""

import difflib
from collections.abc import Iterable
from typing import Any

from app.calculator import choices
from app.catalog.facts import Gpu, Provider, gpus, providers
from app.core.addresses import encode
from app.core.clock import from_timestamp
from app.core.errors import NotFoundError, QueryError
from app.core.money import parse_decimal, plain, to_micro
from app.core.units import DAY_S
from app.core.version_keys import MODELS_KEY, OFFERS_KEY, SOURCES_KEY, source_key
from app.pricing.history import chart, queries
from app.pricing.history import levels as history
from app.pricing.offers import best as best_prices
from app.pricing.offers import store
from app.pricing.offers.disagreements import disagreements
from app.pricing.offers.offer import COMMUNITY
from app.pricing.offers.tables import OfferRow
from app.pricing.refresh import source_status
from app.pricing.snapshot import files
from app.site.render import render
from app.submissions.forms import TOPICS
from app.submissions.publish import experiences
from app.web.answers import Answer, Ask, MovedError
from app.web.front import public

SEGMENTS = {"data-centre": "Data centre", "workstation": "Workstation", "gaming": "Gaming"}
SHOWN_OFFERS = 100
SHOWN_DIFFERING = 25
SHOWN_MODELS = 10
FACTS = (
    ("Memory", "memory_gb", "GB"), ("Memory type", "memory_type", ""), ("Memory bandwidth", "bandwidth_gb_s", "GB/s"),
    ("FP16 / BF16, dense", "fp16_tflops", "TFLOPS"), ("FP8, dense", "fp8_tflops", "TFLOPS"),
    ("INT8, dense", "int8_tops", "TOPS"), ("FP4, dense", "fp4_tflops", "TFLOPS"), ("Power", "tdp_w", "W"),
    ("Interconnect", "interconnect", ""), ("Interconnect, per direction", "interconnect_gb_s", "GB/s"),
    ("Form", "form_factor", ""),
)  # fmt: skip


@public("/gpus", shows=(OFFERS_KEY,))
async def gpu_list(ask: Ask) -> Answer:
    """Every accelerator with its facts and best prices."""
    ask.redirect_to_canonical("/gpus")
    counts = await store.counts_by("gpu")
    groups = [(name, [gpu for gpu in gpus().values() if gpu.segment == segment]) for segment, name in SEGMENTS.items()]
    body = render(
        "gpus/list.html", settings=ask.settings, path="/gpus", canonical="/gpus", now=ask.now, groups=groups,
        best=await best_prices.best_by_gpu(ask.now), counts=counts, title="GPUs and accelerators",
        description=f"{len(gpus())} accelerators: memory, bandwidth, dense TFLOPS, power, and the best price of each.",
    )  # fmt: skip
    return Answer(body, valid_until=await store.next_stale(ask.now))


@public("/gpus/{gpu:str}", shows=("gpu:{gpu}", MODELS_KEY))
async def gpu_page(ask: Ask) -> Answer:
    """One accelerator: facts, cheapest offers, price chart, every offer."""
    gpu: Gpu = _known(ask.parts["gpu"], gpus(), "GPU", "/gpus")
    window, below = _asked(ask, gpu)
    offers = await store.offers_of(OfferRow.gpu, gpu.slug)
    past = await _past(gpu.slug, window, below, ask.now)
    family = gpu.slug.split("-")[0] if not gpu.slug.startswith(("rtx", "gtx", "quadro", "tpu")) else None
    body = render(
        "gpus/page.html", settings=ask.settings, path="/gpus", canonical=f"/gpus/{gpu.slug}", now=ask.now, gpu=gpu,
        facts=FACTS, shown=offers[:SHOWN_OFFERS], total=len(offers), best=best_prices.best_of(offers, ask.now),
        **past, charted=whose_prices(past["drawn"], offers),
        stock=_stock(offers), preview=f"/previews/gpus/{gpu.slug}.png", title=f"{gpu.name} price",
        range=best_prices.price_range_of(offers), kin=[g for g in gpus().values() if family and g.slug != gpu.slug
            and g.slug.split("-")[0] == family],
        description=_describe(gpu, offers, ask.now), runs=(await choices.for_gpu(gpu, ask.now))[:SHOWN_MODELS],
    )  # fmt: skip
    return Answer(body, valid_until=await store.next_stale(ask.now))


@public("/providers", shows=(OFFERS_KEY, SOURCES_KEY))
async def provider_list(ask: Ask) -> Answer:
    """Every provider: kind, how many offers, how fresh."""
    ask.redirect_to_canonical("/providers")
    counts = await store.counts_by("provider")
    body = render(
        "providers/list.html", settings=ask.settings, path="/providers", canonical="/providers", now=ask.now,
        counts=counts, spans=await store.seen_spans(), reach=_reach, title="GPU providers",
        description=f"{len(providers())} providers of GPUs: what they offer, where the prices come from, how fresh "
                    f"they are.",
    )  # fmt: skip
    return Answer(body, valid_until=await store.next_stale(ask.now))


@public("/providers/{provider:str}", shows=("provider:{provider}",))
async def provider_page(ask: Ask) -> Answer:
    """One provider: its offers, their source, freshness and last error."""
    provider: Provider = _known(ask.parts["provider"], providers(), "provider", "/providers")
    ask.redirect_to_canonical(f"/providers/{provider.slug}")
    offers = await store.offers_of(OfferRow.provider, provider.slug)
    authorities = _authorities(provider.slug)
    names = dict.fromkeys((*authorities, *sorted({row["source"] for row in offers})))
    told = await experiences(provider.slug)
    aside = await store.set_aside_of({provider.slug, *(spelling.casefold() for spelling in provider.spellings)})
    body = render(
        "providers/page.html", settings=ask.settings, path="/providers", canonical=f"/providers/{provider.slug}",
        now=ask.now, provider=provider, shown=offers[:SHOWN_OFFERS], total=len(offers), aside=aside,
        told=told, topics=dict(TOPICS), sources=await source_status.of_sources(names, ask.settings),
        differing=await disagreements(ask.now, provider.slug), shown_differing=SHOWN_DIFFERING,
        reach=_reach(provider.slug),
        preview=f"/previews/providers/{provider.slug}.png", title=f"{provider.name} GPU prices",
        description=f"{len(offers)} GPU offers of {provider.name}, with source, date and what the price includes.",
    )  # fmt: skip
    until = await store.next_stale(ask.now)
    if told:  # one that is withdrawn is gone from every cache within a minute
        until = min(until or ask.now + 60, ask.now + 60)
    return Answer(body, valid_until=until, shows=tuple(map(source_key, names)))


def _authorities(provider: str) -> tuple[str, ...]:
    from app.pricing.sources import AUTHORITIES

    return AUTHORITIES.get(provider, ())


def _reach(provider: str) -> str:
    """How a provider's prices reach us, in words."""
    from app.pricing.sources import SOURCES

    names = _authorities(provider)
    if not names and provider not in files.about()["providers"]:
        return "no price that a program can read is known: see its price page"
    if not names:
        return "static list, not refreshed"
    best = SOURCES[names[0]]
    key = ", with a key" if best.needs_key else ""
    return f"{best.title}, checked every {best.every_minutes} minutes{key}"


def _asked(ask: Ask, gpu: Gpu) -> tuple[str, int | None]:
    """The chart's window and the price that the reader picked, from the address."""
    given = {name: value for name, value in ask.pairs() if value}
    window, below = given.get("days", ""), given.get("below", "")
    if window and window not in history.WINDOWS:
        raise QueryError(
            "days", f"days={window[:20]!r} is no window of the chart.", f"One of {', '.join(history.WINDOWS)}."
        )
    price = parse_decimal(below) if below else None
    if below and (price is None or not 0 < price <= 100_000):
        raise QueryError(
            "below", f"below={below[:20]!r} is not a price in dollars per GPU-hour.", "For example below=1.50."
        )
    micro = to_micro(price) if price is not None else None
    pairs = [("days", window)] if window else []
    pairs += [("below", plain(micro))] if micro else []
    ask.redirect_to_canonical(f"/gpus/{gpu.slug}{'?' if pairs else ''}{encode(pairs)}")
    return window, micro


async def _past(gpu: str, window: str, below: int | None, now: int) -> dict[str, Any]:
    """The chart of the asked window, or of the smallest that holds something, and how spot behaved in it."""
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
        "drawn": await queries.charted_providers(gpu, since),
        "chart": drawn, "window": choice, "windows": await _windows(gpu, choice, now), "below": below, "by_day": by_day,
        "step": step, "table": history.thinned(drawn.table) if drawn else [],
        "spread": history.spread(levels, "spot", now, below),
        "rentable": {tier: history.rentable(levels, tier, now, below) for tier in ("on-demand", "spot")},
        "has_history": bool(drawn) or bool(await queries.levels(gpu)),
    }  # fmt: skip


async def _windows(gpu: str, chosen: str, now: int) -> dict[str, str]:
    """The windows that hold two days with a price, so that no choice leads to an empty chart; and the chosen one."""
    rows = history.days_of(await queries.levels_by_day(gpu), now, 1)
    days = [row[0] for row in rows if any(price is not None for price in row[1:])]
    first = {key: days_ago(now, length) if length else "" for key, length in history.WINDOWS.items()}
    return {
        key: name
        for key, name in history.WINDOW_NAMES.items()
        if key == chosen or sum(day >= first[key] for day in days) > 1
    }


def days_ago(now: int, days: int) -> str:
    """The ISO day ``days`` before the second ``now``."""
    return f"{from_timestamp(now - days * DAY_S):%Y-%m-%d}"


def whose_prices(drawn: set[str], offers: Iterable[store.Row]) -> str:
    """Whose prices a chart shows, beside the figures above it, which are of every provider with an offer."""
    offering = {
        row["provider"] for row in offers if row["tier"] in ("on-demand", "spot") and row["source"] != COMMUNITY
    }
    if offering == drawn:
        return (
            f"The chart covers {'the one provider' if len(drawn) == 1 else f'all {len(drawn)} providers'} with offers."
        )
    names = sorted(providers()[slug].name if slug in providers() else slug for slug in drawn)
    listed = ", ".join(names[:-1]) + (" and " if len(names) > 1 else "") + names[-1] if names else "none"
    missing, gone = len(offering - drawn), len(drawn - offering)
    rest = (
        [f"of {missing} {'other' if missing == 1 else 'others'} with offers no history is recorded"] if missing else []
    )
    rest += [f"{gone} of them {'has' if gone == 1 else 'have'} no offer now"] if gone else []
    return f"Only {listed}: {'; '.join(rest)}."


def _stock(offers: list[store.Row]) -> dict[str, Any] | None:
    """In how many regions it is in stock, of how many told, and when that was seen; ``None`` where nobody tells."""
    told = [row for row in offers if row["stock"]]
    if not told:
        return None
    regions = {(row["provider"], row["region"]) for row in told}
    stocked = {(row["provider"], row["region"]) for row in told if row["stock"] == "in"}
    return {"regions": len(stocked), "told": len(regions), "at": max(row["fetched_at"] for row in told)}


def _known(slug: str, things: dict[str, Any], what: str, page: str) -> Any:
    """The thing of that slug; another case is moved, a near miss gets suggestions."""
    if slug in things:
        return things[slug]
    folded = slug.casefold()[:80]
    if folded in things:
        raise MovedError(f"{page}/{folded}")
    close = difflib.get_close_matches(folded, list(things), n=4, cutoff=0.4)
    links = tuple((things[name].name, f"{page}/{name}") for name in close)
    raise NotFoundError(f"There is no {what} called {slug[:60]!r}.", (*links, (f"All {what}s", page)))


def _describe(gpu: Gpu, offers: list[store.Row], now: int) -> str:
    best = best_prices.best_of(offers, now).get(("on-demand", None))
    facts = f"{gpu.memory_gb} GB, " if gpu.memory_gb else ""
    if best is None:
        return f"{gpu.name}: {facts}{gpu.architecture}. {len(offers)} offers."
    from app.core.money import show

    price = show(best["usd_per_gpu_hour_micro"])
    return (
        f"{gpu.name}: {facts}{gpu.architecture}. On demand from {price} an hour, {len(offers)} offers with source and"
        " date."
    )
