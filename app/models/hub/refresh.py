"""Refreshing models from the Hub: facts, evaluation results, measured speeds. Stored data stays if the Hub fails."""

import asyncio
import json
from typing import Any

from app.core import clock
from app.core.http_client import Fault, FetchError
from app.core.settings import Settings
from app.core.version_keys import MODELS_KEY, SOURCES_KEY, model_key
from app.models import store
from app.models.architecture.config import UnreadableError
from app.models.architecture.naming import slug_of, understood
from app.models.architecture.serialise import to_plain
from app.models.hub import leaderboard
from app.models.hub.client import Hub, HubError, HubModel
from app.models.measured_speed import MeasuredSpeed
from app.models.store import Evaluation
from app.storage import scopes
from app.storage.engine import transaction
from app.upstream.outcome import Outcome, as_fault, counted, failed
from app.upstream.store import record_answer, recorded_error
from app.upstream.written import Written

NAME, TITLE = "models", "Hugging Face Hub"
_FACTS = ("architecture", "parameters", "active_parameters", "file_parameters", "context", "precision", "licence",
          "gated", "last_modified", "from_hub", "fault")  # fmt: skip


async def refresh_models(settings: Settings) -> Outcome:
    """Ask the Hub for every tracked model and for the measured speeds. Never raises because of what the Hub does."""
    try:
        return await counted(await _refresh(settings))
    except Exception as error:  # the Hub's answer must never take the worker down
        return await counted(await failed(NAME, TITLE, as_fault(error, NAME)))


async def _refresh(settings: Settings) -> Outcome:
    names = await store.tracked()
    written = Written()
    faults: dict[str, str] = {}
    async with Hub(settings) as hub:
        answers = await asyncio.gather(*(hub.model(name) for name in names), return_exceptions=True)
        for name, answer in zip(names, answers, strict=True):
            if isinstance(answer, HubError):
                faults[name] = str(answer)
            elif isinstance(answer, BaseException):
                raise answer
        if len(faults) == len(names):
            raise FetchError(Fault.UNREACHABLE, next(iter(faults.values()), "no model is tracked"))
        for name, answer in zip(names, answers, strict=True):
            if isinstance(answer, HubModel):
                await _store(answer, written)
            else:
                await _store_fault(name, faults[name], written)
        note = await _refresh_speeds(hub, written)
    await _describe(len(names) - len(faults), written)
    return Outcome(NAME, "ok", note, len(names), len(names) - len(faults), written)


async def _store(answer: HubModel, written: Written) -> None:
    """Write one model's facts and results if they changed."""
    slug = slug_of(answer.model)
    old = await store.one_model(slug)
    assert old is not None, f"{slug} was tracked when the Hub was asked"
    facts = {**{name: old[name] for name in _FACTS}, **_facts(answer, old)}
    results = [Evaluation._make(getattr(item, name) for name in Evaluation._fields) for item in answer.evaluations]
    same = all(facts[name] == old[name] for name in _FACTS) and await store.stated_evaluations(slug) == results
    now = clock.timestamp()
    async with transaction(*([] if same else [MODELS_KEY, model_key(slug)]), scope=scopes.PRICES):
        await store.update_model(slug, {**facts, "downloads": answer.downloads, "fetched_at": now})
        if not same:
            await store.replace_evaluations(slug, results)
    _count(written, same, slug)


def _facts(answer: HubModel, old: dict[str, Any]) -> dict[str, Any]:
    """The facts that the Hub's answer changes. With an unreadable configuration the stored facts stay, and the fault is
    recorded."""
    found: dict[str, Any] = {
        "licence": answer.licence, "gated": answer.gated, "last_modified": answer.last_modified,
        "file_parameters": answer.file_parameters, "from_hub": True, "fault": answer.fault,
    }  # fmt: skip
    if answer.config is None:
        return found
    try:
        architecture = understood(answer.model, answer.config)
    except UnreadableError as error:
        return {**found, "fault": f"its configuration could not be read: {error}"[:300]}
    return {
        **found, "architecture": json.dumps(to_plain(architecture), separators=(",", ":")), "fault": "",
        "parameters": architecture.parameters, "active_parameters": architecture.active_parameters,
        "context": architecture.context or old["context"], "precision": architecture.precision,
    }  # fmt: skip


async def _store_fault(name: str, fault: str, written: Written) -> None:
    slug = slug_of(name)
    old = await store.one_model(slug)
    same = old is not None and old["fault"] == fault[:300]
    if not same:
        async with transaction(MODELS_KEY, model_key(slug), scope=scopes.PRICES):
            await store.update_model(slug, {"fault": fault[:300]})
    _count(written, same, slug)


def _count(written: Written, same: bool, slug: str) -> None:
    if same:
        written.confirmed += 1
    else:
        written.changed += 1
        written.keys |= {MODELS_KEY, model_key(slug)}


async def _refresh_speeds(hub: Hub, written: Written) -> str:
    """Replace the measured speeds if every file could be read; otherwise keep them and return the reason."""
    try:
        files = await hub.speed_files()
        texts = [(name, await hub.speed_file(name)) for name in files]
    except (HubError, FetchError) as error:
        return f"measured speeds stay as they are: {error}"
    rows = [speed for name, text in texts for speed in leaderboard.read(text, name)[0]]
    stored = await store.measured_speeds()
    if len(rows) * 2 < len(stored):
        return f"measured speeds stay as they are: only {len(rows)} rows where {len(stored)} are stored"
    await _store_speeds(rows, stored, written)
    return ""


async def _store_speeds(fresh: list[MeasuredSpeed], before: list[MeasuredSpeed], written: Written) -> None:
    if before == fresh:
        return
    keys = {MODELS_KEY, *(model_key(row.slug) for row in {*before, *fresh})}
    async with transaction(*sorted(keys), scope=scopes.PRICES):
        await store.replace_speeds(fresh)
    written.keys |= keys


async def _describe(answered: int, written: Written) -> None:
    keys = [] if await recorded_error(NAME) == "" else [SOURCES_KEY]
    async with transaction(*keys, scope=scopes.PRICES):
        await record_answer(NAME, f"{TITLE}: {answered} models", clock.timestamp())
    written.keys |= set(keys)
