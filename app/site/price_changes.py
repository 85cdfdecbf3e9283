"""Price changes, as a page and as a feed."""

from app.catalog.facts import gpus, providers
from app.core.errors import QueryError
from app.core.money import show
from app.core.number_format import percent
from app.core.version_keys import HISTORY_KEY
from app.pricing.history import queries
from app.pricing.history.price_moves import PriceMove
from app.pricing.offers import store
from app.pricing.refresh.replace_offers import day_of
from app.pricing.search.parse_query import parse
from app.site import feeds
from app.site.render import months_text, render
from app.web.answers import Answer, Ask
from app.web.front import public

MOST = 200
SHOWN = 120
"""Changes shown on the page; the feed contains up to :data:`MOST`."""
UNFOLDED = 50
"""Those shown at once; the others are folded below them."""
NEVER_S = 1_767_225_600
"""When a feed without entries was last changed if no price is known either: the beginning of 2026, in seconds."""


async def _asked(ask: Ask, path: str) -> tuple[str, list[PriceMove]]:
    """(the GPU asked for, or nothing for all; its newest changes)."""
    slugs = parse([pair for pair in ask.pairs() if pair[0] == "gpu"]).gpu
    if len(slugs) > 1:
        raise QueryError("gpu", "Changes can be shown for one GPU, or for all.", f"For example {path}?gpu={slugs[0]}.")
    gpu = slugs[0] if slugs else ""
    ask.redirect_to_canonical(f"{path}?gpu={gpu}" if gpu else path)
    return gpu, [_change(row) for row in await queries.moves(gpu, MOST)]


def _change(row: store.Row) -> PriceMove:
    names = ("provider", "gpu", "tier", "commitment_months", "region", "before_micro", "after_micro")
    return PriceMove(day_of(row["at"]), *(row[name] for name in names))


@public("/prices/changes", shows=(HISTORY_KEY,))
async def page(ask: Ask) -> Answer:
    """Changes of 5% and more, newest first."""
    gpu, found = await _asked(ask, "/prices/changes")
    suffix = f"?gpu={gpu}" if gpu else ""
    name = gpus()[gpu].name if gpu else "GPU"
    span = await queries.history_extent()
    body = render(
        "prices/changes.html",
        settings=ask.settings,
        path="/prices",
        canonical=f"/prices/changes{suffix}",
        feed=f"/prices/changes.atom{suffix}",
        gpu=gpu,
        changes=found[:SHOWN],
        most=SHOWN,
        unfolded=UNFOLDED,
        span=span,
        title=f"{name} price changes",
        description=f"{name} prices that moved by five per cent or more, newest first, with a feed to follow.",
    )
    return Answer(body)


@public("/prices/changes.atom", shows=(HISTORY_KEY,))
async def feed(ask: Ask) -> Answer:
    """The same as an Atom feed (RFC 4287)."""
    gpu, found = await _asked(ask, "/prices/changes.atom")
    suffix = f"?gpu={gpu}" if gpu else ""
    span = await queries.history_extent()
    newest = found[0].day if found else day_of(span.last or NEVER_S)
    name = gpus()[gpu].name if gpu else "GPU"
    feed = feeds.Feed(
        f"{name} price changes",
        f"/prices/changes{suffix}",
        f"/prices/changes.atom{suffix}",
        newest,
        [_entry(change) for change in found],
    )
    return feeds.atom(ask.settings, feed)


def _entry(change: PriceMove) -> feeds.Entry:
    gpu, provider = gpus()[change.gpu].name, providers()[change.provider].name
    tier = f"reserved, {months_text(change.commitment_months)}" if change.tier == "reserved" else change.tier
    where = f", {change.region}" if change.region else ""
    return feeds.Entry(
        f"tag:inferencebench.io,2026:change:{change.key}",
        f"{gpu} at {provider}: {show(change.after_micro)}, {percent(change.percent / 100, 1, signed=True)}",
        f"/gpus/{change.gpu}",
        change.day,
        f"{tier}{where}: from {show(change.before_micro)} to {show(change.after_micro)} per GPU-hour.",
    )
