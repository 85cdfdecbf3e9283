"""The list of models, and the page of each."""

import difflib
from typing import Any

from app.calculator import choices
from app.catalog.facts import gpus
from app.core.errors import NotFoundError
from app.core.version_keys import MODELS_KEY, OFFERS_KEY, model_key
from app.estimate import gpu_fit
from app.models import store
from app.models.architecture import describe
from app.models.architecture.naming import slug_of
from app.models.query import SEPARATOR, parse, select
from app.models.relatives import named_alike, nearest_relative
from app.pricing.offers import best as best_prices
from app.pricing.offers import store as prices
from app.site.render import render
from app.web.answers import Answer, Ask, MovedError
from app.web.front import public

SHOWN_FITS = 15
"""GPUs that a model fits on, the cheapest first, on its page."""
UNFOLDED_FITS = 8
"""Of these, those shown at once."""
UNFOLDED = 50
"""Models of a list that are shown at once; the others are folded below them."""
_HEADINGS = (("name", "Model"), ("family", "Family"), ("size", "Parameters"), ("active", "Active"),
             ("context", "Context"),
             ("licence", "Licence"))  # fmt: skip


@public("/models", shows=(MODELS_KEY,))
async def model_list(ask: Ask) -> Answer:
    """Every model, with search, families, sorting and one score at a time."""
    rows = await store.every_model()
    keys = {SEPARATOR.join(key): count for key, count in await store.score_keys()}
    families = sorted({row["family"] for row in rows})
    query = parse(ask.pairs(), families, list(keys))
    ask.redirect_to_canonical(query.address())
    scores = await store.scores(_key(query.score)) if query.score else {}
    found = select([{**row, "score": scores.get(row["slug"])} for row in rows], query)
    relative = nearest_relative(query.q, rows) if query.q and not found else None
    body = render(
        "models/list.html", relative=relative, settings=ask.settings, path="/models",
        canonical=query.address(), query=query, models=found, unfolded=UNFOLDED,
        total=len(rows), families=families, scores=[(key, _label(key), n) for key, n in keys.items()], words=describe,
        score_label=_label(query.score) if query.score else "", headings=_HEADINGS, title="AI models",
        description=f"{len(rows)} language models: size, active parameters, context, licence and evaluation scores, "
                    f"each with its source.",
    )  # fmt: skip
    return Answer(body)


def _key(score: str) -> store.ScoreKey:
    benchmark, task, setup = score.split(SEPARATOR)
    return benchmark, task, setup


def _label(score: str) -> str:
    """A score's name for a reader: ``Idavidrein/gpqa, gpqa_diamond (no-tools)``."""
    benchmark, task, setup = _key(score)
    return f"{benchmark}, {task}{f' ({setup})' if setup else ''}"


@public("/models/{model:str}", shows=(model_key("{model}"), OFFERS_KEY))
async def model_page(ask: Ask) -> Answer:
    """One model: what it is made of, how much memory it needs, how it scores, which GPUs it fits on and for how
    much."""
    row = await known_model(ask.parts["model"])
    ask.redirect_to_canonical(f"/models/{row['slug']}")
    architecture = store.architecture_of(row)
    if not row["fault"] and (doubt := store.doubt_of(row)):
        row = {**row, "fault": doubt}
    memory: dict[str, Any] = {"weights": [], "cache": [], "fits": [], "grid": [], "need": None}
    if architecture is not None:
        best = await best_prices.best_by_gpu(ask.now)
        marked = {key: {**offer, "stale": offer["stale_at"] <= ask.now} for key, offer in best.items()}
        memory = {
            "weights": gpu_fit.weight_table(architecture), "cache": gpu_fit.cache_table(architecture),
            "grid": gpu_fit.alike(gpu_fit.grid(architecture, [
                gpu for gpu in gpus().values() if not gpu.is_open_variant
                and ((gpu.slug, "on-demand") in best or (gpu.slug, "spot") in best)])),
            "fits": gpu_fit.fits(architecture, gpus().values(), marked)[:SHOWN_FITS],
            "need": gpu_fit.needed_bytes(architecture),
        }  # fmt: skip
    body = render(
        "models/page.html", settings=ask.settings, path="/models", canonical=f"/models/{row['slug']}", model=row,
        now=ask.now,
        architecture=architecture, sentences=describe.sentences(architecture) if architecture else [], words=describe,
        evaluations=await store.evaluations_of(row["slug"]), speeds=await store.speeds_of(row["slug"]), fitting=gpu_fit,
        shown_fits=UNFOLDED_FITS,
        title=row["name"], description=_describe(row), **memory, **await choices.for_model(row, ask.now),
    )  # fmt: skip
    return Answer(body, valid_until=await prices.next_stale(ask.now))


@public("/models/{owner:str}/{model:str}", shows=(MODELS_KEY,))
async def model_by_repository(ask: Ask) -> Answer:
    """The name of a repository as the Hub writes it, with a slash: redirected to the model's page."""
    row = await known_model(slug_of(f"{ask.parts['owner']}/{ask.parts['model']}"))
    raise MovedError(f"/models/{row['slug']}")


def _describe(row: store.Row) -> str:
    size = describe.billions(row["parameters"])
    active = (
        f", {describe.billions(row['active_parameters'])} active"
        if row["active_parameters"] != row["parameters"] and row["active_parameters"]
        else ""
    )
    return (
        f"{row['name']}: {size} parameters{active}. Architecture, memory by precision and context, evaluation results,"
        " and the GPUs it fits on with their price."
    )


async def known_model(slug: str, page: str = "/models") -> store.Row:
    """The model with that slug. In another case, or without its owner, it is redirected to its address under ``page``;
    a near miss gets suggestions."""
    found = await store.one_model(slug)
    if found is not None:
        return found
    folded = slug.casefold()[:160]
    if await store.one_model(folded) is not None:
        raise MovedError(f"{page}/{folded}")
    rows = await store.every_model()
    if "--" not in folded and (meant := named_alike(folded, rows)):
        raise MovedError(f"{page}/{meant['slug']}")
    names = {row["slug"]: row["name"] for row in rows}
    near = difflib.get_close_matches(folded, list(names), n=4, cutoff=0.4) or [s for s in names if folded in s][:4]
    relative = nearest_relative(folded, rows)
    title = f"There is no model called {slug[:80]!r}."
    if relative:
        kin = relative.row
        near = list(dict.fromkeys((kin["slug"], *near)))
        title = f"{slug[:80]!r} is not tracked. Its nearest relative here is {kin['name']}: {relative.how}."
    raise NotFoundError(title, (*((names[s], f"/models/{s}") for s in near), ("All models", "/models")))
