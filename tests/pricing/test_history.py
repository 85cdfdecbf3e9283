"""History as changes: a month of simulated clock, gaps, spot's spread, and what an unchanged price costs."""

import copy
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import time_machine

from app.core import clock
from app.core.settings import load
from app.core.units import DAY_S
from app.pricing.history import chart, queries, record, store
from app.pricing.history import levels as history
from app.pricing.refresh.refresh_source import refresh
from app.storage import engine
from tests import fake_clouds
from tests.conftest import Inside, Shipped, database_of
from tests.database import tuples, write
from tests.fake_clouds import Clouds, Reply, clouds

START = datetime(2026, 12, 1, 0, 30, tzinfo=UTC)


def level(at: int, low: int | None, tier: str = "spot", stock: int | None = None) -> dict[str, Any]:
    return {"at": at, "tier": tier, "low_micro": low, "median_micro": low, "in_stock_micro": stock}


def test_a_price_is_weighed_by_how_long_it_stood() -> None:
    day = DAY_S
    levels = [level(0, 100), level(9 * day, 300), level(10 * day, None), level(20 * day, 100)]
    found = history.spread(levels, "spot", 30 * day, below_micro=100)
    assert found
    assert (found.low, found.p50, found.p95, found.high) == (100, 100, 100, 300)
    assert found.below == pytest.approx(19 / 20)
    assert found.days == 20
    swinging = history.spread([level(0, 100), level(day, 200), level(2 * day, 300)], "spot", 3 * day)
    assert swinging
    assert (swinging.p50, swinging.p95, swinging.swing) == (200, 300, 1.0)
    assert history.spread([level(0, None)], "spot", day) is None


def test_a_day_counts_as_rentable_if_something_was_in_stock_at_the_price() -> None:
    day = DAY_S
    none = record.NONE_IN_STOCK
    levels = [
        level(0, 100, stock=100),
        level(day, 100, stock=none),
        level(3 * day, 500, stock=500),
        level(4 * day, 500, stock=None),
    ]
    found = history.rentable(levels, "spot", 9 * day)
    assert found
    assert (found.known, found.rentable) == (4, 2)
    cheap = history.rentable(levels, "spot", 9 * day, below_micro=200)
    assert cheap
    assert cheap.rentable == 1
    assert history.rentable([level(0, 100)], "spot", day) is None


def test_a_chart_holds_a_row_for_each_day_and_carries_what_stands() -> None:
    day = DAY_S
    rows = history.days_of(
        [
            level(0, 100, "on-demand"),
            level(day // 2, 90, "on-demand"),
            level(3 * day, None, "on-demand"),
            level(5 * day, 80, "on-demand"),
        ],
        6 * day,
    )
    assert [row[1] for row in rows] == [90, 90, 90, None, None, 80, 80]


def test_every_step_and_gap_of_a_chart_is_in_its_table_and_equal_ones_are_one_row() -> None:
    lows = [300, 300, 300, 150, 300, 300, None, None, 300, 80]
    rows = [chart.Day(f"2026-05-{1 + 3 * n:02}", low, 400, None) for n, low in enumerate(lows)]
    told = history.runs(rows, 3)
    assert [run.prices[0] for run in told] == [300, 150, 300, None, 300, 80]
    assert [(run.first[-2:], run.last[-2:]) for run in told] == [
        ("01", "09"), ("10", "12"), ("13", "18"), ("19", "24"), ("25", "27"), ("28", "30")
    ]  # fmt: skip


def test_a_long_chart_draws_no_more_points_than_can_be_told_apart() -> None:
    day = DAY_S
    year = [level(n * day, 100 + n, "on-demand") for n in range(365)]
    step = history.step_of(year, 365 * day)
    rows = history.days_of(year, 365 * day, step)
    assert step == 4
    assert len(rows) <= history.MOST_POINTS
    assert rows[1][1:3] == (104, 107), "the lowest of its days, and their last median"
    ended = [*year[:20], level(20 * day, None, "on-demand")]
    assert history.step_of(ended, 365 * day) == 1, "what ended long ago is drawn by day"


@pytest.fixture
def month(inside: Inside) -> Iterator[tuple[Inside, Clouds]]:
    with clouds() as server:
        inside.settings = load(database_of(inside.settings, **server.environment()))
        yield inside, server


def page(inside: Inside, path: str) -> str:
    async def ask(client: httpx.AsyncClient) -> str:
        answer = await client.get(path)
        assert answer.status_code == 200, answer.text[:300]
        return answer.text

    return str(inside.run(ask))


def rows(sql: str) -> list[tuple[Any, ...]]:
    return engine.run(tuples(sql))


def with_price(dollars: str) -> list[dict[str, Any]]:
    answer = copy.deepcopy(fake_clouds.VERDA)
    answer[0]["spot_price"] = dollars
    return answer[:1]


def test_a_month_of_simulated_clock(month: tuple[Inside, Clouds]) -> None:
    """Every hour for thirty days: one price that moves on some days, an outage of three days, marks and feed right."""
    inside, server = month
    settings = inside.settings
    prices = {0: "1.00", 5: "1.04", 10: "1.20", 20: "0.60"}
    with time_machine.travel(START, tick=False) as travel:
        for hour in range(30 * 24):
            day = hour // 24
            travel.move_to(START + timedelta(hours=hour))
            outage = 13 <= day < 16
            current = prices[max(known for known in prices if known <= day)]
            server.answers["/v1/instance-types"] = Reply(b"", 500) if outage else with_price(current)
            if hour % 6 == 0:
                outcome = engine.run(refresh("verda", settings))
                assert outcome.state == ("failed" if outage else "ok"), outcome.note
            if hour == 15 * 24:
                text = page(inside, "/gpus/h100-sxm-80gb")
                assert "Dec 2026" in text
                assert 'class="stale"' in text
                assert "Failed on the provider&#39;s side" in page(inside, "/providers/verda")
        spans = rows(
            "SELECT s.usd_per_gpu_hour_micro, s.valid_from, s.valid_to "
            "FROM price_span s JOIN price_series p ON p.id = s.series "
            "WHERE p.provider = 'verda' AND p.tier = 'spot' AND s.valid_from > 1790000000 ORDER BY 2"
        )
        assert [span[0] for span in spans] == [1_000_000, 1_040_000, 1_200_000, 600_000]
        assert [span[2] for span in spans] == [span[1] for span in spans[1:]] + [None]
        told = rows(
            "SELECT before_micro, after_micro FROM price_move WHERE provider = 'verda' AND at > 1794000000 ORDER BY at"
        )
        assert told == [(1_040_000, 1_200_000), (1_200_000, 600_000)], "four per cent is not told"
        feed = page(inside, "/prices/changes.atom?gpu=h100-sxm-80gb")
        assert feed.count("at Verda") == 3  # and what October's list asked since May
        assert "\u221250.0%" in feed
        assert page(inside, "/prices/changes?gpu=h100-sxm-80gb").count('class="n c"') >= 2
        shown = page(inside, "/gpus/h100-sxm-80gb?days=30&below=1.1")
        assert "Share of time with spot at or below $1.10" in shown
        levels = rows(
            "SELECT at, low_micro FROM price_level WHERE gpu = 'h100-sxm-80gb' AND tier = 'spot' AND at > 1790000000 "
            "ORDER BY at"
        )
        assert None in {low for _, low in levels}, "three days that nobody watched, past the freshness limit, are a gap"
        assert "In stock" not in shown
        last = START + timedelta(hours=30 * 24 + 40)
        travel.move_to(last)
        assert rows(f"SELECT count(*) FROM offer WHERE provider = 'verda' AND stale_at <= {clock.timestamp()}") == [
            (2,)
        ]
        assert 'class="stale"' in page(inside, "/providers/verda")


def test_a_window_or_price_that_makes_no_sense_is_a_clear_error(http: httpx.Client) -> None:
    for query, name in (("days=8", "days"), ("below=free", "below"), ("below=-1", "below"), ("below=NaN", "below")):
        answer = http.get(f"/gpus/h100-sxm-80gb?{query}")
        assert answer.status_code == 400
        assert name in answer.text
    assert http.get("/gpus/h100-sxm-80gb?below=1.50&days=all").status_code == 308
    assert http.get("/gpus/h100-sxm-80gb?days=all&below=1.5").status_code == 200


def test_an_unchanged_offer_writes_no_history_and_the_roll_up_keeps_what_a_chart_shows(
    tmp_path: Path, shipped: Shipped
) -> None:
    with clouds() as server:
        settings = load({**server.environment(), **shipped(tmp_path / "d")})
        engine.use(settings.database)
        engine.run(refresh("verda", settings))
        before = rows("SELECT count(*) FROM price_span") + rows("SELECT count(*) FROM price_level")
        engine.run(refresh("verda", settings))
        assert rows("SELECT count(*) FROM price_span") + rows("SELECT count(*) FROM price_level") == before

    async def levels(gpu: str) -> tuple[Any, ...]:
        found = await queries.levels_by_day(gpu)
        return tuple(tuple(row.values()) for row in found if row["at"] < 10 * DAY_S)

    async def thin() -> tuple[int, Any, Any]:
        async with engine.transaction():
            minutes: list[tuple[Any, ...]] = [
                ("l4-24gb", "spot", DAY_S * (2 + 2 * day) + 60 * n, 1000 + (n - 60) ** 2, 2000 + n, None if n % 7
                 else 1500 + n)
                for day in range(3) for n in range(120)
            ]  # fmt: skip
            gap: list[tuple[Any, ...]] = [("l4-24gb", "spot", DAY_S * 4 + 60 * 120, None, None, None)]
            await write(
                "INSERT INTO price_level (gpu, tier, at, low_micro, median_micro, in_stock_micro) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                minutes + gap,
            )
            await store.rebuild_days()
            then = await levels("l4-24gb")
            gone = await record.roll_up(DAY_S * 100)
            return gone, then, await levels("l4-24gb")

    gone, then, now = engine.run(thin())
    assert gone == 119 + 120, "the newest day stays whole: its last level stands"
    assert now == then, "what a chart of days shows is the same"
    assert len(now) == 3
    assert rows("SELECT count(*) FROM price_level WHERE gpu = 'l4-24gb' AND at < 1000000") == [(1 + 1 + 120,)]
