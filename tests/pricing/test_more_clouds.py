"""Clouds that are asked in one way each, and Karpenter: what is read of each answer, and what is refused."""

import asyncio
import copy
import json
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core import clock
from app.core.http_client import FetchError
from app.core.settings import load
from app.pricing import sources
from app.pricing.offers.normalise import normalise
from app.pricing.offers.offer import Offer, Rate, RawOffer, SetAside
from app.pricing.sources import karpenter
from tests import fake_clouds
from tests.fake_clouds import Clouds, Reply, as_json, clouds
from tests.pricing.test_sources import offers


@pytest.fixture(scope="module")
def server() -> Iterator[Clouds]:
    with clouds() as made:
        yield made


def shown(server: Clouds, name: str) -> list[Offer]:
    return [offer for offer in offers(server, name) if isinstance(offer, Offer)]


def test_akamai_names_the_card_in_its_label_and_a_plan_at_nothing_is_not_sold_yet(server: Clouds) -> None:
    every = offers(server, "akamai")
    kept = [(o.gpu, o.gpu_count, o.usd_per_instance_hour_micro, o.region) for o in every if isinstance(o, Offer)]
    assert kept == [("rtx-4000-ada-20gb", 1, 520_000, ""), ("rtx-4000-ada-20gb", 1, 630_000, "id-cgk"),
                    ("quadro-rtx-6000-24gb", 2, 3_000_000, "")]  # fmt: skip
    assert [o.reason.value for o in every if isinstance(o, SetAside)] == ["zero-price"]
    assert shown(server, "akamai")[0].disk_gb == 512


def test_the_memory_of_a_droplet_is_that_of_all_its_cards(server: Clouds) -> None:
    found = {(o.product, o.region): o for o in shown(server, "digitalocean")}
    assert {key: (o.gpu, o.gpu_count, o.usd_per_gpu_hour_micro, o.stock) for key, o in found.items()} == {
        ("gpu-h100x1-80gb", "nyc2"): ("h100-80gb", 1, 4_410_000, "in"),
        ("gpu-h100x1-80gb", "ams3"): ("h100-80gb", 1, 4_410_000, "in"),
        ("gpu-h100x8-640gb", ""): ("h100-80gb", 8, 3_990_000, "out"),
        ("gpu-6000adax1-48gb", "tor1"): ("rtx-6000-ada-48gb", 1, 1_570_000, "in"),
        ("gpu-mi300x8-1536gb", "atl1"): ("mi300x-192gb", 8, 1_990_000, "out"),
    }
    assert found["gpu-h100x1-80gb", "nyc2"].disk_gb == 720, "the scratch disk does not last"


def test_hot_aisle_is_asked_for_the_keys_team_and_null_is_nothing(server: Clouds) -> None:
    [machine] = shown(server, "hot_aisle")
    assert (machine.gpu, machine.usd_per_gpu_hour_micro, machine.ram_gb) == ("mi300x-192gb", 1_990_000, 224)
    asked = [a for a in server.asked if a.path.startswith("/api/teams/")]
    assert {a.headers["authorization"] for a in asked} == {"Token key-of-hot_aisle"}
    wrong = load({**server.environment(), "INFERENCEBENCH_SOURCE_HOT_AISLE_KEY": "no-team"})
    with pytest.raises(FetchError, match="TEAM:KEY"):
        asyncio.run(sources.SOURCES["hot_aisle"](wrong).fetch())


def test_hyperbolic_is_cents_a_card_and_the_cheapest_of_those_that_are_ready(server: Clouds) -> None:
    source: Any = sources.SOURCES["hyperbolic"](load(server.environment()))
    raws: list[RawOffer] = asyncio.run(source.fetch())
    kept = [normalise(raw, {}, clock.timestamp()) for raw in raws]
    assert [(o.gpu, o.tier.value, o.usd_per_gpu_hour_micro, o.stock) for o in kept if isinstance(o, Offer)] == [
        ("h100-sxm-80gb", "spot", 1_390_000, "in"), ("rtx-4090-24gb", "spot", 350_000, "out")]  # fmt: skip
    assert source.left_out == {"a machine that is not ready": 1, "a dearer machine of the same GPU and region": 1}


def test_cudo_bills_the_host_apart_and_says_so(server: Clouds) -> None:
    found = {o.gpu: o for o in shown(server, "cudo")}
    card = found["l40s-48gb"]
    assert (card.usd_per_gpu_hour_micro, card.price_includes, card.price_excludes, card.stock) == (
        870_000, "gpu", "host+disk+traffic", "in")  # fmt: skip
    assert card.remark == "vCPU $0.0024/h and memory $0.0034/GiB-h extra"
    assert card.disk_usd_per_gb_month_micro == 73_000
    assert found["h100-sxm-80gb"].stock == "out"


def test_exoscales_small_machines_hold_one_card_and_the_larger_ones_are_counted(server: Clouds) -> None:
    source: Any = sources.SOURCES["exoscale"](load(server.environment()))
    raws: list[RawOffer] = asyncio.run(source.fetch())
    kept = {o.product: o for raw in raws if isinstance(o := normalise(raw, {}, clock.timestamp()), Offer)}
    assert {name: (o.gpu, o.usd_per_gpu_hour_micro) for name, o in kept.items()} == {
        "gpu3.small": ("a40-48gb", 1_030_000), "gpua5000.small": ("rtx-a5000-24gb", 740_000)}  # fmt: skip
    assert kept["gpu3.small"].disk_usd_per_gb_month_micro == 102_200
    assert source.left_out == {"no GPU in it": 2, "its number of GPUs is not stated": 1}


def test_novitas_prices_are_hundred_thousandths_in_every_region_and_spot_at_nothing_is_none(server: Clouds) -> None:
    found = [(o.gpu, o.tier.value, o.usd_per_gpu_hour_micro, o.region, o.stock) for o in shown(server, "novita")]
    assert found == [
        ("rtx-4090-24gb", "on-demand", 670_000, "US-CA-06", "in"),
        ("rtx-4090-24gb", "on-demand", 670_000, "EU-GER-01", "in"),
        ("rtx-4090-24gb", "spot", 340_000, "US-CA-06", "in"), ("rtx-4090-24gb", "spot", 340_000, "EU-GER-01", "in"),
        ("h100-sxm-80gb", "on-demand", 3_390_000, "", "out"), ("rtx-5090-32gb", "on-demand", 690_000, "", "in"),
    ]  # fmt: skip
    assert {a.headers["authorization"] for a in server.asked if a.path.startswith("/gpu-instance")} == {
        "Bearer key-of-novita"}  # fmt: skip


def test_the_open_telekom_cloud_is_in_euro_without_licences(server: Clouds) -> None:
    source: Any = sources.SOURCES["open_telekom"](load(server.environment()))
    raws: list[RawOffer] = asyncio.run(source.fetch())
    rates = {"EUR": Rate(Decimal("1.1"), "2026-11-27")}
    kept = [o for raw in raws if isinstance(o := normalise(raw, rates, clock.timestamp()), Offer)]
    assert [(o.gpu, o.gpu_count, o.usd_per_instance_hour_micro, o.region, o.country) for o in kept] == [
        ("v100-pcie-32gb", 1, 2_871_000, "eu-de", "de"), ("t4-16gb", 2, 1_540_000, "eu-nl", "nl")]  # fmt: skip
    assert source.left_out == {"no GPU in it": 1, "with a licence of its operating system": 1,
                               "its number of GPUs is not stated": 1}  # fmt: skip
    rows = fake_clouds.TELEKOM["response"]["result"]["ecs"]  # type: ignore[index]
    server.answers["/en/open-telekom-price-api/"] = {"response": {"result": rows}}
    assert len(asyncio.run(source.fetch())) == 2  # the list as it comes with a filter


def test_karpenters_lists_are_read_to_the_machines_with_a_card(server: Clouds) -> None:
    source: Any = sources.SOURCES["karpenter"](load(server.environment()))
    raws: list[RawOffer] = asyncio.run(source.fetch())
    made = [normalise(raw, {}, clock.timestamp()) for raw in raws]
    kept = {(o.provider, o.product, o.tier.value, o.region): (o.gpu, o.gpu_count, o.usd_per_instance_hour_micro)
            for o in made if isinstance(o, Offer)}  # fmt: skip
    assert kept == {
        ("aws", "g6.xlarge", "on-demand", "us-east-1"): ("l4-24gb", 1, 804_800),
        ("aws", "g6f.xlarge", "on-demand", "us-east-1"): ("l4-24gb", Fraction(1, 8), 237_500),
        ("aws", "p5.48xlarge", "on-demand", "us-east-1"): ("h100-sxm-80gb", 8, 55_040_000),
        ("azure", "Standard_NC24ads_A100_v4", "on-demand", "westeurope"): ("a100-pcie-80gb", 1, 4_775_000),
        ("gcp", "g2-standard-4", "on-demand", "europe-west4"): ("l4-24gb", 1, 778_577),
        ("gcp", "g2-standard-4", "spot", "europe-west4"): ("l4-24gb", 1, 300_000),
        ("gcp", "a3-highgpu-1g", "spot", "europe-west4"): ("h100-sxm-80gb", 1, 3_900_000),
    }
    assert [o.reason.value for o in made if isinstance(o, SetAside)] == ["not-an-offer"]
    assert source.left_out == {"no GPU in it": 4}


def test_a_list_of_long_ago_is_not_believed_and_takes_no_other_down(server: Clouds) -> None:
    with clouds() as old:
        body = fake_clouds.KARPENTER_AZURE.format(made="2023-12-18T14:34:50Z").encode()
        old.answers["/repos/Azure/*"] = Reply(body)
        source: Any = sources.SOURCES["karpenter"](load(old.environment()))
        raws = asyncio.run(source.fetch())
    assert {raw.provider for raw in raws} == {"aws", "gcp"}
    assert source.faults == {"azure": "changed its form: azure: the list was made on 2023-12-18"}


ANSWERS: dict[str, tuple[str, Any]] = {
    "akamai": ("/v4/linode/types", {"data": fake_clouds.LINODE, "pages": 1}),
    "digitalocean": ("/v2/sizes", fake_clouds.DROPLETS),
    "hot_aisle": ("/api/teams/acme/virtual_machines/available/", fake_clouds.HOT_AISLE),
    "hyperbolic": ("/v1/marketplace", fake_clouds.HYPERBOLIC),
    "cudo": ("/v1/vms/machine-types-2", fake_clouds.CUDO),
    "karpenter": ("/repos/cloudpilot-ai/*", fake_clouds.KARPENTER_GCP),
    "exoscale": ("/api/pricing/opencompute", fake_clouds.EXOSCALE),
    "novita": ("/gpu-instance/openapi/v1/products", fake_clouds.NOVITA),
    "open_telekom": ("/en/open-telekom-price-api/", fake_clouds.TELEKOM),
}
"""Source → one address of it and its good answer."""
JUNK: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**15), 10**15), st.floats(), st.text(max_size=9), st.builds(list),
    st.builds(dict),
)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(inner, (*path, key))


@st.composite
def broken(draw: st.DrawFn, good: Any) -> Any:
    """The answer with up to three of its values replaced or taken out."""
    answer = copy.deepcopy(good)
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(list(places(answer))))
        if not path:
            return draw(JUNK)
        inside = answer
        for key in path[:-1]:
            inside = inside[key]
        if draw(st.booleans()):
            inside[path[-1]] = draw(JUNK)
        else:
            del inside[path[-1]]
    return answer


def largest(value: Any) -> int:
    """How many values an answer holds: no more offers than that may come of it."""
    return sum(1 for _ in places(value))


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_whatever_is_broken_in_an_answer_it_is_read_or_refused_in_words(server: Clouds, name: str) -> None:
    address, good = ANSWERS[name]
    asking = load(server.environment())

    @settings(max_examples=12, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(broken(good))
    def check(answer: Any) -> None:
        server.answers[address] = as_json(answer)
        try:
            raws = asyncio.run(sources.SOURCES[name](asking).fetch())
        except FetchError:
            return
        assert len(raws) <= largest(answer) + 20
        for raw in raws:
            assert isinstance(normalise(raw, {}, clock.timestamp()), Offer | SetAside)

    try:
        check()
    finally:
        server.answers[address] = fake_clouds.GOOD[address]


@settings(max_examples=150, deadline=None)
@given(
    st.text(max_size=200),
    st.lists(
        st.sampled_from(
            ['"us-east-1": {', '"p5.48xlarge": 55.04,', '"g6.xlarge": 1e999,', "map[", '"": ,', '"a.b": 1.2.3']
        ),
        max_size=9,
    ),
)
def test_whatever_text_a_generated_file_holds_it_is_read(text: str, lines: list[str]) -> None:  # fmt: skip
    source: Any = sources.SOURCES["karpenter"](load({}))
    rows = list(karpenter._of_go("\n".join([text, *lines])))
    for raw in source.of_rows(rows, "aws", 1):
        assert isinstance(normalise(raw, {}, clock.timestamp()), Offer | SetAside)


def test_a_number_that_json_can_not_hold_is_refused(server: Clouds) -> None:
    with pytest.raises(FetchError):
        karpenter._of_json(b'{"prices": ' + b"[" * 100_000 + b"]" * 100_000 + b"}")
    assert karpenter._of_json(json.dumps({"prices": {"eu": {"spot": {"x": 1}}}}).encode()) == [("eu", "x", "spot", "1")]
