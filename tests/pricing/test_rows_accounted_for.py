"""Every row that a source stated is shown, set aside with its reason, or counted with the reason why it is no offer."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.settings import load
from app.pricing import sources
from app.pricing.sources.base import LeftOut
from tests.pricing.conftest import Refreshing

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9**9) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from([
    "gpu", "gpu_type", "gpu_count", "name", "model", "price", "configuration", "num_gpus", "instance_type", "specs",
    "flavors", "locations",
    "id", "planCode", "blobs", "armSkuName", "productName", "meterName", "type", "retailPrice", "prices", "gpuCount",
    "gpus",
])  # fmt: skip
ROWS = st.lists(VALUES | st.dictionaries(NAMES, VALUES, max_size=6), max_size=5)


@given(
    st.sampled_from(["akash", "lambda", "runpod", "shadeform", "verda", "vultr", "primeintellect", "tensordock"]), ROWS
)
def test_whatever_rows_come_each_becomes_an_offer_a_fault_or_a_count(name: str, rows: list[Any]) -> None:
    source: Any = sources.SOURCES[name](load({}))
    for row in rows:
        before = source.left_out.total()
        made = source.each([row], source._read, "nobody")
        assert made or source.left_out.total() > before


def test_what_was_stated_is_what_is_shown_set_aside_and_left_out(refreshing: Refreshing) -> None:
    for name, source in sources.SOURCES.items():
        if not source(refreshing.settings).is_configured:
            continue
        outcome = refreshing(name)
        if outcome.state != "ok":
            continue
        [(offers, aside, left)] = refreshing.rows(
            "SELECT offers, set_aside, left_out FROM loaded_source WHERE name = ?", name
        )
        assert outcome.stated == offers + aside + sum(json.loads(left).values()), (name, outcome, aside, left)


@pytest.mark.parametrize("more", [1, 7])
def test_a_row_without_a_gpu_is_counted_and_the_status_page_says_so(refreshing: Refreshing, more: int) -> None:
    refreshing("vultr")
    [(before,)] = refreshing.rows("SELECT left_out FROM loaded_source WHERE name = 'vultr'")
    answer = refreshing.server.answers["/v2/plans"]
    plans = json.loads(answer.body) if hasattr(answer, "body") else answer
    plans["plans"] += [{"id": f"vc2-{n}", "hourly_cost": 0.007, "ram": 1024} for n in range(more)]
    refreshing.server.answers["/v2/plans"] = plans
    refreshing("vultr")
    [(after,)] = refreshing.rows("SELECT left_out FROM loaded_source WHERE name = 'vultr'")
    was, now = (json.loads(text).get("no GPU in it", 0) for text in (before, after))
    assert now == was + more


def test_why_a_row_was_left_out_is_words(refreshing: Refreshing) -> None:
    source: Any = sources.SOURCES["azure"](refreshing.settings)
    row = {"armSkuName": "Standard_NC24ads_A100_v4", "productName": "NCads A100 v4 Series Windows",
           "meterName": "NC24ads", "type": "Consumption", "armRegionName": "eastus", "retailPrice": 5.0}  # fmt: skip
    assert list(source._read(row, set())) == [LeftOut("with a Windows licence")]
