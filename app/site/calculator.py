"""The calculator's page and data sheet, and the hardware for each model and preset."""

from app.calculator import choices
from app.calculator.presets import ELECTRICITY, PRESETS
from app.calculator.sheet import digest, sheet
from app.core.errors import QueryError
from app.core.version_keys import MODELS_KEY, OFFERS_KEY, model_key
from app.estimate.constants import fitted
from app.estimate.inputs import ENGINES, WEIGHT_BYTES
from app.estimate.speculative_decoding import accepted_lengths
from app.models import store as models
from app.pricing.offers import store as prices
from app.site.models import known_model
from app.site.render import render
from app.web.answers import JSON, Answer, Ask, MovedError
from app.web.front import public

SHEET = "/calculator/sheet.json"


async def _sheet(ask: Ask) -> tuple[bytes, str]:
    body = await sheet(ask.now)
    return body, digest(body)


@public("/calculator", shows=(MODELS_KEY, OFFERS_KEY))
async def calculator(ask: Ask) -> Answer:
    """The calculator. What is chosen on it stays in the browser: no address contains any of it."""
    ask.redirect_to_canonical("/calculator")
    _, name = await _sheet(ask)
    body = render(
        "calculator/page.html", settings=ask.settings, path="/calculator", canonical="/calculator", now=ask.now,
        sheet=f"{SHEET}?v={name}", presets=PRESETS, engines=ENGINES[:3], precisions=list(WEIGHT_BYTES),
        electricity=ELECTRICITY, fitted=fitted(), models=await models.every_model(), drafts=accepted_lengths(),
        title="Inference calculator",
        description="Which hardware runs a model for your traffic within your latency, and what it costs. Computed in "
                    "your browser; nothing you type leaves it.",
    )  # fmt: skip
    return Answer(body, valid_until=await prices.next_stale(ask.now))


@public(SHEET, shows=(MODELS_KEY, OFFERS_KEY))
async def sheet_json(ask: Ask) -> Answer:
    """Everything that the calculator computes with, the same for everyone.

    ``v`` names its content: with it, the answer is kept for ever.
    """
    pairs = ask.pairs()
    if [name for name, _ in pairs if name != "v"] or len(pairs) > 1:
        raise QueryError("v", "the sheet has the parameter v alone", f"{SHEET} works")
    body, name = await _sheet(ask)
    if pairs and pairs[0][1] != name:
        raise MovedError(f"{SHEET}?v={name}")
    until = None if pairs else await prices.next_stale(ask.now)
    return Answer(body, JSON, valid_until=until, immutable=bool(pairs))


@public("/calculator/hardware/{model:str}", shows=(model_key("{model}"), OFFERS_KEY))
async def model_hardware(ask: Ask) -> Answer:
    """The cheapest hardware for one model and each preset, as a page of its own."""
    row = await known_model(ask.parts["model"], "/calculator/hardware")
    found = await choices.for_model(row, ask.now)
    here = f"/calculator/hardware/{row['slug']}"
    ask.redirect_to_canonical(here)
    body = render(
        "calculator/hardware.html", settings=ask.settings, path="/calculator", canonical=here, now=ask.now, model=row,
        **found, title=f"Hardware for {row['name']}",
        description=f"The cheapest GPUs that serve {row['name']} within usual latency limits: chat, RAG, code, batch "
                    f"and agents, with price, speed and its range.",
    )  # fmt: skip
    return Answer(body, valid_until=await prices.next_stale(ask.now))
