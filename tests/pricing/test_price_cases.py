"""Answers of clouds that were misread: the expected reading was written down from each answer first."""

import asyncio
import json
from fractions import Fraction
from typing import Any

import pytest
import time_machine
from hypothesis import given, settings
from hypothesis import strategies as st

from app.catalog.facts import gpus
from app.core import clock
from app.core.settings import load
from app.pricing.offers.normalise_batch import normalise_batch
from app.pricing.offers.offer import Batch, Reason
from app.pricing.sources.azure import Azure, _in_force
from app.pricing.sources.gpuhunt_catalogue import GpuhuntCatalogue
from app.pricing.sources.lambda_cloud import Lambda
from app.pricing.sources.runpod import RunPod
from app.pricing.sources.verda import Verda
from app.pricing.sources.vultr import Vultr, _cards
from tests import fake_clouds
from tests.conftest import DATA

NOW = clock.parse_instant("2026-11-25T12:00:00Z")


def batch(raws: list[Any]) -> Batch:
    return normalise_batch(raws, {}, int(NOW.timestamp()))


def case(name: str) -> Any:
    return json.loads((DATA / "price" / name).read_text())


def read(source: Any, rows: list[Any], reader: Any) -> Batch:
    with time_machine.travel(NOW, tick=False):
        return batch(source.each(rows, reader, source.name))


def azure(rows: list[dict[str, Any]]) -> Batch:
    source = Azure(load({}))

    async def walked(_: Any) -> Any:
        from app.pricing.sources.azure import _key

        return {_key(row): row for row in rows}, False

    source._walk = walked  # type: ignore[method-assign, assignment]
    with time_machine.travel(NOW, tick=False):
        return batch(asyncio.run(source.fetch()))


ROW = case("azure_current_then_future.json")["Items"][0]


@pytest.mark.parametrize("order", [1, -1])
def test_rows_to_come_leave_the_present_price_in_force(order: int) -> None:
    found = azure(case("azure_current_then_future.json")["Items"][::order])
    assert [offer.quoted_amount for offer in found.offers] == ["6.98"]
    assert [aside.reason for aside in found.set_aside] == [Reason.NOT_IN_FORCE]
    assert "2027-01-01" in found.set_aside[0].detail


@pytest.mark.parametrize(("rows", "price"), [
    ([("2024-01-01", None, 6.98), ("2025-06-01", None, 6.5)], "6.5"),
    ([("2025-06-01", None, 6.5), ("2024-01-01", None, 6.98)], "6.5"),
    ([("2024-01-01", "2025-01-01", 6.98), ("2025-01-01", None, 5.5)], "5.5"),
    ([("2024-01-01", "2026-01-01", 6.98)], None),
    ([("2024-01-01", "2027-01-01", 6.98), ("2026-12-01", None, 5.5)], "6.98"), ([("2026-12-01", None, 5.5)], None),
    ([("2024-01-01", None, 6.98), ("2024-01-01", "2025-01-01", 4.0), ("2028-01-01", None, 1.0)], "6.98"),
])  # fmt: skip
def test_of_the_times_of_a_price_the_present_one_holds(
    rows: list[tuple[str, str | None, float]], price: str | None
) -> None:
    told = [{**ROW, "effectiveStartDate": f"{a}T00:00:00Z", "retailPrice": amount,
             **({"effectiveEndDate": f"{b}T00:00:00Z"} if b else {})}
            for a, b, amount in rows]  # fmt: skip
    found = azure(told)
    assert [offer.quoted_amount for offer in found.offers] == ([price] if price else [])
    assert len(found.offers) + len(found.set_aside) == len(rows), "every row is accounted for"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(2020, 2030), st.none() | st.integers(2021, 2032)), max_size=6))
def test_no_row_is_lost_and_at_most_one_price_holds(times: list[tuple[int, int | None]]) -> None:
    rows = [
        {**ROW, "effectiveStartDate": f"{a}-01-01T00:00:00Z", "effectiveEndDate": f"{b}-01-01T00:00:00Z" if b else None}
        for a, b in times
    ]
    holding, others = _in_force(rows, NOW)
    assert len(holding) + len(others) == len(rows)
    assert len(holding) <= 1
    assert bool(holding) == any(a <= 2026 and (b is None or b > 2026) for a, b in times)


def vultr(**plan: Any) -> Batch:
    base = case("vultr_b200_1536.json")["plans"][0]
    return read(Vultr(load({})), [{**base, **plan}], Vultr(load({}))._read)


def test_a_count_is_not_guessed_from_memory_that_does_not_divide() -> None:
    found = vultr()
    assert [offer.gpu_count for offer in found.offers if offer.gpu_count != 8] == []
    assert len(found.offers) + len(found.set_aside) == 1


@pytest.mark.parametrize(("gpu", "memory", "count"), [
    ("L40S", 48, 1), ("L40S", 96, 2), ("L40S", 384, 8), ("L40S", 100, None), ("L40S", 120, None),
    ("A16", 2, Fraction(1, 8)), ("A16", 16, 1), ("A16", 32, 2),
    ("A16", 5, None), ("H100", 640, 8), ("H100", 700, None), ("A100", 10, Fraction(1, 8)), ("A100", 160, 2),
    ("B300", 1536, None), ("NONE", 80, None),
])  # fmt: skip
def test_memory_says_how_many_cards_or_nothing(gpu: str, memory: int, count: Any) -> None:
    from decimal import Decimal

    found, each = _cards(gpu, Decimal(memory))
    if gpu == "A100" and found is None:
        return  # of which size is not said
    assert found == count
    if each is not None and found is not None:
        assert each * int(found) == memory


@pytest.mark.parametrize(("memory", "slug"), [(96, "gh200-96gb"), (144, "gh200-144gb")])
def test_stated_memory_reaches_the_variant(memory: int, slug: str) -> None:
    plan = {**case("vultr_gh200_96.json")["plans"][0], "gpu_vram_gb": memory}
    found = read(Vultr(load({})), [plan], Vultr(load({}))._read)
    if slug not in gpus():
        assert found.set_aside
    else:
        assert [offer.gpu for offer in found.offers] == [slug]


def test_two_markets_of_one_cloud_are_two_offers() -> None:
    kinds = case("runpod_two_spots.json")["data"]["gpuTypes"]
    found = read(RunPod(load({})), kinds, RunPod(load({}))._read)
    spots = {(offer.tier.value, offer.quoted_amount) for offer in found.offers if offer.tier.value == "spot"}
    assert spots == {("spot", "0.95"), ("spot", "0.6")}
    assert not found.set_aside
    assert len({offer.id for offer in found.offers}) == 4


@pytest.mark.parametrize("count", ["0", "0.0", "-1"])
def test_a_row_with_a_card_and_no_count_is_set_aside_and_not_lost(count: str) -> None:
    text = (DATA / "price" / "gpuhunt_aws_g6f.csv").read_text().replace(",8,0,L4", f",8,{count},L4")
    found = batch(GpuhuntCatalogue(load({}))._rows(text, "aws", 1))
    assert not found.offers
    assert len(found.set_aside) == 1
    assert found.set_aside[0].reason in (Reason.BAD_COUNT, Reason.MEMORY_CONTRADICTS, Reason.UNREADABLE)


@pytest.mark.parametrize(
    ("more", "dollars"),
    [
        ({"unitOfMeasure": "100 Hours", "retailPrice": 9832.0}, 98.32), ({"unitOfMeasure": "1 Hour"}, 98.32),
        ({"unitOfMeasure": None}, 98.32), ({"unitOfMeasure": "1/Month"}, None), ({"unitOfMeasure": "0 Hours"}, None),
        ({"currencyCode": "EUR"}, None), ({"tierMinimumUnits": 1000.0}, None), ({"effectiveStartDate": "not a date"},
        None),
    ],
)  # fmt: skip
def test_an_azure_row_is_priced_by_its_unit_or_set_aside_and_takes_no_other_with_it(
    more: dict[str, Any], dollars: float | None
) -> None:
    row = {**fake_clouds.azure_item("Standard_ND96isr_H100_v5", 98.32), **more}
    found = azure([row, fake_clouds.azure_item("Standard_NC24ads_A100_v4", 3.67)])
    prices = {offer.product: (offer.usd_per_instance_hour_micro or 0) / 1e6 for offer in found.offers}
    assert prices.pop("Standard_NC24ads_A100_v4") == 3.67
    assert prices == ({} if dollars is None else {"Standard_ND96isr_H100_v5": dollars})


def test_what_contradicts_itself_is_set_aside() -> None:
    row = fake_clouds.lambda_type("gpu_8x", "8x H100 (80 GB SXM5)", 500, 8, ["us-west-1"])
    row["instance_type"]["specs"]["gpus"] = 2
    assert read(Lambda(load({})), [row], Lambda(load({}))._read).offers == ()
    wrong = fake_clouds.verda_type("4A100", "A100 SXM4 80GB", 4, 80, "4.00", "")
    assert read(Verda(load({})), [wrong], Verda(load({}))._read).offers == ()
    said = fake_clouds.verda_type("8H100", "H100", 8, 640, "18.00", "")
    said["gpu"]["description"] = "8x H100 SXM5 80GB"
    (offer,) = read(Verda(load({})), [said], Verda(load({}))._read).offers
    assert offer.gpu == "h100-sxm-80gb"
