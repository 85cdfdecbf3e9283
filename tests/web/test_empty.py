"""A site without a single offer still says something useful everywhere."""

import httpx
import pytest

from app.core import clock
from app.pricing.refresh import replace_offers
from app.pricing.snapshot import files
from tests.conftest import Inside
from tests.web.test_http import PUBLIC


@pytest.fixture
def emptied(inside: Inside) -> Inside:
    async def empty(_: httpx.AsyncClient) -> None:
        for name in files.about()["sources"]:
            await replace_offers.replace_source(name, "t", [], [], clock.timestamp())

    inside.run(empty)
    return inside


def test_every_address_answers_without_offers(emptied: Inside) -> None:
    async def visit(client: httpx.AsyncClient) -> None:
        for path in PUBLIC:
            assert (await client.get(path)).status_code == 200, path
        assert "Nothing matches" in (await client.get("/prices?tier=spot")).text
        assert "Nobody is known to offer this accelerator" in (await client.get("/gpus/h100-sxm-80gb")).text
        assert (await client.get("/api/prices")).json() == {"count": 0, "offers": [], "next": None}
        assert (await client.get("/prices.csv")).text.count("\r\n") == 1
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["ready"]) == (503, False)

    emptied.run(visit)


def test_an_empty_board_with_no_filter_does_not_speak_of_filters(emptied: Inside) -> None:
    async def visit(client: httpx.AsyncClient) -> None:
        assert "No prices are loaded yet" in (await client.get("/prices")).text

    emptied.run(visit)
