"""A wrong value of a filter is refused at every address that has the filter, with what would work instead."""

import httpx
import pytest

from app.pricing.offers.price_query import MEANINGS

TABLE = ("gpu", "provider", "region", "tier", "commitment_months", "stock", "min_memory_gb", "max_usd", "gpu_count",
         "sort", "order")  # fmt: skip
ADDRESSES = {
    "/prices": (*TABLE, "unit", "page"),
    "/prices/table": ("gpu", "provider", "region", "tier", "sort", "page"),
    "/prices.csv": TABLE,
    "/api/prices": TABLE,
    "/prices.atom": ("gpu", "provider", "region", "tier"),
    "/prices/lasting": ("gpu", "provider", "region", "tier"),
    "/api/prices/lasting": ("gpu", "provider", "region", "tier"),
    "/bill": ("gpu", "provider", "region", "tier", "gpus", "disk", "traffic", "currency"),
    "/api/bill": ("gpu", "provider", "region", "tier", "gpus", "disk", "traffic"),
    "/index": ("gpu", "tier"), "/index.csv": ("gpu", "tier"), "/index.atom": ("gpu", "tier"),
    "/compare": ("gpu",), "/prices/changes": ("gpu",), "/models": ("family", "score", "sort", "order"),
    "/benchmarks": ("engine", "gpu", "sort", "order"),
}  # fmt: skip


@pytest.mark.parametrize(("address", "name"), [(path, name) for path, names in ADDRESSES.items() for name in names])
def test_a_wrong_value_is_refused_with_what_would_work(http: httpx.Client, address: str, name: str) -> None:
    answer = http.get(address, params={name: "xx"})
    assert answer.status_code == 400, answer.text[:200]
    said = answer.json() if "json" in answer.headers["content-type"] else {"hint": answer.text}
    assert any(word in said["hint"] for word in ("or example", "id you mean", "nown are", "One of", "score"))


@pytest.mark.parametrize("name", ["gpu", "provider", "region", "tier", "gpu_count"])
def test_what_the_page_offers_to_choose_is_never_refused(http: httpx.Client, name: str) -> None:
    for row in http.get("/api/prices").json()["offers"][::40]:
        if row[name] is not None:
            answer = http.get("/api/prices", params={"limit": "1", name: str(row[name])}, follow_redirects=True)
            assert answer.json()["count"] > 0


def test_a_region_in_another_case_is_refused_with_its_spelling(http: httpx.Client) -> None:
    answer = http.get("/api/prices?region=US-EAST-1")
    assert (answer.status_code, answer.json()["hint"]) == (400, "Did you mean us-east-1?")
    assert http.get("/prices?region=EU").headers["location"] == "/prices?region=europe"
    assert MEANINGS["region"].example in http.get("/api/prices?region=xx").json()["hint"]
