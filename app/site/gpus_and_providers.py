"""The lists of GPUs and providers, and the page of each provider."""

import difflib
import re
from typing import Any

from app.catalog.facts import Provider, gpus, providers
from app.core.errors import NotFoundError
from app.core.version_keys import OFFERS_KEY, SOURCES_KEY, provider_key, source_key
from app.pricing.offers import best as best_prices
from app.pricing.offers import market_store, store, tally_store
from app.pricing.offers.disagreements import disagreements
from app.pricing.offers.price_query import PriceQuery
from app.pricing.refresh import source_status
from app.pricing.refresh.store import set_aside_of
from app.pricing.search.search_words import understand
from app.pricing.snapshot import files
from app.site.offer_groups import first_of
from app.site.price_survival import claims
from app.site.render import render
from app.site.survival_note import SHOWN_KEYS, survival_note, until_midnight
from app.submissions.forms import TOPICS
from app.submissions.publish import experiences
from app.web.answers import Answer, Ask, MovedError
from app.web.front import public

SEGMENTS = {"data-centre": "Data centre", "workstation": "Workstation", "gaming": "Gaming"}
SHOWN_OFFERS = 50
"""Offers shown on the page of a GPU or provider; the price table has the rest."""
MOST_MEANT = 8
"""The most suggestions for a name that several things have."""
SHOWN_DIFFERING = 25
SHOWN_ASIDE = 100
"""Rejected rows on the page of a provider."""
SHOWN_REPORTED = 20


@public("/gpus", shows=(OFFERS_KEY,))
async def gpu_list(ask: Ask) -> Answer:
    """Every GPU with its facts and best prices."""
    ask.redirect_to_canonical("/gpus")
    counts = await tally_store.counts_by("gpu")
    groups = [(name, [gpu for gpu in gpus().values() if gpu.segment == segment]) for segment, name in SEGMENTS.items()]
    body = render(
        "gpus/list.html", settings=ask.settings, path="/gpus", canonical="/gpus", now=ask.now, groups=groups,
        best=await best_prices.best_by_gpu(ask.now), counts=counts, extent=await store.freshness(ask.now),
        title="GPUs and accelerators",
        description=f"{len(gpus())} accelerators: memory, bandwidth, dense TFLOPS, power, and the best price of each.",
    )  # fmt: skip
    return Answer(body, valid_until=await store.next_stale(ask.now))


@public("/providers", shows=(OFFERS_KEY, SOURCES_KEY))
async def provider_list(ask: Ask) -> Answer:
    """Every provider: its kind, how many offers, how fresh they are."""
    ask.redirect_to_canonical("/providers")
    counts = await tally_store.counts_by("provider")
    body = render(
        "providers/list.html", settings=ask.settings, path="/providers", canonical="/providers", now=ask.now,
        counts=counts, spans=await store.seen_spans(),
        all_stale=not (await store.freshness(ask.now)).fresh, reach=_reach, title="GPU providers",
        description=f"{len(providers())} providers of GPUs: what they offer, where the prices come from, how fresh "
                    f"they are.",
    )  # fmt: skip
    return Answer(body, valid_until=await store.next_stale(ask.now))


@public("/providers/{provider:str}", shows=(provider_key("{provider}"),))
async def provider_page(ask: Ask) -> Answer:
    """One provider: its offers, their source, freshness and last error."""
    provider: Provider = known_thing(ask.parts["provider"], providers(), "provider", "/providers")
    ask.redirect_to_canonical(f"/providers/{provider.slug}")
    kinds = await market_store.kinds(provider=provider.slug)
    first = await store.rows_between(PriceQuery(provider=(provider.slug,)), 0, SHOWN_OFFERS, ask.now)
    authorities = _authorities(provider.slug)
    names = dict.fromkeys((*authorities, *sorted({kind.source for kind in kinds})))
    reported, offers = await experiences(provider.slug), sum(kind.offers for kind in kinds)
    note = await survival_note(ask.now)
    spellings = {provider.slug, *(spelling.casefold() for spelling in provider.spellings)}
    aside = await set_aside_of(spellings, SHOWN_ASIDE + 1)
    body = render(
        "providers/page.html", settings=ask.settings, path="/providers", canonical=f"/providers/{provider.slug}",
        now=ask.now, provider=provider, aside=aside, survival=note, **first_of(first, kinds, ask.now),
        reported=reported, shown_reported=SHOWN_REPORTED, topics=dict(TOPICS),
        sources=await source_status.of_sources(names, ask.settings),
        differing=await disagreements(ask.now, provider.slug), shown_differing=SHOWN_DIFFERING,
        shown_aside=SHOWN_ASIDE,
        reach=_reach(provider.slug), lasting=claims(provider.slug, note.curves),
        preview=f"/previews/providers/{provider.slug}.png", title=f"{provider.name} GPU prices",
        description=f"{offers} GPU offers of {provider.name}, with source, date and what the price includes.",
    )  # fmt: skip
    until = until_midnight(ask.now, await store.next_stale(ask.now))
    if reported:  # one that is withdrawn is gone from every cache within a minute
        until = min(until, ask.now + 60)
    return Answer(body, valid_until=until, shows=(*map(source_key, names), *SHOWN_KEYS))


def _authorities(provider: str) -> tuple[str, ...]:
    from app.pricing.sources import AUTHORITIES

    return AUTHORITIES.get(provider, ())


def _reach(provider: str) -> str:
    """How a provider's prices reach us, in words."""
    from app.pricing.sources import SOURCES

    names = _authorities(provider)
    if not names and provider not in files.about()["providers"]:
        return "no machine-readable prices: see its price page"
    if not names:
        return "static list, not refreshed"
    best = SOURCES[names[0]]
    key = ", with a key" if best.needs_key else ""
    hours, minutes = divmod(best.every_minutes, 60)
    pace = f"{best.every_minutes} minutes" if minutes or not hours else "hour" if hours == 1 else f"{hours} hours"
    return f"{best.title}, checked every {pace}{key}"


def known_thing(slug: str, things: dict[str, Any], what: str, page: str) -> Any:
    """The thing with that slug. In another case, or by a name that the search knows it by, it is redirected; a name of
    several things, or a near miss, gets suggestions."""
    if slug in things:
        return things[slug]
    folded = slug.casefold()[:80]
    if folded in things:
        raise MovedError(f"{page}/{folded}")
    said = understand(folded.replace("-", " "))
    meant = () if said.rest else said.gpu if what == "GPU" else said.provider
    sizes = re.findall(r"\d+gb", folded)  # a card of another size is another card
    if len(meant) == 1 and all(size in meant[0] for size in sizes):
        raise MovedError(f"{page}/{meant[0]}")
    close = meant[:MOST_MEANT] or difflib.get_close_matches(folded, list(things), n=4, cutoff=0.4)
    links = tuple((things[name].name, f"{page}/{name}") for name in close)
    raise NotFoundError(f"There is no {what} called {slug[:60]!r}.", (*links, (f"All {what}s", page)))
