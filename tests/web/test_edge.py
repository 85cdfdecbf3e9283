"""Prepared answers: made once, dropped when data or time moves on, bounded."""

import asyncio
from typing import Any

import httpx
import pytest
import time_machine

from app.core import clock
from app.pricing.refresh import replace_offers
from app.pricing.snapshot import files
from app.storage import engine
from app.web import page_cache
from app.web.http_cache import Life, life, matches
from tests.conftest import Inside


def offers_seen(seconds_ago: int) -> list[Any]:
    from dataclasses import replace

    now = clock.timestamp()
    return [
        replace(offer, fetched_at=now - seconds_ago, stale_at=now - seconds_ago + 36 * 3600)
        for offer in files.offers()
        if offer.source == "daily-list"
    ]


@pytest.fixture
def renders(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The path of every page that was rendered; each takes long enough for others to ask meanwhile."""
    rendered: list[str] = []
    real = page_cache.Prepared._render

    async def counted(self: Any, ask: Any, *given: Any) -> Any:
        rendered.append(ask.path)
        await asyncio.sleep(0.02)
        return await real(self, ask, *given)

    monkeypatch.setattr(page_cache.Prepared, "_render", counted)
    return rendered


def test_a_page_is_rendered_once_until_its_data_changes(inside: Inside, renders: list[str]) -> None:
    async def visit(client: httpx.AsyncClient) -> None:
        first = await client.get("/gpus/l4-24gb")
        await asyncio.gather(*(client.get("/gpus/l4-24gb") for _ in range(20)))
        assert len(renders) == 1
        async with engine.transaction("gpu:h100-sxm-80gb"):
            pass
        await client.get("/gpus/l4-24gb")
        assert len(renders) == 1, "a write to another GPU must not drop this page"
        async with engine.transaction("gpu:l4-24gb"):
            pass
        second = await client.get("/gpus/l4-24gb")
        assert len(renders) == 2
        assert first.headers["etag"] == second.headers["etag"], "the same content keeps its validator"

    inside.run(visit)


def test_many_at_once_cost_one_render(inside: Inside, renders: list[str]) -> None:
    async def visit(client: httpx.AsyncClient) -> None:
        answers = await asyncio.gather(*(client.get("/prices") for _ in range(50)))
        assert {answer.status_code for answer in answers} == {200}
        assert len(renders) == 1

    inside.run(visit)


def test_past_the_bound_of_renders_it_says_try_later(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_cache, "MAX_WAITING", 3)

    async def visit(client: httpx.AsyncClient) -> None:
        answers = await asyncio.gather(*(client.get(f"/prices?max_usd={n}") for n in range(1, 12)))
        refused = [answer for answer in answers if answer.status_code == 503]
        assert refused
        assert {answer.status_code for answer in answers} == {200, 503}
        assert all(
            answer.headers["retry-after"] and answer.headers["cache-control"] == "no-store" for answer in refused
        )

    inside.run(visit)


def test_what_is_kept_is_bounded(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_cache, "MAX_KEPT", 5)

    async def visit(client: httpx.AsyncClient) -> None:
        for n in range(1, 12):
            await client.get(f"/prices?max_usd={n}")
        assert len(inside.app._prepared._kept) == 5

    inside.run(visit)


def test_a_price_turns_stale_at_its_instant_on_a_prepared_page(inside: Inside) -> None:
    async def visit(client: httpx.AsyncClient) -> None:
        start = clock.now().replace(microsecond=0)
        with time_machine.travel(start, tick=False) as traveller:
            for name in set(files.about()["sources"]) - {"daily-list"}:
                await replace_offers.replace_source(name, "t", [], [], clock.timestamp())
            await replace_offers.replace_source("daily-list", "t", offers_seen(36 * 3600 - 90), [], clock.timestamp())
            fresh = await client.get("/gpus/l4-24gb")
            assert '<span class="stale"' not in fresh.text
            assert "s-maxage=60" in fresh.headers["cache-control"]
            assert "stale-if-error=30" in fresh.headers["cdn-cache-control"]
            traveller.shift(60)
            later = await client.get("/gpus/l4-24gb")
            assert '<span class="stale"' not in later.text
            assert "s-maxage=30" in later.headers["cache-control"]
            assert later.headers["cdn-cache-control"].endswith("stale-while-revalidate=0, stale-if-error=0")
            traveller.shift(29)
            assert '<span class="stale"' not in (await client.get("/gpus/l4-24gb")).text
            traveller.shift(1)
            assert '<span class="stale"' in (await client.get("/gpus/l4-24gb")).text

    inside.run(visit)


def test_a_stale_price_is_never_best_while_a_fresh_one_exists(inside: Inside) -> None:
    async def visit(client: httpx.AsyncClient) -> None:
        from dataclasses import replace

        fresh = [
            replace(o, usd_per_gpu_hour_micro=o.usd_per_gpu_hour_micro * 3)
            for o in offers_seen(60)
            if o.gpu == "h100-sxm-80gb"
        ]
        await replace_offers.replace_source("daily-list", "t", fresh, [], clock.timestamp())
        page = (await client.get("/gpus/h100-sxm-80gb")).text
        best = page[page.index('class="figures"') : page.index("</dl>", page.index('class="figures"'))]
        first = best[: best.index("</div>")]
        assert "Cheapest on demand" in first
        assert "stale" not in first
        assert "stale" in page, "the older, cheaper ones are still shown, marked"

    inside.run(visit)


def test_an_edge_may_keep_nothing_past_its_instant() -> None:
    assert life(None, 0) == Life(60, 60, 86_400)
    for left in (0, 1, 59, 60, 61, 119, 121, 500, 10**6):
        span = life(1000 + left, 1000)
        assert span.shared <= 60
        assert span.shared + span.while_revalidating <= left
        assert span.shared + span.if_error <= left


def test_validators_compare_as_the_standard_asks() -> None:
    assert matches('"a-br"', '"a-br"')
    assert matches('W/"a-br", "b"', '"a-br"')
    assert matches("*", '"x"')
    assert not matches('"a-gzip"', '"a-br"')
