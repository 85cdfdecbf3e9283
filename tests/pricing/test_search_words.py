"""What people type into the search, as it is understood."""

from fractions import Fraction

import pytest

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
