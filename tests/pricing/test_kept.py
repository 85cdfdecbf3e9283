"""What is read of all offers once for many pages is never older than the offers, nor than the clock."""

from dataclasses import replace
from pathlib import Path

import pytest

from app.calculator.sheet import best_offers
from app.core import clock
from app.pricing.offers import kept_store
from app.pricing.refresh import replace_offers
from app.pricing.snapshot import files
from app.storage import engine

pytestmark = pytest.mark.both_engines


def test_it_is_made_once_and_anew_when_an_offer_changes_or_turns_stale(empty_database: Path | str) -> None:
    made = 0

    async def make() -> int:
        nonlocal made
        made += 1
        return made

    async def go() -> list[int]:
        now = clock.timestamp()
        fresh = replace(files.offers()[0], source="one", fetched_at=now, stale_at=now + 100)
        await replace_offers.replace_source("one", "One", [fresh], [], now)
        found = [await kept_store.kept("test", at, make) for at in (now, now + 50, now + 100, now + 101)]
        await replace_offers.replace_source("one", "One", [replace(fresh, usd_per_gpu_hour_micro=5)], [], now)
        return [*found, await kept_store.kept("test", now + 101, make)]

    assert engine.run(go()) == [1, 1, 2, 2, 3]


def test_the_calculator_goes_by_the_cheapest_of_each_kind(empty_database: Path | str) -> None:
    """Of offers that differ in their price only the cheapest is read; fresh and stale ones are kinds of their own."""

    async def go() -> list[str]:
        now = clock.timestamp()
        base = next(offer for offer in files.offers() if offer.tier == "on-demand" and offer.gpu_count == 1)
        base = replace(base, source="one", fetched_at=now - 9)
        offers = [replace(base, id=f"{n:020d}", usd_per_gpu_hour_micro=1_000_000 + n % 7,
                          stale_at=now + (100 if n % 2 else -1)) for n in range(40)]  # fmt: skip
        await replace_offers.replace_source("one", "One", offers, [], now)
        return [str(row["id"]) for row in await best_offers(now)]

    assert engine.run(go()) == [f"{7:020d}"], "the first of the cheapest that are fresh"
