"""Claims of spot prices in reports: listed as what they are, and believed by nothing that names a best price."""

import re

import httpx
import pytest

from app.cli import submissions
from tests.conftest import Inside
from tests.submissions.test_reports import PRICE, agreed, send

CLAIM = {**PRICE, "price": "0.0217", "tier": "spot"}
TOLD = re.compile(r"0\.0217|21700\b|0\.022\b|\b2\.17\b")
"""A price that no provider asks, as pages and data write it: exactly, in micro-dollars, rounded, and by 100 hours."""
LISTS = {
    "/prices?gpu=l4-24gb", "/prices?gpu=l4-24gb&tier=spot&sort=price", "/prices.csv?gpu=l4-24gb",
    "/api/prices?gpu=l4-24gb", "/gpus/l4-24gb", "/providers/coreweave", "/prices/table?gpu=l4-24gb",
    "/search?q=cheapest+l4+spot",
}  # fmt: skip
"""Where offers are listed one by one, each with its source."""
OTHERS = [
    "/", "/gpus", "/providers", "/index", "/index?gpu=l4-24gb", "/prices/changes", "/prices/changes.atom",
    "/prices/lasting?gpu=l4-24gb", "/gpus/l4-24gb/history", "/compare?gpu=l4-24gb&gpu=h100-sxm-80gb",
    "/bill?gpu=l4-24gb&gpus=1", "/llms.txt", "/models", "/models/meta-llama--llama-3.1-8b-instruct",
    "/badge/l4-24gb.svg", "/status", "/calculator",
]  # fmt: skip


async def asked(client: httpx.AsyncClient, paths: list[str]) -> dict[str, str]:
    found = {}
    for path in paths:
        answer = await client.get(path, follow_redirects=True)
        found[path] = answer.text if answer.status_code == 200 else f"({answer.status_code})"
    return found


def test_a_claimed_spot_price_is_in_lists_alone(inside: Inside) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        before = await asked(client, [*OTHERS, *LISTS])
        assert not [path for path, text in before.items() if text.startswith("(")]
        assert not [path for path, text in before.items() if TOLD.search(text)]
        number, _ = await send(client, "price", CLAIM, checked="yes")
        await submissions._decide(inside.settings, [number], "approve", "")
        after = await asked(client, [*OTHERS, *LISTS])
        assert {path for path, text in after.items() if "0.0217" in text} == LISTS
        assert [path for path in OTHERS if TOLD.search(after[path])] == []
        sheet = re.findall(r'data-sheet="([^"]+)"', after["/calculator"])[0]
        assert 21_700 not in {offer[5] for offer in (await client.get(sheet)).json()["offers"]}
        assert set(re.findall(r'class="won">([^<]+)', after["/gpus/l4-24gb"])) == set(
            re.findall(r'class="won">([^<]+)', before["/gpus/l4-24gb"])
        ), "the cheapest is the cheapest that a provider states"
        for path in LISTS - {"/prices.csv?gpu=l4-24gb", "/api/prices?gpu=l4-24gb"}:
            rows = re.findall(r"<tr>.*?(?=<tr>|</tbody>)", after[path], re.DOTALL)
            assert [row for row in rows if "0.0217" in row and '<span class="tag">community</span>' not in row] == [], (
                path
            )

    inside.run(work)


@pytest.mark.parametrize("values", [
    {"tier": "spot", "commitment_months": "12"}, {"tier": "spot", "price": "0"}, {"tier": "spot", "price": "-1"},
    {"tier": "spot,on-demand"}, {"tier": "spot\0"}, {"tier": "preemptible"}, {"tier": ""},
    {"tier": "spot", "price": "1e-9"}, {"tier": "spot", "price": "NaN"}, {"tier": "spot", "seen_on": "2027-11-20"},
    {"tier": "spot", "gpu_count": "0"}, {"tier": "spot", "gpu_count": "99999"},
])  # fmt: skip
def test_a_spot_claim_that_is_none_is_refused(inside: Inside, values: dict[str, str]) -> None:
    async def work(client: httpx.AsyncClient) -> int:
        return (await client.post("/submit/price", data=agreed(client, {**CLAIM, **values}, checked="yes"))).status_code

    assert inside.run(work) == 422


def test_many_claims_are_one_row_and_are_not_called_independent(inside: Inside) -> None:
    """Who sent them is not known: six claims may be one person's."""

    async def work(client: httpx.AsyncClient) -> None:
        numbers = []
        for place in range(6):
            number, _ = await send(client, "price", {**CLAIM, "seen_where": f"a console, tab {place}"}, checked="yes")
            numbers.append(number)
        await submissions._decide(inside.settings, numbers, "approve", "")
        page = (await client.get("/prices?gpu=l4-24gb&tier=spot&provider=coreweave")).text
        page += (await client.get("/search?q=coreweave+l4+spot")).text
        assert "community, 6 reports agree" in page
        assert "independent" not in page
        offers = (await client.get("/api/prices?gpu=l4-24gb&provider=coreweave&tier=spot")).json()["offers"]
        assert [offer["source"] for offer in offers].count("community") == 1

    inside.run(work)
