"""Refreshing a source: fetch its answer, check it as a whole, write it or keep the previous offers. Called by workers
and commands only.

Whatever goes wrong, the last good offers stay, and the reason is shown on ``/status``.
"""

import asyncio
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

from app.core import clock, logs
from app.core.http_client import Fault, FetchError
from app.core.plain_text import one_line
from app.core.settings import Settings
from app.pricing import sources
from app.pricing.offers.normalise_batch import normalise_batch
from app.pricing.offers.offer import Batch, Offer, Reason, SetAside
from app.pricing.refresh import claims, store
from app.pricing.refresh.answer_checks import Judged, judge, leaps
from app.pricing.refresh.authority import as_raw, authorised
from app.pricing.refresh.exchange_rates import ensure_rates, rates, refresh_rates
from app.pricing.refresh.replace_offers import replace_source
from app.pricing.refresh.spot_reclaims import refresh_reclaims, with_reclaims
from app.pricing.sources.base import Source
from app.storage import scopes
from app.storage.engine import held, transaction
from app.upstream.outcome import Outcome, as_fault, counted, failed, place_of

LONGEST_SAID = 300
"""The most characters that are kept of what a row that is set aside says."""
FETCH_S = 480
"""The most seconds that fetching one source may take."""


async def refresh(name: str, settings: Settings, *, accept: bool = False) -> Outcome:
    """Refresh one source by name; ``accept`` skips the plausibility checks. Never raises for a source's fault: it is in
    the outcome."""
    if name == sources.RATES.name:
        return await counted(await refresh_rates(settings))
    if name in sources.RECLAIMS:
        return await counted(await refresh_reclaims(name, settings))
    source = sources.SOURCES[name](settings)
    if not source.is_configured:
        return Outcome(name, "not configured", f"set INFERENCEBENCH_SOURCE_{name.upper()}_KEY")
    try:
        async with held(settings.data_dir, name):
            return await counted(await _refresh(source, accept))
    except BlockingIOError:
        return Outcome(name, "busy", "another process refreshes it right now")
    except Exception as error:  # a source's answer must never take the others down
        return await counted(await failed(name, source.title, as_fault(error, name)))


async def _refresh(source: Source, accept: bool) -> Outcome:
    if source.currencies:
        await ensure_rates(source)
    try:
        async with asyncio.timeout(FETCH_S):
            raws = await source.fetch()
    except TimeoutError:
        raise FetchError(Fault.TOO_SLOW, f"took over {FETCH_S} s in all") from None
    except (AttributeError, KeyError, TypeError, ValueError, IndexError) as wrong:
        logs.get("refresh").error("an adapter failed", extra={"source": source.name}, exc_info=wrong)
        raise FetchError(Fault.OWN, f"{type(wrong).__name__} in {place_of(wrong)}; the last good prices stay") from None
    known = await rates()
    now = clock.timestamp()
    batch = await asyncio.to_thread(normalise_batch, raws, known, now, await _medians(source.name))
    async with _one_at_a_time():
        return await _written(source, batch, len(raws), now, accept)


async def _written(source: Source, batch: Batch, stated: int, now: int, accept: bool) -> Outcome:
    """Check a normalised answer against the stored offers, and write it or keep them. Raises :class:`FetchError` if
    nothing of it can be written."""
    split = await authorised(source.name, batch, now)
    batch = replace(split.batch, offers=tuple(await with_reclaims(split.batch.offers)))
    given_way = {offer.provider for offer in split.gave_way}  # their stored offers go: another source is shown
    stored = Counter({who: n for who, n in (await _stored_by_provider(source.name)).items() if who not in given_way})
    verdicts = await _judge(source.name, batch, stored, accept)
    faults = {**source.faults, **{provider: verdict.fault for provider, verdict in verdicts.items() if verdict.fault}}
    keep = frozenset(provider for provider in faults if provider in stored)
    offers = [offer for offer in batch.offers if offer.provider not in keep]
    if not offers and not batch.offers and not split.gave_way and not accept:
        why = "; ".join(faults.values()) or _why_nothing(batch)
        await _remember(source.name, verdicts)
        raise FetchError(Fault.FEW if faults else Fault.SCHEMA, why)
    offers, held = await _hold(source.name, offers, accept)
    rows = [_aside_row(item) for item in batch.set_aside] + held
    error = "; ".join(f"{provider}: {fault}" for provider, fault in sorted(faults.items()))[:500]
    if keep and not offers:
        await _remember(source.name, verdicts)
        raise FetchError(Fault.FEW, error)
    retired = await claims.of_retiring(split.retire)
    written = await replace_source(
        source.name, source.title, offers, rows, now, live=True, keep=keep, error=error, retire=split.retire,
        left_out={why: rows for why, rows in source.left_out.items() if rows},
    )  # fmt: skip
    written.keys |= await claims.keep(source.name, claims.lowest(split.gave_way), retired)
    await _remember(source.name, verdicts)
    state, note = ("failed", error) if error else ("ok", "")
    return Outcome(source.name, state, note, stated + source.left_out.total(), len(offers), written)


_LOCKS: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()


def _one_at_a_time() -> asyncio.Lock:
    """The lock under which one source at a time is checked and written: of two that answer at once for a provider, the
    second has to see what the first wrote."""
    return _LOCKS.setdefault(asyncio.get_running_loop(), asyncio.Lock())


def _why_nothing(batch: Batch) -> str:
    """Why an answer has nothing that can be shown."""
    if not batch.set_aside:
        return "an empty answer"
    reason, number = Counter(item.reason for item in batch.set_aside).most_common(1)[0]
    detail = next(item.detail for item in batch.set_aside if item.reason is reason)
    return f"none of {len(batch.set_aside):,} rows can be shown; {number:,} of them are {reason.value}: {detail}"


async def _medians(name: str) -> dict[str, int]:
    """GPU → the median price (micro-dollars per GPU-hour) in other sources, for GPUs with three such prices or more;
    without visitors' reports."""
    found: dict[str, list[int]] = {}
    for price in await store.others_prices(name):
        found.setdefault(price.gpu, []).append(price.usd_per_gpu_hour_micro)
    return {gpu: int(statistics.median(prices)) for gpu, prices in found.items() if len(prices) >= 3}


async def _stored_by_provider(name: str) -> Counter[str]:
    """Provider → the number of this source's stored offers."""
    return Counter(await store.offers_by_provider(name))


async def _judge(name: str, batch: Batch, stored: Counter[str], accept: bool) -> dict[str, Judged]:
    before = await store.small_answers(name)
    came = Counter(offer.provider for offer in batch.offers)
    return {
        provider: judge(stored[provider], came[provider], before.get(provider), accept=accept) for provider in stored
    }


async def _remember(name: str, verdicts: dict[str, Judged]) -> None:
    """Store how many answers in a row were small, so that several that agree are accepted."""
    small = {provider: verdict.small for provider, verdict in verdicts.items() if verdict.small}
    if small or await store.small_answers(name):
        async with transaction(scope=scopes.PRICES):
            await store.replace_small_answers(name, small)


async def _hold(name: str, offers: list[Offer], accept: bool) -> tuple[list[Offer], list[tuple[str, ...]]]:
    """Take out the offers whose price leapt, until a second fetch confirms it: (the other offers, with the old price of
    those that leapt; rows to set aside)."""
    if accept:
        return offers, []
    shown = await store.prices_by_offer(name)
    announced = await store.held_prices(name)
    leapt = leaps(offers, shown, announced)
    if leapt or announced:
        async with transaction(scope=scopes.PRICES):
            await store.replace_held(name, leapt)
    if not leapt:
        return offers, []
    old = await store.offers_of(name, leapt)
    kept = [old.get(offer.id, offer) if offer.id in leapt else offer for offer in offers]
    aside = [
        _aside_row(SetAside(as_raw(offer), Reason.HELD,
                            f"{leapt[offer.id] / 1e6:g} USD per GPU-hour where {shown[offer.id] / 1e6:g} stands"))
        for offer in offers if offer.id in leapt
    ]  # fmt: skip
    return kept, aside


def _aside_row(item: SetAside) -> tuple[str, ...]:
    raw = item.raw
    price = raw.amount_per_gpu_hour if raw.amount_per_gpu_hour not in (None, "") else raw.amount_per_instance_hour
    said = (raw.reference or raw.product, raw.provider, raw.gpu, raw.tier, "" if price is None else price)
    return (*(one_line(text, LONGEST_SAID) for text in said), item.reason.value, one_line(item.detail, LONGEST_SAID))


async def refresh_many(
    names: Sequence[str], settings: Settings, accept: Iterable[str] = (), done: Any = None
) -> list[Outcome]:
    """Refresh sources concurrently, exchange rates first. ``done(outcome)`` is called as each ends."""
    believed = set(accept)
    ordered = sorted(names, key=lambda name: name != sources.RATES.name)
    outcomes: list[Outcome] = []

    async def one(name: str) -> None:
        outcome = await refresh(name, settings, accept=name in believed)
        outcomes.append(outcome)
        if done is not None:
            done(outcome)

    if ordered and ordered[0] == sources.RATES.name:
        await one(ordered.pop(0))
    await asyncio.gather(*(one(name) for name in ordered))
    return sorted(outcomes, key=lambda outcome: names.index(outcome.source))
