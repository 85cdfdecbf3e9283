"""Addresses for machines: health, robots.txt, sitemap, security contact, icons, previews, the API's description."""

from datetime import timedelta
from typing import Any

from litestar import Request, Response, get

from app import __version__
from app.catalog.facts import Gpu, Provider, gpus, providers
from app.core import clock
from app.core.data_folder import full_disk
from app.core.errors import NotFoundError
from app.core.money import show
from app.core.units import DAY_S
from app.core.version_keys import MODELS_KEY, OFFERS_KEY
from app.models.store import every_model
from app.policies.documents import POLICIES
from app.policies.files import policies
from app.pricing.offers import best as best_prices
from app.pricing.offers import market_store, store, tally_store
from app.pricing.offers.price_query import FILTERS, MEANINGS
from app.pricing.offers.tables import OfferRow
from app.privacy.mail import sync
from app.site import feeds, preview
from app.site.examples import finds
from app.site.openapi import description
from app.site.price_api import to_json
from app.site.render import render
from app.storage.engine import despite_damage, left_out
from app.submissions.forms import FORMS
from app.web import assets, cdn_outbox
from app.web.answers import JSON, Answer, Ask, unkept
from app.web.front import public

TEXT = "text/plain; charset=utf-8"


@get("/healthz")
async def healthz() -> Response[bytes]:
    """The process answers."""
    return unkept(b"ok\n", TEXT)


@get("/readyz")
async def readyz(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
    """The process can do its work: the database answers and holds prices. 503 with the reason otherwise.

    What it says of the database holds for pages too: it reads the versions that pages are prepared by.
    """
    settings, prepared = request.app.state.settings, request.app.state.prepared

    async def known_troubles() -> list[str]:
        return [*await sync.troubles(), *await cdn_outbox.troubles(settings)]

    try:
        await prepared.reach()
        offers = int(await OfferRow.count().run())
        troubles = await despite_damage(known_troubles)
    except Exception as error:  # whatever keeps the database from answering is the reason
        return Response({"ready": False, "why": f"the database does not answer: {type(error).__name__}"},
                        status_code=503, headers={"cache-control": "no-store"})  # fmt: skip
    mend = [*policies(settings).troubles(), *troubles, *left_out()]
    if disk := full_disk(settings.data_dir):
        mend.append(disk)
    why = None if offers else "no prices are loaded yet; run inferencebench up"
    return Response({"ready": why is None, "offers": offers, "version": __version__, **({"why": why} if why else {}),
                     **({"mend": mend} if mend else {})},
                    status_code=200 if offers else 503, headers={"cache-control": "no-store"})  # fmt: skip


@public("/robots.txt")
async def robots(ask: Ask) -> Answer:
    """Everything may be read, except fragments and the endless combinations of filters."""
    ask.redirect_to_canonical("/robots.txt")
    lines = ("User-agent: *", "Disallow: /prices/table", "Disallow: /prices?*&", "Disallow: /api/prices?", "Allow: /",
             f"Sitemap: {ask.settings.base_url}/sitemap.xml", "")  # fmt: skip
    return Answer("\n".join(lines).encode(), TEXT)


@public("/sitemap.xml", shows=(MODELS_KEY,))
async def sitemap(ask: Ask) -> Answer:
    """Every page with an address of its own."""
    ask.redirect_to_canonical("/sitemap.xml")
    fixed = [
        "/",
        "/prices",
        "/prices/changes",
        "/index",
        "/prices/lasting",
        "/bill",
        "/gpus",
        "/models",
        "/providers",
        "/compare",
        "/status",
        "/api",
        "/calculator",
        "/benchmarks",
        "/methodology",
        "/privacy/rights",
        "/submit",
        *(f"/submit/{kind}" for kind in FORMS),
        "/submissions",
        "/policies",
        *(f"/policies/{policy}" for policy in POLICIES),
    ]
    known = [row["slug"] for row in await every_model()]
    pages = [
        *fixed,
        *(f"/gpus/{slug}" for slug in gpus()),
        *(f"/providers/{slug}" for slug in providers()),
        *(f"/models/{slug}" for slug in known),
        *(f"/calculator/hardware/{slug}" for slug in known),
    ]
    return feeds.sitemap(ask.settings, pages)


@public("/.well-known/security.txt")
async def security_txt(ask: Ask) -> Answer:
    """Whom to tell about a vulnerability (RFC 9116). It expires in half a year; each request extends it."""
    ask.redirect_to_canonical("/.well-known/security.txt")
    midnight = ask.now - ask.now % DAY_S
    expires = clock.from_timestamp(midnight) + timedelta(days=182)
    lines = (f"Contact: mailto:{ask.settings.contact_email}", f"Expires: {expires:%Y-%m-%dT%H:%M:%SZ}",
             "Preferred-Languages: en", f"Canonical: {ask.settings.base_url}/.well-known/security.txt", "")  # fmt: skip
    return Answer("\n".join(lines).encode(), TEXT, valid_until=midnight + DAY_S)


@public("/.well-known/gpc.json")
async def gpc(ask: Ask) -> Answer:
    """States that Global Privacy Control is honoured: nothing is sold or shared, with the signal and without it."""
    ask.redirect_to_canonical("/.well-known/gpc.json")
    return Answer(to_json({"gpc": True, "lastUpdate": "2026-03-27"}), JSON)


@public("/favicon.ico")
async def favicon(ask: Ask) -> Answer:
    """The icon, for clients that request it without reading the page."""
    ask.redirect_to_canonical("/favicon.ico")
    return Answer(assets.assets()["mark.svg"].body, "image/svg+xml")


@public("/previews/home.png", shows=(OFFERS_KEY,))
async def home_preview(ask: Ask) -> Answer:
    """The image beside a shared link to the site."""
    ask.redirect_to_canonical("/previews/home.png")
    offers, gpu_count, provider_count = await tally_store.totals()
    line = f"{offers:,} offers, {gpu_count} GPUs, {provider_count} providers"
    return Answer(await preview.draw("What a GPU costs, and from whom", line, ""), "image/png")


def _pictured(name: str, things: dict[str, Any]) -> Any:
    """The thing whose image is called ``name``."""
    found = things.get(name.removesuffix(".png")) if name.endswith(".png") else None
    if found is None:
        raise NotFoundError("There is no such image.")
    return found


@public("/previews/gpus/{name:str}", shows=(OFFERS_KEY,))
async def gpu_preview(ask: Ask) -> Answer:
    """The image of one GPU's page, with its best price."""
    gpu: Gpu = _pictured(ask.parts["name"], gpus())
    ask.redirect_to_canonical(f"/previews/gpus/{gpu.slug}.png")
    best = (await best_prices.best_of(await market_store.kinds(gpu=gpu.slug), ask.now)).get(("on-demand", None))
    price = (
        f"{show(best['usd_per_gpu_hour_micro'])} per hour on demand, {providers()[best['provider']].name}"
        if best
        else ""
    )
    facts = f"{gpu.vendor} {gpu.architecture}" + (f", {gpu.memory_gb} GB" if gpu.memory_gb else "")
    return Answer(await preview.draw(gpu.name, facts, price), "image/png", valid_until=await store.next_stale(ask.now))


@public("/previews/providers/{name:str}", shows=(OFFERS_KEY,))
async def provider_preview(ask: Ask) -> Answer:
    """The image of one provider's page."""
    provider: Provider = _pictured(ask.parts["name"], providers())
    ask.redirect_to_canonical(f"/previews/providers/{provider.slug}.png")
    offers = (await tally_store.counts_by("provider")).get(provider.slug, 0)
    line = f"{offers:,} GPU offers, each with its source and date"
    return Answer(await preview.draw(provider.name, line, ""), "image/png")


@public("/api", shows=(OFFERS_KEY,))
async def api(ask: Ask) -> Answer:
    """The API's documentation for people."""
    ask.redirect_to_canonical("/api")
    barren = {name for name in FILTERS if not await finds(name, MEANINGS[name].example)}
    body = render("site/api.html", settings=ask.settings, path="/api", canonical="/api", title="Data and API",
                  description="Every price as CSV and JSON, with the same filters as the page; no key needed.",
                  api=description(ask.settings), barren=barren)  # fmt: skip
    return Answer(body)


@public("/api/openapi.json")
async def openapi(ask: Ask) -> Answer:
    """The API's description for programs."""
    ask.redirect_to_canonical("/api/openapi.json")
    return Answer(to_json(description(ask.settings)), JSON)
