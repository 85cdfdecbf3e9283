"""Answers made of every stored price: one at a time, off the event loop, and none keeps the other pages waiting."""

import asyncio
import threading
from typing import Any

import httpx
import pytest

from app.core import csv_text
from app.pricing.history import provider_low_store, span_store
from app.pricing.offers import store
from tests.conftest import Inside

HEAVY = ("/prices.csv?max_usd={}", "/api/prices?as_of=2026-06-{}", "/prices.csv?as_of=2026-07-{}",
         "/prices.atom?min_memory_gb={}", "/index.csv?gpu={}", "/api/prices/lasting?max_usd={}")  # fmt: skip
GPUS = ("h100-sxm-80gb", "a100-sxm-80gb", "l4-24gb", "h200-sxm-141gb", "b200-180gb", "l40s-48gb", "t4-16gb")


@pytest.mark.parametrize("address", HEAVY)
def test_many_at_once_are_made_one_by_one_and_other_pages_go_on(
    inside: Inside, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    under_way, most, begun, go_on = 0, 0, asyncio.Event(), asyncio.Event()

    def held(real: Any) -> Any:
        async def reading(*given: Any, **more: Any) -> Any:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            begun.set()
            await go_on.wait()
            try:
                return await real(*given, **more)
            finally:
                under_way -= 1

        return reading

    monkeypatch.setattr(store, "all_rows", held(store.all_rows))
    monkeypatch.setattr(span_store, "spans", held(span_store.spans))
    monkeypatch.setattr(provider_low_store, "lows", held(provider_low_store.lows))

    async def work(client: httpx.AsyncClient) -> None:
        values = GPUS if "gpu=" in address else range(10, 17)
        asked = [asyncio.create_task(client.get(address.format(value))) for value in values]
        await begun.wait()
        assert (await client.get("/providers")).status_code == 200, "while they wait"
        go_on.set()
        answers = [task.status_code for task in await asyncio.gather(*asked)]
        assert most == 1
        assert set(answers) == {200, 503}
        assert answers.count(200) >= 1

    inside.run(work)


def test_a_file_of_every_price_is_written_off_the_event_loop(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[threading.Thread] = []
    real = csv_text.table

    def watched(*given: Any) -> str:
        threads.append(threading.current_thread())
        return real(*given)

    monkeypatch.setattr(csv_text, "table", watched)

    async def work(client: httpx.AsyncClient) -> None:
        assert (await client.get("/prices.csv")).status_code == 200

    inside.run(work)
    assert threads
    assert threading.main_thread() not in threads


@pytest.mark.parametrize(
    "address", ["/prices.csv?{}", "/prices.csv?as_of=2026-10-01&{}", "/api/prices?as_of=2026-10-01&{}"]
)
def test_an_answer_of_more_rows_than_memory_is_given_for_is_refused_with_what_to_do(
    inside: Inside, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setattr(store, "MOST_ROWS", 100)

    async def ask(client: httpx.AsyncClient) -> None:
        for wide in ("", "max_usd=900"):  # counted from the tally, and not
            refused = await client.get(address.format(wide), follow_redirects=True)
            assert refused.status_code == 422
            assert "More than 100 prices match" in refused.text
            assert "gpu=h100-sxm-80gb" in refused.text
        narrow = await client.get(address.format("gpu=t4-16gb&provider=aws"), follow_redirects=True)
        assert narrow.status_code == 200

    inside.run(ask)
