"""``/llms.txt``: what the site is and where programs can read it, in Markdown for assistants (llmstxt.org)."""

from app.catalog.facts import gpus, providers
from app.core.version_keys import OFFERS_KEY
from app.pricing.offers import store, tally_store
from app.pricing.offers.price_query import FILTERS, MEANINGS
from app.site.render import render
from app.web.answers import Answer, Ask
from app.web.front import public

TEXT = "text/plain; charset=utf-8"


@public("/llms.txt", shows=(OFFERS_KEY,))
async def llms_txt(ask: Ask) -> Answer:
    """What the site answers, the addresses for programs with their filters, and how prices are dated and sourced."""
    ask.redirect_to_canonical("/llms.txt")
    offers, gpu_count, provider_count = await tally_store.totals()
    body = render(
        "site/llms.txt", settings=ask.settings, base=ask.settings.base_url,
        filters={name: MEANINGS[name] for name in FILTERS}, offers=offers, gpu_count=gpu_count,
        provider_count=provider_count, known_gpus=len(gpus()), known_providers=len(providers()),
        extent=await store.freshness(ask.now),
    )  # fmt: skip
    return Answer(body, TEXT, valid_until=await store.next_stale(ask.now))
