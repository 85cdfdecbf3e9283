"""Fetching prices now: ask a source, check its answer as a whole, write it or keep what stands. Workers and commands
only.

Whatever goes wrong, the last good offers stay and the reason is recorded where readers see it.
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

FETCH_S = 480
"""The longest that one source may take in all, in seconds."""


async def refresh(name: str, settings: Settings, *, accept: bool = False) -> Outcome:
    """Refresh one source by name. Never raises for what a source does: the outcome says it."""
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
    async with _in_turn():
        return await _written(source, batch, len(raws), now, accept)


async def _written(source: Source, batch: Batch, stated: int, now: int, accept: bool) -> Outcome:
    """Judge a normalised answer by what stands, and write it or keep what stands."""
    heard = await authorised(source.name, batch, now)
    batch = replace(heard.batch, offers=tuple(await with_reclaims(heard.batch.offers)))
    given_way = {offer.provider for offer in heard.gave_way}  # what stands of these goes: another speaks for them
    stands = Counter({who: n for who, n in (await _standing(source.name)).items() if who not in given_way})
    verdicts = await _judge(source.name, batch, stands, accept)
    faults = {**source.faults, **{provider: verdict.fault for provider, verdict in verdicts.items() if verdict.fault}}
    keep = frozenset(provider for provider in faults if provider in stands)
    offers = [offer for offer in batch.offers if offer.provider not in keep]
    if not offers and not batch.offers and not heard.gave_way and not accept:
        why = "; ".join(faults.values()) or _why_nothing(batch)
        await _remember(source.name, verdicts)
        raise FetchError(Fault.FEW if faults else Fault.SCHEMA, why)
    offers, held = await _hold(source.name, offers, accept)
    rows = [_aside_row(item) for item in batch.set_aside] + held
    error = "; ".join(f"{provider}: {fault}" for provider, fault in sorted(faults.items()))[:500]
    if keep and not offers:
        await _remember(source.name, verdicts)
        raise FetchError(Fault.FEW, error)
    retired = await claims.of_retiring(heard.retire)
    written = await replace_source(
        source.name, source.title, offers, rows, now, live=True, keep=keep, error=error, retire=heard.retire,
        left_out={why: rows for why, rows in source.left_out.items() if rows},
    )  # fmt: skip
    written.keys |= await claims.keep(source.name, claims.lowest(heard.gave_way), retired)
    await _remember(source.name, verdicts)
    state, note = ("failed", error) if error else ("ok", "")
    return Outcome(source.name, state, note, stated + source.left_out.total(), len(offers), written)


_TURNS: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()


def _in_turn() -> asyncio.Lock:
    """One source at a time is judged and written: of two that answer at once for a provider, the second sees what the
    first wrote."""
    return _TURNS.setdefault(asyncio.get_running_loop(), asyncio.Lock())


def _why_nothing(batch: Batch) -> str:
    """Why an answer holds nothing to show."""
    if not batch.set_aside:
        return "an empty answer"
    reason, number = Counter(item.reason for item in batch.set_aside).most_common(1)[0]
    detail = next(item.detail for item in batch.set_aside if item.reason is reason)
    return f"none of {len(batch.set_aside):,} rows can be shown; {number:,} of them are {reason.value}: {detail}"


async def _medians(name: str) -> dict[str, int]:
    """GPU → median price per GPU-hour of what other sources, not the community's reports, say of it three times at
    least."""
    found: dict[str, list[int]] = {}
    for price in await store.others_prices(name):
        found.setdefault(price.gpu, []).append(price.usd_per_gpu_hour_micro)
    return {gpu: int(statistics.median(prices)) for gpu, prices in found.items() if len(prices) >= 3}


async def _standing(name: str) -> Counter[str]:
    """Provider → how many offers of this source stand."""
    return Counter(await store.offers_by_provider(name))


async def _judge(name: str, batch: Batch, stands: Counter[str], accept: bool) -> dict[str, Judged]:
    before = await store.small_answers(name)
    came = Counter(offer.provider for offer in batch.offers)
    return {
        provider: judge(stands[provider], came[provider], before.get(provider), accept=accept) for provider in stands
    }


async def _remember(name: str, verdicts: dict[str, Judged]) -> None:
    """Keep how often an answer was small, so that three that agree are believed."""
    small = {provider: verdict.small for provider, verdict in verdicts.items() if verdict.small}
    if small or await store.small_answers(name):
        async with transaction(scope=scopes.PRICES):
            await store.replace_small_answers(name, small)


async def _hold(name: str, offers: list[Offer], accept: bool) -> tuple[list[Offer], list[tuple[str, ...]]]:
    """Keep the old price of each offer that leapt, until a second fetch says the same."""
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
    return (
        raw.reference or raw.product,
        raw.provider,
        raw.gpu,
        raw.tier,
        str("" if price is None else price),
        item.reason.value,
        item.detail,
    )


async def refresh_many(
    names: Sequence[str], settings: Settings, accept: Iterable[str] = (), done: Any = None
) -> list[Outcome]:
    """Refresh sources side by side, rates first. ``done(outcome)`` is called as each ends."""
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
