"""Every source against a server that answers in its documented shape: what is read, and the traps of each."""

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from app.catalog.facts import providers
from app.core import clock
from app.core.http_client import FetchError
from app.core.settings import load
from app.pricing import sources
from app.pricing.offers.normalise import normalise
from app.pricing.offers.offer import Offer, Rate, SetAside
from app.pricing.sources import ecb
from tests import fake_clouds
from tests.fake_clouds import Clouds, Reply, as_json, clouds

RATES = {"EUR": Rate(Decimal("1.15"), "2026-11-20")}


@pytest.fixture(scope="module")
def server() -> Iterator[Clouds]:
    with clouds() as made:
        yield made


def offers(server: Clouds, name: str) -> list[Offer | SetAside]:
    source = sources.SOURCES[name](load(server.environment()))
    raws = asyncio.run(source.fetch())
    return [normalise(raw, RATES, clock.timestamp()) for raw in raws]


def shown(server: Clouds, name: str) -> list[tuple[Any, ...]]:
    """(product, GPU, count, tier, months, region, USD per GPU-hour) of what is shown, sorted."""
    rows = [
        (o.product, o.gpu, o.gpu_count, o.tier.value, o.commitment_months, o.region, o.usd_per_gpu_hour_micro / 1e6)
        for o in offers(server, name) if isinstance(o, Offer)
    ]  # fmt: skip
    return sorted(rows, key=str)


def test_azure_takes_linux_spot_and_terms_apart_and_knows_parts_of_a_card(server: Clouds) -> None:
    h100 = "Standard_ND96isr_H100_v5"
    found = shown(server, "azure")
    assert [row for row in found if row[0] == h100] == sorted([
        (h100, "h100-sxm-80gb", 8, "on-demand", None, "eastus", 12.29),
        (h100, "h100-sxm-80gb", 8, "spot", None, "eastus", 6.8125),
        (h100, "h100-sxm-80gb", 8, "reserved", 12, "eastus", 7.5),
        (h100, "h100-sxm-80gb", 8, "reserved", 36, "eastus", 5.0),
    ], key=str)  # fmt: skip
    sixth = next(row for row in found if row[0] == "Standard_NV6ads_A10_v5")
    assert sixth[2] == Fraction(1, 6)
    assert sixth[6] == pytest.approx(0.454 * 6)
    aside = [o for o in offers(server, "azure") if isinstance(o, SetAside)]
    assert {(a.reason.value, a.raw.product) for a in aside} == {
        ("zero-price", "Standard_NC24ads_A100_v4"),
        ("unknown-gpu", "Standard_NV999x_v9"),
    }


def test_azure_walks_again_when_the_list_moved_under_it(server: Clouds) -> None:
    rows = fake_clouds.AZURE
    calls = []

    def moving(asked: fake_clouds.Asked) -> Reply:
        skip = int(asked.query.get("$skip", ["0"])[0])
        calls.append(skip)
        page = rows[:8] if skip == 0 else [rows[7], *rows[8:]] if calls.count(8) == 1 else rows[8:]
        more = "https://prices.azure.com/api/retail/prices?$skip=8" if skip == 0 else None
        return as_json({"Items": page, "NextPageLink": more})

    server.answers["/api/retail/prices"] = moving
    assert len(shown(server, "azure")) == 7
    assert calls == [0, 8, 0, 8]
    server.answers["/api/retail/prices"] = lambda _: as_json(
        {"Items": [fake_clouds.azure_item("Standard_NC4as_T4_v3", 1, currencyCode="EUR")]}
    )
    with pytest.raises(FetchError, match="another currency"):
        offers(server, "azure")
    server.answers["/api/retail/prices"] = fake_clouds.azure


def test_scaleway_is_in_dated_euro_and_tells_stock(server: Clouds) -> None:
    found = [o for o in offers(server, "scaleway") if isinstance(o, Offer)]
    one = next(o for o in found if o.product == "H100-1-80G" and o.region == "fr-par-2")
    assert (one.gpu, one.currency, one.quoted_amount, one.exchange_rate_date, one.stock) == (
        "h100-pcie-80gb",
        "EUR",
        "2.73",
        "2026-11-20",
        "in",
    )
    assert one.usd_per_gpu_hour_micro == 3_139_500
    two = next(o for o in found if o.product == "H100-2-80G" and o.region == "fr-par-2")
    assert (two.gpu_count, two.usd_per_gpu_hour_micro, two.stock) == (2, 3_139_500, "out")
    assert {o.country for o in found} == {"fr", "pl"}


def test_ovhcloud_is_in_hundred_millionths_of_a_euro_without_windows_and_months(server: Clouds) -> None:
    found = [o for o in offers(server, "ovhcloud") if isinstance(o, Offer)]
    assert sorted((o.product, o.region, o.quoted_amount) for o in found) == [
        ("h100-380", "BHS5", "2.8"), ("h100-380", "GRA11", "2.8"), ("l40s-90", "BHS5", "1.4"),
        ("l40s-90", "GRA11", "1.4"),
    ]  # fmt: skip
    assert {o.disk_gb for o in found} == {200}
    server.answers["/1.0/order/catalog/public/cloud"] = {**fake_clouds.OVH, "locale": {"currencyCode": "PLN"}}
    with pytest.raises(FetchError, match="PLN"):
        offers(server, "ovhcloud")
    server.answers["/1.0/order/catalog/public/cloud"] = fake_clouds.OVH


def test_akash_is_the_lowest_bid_and_no_bid_is_no_offer(server: Clouds) -> None:
    found = [o for o in offers(server, "akash") if isinstance(o, Offer)]
    assert [(o.gpu, o.usd_per_gpu_hour_micro, o.stock) for o in found] == [
        ("h100-sxm-80gb", 1_330_000, "in"),
        ("rtx-4090-24gb", 310_000, "out"),
    ]


def test_lambda_is_in_cents_of_the_instance_a_row_for_each_region_with_room(server: Clouds) -> None:
    assert shown(server, "lambda") == [
        ("gpu_1x_a10", "a10-24gb", 1, "on-demand", None, "us-west-1", 0.75),
        ("gpu_1x_h100_sxm5", "h100-sxm-80gb", 1, "on-demand", None, "us-south-1", 3.29),
        ("gpu_1x_h100_sxm5", "h100-sxm-80gb", 1, "on-demand", None, "us-west-1", 3.29),
        ("gpu_8x_h100_sxm5", "h100-sxm-80gb", 8, "on-demand", None, "", 2.99),
    ]  # fmt: skip
    assert {o.stock for o in offers(server, "lambda") if isinstance(o, Offer) and not o.region} == {"out"}
    assert server.asked[-1].headers["authorization"] == "Bearer key-of-lambda"


def test_shadeform_is_in_cents_and_names_whose_machine_it_is(server: Clouds) -> None:
    found = [o for o in offers(server, "shadeform") if isinstance(o, Offer)]
    assert [(o.provider, o.product, o.gpu, o.gpu_count, o.usd_per_instance_hour_micro, o.stock) for o in found] == [
        ("shadeform", "hyperstack: n3-A100x1", "a100-pcie-80gb", 1, 1_350_000, "in"),
        ("shadeform", "hyperstack: n3-A100x1", "a100-pcie-80gb", 1, 1_350_000, "out"),
        ("shadeform", "massedcompute: gpu_8x_h100_sxm5", "h100-sxm-80gb", 8, 20_000_000, "in"),
    ]  # fmt: skip


def test_hyperstack_prices_its_flavours_by_the_book(server: Clouds) -> None:
    assert shown(server, "hyperstack") == [
        ("n3-H100x1", "h100-pcie-80gb", 1, "on-demand", None, "CANADA-1", 1.9),
        ("n3-H100x1-spot", "h100-pcie-80gb", 1, "spot", None, "CANADA-1", 1.52),
        ("n3-H100x8", "h100-pcie-80gb", 8, "on-demand", None, "CANADA-1", 1.9),
    ]  # fmt: skip


def test_prime_intellects_price_and_memory_are_the_machines(server: Clouds) -> None:
    found = [o for o in offers(server, "primeintellect") if isinstance(o, Offer)]
    assert [(o.gpu, o.gpu_count, o.tier.value, o.usd_per_gpu_hour_micro, o.stock) for o in found] == [
        ("h100-sxm-80gb", 2, "on-demand", 2_500_000, "in"), ("rtx-4090-24gb", 1, "on-demand", 500_000, "out"),
        ("a100-sxm-80gb", 1, "spot", 900_000, "in"),
    ]  # fmt: skip
    assert found[0].disk_usd_per_gb_month_micro == 94_900
    server.answers["/api/v1/availability/gpus"] = as_json({"items": [], "totalCount": 0})
    with pytest.raises(FetchError, match="empty"):
        offers(server, "primeintellect")
    server.answers["/api/v1/availability/gpus"] = fake_clouds.prime


def test_tensordock_is_per_gpu_with_the_rest_beside_it(server: Clouds) -> None:
    found = [o for o in offers(server, "tensordock") if isinstance(o, Offer)]
    assert {(o.region, o.country) for o in found} == {("Austin, Texas, United States", "us")}
    assert [(o.gpu, o.usd_per_gpu_hour_micro, o.stock, o.price_excludes) for o in found] == [
        ("h100-sxm-80gb", 2_250_000, "in", "host+disk"), ("rtx-4090-24gb", 370_000, "out", "host+disk"),
    ]  # fmt: skip


def test_vast_is_walked_to_its_end_and_a_bid_floor_is_never_a_price(server: Clouds) -> None:
    found = [o for o in offers(server, "vast") if isinstance(o, Offer)]
    assert [(o.gpu, o.gpu_count, o.tier.value, o.usd_per_instance_hour_micro, o.country, o.remark) for o in found] == [
        ("rtx-4090-24gb", 1, "on-demand", 300_000, "us", "cheapest of 70 machines"),
        ("h100-sxm-80gb", 8, "on-demand", 16_000_000, "is", "one machine"),
    ]  # fmt: skip


def test_runpods_closed_markets_and_bid_floors_are_not_offers(server: Clouds) -> None:
    found = [o for o in offers(server, "runpod") if isinstance(o, Offer)]
    assert sorted((o.gpu, o.provider_tier, o.commitment_months or 0, o.usd_per_gpu_hour_micro, o.stock)
                  for o in found) == [
        ("h100-sxm-80gb", "community", 0, 2_390_000, "in"), ("h100-sxm-80gb", "reserved", 1, 2_300_000, ""),
        ("h100-sxm-80gb", "reserved", 3, 2_200_000, ""),
        ("h100-sxm-80gb", "secure", 0, 2_690_000, "in"), ("l40s-48gb", "secure", 0, 860_000, "out"),
        ("rtx-4090-24gb", "secure", 0, 690_000, "in"),
    ]  # fmt: skip


def test_verdas_memory_is_the_machines_and_its_prices_are_text(server: Clouds) -> None:
    found = [o for o in offers(server, "verda") if isinstance(o, Offer)]
    assert [(o.gpu, o.gpu_count, o.tier.value, o.usd_per_gpu_hour_micro) for o in found] == [
        ("h100-sxm-80gb", 1, "on-demand", 2_290_000), ("h100-sxm-80gb", 1, "spot", 800_000),
        ("h100-sxm-80gb", 8, "on-demand", 2_290_000), ("h100-sxm-80gb", 8, "spot", 800_000),
    ]  # fmt: skip


def test_vultr_sells_parts_of_a_card_and_its_free_plan_is_no_offer(server: Clouds) -> None:
    found = [o for o in offers(server, "vultr") if isinstance(o, Offer)]
    assert sorted({(o.gpu, o.gpu_count, o.usd_per_instance_hour_micro) for o in found}, key=str) == [
        ("a16-16gb", Fraction(1, 8), 59_000), ("l40s-48gb", 1, 1_671_000)]  # fmt: skip
    assert [o.reason.value for o in offers(server, "vultr") if isinstance(o, SetAside)] == ["zero-price"]


def test_gpuhunts_catalogues_come_through_our_client_and_calendar_mode_is_a_term(server: Clouds) -> None:
    found = [o for o in offers(server, "gpuhunt") if isinstance(o, Offer)]
    assert {o.provider for o in found} == {
        "aws",
        "gcp",
        "oci",
        "nebius",
        "cloudrift",
        "lambda",
        "runpod",
        "verda",
        "azure",
    }
    aws = sorted((o.gpu, o.tier.value, o.usd_per_gpu_hour_micro) for o in found if o.provider == "aws")
    assert aws == [
        ("h100-sxm-80gb", "on-demand", 6_880_000),
        ("h100-sxm-80gb", "spot", 2_562_500),
        ("l4-24gb", "on-demand", 900_000),
    ]
    calendar = next(o for o in found if o.product == "a3-ultragpu-8g")
    assert (calendar.tier.value, calendar.commitment_months) == ("reserved", None)
    assert all(
        "InferenceBench/" in asked.headers["user-agent"] for asked in server.asked if asked.path.startswith("/v3/")
    )


def test_one_failing_catalogue_does_not_take_the_others_and_a_bomb_is_stopped(server: Clouds) -> None:
    def broken(asked: fake_clouds.Asked) -> Reply:
        if "/aws/" in asked.path and asked.path.endswith(".zip"):
            return Reply(b"PK not a zip")
        return fake_clouds.gpuhunt(asked)

    server.answers["/v3/*"] = broken
    source = sources.SOURCES["gpuhunt"](load(server.environment()))
    raws = asyncio.run(source.fetch())
    assert "aws" not in {raw.provider for raw in raws}
    assert "can't be read" in source.faults["aws"]
    server.answers["/v3/*"] = fake_clouds.gpuhunt


def test_gpuhunts_own_clients_run_in_a_child_with_limits(server: Clouds) -> None:
    found = [o for o in offers(server, "gpuhunt_live") if isinstance(o, Offer)]
    assert [(o.provider, o.gpu, o.gpu_count, o.usd_per_gpu_hour_micro) for o in found] == [
        ("lium", "rtx-4090-24gb", 1, 320_000), ("lium", "rtx-4090-24gb", 2, 320_000)]  # fmt: skip
    asked = [a for a in server.asked if a.path == "/api/public/v1/nodes"][-1]
    assert "InferenceBench" in asked.headers["User-Agent"]
    server.answers["/api/public/v1/nodes"] = Reply(b"", 302, {"location": "http://127.0.0.1:9/"})
    with pytest.raises(FetchError):
        offers(server, "gpuhunt_live")
    server.answers["/api/public/v1/nodes"] = fake_clouds.LIUM


def test_ecb_rates_are_crossed_through_the_euro_and_dated(server: Clouds) -> None:
    rates = asyncio.run(sources.RATES(load(server.environment())).fetch())
    assert rates["EUR"] == Rate(Decimal("1.1500"), "2026-11-20")
    assert rates["GBP"].usd == (Decimal("1.15") / Decimal("0.87")).quantize(Decimal("0.0000000001"))
    for bad in (
        "<html></html>",
        "not xml",
        "<!DOCTYPE x [<!ENTITY a 'b'>]><x/>",
        fake_clouds.ECB.replace("USD", "XXX"),
        fake_clouds.ECB.replace("2026-11-20", "soon"),
    ):
        with pytest.raises(FetchError):
            ecb.read_rates(bad)


def test_every_source_keeps_a_row_it_cannot_read_and_reads_the_others(server: Clouds) -> None:
    server.answers["/v1/gpu-prices"] = {
        **fake_clouds.AKASH,
        "models": [*fake_clouds.AKASH["models"], {"model": 7, "price": {"min": 1}}, "text", {"price": {"min": 1}}],
    }
    found = offers(server, "akash")
    assert [o.reason.value for o in found if isinstance(o, SetAside)] == ["unreadable"] * 3
    assert len([o for o in found if isinstance(o, Offer)]) == 2
    server.answers["/v1/gpu-prices"] = fake_clouds.AKASH


def test_authorities_name_real_providers_and_sources_and_sources_without_a_key_say_so() -> None:
    for provider, names in sources.AUTHORITIES.items():
        assert provider in providers()
        assert set(names) <= set(sources.SOURCES)
    settings = load({})
    assert {name for name, kind in sources.SOURCES.items() if not kind(settings).is_configured} == set(
        fake_clouds.KEYED
    )
    for source in sources.SOURCES.values():
        assert source.origin.startswith("https://")
        assert source.privacy.startswith("https://")
