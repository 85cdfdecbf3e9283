"""What people type into the search, as it is understood."""

from fractions import Fraction

import pytest

from app.catalog import facts as catalogue
from app.pricing.search.search_words import understand


@pytest.mark.parametrize("text", ["8 h100", "8xh100", "8 x h100", "8x H100", "8×h100", "h100x8", "h100 x8", "8 h-100",
                                  "8 gpus h100", "8 h 100", "8 nvidia h100"])  # fmt: skip
def test_a_count_before_or_on_a_name_is_a_count(text: str) -> None:
    said = understand(text)
    assert said.gpu == understand("h100").gpu != ()
    assert (said.gpu_count, said.rest) == (Fraction(8), "")


@pytest.mark.parametrize(
    ("text", "same"),
    [("h-100", "h100"), ("h 100", "h100"), ("rtx4090", "rtx 4090"), ("a-100 80gb", "a100 80gb"), ("a 100", "a100"),
     ("1080ti", "gtx 1080 ti"), ("run pod", "runpod"), ("rtx-a6000", "rtx a6000")],
)  # fmt: skip
def test_a_name_is_known_however_it_is_written(text: str, same: str) -> None:
    assert understand(text) == understand(same)
    assert not understand(text).rest


@pytest.mark.parametrize("text", ["mi300x", "4090", "3090 ti", "h100 80gb", "a 100", "rtx 6000 ada", "gtx 1080 ti"])
def test_a_number_that_belongs_to_a_name_is_no_count(text: str) -> None:
    assert understand(text).gpu
    assert understand(text).gpu_count is None


@pytest.mark.parametrize("text", ["llama 70b", "llama 3.1 8b", "qwen 3 8b", "zebra 5"])
def test_words_of_a_model_are_left_for_the_models(text: str) -> None:
    said = understand(text)
    assert (said.rest, said.gpu, said.gpu_count) == (text, (), None)


@pytest.mark.parametrize("text", ["2x4090", "2 x 4090", "2×4090", "4090x2", "2x rtx 4090"])
def test_a_name_of_digits_has_a_count_too(text: str) -> None:
    said = understand(text)
    assert (said.gpu, said.gpu_count, said.rest) == (("rtx-4090-24gb",), Fraction(2), "")


@pytest.mark.parametrize(
    ("text", "gpus"),
    [
        ("a100 40", {"a100-40gb", "a100-pcie-40gb", "a100-sxm-40gb"}), ("a100 sxm 40", {"a100-sxm-40gb"}),
        ("h100 sxm5", {"h100-sxm-80gb"}), ("h100sxm5", {"h100-sxm-80gb"}), ("hgx h100", {"h100-sxm-80gb"}),
        ("a100 80gb sxm4", {"a100-sxm-80gb"}), ("gb200 nvl72", {"gb200-nvl-186gb"}), ("tesla t4", {"t4-16gb"}),
        ("v100 16", {"v100-16gb", "v100-pcie-16gb", "v100-sxm2-16gb"}), ("ampere 40gb sxm", {"a100-sxm-40gb"}),
        ("blackwell ultra", {"b300-sxm-288gb", "gb300-nvl-288gb"}), ("rtx 6000 ada", {"rtx-6000-ada-48gb"}),
        ("cdna3", {"mi300a-128gb", "mi300x-192gb", "mi325x-256gb"}), ("trillium", {"tpu-v6e-32gb"}),
        ("gaudi", {"gaudi1-32gb", "gaudi2-96gb", "gaudi3-128gb"}),
        ("titan", {"gtx-titan-x-12gb", "titan-rtx-24gb", "titan-xp-12gb"}),
        ("nvidia hopper h200 nvl", {"h200-nvl-141gb"}),
    ],
)  # fmt: skip
def test_a_variant_or_a_kind_of_gpus_is_exactly_what_was_named(text: str, gpus: set[str]) -> None:
    said = understand(text)
    assert (set(said.gpu), said.rest) == (gpus, "")


@pytest.mark.parametrize("architecture", sorted({gpu.architecture for gpu in catalogue.gpus().values()}))
def test_every_architecture_is_known_by_its_name(architecture: str) -> None:
    said = set(understand(architecture).gpu)
    assert {slug for slug, gpu in catalogue.gpus().items() if gpu.architecture == architecture} <= said


@pytest.mark.parametrize(
    ("text", "provider", "rest"),
    [("google", ("gcp",), ""), ("google a100", ("gcp",), ""), ("google gemma 3", (), "google gemma 3"),
     ("amazon", ("aws",), ""), ("microsoft", ("azure",), ""), ("microsoft phi 4", (), "microsoft phi 4"),
     ("oracle h100", ("oci",), "")],
)  # fmt: skip
def test_a_provider_is_known_by_the_name_of_its_house_unless_a_model_is_asked_for(
    text: str, provider: tuple[str, ...], rest: str
) -> None:
    said = understand(text)
    assert (said.provider, said.rest) == (provider, rest)
