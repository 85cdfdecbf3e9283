"""The front page and the status page."""

import asyncio
from typing import TYPE_CHECKING

from app.catalog.facts import gpus
from app.core.retention import kinds
from app.core.units import HOUR_S, MINUTE_S
from app.core.version_keys import HISTORY_KEY, MODELS_KEY, OFFERS_KEY, RETENTION_KEY, SOURCES_KEY, TELEMETRY_KEY
from app.estimate.constants import fitted
from app.policies.files import policies
from app.pricing.history import queries
from app.pricing.offers import best as best_prices
from app.pricing.offers import market_store, store, tally_store
from app.pricing.offers.disagreements import disagreements
from app.pricing.offers.offer import REASONS
from app.pricing.refresh import source_status
from app.pricing.refresh.store import set_aside
from app.privacy.requests import cases
from app.privacy.retention import canary, purge
from app.site import examples
from app.site.gpus_and_providers import SEGMENTS
from app.site.prices import LARGE_GB
from app.site.render import day, render
from app.site.strips import strips_of
from app.storage.engine import data_versions
from app.telemetry import access_log_reader as log_rows
from app.telemetry.access_log import FOLDER
from app.telemetry.report import report
from app.web import cdn_outbox
from app.web.answers import Answer, Ask
from app.web.front import public

if TYPE_CHECKING:
    from app.telemetry.nodes import Node

SHOWN_ASIDE = 200
SHOWN_DIFFERING = 40
_WHY = {reason.value: text for reason, text in REASONS.items()}
WATCHED = {OFFERS_KEY: "prices", HISTORY_KEY: "price history", SOURCES_KEY: "sources", MODELS_KEY: "models"}
"""Version key → what its changes are called on the status page."""


@public("/", shows=(OFFERS_KEY,))
async def home(ask: Ask) -> Answer:
    """The best current price of every GPU that somebody offers; of 24 GB and more, how far its prices spread too."""
    ask.redirect_to_canonical("/")
    best, asked = await best_prices.best_by_gpu(ask.now), await market_store.asked_on_demand()
    offered = [gpu for gpu in gpus().values() if (gpu.slug, "on-demand") in best or (gpu.slug, "spot") in best]
    large = [gpu for gpu in offered if (gpu.memory_gb or 0) >= LARGE_GB]
    small = [(gpu, best.get((gpu.slug, "on-demand")) or best[gpu.slug, "spot"]) for gpu in offered if gpu not in large]
    groups = [(segment, name, [gpu for gpu in large if gpu.segment == segment]) for segment, name in SEGMENTS.items()]
    body = render(
        "site/home.html", settings=ask.settings, path="/", canonical="/", now=ask.now, best=best, groups=groups,
        fact=best_prices.widest_market(asked, {gpu.slug for gpu in large if not gpu.is_open_variant}, ask.now),
        **strips_of(large, await market_store.spreads()), counts=await tally_store.counts_by("gpu"),
        tries=await examples.links(), example=await examples.search_text(), small=small,
        large_gb=LARGE_GB,
        extent=await store.freshness(ask.now), offered=await tally_store.totals(),
        title="What a GPU costs, and from whom",
        description="GPU cloud prices compared per GPU-hour: on demand, spot and reserved, each with its source and "
                    "date. "
                    "No cookies, no tracking.",
    )  # fmt: skip
    return Answer(body, valid_until=await store.next_stale(ask.now))


@public("/status", shows=(OFFERS_KEY, SOURCES_KEY, HISTORY_KEY, TELEMETRY_KEY, RETENTION_KEY, cases.CASES_KEY))
async def status(ask: Ask) -> Answer:
    """How fresh the data is, and what was set aside and why: every row that a source stated is accounted for."""
    ask.redirect_to_canonical("/status")
    aside, reasons = await set_aside(SHOWN_ASIDE)
    sources = await source_status.of_sources(None, ask.settings)
    nodes = await _nodes(ask)
    died = [await asyncio.to_thread(canary.last_death, ask.settings), *(node.canary_died for node in nodes or ())]
    body = render(
        "site/status.html", settings=ask.settings, path="/status", canonical="/status", now=ask.now,
        title="Status", description="How fresh the prices are, where they come from, and every row that was "
                                    "rejected, with its reason.",
        extent=await store.freshness(ask.now), offered=await tally_store.totals(), sources=sources, aside=aside,
        differing=await disagreements(ask.now), shown_differing=SHOWN_DIFFERING,
        left_out=[rows for source in sources for rows in source.left_out.values()],
        reasons=[(code, _why(code), n) for code, n in reasons.items()],
        aside_count=sum(reasons.values()),
        history=await queries.history_extent(), prices_kept=await queries.kept_prices(), counts=await report(ask.now),
        kept=await purge.held_by_kind(ask.settings, ask.now),
        retained=kinds(on_server=bool(ask.settings.database_url)),
        canary_died=max((at for at in died if at), default=None),
        requests=await cases.figures(ask.now), oldest_row=await asyncio.to_thread(log_rows.oldest_row,
            ask.settings.data_dir / FOLDER, ask.now),
        nodes=nodes, edges_behind=len(await cdn_outbox.troubles(ask.settings)),
        versions=[*await data_versions(WATCHED), ("estimator's constants", f"fitted {_day(fitted()['date'])}"),
                  *_policies(ask)],
    )  # fmt: skip
    stale, most = await store.next_stale(ask.now), MINUTE_S if ask.settings.redis_url else HOUR_S
    return Answer(body, valid_until=min(stale or ask.now + most, ask.now + most))


async def _nodes(ask: Ask) -> "list[Node] | None":
    """The nodes of the site, where several share a queue; None where that is away."""
    if not ask.settings.redis_url:
        return []
    from app.telemetry import nodes

    return await nodes.known_nodes(ask.settings)


@public("/status/rejected", shows=(OFFERS_KEY, SOURCES_KEY))
async def rejected(ask: Ask) -> Answer:
    """The rows that were set aside, by reason and source, each reason folded."""
    ask.redirect_to_canonical("/status/rejected")
    aside, reasons = await set_aside(SHOWN_ASIDE)
    groups = [
        (code, _why(code), n, sorted((r for r in aside if r["reason"] == code), key=lambda r: str(r["source"])))
        for code, n in reasons.items()
    ]
    body = render(
        "site/rejected.html", settings=ask.settings, path="/status", canonical="/status/rejected", groups=groups,
        shown=len(aside), aside_count=sum(reasons.values()), title="Rejected rows",
        description="Rows received from price sources but not shown, each with its reason.",
    )  # fmt: skip
    return Answer(body)


def _why(code: str) -> str:
    return _WHY.get(code, "a reason this version does not know")


def _day(date: str) -> str:
    return day(date).striptags()


def _policies(ask: Ask) -> list[tuple[str, str]]:
    policy_state = policies(ask.settings).state_at(ask.now)
    return [
        (version.title.lower(), f"{version.version}, in force since {_day(str(version.effective))}")
        for version in policy_state.in_force.values()
    ]
