"""The summaries that pages read are what a walk over every offer gives, whatever refreshes, reports and time did."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import pytest
import time_machine

from app.core import clock
from app.core.settings import load
from app.core.units import DAY_S, HOUR_S
from app.pricing.history import index, provider_low_store, span_store
from app.pricing.history.price_span import grouped
from app.pricing.offers import best, bill, market_store, store, summary_store, tally_store
from app.pricing.offers.market import market, published_extras
from app.pricing.offers.offer import COMMUNITY, Offer
from app.pricing.offers.price_query import PriceQuery
from app.pricing.offers.price_strip import spread_of
from app.pricing.offers.tables import OfferRow
from app.pricing.refresh import replace_offers
from app.pricing.search.parse_query import parse
from app.pricing.snapshot import files
from app.process import prepare
from app.storage import engine
from app.storage.migrations import summaries_of_offers

Row = dict[str, Any]
SUMMARIES = (
    "offer_tally",
    "offer_words",
    "offer_kind",
    "offer_extras",
    "price_strip",
    "provider_low",
    "price_level_day",
)
QUERIES = tuple(
    parse(pairs)
    for pairs in (
        [], [("gpu", "h100-sxm-80gb")], [("tier", "spot"), ("region", "europe")], [("q", "standard")],
        [("q", "h100 standard")], [("q", "east"), ("tier", "on-demand")], [("max_usd", "3")],
        [("max_usd", "2"), ("q", "standard")], [("region", "europe-or-not-stated")], [("gpu_count", "1")],
        [("gpu", "l4-24gb"), ("gpu", "h100-sxm-80gb")], [("gpu", "l4-24gb"), ("gpu", "h100-sxm-80gb"), ("page", "2")],
        [("min_memory_gb", "80"), ("stock", "in")], [("q", "100%")],
    )
)  # fmt: skip


class World:
    """Random answers of a few sources, drawn from the shipped offers."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        wanted = ("h100-sxm-80gb", "l4-24gb", "a100-sxm-80gb")
        of_few = [offer for offer in files.offers() if offer.gpu in wanted]
        self.base = self.random.sample(of_few, 60)
        self.sliced: set[str] = set()

    def answer(self, source: str, now: int) -> list[Offer]:
        """A random part of the offers as one source's, with prices, stock and freshness of its own."""
        pick = self.random.choice
        found = []
        for number, offer in enumerate(self.random.sample(self.base, self.random.randint(0, 40))):
            cards = pick((offer.gpu_count, Fraction(1, 2)))
            made = replace(
                offer, id=f"{source}-{offer.id}"[:20], source=source, gpu_count=cards, stock=pick(("", "in", "out")),
                usd_per_gpu_hour_micro=pick((1, 2, 3, 5)) * 500_000 + number % 3, fetched_at=now - pick((0, 5)),
                stale_at=now + pick((-1, HOUR_S, 50 * HOUR_S)),
            )  # fmt: skip
            if cards is not None and cards < 1:
                made = replace(made, id=f"s{made.id}"[:20])
                self.sliced.add(made.id)
            found.append(made)
        return list({offer.id: offer for offer in found}.values())

    async def step(self) -> None:
        now, source = clock.timestamp(), self.random.choice(("one", "two", "three", COMMUNITY))
        some = [offer.provider for offer in self.random.sample(self.base, 3)]
        keep = frozenset(some[:2]) if self.random.random() < 0.3 else frozenset()
        retire = {"two": frozenset(some)} if source == "one" and self.random.random() < 0.4 else {}
        offers = [offer for offer in self.answer(source, now) if offer.provider not in keep]
        live = source not in ("three", COMMUNITY)
        await replace_offers.replace_source(
            source, source.title(), offers, [], now, live=live, keep=keep, retire=retire
        )


def is_whole(row: Row) -> bool:
    return row["gpu_count_number"] is None or row["gpu_count_number"] >= 1


def matches(row: Row, query: PriceQuery) -> bool:
    """One offer against a query, read plainly."""
    places = {row["continent"], row["country"], row["region"]}
    return (
        (not query.gpu or row["gpu"] in query.gpu)
        and (not query.tier or row["tier"] in query.tier)
        and (not query.region or bool(places & set(query.region)))
        and (not query.stock or row["stock"] == query.stock)
        and (query.gpu_count is None or row["gpu_count"] == str(query.gpu_count))
        and (query.min_memory_gb is None or row["gpu_memory_gb"] >= query.min_memory_gb)
        and (query.max_usd_micro is None or row["usd_per_gpu_hour_micro"] <= query.max_usd_micro)
        and all(word in row["search_text"] for word in query.q.casefold().split())
    )


async def counts_are_right(rows: list[Row], now: int) -> None:
    for query in QUERIES:
        page = await store.offer_page(query, now)
        if query.region != ("europe-or-not-stated",):
            assert page.total == sum(matches(row, query) for row in rows), query
        assert page.total == await tally_store.count(query) == await tally_store.count_some(query)
        assert not page.is_more
        free = query.with_(provider=())
        for provider, n in page.facets["provider"].items():
            if query.region != ("europe-or-not-stated",):
                assert n == sum(matches(row, free) for row in rows if row["provider"] == provider)
        if query.region != ("europe-or-not-stated",):
            found = sorted((row for row in rows if matches(row, query)), key=lambda row: (
                row["stale_at"] <= now, row["rank_group"], row["usd_per_gpu_hour_micro"], row["id"]))  # fmt: skip
            assert [row["id"] for row in page.rows] == [
                row["id"] for row in found[query.page * 40 - 40 : query.page * 40]
            ]


async def lows_are_right(rows: list[Row], now: int) -> None:
    own = [row for row in rows if row["source"] != COMMUNITY]

    def first(found: Iterable[Row]) -> Row:
        return min(found, key=lambda row: (not is_whole(row), row["stale_at"] <= now, row["usd_per_gpu_hour_micro"],
                                           row["id"]))  # fmt: skip

    pairs = {(row["gpu"], row["tier"]) for row in own}
    cheapest = {pair: first(row for row in own if (row["gpu"], row["tier"]) == pair)["id"] for pair in pairs}
    found = await best.best_by_gpu(now, ("on-demand", "spot", "reserved"))
    assert {pair: row["id"] for pair, row in found.items()} == cheapest
    kinds: dict[tuple[Any, ...], list[tuple[int, str]]] = {}
    for row in own:
        if row["tier"] != "reserved" or row["commitment_months"] is not None:
            kind = tuple(row[name] for name in ("gpu", "tier", "commitment_months", "gpu_count_number", "reclaim_low"))
            kinds.setdefault((*kind, row["stale_at"] <= now), []).append((row["usd_per_gpu_hour_micro"], row["id"]))
    assert {row["id"] for row in await market_store.cheapest_of_each_kind(now)} == {min(k)[1] for k in kinds.values()}
    lows = {(low.provider, low.gpu, low.tier, low.commitment_months, low.source): low.micro
            for low in await market_store.shown_lows()}  # fmt: skip
    scanned: dict[tuple[Any, ...], int] = {}
    for row in filter(is_whole, own):
        key = tuple(row[name] for name in ("provider", "gpu", "tier", "commitment_months", "source"))
        scanned[key] = min(row["usd_per_gpu_hour_micro"], scanned.get(key, 10**12))
    assert lows == scanned


async def spreads_are_right(rows: list[Row]) -> None:
    prices: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        if row["source"] != COMMUNITY and row["tier"] != "reserved":
            prices.setdefault((row["gpu"], row["tier"]), []).append(row["usd_per_gpu_hour_micro"])
    found = {(gpu, tier): spread for gpu, tiers in (await market_store.spreads()).items()
             for tier, spread in tiers.items()}  # fmt: skip
    assert set(found) == set(prices)
    for pair, held in prices.items():
        spread = found[pair]
        assert (spread.offers, spread.low, spread.high) == (len(held), min(held), max(held))
        assert spread.median == int(median(held))
        assert spread.ticks == tuple(sorted(set(held)))


async def market_is_right(rows: list[Row], now: int) -> None:
    own = [row for row in rows if row["source"] != COMMUNITY]
    usual = bill.usually_included((row["provider"], row["price_includes"], row["price_excludes"]) for row in own)
    wanted = bill.market_of([{**row, "vcpus": None} for row in own], published_extras(), usual)
    made = await market(now)
    for name in ("disk_micro", "traffic_micro", "vcpu_micro", "ram_micro", "usual"):
        assert getattr(made, name) == getattr(wanted, name), name
    hosts: dict[str, list[float]] = {}
    for row in own:
        if row["vcpus"] and row["ram_gb"] and row["gpu_count_number"]:
            hosts.setdefault(row["provider"], []).append(row["vcpus"] / row["gpu_count_number"])
    means = [sum(found) / len(found) for found in hosts.values()]
    assert made.vcpus_per_gpu == (pytest.approx(median(means)) if means else None)


async def history_is_right(world: World, now: int) -> None:
    last = now // DAY_S - 1
    spans = [span for span in await span_store.spans({"tier": provider_low_store.TIERS}, 0, None)
             if span.offer not in world.sliced]  # fmt: skip
    lows = await provider_low_store.lows("", provider_low_store.TIERS, 0)
    for gpu, tier in {(span.gpu, span.tier) for span in spans}:
        scan = [span for span in spans if (span.gpu, span.tier) == (gpu, tier)]
        kept = [low for low in lows if (low.gpu, low.tier) == (gpu, tier)]
        for who, found in grouped(scan, lambda span: span.provider):
            three = [one._replace(provider=name) for one in found for name in "abc"]
            also = [low._replace(provider=name) for low in kept if low.provider == who for name in "abc"]
            assert index.points(also, last - 9, last) == index.points(three, last - 9, last), (gpu, tier, who)
    for gpu in {span.gpu for span in spans}:
        ids = await span_store.spans({"gpu": (gpu,), "tier": provider_low_store.TIERS}, now - 1, None)
        assert await provider_low_store.providers(gpu, now - 1) == {span.provider for span in ids}


async def everything_is_right(world: World) -> None:
    now, rows = clock.timestamp(), list(await OfferRow.select().run())
    fresh = sum(row["stale_at"] > now for row in rows)
    seen = [row["fetched_at"] for row in rows]
    assert await store.freshness(now) == store.Freshness(len(rows), fresh, min(seen, default=None),
                                                         max(seen, default=None))  # fmt: skip
    spans = await store.seen_spans()
    for provider in {row["provider"] for row in rows}:
        of_it = [row["fetched_at"] for row in rows if row["provider"] == provider]
        assert (spans[provider]["oldest"], spans[provider]["newest"]) == (min(of_it), max(of_it))
    assert set(spans) == {row["provider"] for row in rows}
    await counts_are_right(rows, now)
    await lows_are_right(rows, now)
    await spreads_are_right(rows)
    await market_is_right(rows, now)
    await history_is_right(world, now)


@pytest.mark.both_engines
@pytest.mark.parametrize("seed", range(3))
def test_the_summaries_are_what_a_walk_over_every_offer_gives(empty_database: Path | str, seed: int) -> None:
    async def go() -> None:
        world = World(seed)
        with time_machine.travel(clock.parse_instant("2026-12-01T00:30:00Z"), tick=False) as traveller:
            for _ in range(16):
                await world.step()
                await everything_is_right(world)
                traveller.shift(world.random.choice((1, HOUR_S, 7 * HOUR_S, 30 * HOUR_S)))
                await everything_is_right(world)

    engine.run(go())


async def _contents() -> dict[str, list[tuple[Any, ...]]]:
    found = {}
    for name in SUMMARIES:
        rows = [
            tuple(v for k, v in row.items() if k != "id") for row in await engine.fetch_rows(f"SELECT * FROM {name}")
        ]
        found[name] = sorted(rows, key=repr)
    return found


@pytest.mark.both_engines
def test_rebuilding_the_summaries_changes_nothing(empty_database: Path | str) -> None:
    """What each refresh wrote for its own source is what summing up everything gives."""

    async def go() -> None:
        world = World(7)
        with time_machine.travel(clock.parse_instant("2026-12-01T00:30:00Z"), tick=False) as traveller:
            for _ in range(8):
                await world.step()
                traveller.shift(DAY_S)
        before = await _contents()
        assert all(before.values())
        async with engine.transaction():
            await summary_store.rebuild()
        assert await _contents() == before

    engine.run(go())


@pytest.mark.both_engines
def test_what_a_worker_of_the_version_before_wrote_is_summed_up_by_the_next_refresh(empty_database: Path | str) -> None:
    """In a rolling upgrade an older worker goes on for a while, and writes a tally that names no source."""

    async def go() -> None:
        world = World(3)
        now = clock.timestamp()
        for source in ("one", "two"):
            offers = [replace(offer, id=f"{source}{n}", source=source) for n, offer in enumerate(world.base)]
            await replace_offers.replace_source(source, source, offers, [], now)
        async with engine.transaction():
            await engine.execute("UPDATE offer SET usd_per_gpu_hour_micro = 7 WHERE id = 'one1'")
            await engine.execute("UPDATE offer_tally SET source = ''")
        await replace_offers.replace_source("two", "two", [], [], now)
        assert (await store.freshness(now)).offers == len(world.base) == await tally_store.count(PriceQuery())
        assert 7 in [low.micro for low in await market_store.shown_lows()]

    engine.run(go())


def test_a_database_of_the_version_before_is_summed_up_when_it_is_prepared(prepared_data: Path, tmp_path: Path) -> None:
    settings = load({"INFERENCEBENCH_DATA_DIR": str(tmp_path / "data")})
    prepare.prepare(settings)
    engine.use(settings.database)
    before = engine.run(_contents())
    assert all(before.values())
    with closing(sqlite3.connect(settings.database_path, isolation_level=None)) as old:
        for name in SUMMARIES[1:]:
            old.execute(f"DROP TABLE {name}")
        old.execute("DROP INDEX offer_tally_by_source")
        old.execute("ALTER TABLE offer_tally DROP COLUMN source")
        old.execute("ALTER TABLE offer_tally DROP COLUMN commitment_months")
        for statement in summaries_of_offers.STATEMENTS:
            if statement.startswith("CREATE INDEX price_") or "ON offer (" in statement:
                old.execute(f"DROP INDEX {statement.split()[2]}")
        old.execute("DELETE FROM migration WHERE name = ?", (summaries_of_offers.ID,))
    assert not prepare.is_ready(settings.database)
    prepare.prepare(settings)
    assert prepare.is_ready(settings.database)
    assert engine.run(_contents()) == before


def test_a_start_cut_off_between_migration_and_summing_up_is_made_good_by_the_next(tmp_path: Path) -> None:
    settings = load({"INFERENCEBENCH_DATA_DIR": str(tmp_path / "data")})
    prepare.prepare(settings)
    engine.use(settings.database)
    before = engine.run(_contents())
    with closing(sqlite3.connect(settings.database_path, isolation_level=None)) as cut:
        for name in SUMMARIES[:-1]:  # the last is filled by the migration itself
            cut.execute(f"DELETE FROM {name}")
    prepare.prepare(settings)
    assert engine.run(_contents()) == before


def test_of_many_prices_the_ticks_are_the_lowest_of_even_steps() -> None:
    prices = {1_000_000 + 3_000 * n: 2 for n in range(3_000)}
    spread = spread_of(prices)
    assert spread is not None
    assert spread.is_thinned
    assert (spread.offers, spread.prices, spread.low, spread.high) == (6_000, 3_000, 1_000_000, 9_997_000)
    assert spread.ticks[0] == spread.low
    assert spread.ticks[-1] == spread.high
    steps = [later / former for former, later in zip(spread.ticks[:-2], spread.ticks[1:-1], strict=True)]
    assert max(steps) < 1.03
    assert 100 < len(spread.ticks) <= 130


@pytest.mark.both_engines
def test_with_a_price_limit_no_more_are_counted_than_anybody_reads(
    empty_database: Path | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tally_store, "MOST_COUNTED", 50)
    monkeypatch.setattr(store, "MOST_COUNTED", 50)

    async def go() -> None:
        now = clock.timestamp()
        base = files.offers()[0]
        offers = [replace(base, id=f"o{n}", source="one", usd_per_gpu_hour_micro=n + 1) for n in range(60)]
        await replace_offers.replace_source("one", "one", offers, [], now)
        most = await store.offer_page(PriceQuery(max_usd_micro=59), now)
        assert (most.total, most.is_more) == (50, True)
        assert most.pages == 2
        assert most.facets["gpu"] == {base.gpu: None}, "chosen from, but not counted"
        few = await store.offer_page(PriceQuery(max_usd_micro=50), now)
        assert (few.total, few.is_more, few.facets["gpu"]) == (50, False, {base.gpu: 50})
        every = await store.offer_page(PriceQuery(), now)
        assert (every.total, every.is_more) == (60, False)
        assert await tally_store.count(PriceQuery(max_usd_micro=59)) == 59

    engine.run(go())
