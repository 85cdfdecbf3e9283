"""Exchange rates: fetched, checked and stored, each with its publisher's day."""

from decimal import Decimal

from app.core import clock
from app.core.http_client import Fault, FetchError
from app.core.settings import Settings
from app.core.units import HOUR_S
from app.core.version_keys import SOURCES_KEY, source_key
from app.pricing.offers.offer import Rate
from app.pricing.offers.tables import ExchangeRateRow
from app.pricing.refresh import store
from app.pricing.sources import RATES
from app.pricing.sources.base import Source
from app.storage import scopes
from app.storage.engine import transaction
from app.upstream.outcome import Outcome, as_fault, failed
from app.upstream.store import record_answer

RATES_AGE_S = 20 * HOUR_S
"""Exchange rates older than this are fetched again before a source that needs them."""
RATE_LEAP = Decimal("1.25")
"""A rate that changes by more than this factor from one fetch to the next is taken for an error."""


async def rates() -> dict[str, Rate]:
    """The stored exchange rates: currency → US dollars for one unit, with their day."""
    return {row["currency"]: Rate(Decimal(row["usd"]), row["day"]) for row in await ExchangeRateRow.select().run()}


async def ensure_rates(source: Source) -> None:
    """Fetch rates if the source needs one that is missing or old. If that fails, an old rate is used; raises
    :class:`FetchError` if there is none."""
    known = await store.when_rates_were_fetched()
    if all(0 <= clock.timestamp() - known.get(code, 0) < RATES_AGE_S for code in source.currencies):
        return
    outcome = await refresh_rates(source.settings)
    if outcome.state == "failed" and not set(source.currencies) <= set(known):
        raise FetchError(Fault.UNREACHABLE, f"no exchange rate for {', '.join(source.currencies)} ({outcome.note})")


async def refresh_rates(settings: Settings) -> Outcome:
    """Fetch the rates, check them against the stored ones, and store them. Never raises for a publisher's fault."""
    publisher = RATES(settings)
    try:
        fresh = await publisher.fetch()
        known = await rates()
        _refuse_leap(fresh, known)
        await _store_rates(publisher.name, publisher.title, fresh, known)
    except Exception as error:  # prices that need no rate are refreshed all the same
        return await failed(publisher.name, publisher.title, as_fault(error, publisher.name))
    return Outcome(publisher.name, "ok", stated=len(fresh), shown=len(fresh))


def _refuse_leap(fresh: dict[str, Rate], known: dict[str, Rate]) -> None:
    for code, rate in fresh.items():
        was = known.get(code)
        if code == "EUR" and was is not None and not was.usd / RATE_LEAP <= rate.usd <= was.usd * RATE_LEAP:
            raise FetchError(
                Fault.SCHEMA, f"one {code} was {was.usd} USD on {was.day} and is {rate.usd} now: not believed"
            )


async def _store_rates(name: str, title: str, fresh: dict[str, Rate], known: dict[str, Rate]) -> None:
    now = clock.timestamp()
    async with transaction(*([SOURCES_KEY, source_key(name)] if fresh != known else []), scope=scopes.PRICES):
        await ExchangeRateRow.delete(force=True).run()
        merged = {**known, **fresh}
        rows = [
            ExchangeRateRow(currency=code, usd=str(rate.usd), day=rate.day, fetched_at=now)
            for code, rate in merged.items()
        ]
        await ExchangeRateRow.insert(*rows).run()
        await record_answer(name, title, now)
