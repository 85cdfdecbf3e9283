"""Edges are told of every change, by whomever it was made: twice, with a token, and again when they were away."""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest
import time_machine

from app.core import clock
from app.core.settings import Settings
from app.process import doctor
from app.storage.engine import transaction
from app.web import cdn_outbox
from tests.conftest import Inside
from tests.fake_clouds import Asked, Clouds, Reply, clouds


@pytest.fixture(scope="module")
def edges() -> Iterator[Clouds]:
    with clouds() as made:
        yield made


@pytest.fixture
def settings(inside: Inside, edges: Clouds) -> Settings:
    edges.asked.clear()
    edges.answers.clear()
    edges.answers |= {"/one": {}, "/two": {}}
    made = replace(
        inside.settings, edge_purge_url=(f"{edges.url}/one", f"{edges.url}/two"), edge_purge_token="Bearer s"
    )
    inside.settings = inside.app._settings = made
    inside.app.app.state["settings"] = made  # type: ignore[attr-defined]
    return made


def keys(asked: Asked) -> set[str]:
    told = {name.casefold(): value for name, value in asked.headers.items()}
    assert (asked.method, told["authorization"], told["xkey-purge"]) == ("PURGE", "Bearer s", told["surrogate-key"])
    return set(told["surrogate-key"].split())


async def tell(settings: Settings) -> list[str]:
    return [await cdn_outbox.tell(url, settings.edge_purge_token) for url in settings.edge_purge_url]


async def seen(edges: Clouds, key: str) -> None:
    """Wait until the second edge was told of a key."""
    while not any(key in keys(one) for one in edges.asked if one.path == "/two"):  # noqa: ASYNC110
        await asyncio.sleep(0.05)


async def raised(*names: str) -> None:
    async with transaction(*names):
        pass


def test_a_change_is_told_once_at_once_and_once_more_when_no_node_has_the_old_page(
    inside: Inside, settings: Settings, edges: Clouds
) -> None:
    async def work(_: httpx.AsyncClient) -> None:
        assert await tell(settings) == ["", ""]
        with time_machine.travel(clock.now(), tick=False) as now:
            now.shift(cdn_outbox.AGAIN_S)
            await tell(settings)
            edges.asked.clear()
            await tell(settings)
            assert edges.asked == [], "what was told twice is not told again"
            await raised("gpu:h100-sxm-80gb", "offers")
            await tell(settings)
            assert [(one.path, keys(one)) for one in edges.asked] == [
                (path, {"gpu:h100-sxm-80gb", "offers"}) for path in ("/one", "/two")]  # fmt: skip
            edges.asked.clear()
            await raised("offers")
            await tell(settings)
            assert [keys(one) for one in edges.asked] == [{"offers"}] * 2, "a later change of a key is another"
            edges.asked.clear()
            now.shift(cdn_outbox.AGAIN_S)
            await tell(settings)
            assert [keys(one) for one in edges.asked] == [{"gpu:h100-sxm-80gb", "offers"}] * 2

    inside.run(work)


def test_a_change_that_is_taken_back_is_told_to_nobody(inside: Inside, settings: Settings, edges: Clouds) -> None:
    async def work(_: httpx.AsyncClient) -> None:
        with time_machine.travel(clock.now(), tick=False):
            await tell(settings)
            edges.asked.clear()
            with contextlib.suppress(ZeroDivisionError):
                async with transaction("offers"):
                    raise ZeroDivisionError
            await tell(settings)
            assert edges.asked == []

    inside.run(work)


def test_an_edge_that_is_away_is_told_later_and_the_operator_meanwhile(
    inside: Inside, settings: Settings, edges: Clouds
) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        with time_machine.travel(clock.now(), tick=False):
            await tell(settings)
            edges.answers["/two"] = Reply(b"", 503)
            await raised("models")
            first, second = await tell(settings)
            assert first == ""
            assert "503" in second
            (line,) = await cdn_outbox.troubles(settings)
            assert "can't be told of changes since" in line
            assert "Bearer" not in line
            assert line in (await client.get("/readyz")).json()["mend"]

    async def back(_: httpx.AsyncClient) -> None:
        with time_machine.travel(clock.now(), tick=False):
            edges.answers["/two"] = {}
            edges.asked.clear()
            await tell(settings)
            assert [(one.path, keys(one)) for one in edges.asked] == [("/two", {"models"})]
            assert await cdn_outbox.troubles(settings) == []

    inside.run(work)
    assert [text for kind, text in doctor.examine(settings) if kind == "fault" and "can't be told of changes" in text]
    inside.run(back)


def test_the_worker_tells_of_what_the_web_process_changed(inside: Inside, settings: Settings, edges: Clouds) -> None:
    """A post on the web node opens no connection to the edge; the loop of the worker does, and one edge that is away
    holds up no other."""
    edges.answers["/one"] = Reply(b"", 500)

    async def work(client: httpx.AsyncClient) -> None:
        working = asyncio.create_task(cdn_outbox.keep_edges_current(settings))
        try:
            async with asyncio.timeout(20):
                await seen(edges, "models")
                edges.asked.clear()
                await raised("provider:lambda")
                await seen(edges, "provider:lambda")
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)

    inside.run(work)
