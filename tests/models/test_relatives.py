"""A model that is not tracked is answered by its nearest relative."""

from typing import Any

import pytest

from app.models.architecture.serialise import from_plain
from app.models.hub.seed import shipped_models
from app.models.query import ModelQuery, select
from app.models.relatives import nearest_relative

ROWS: list[dict[str, Any]] = []
for entry in shipped_models():
    known = from_plain(entry["architecture"])
    from app.models.architecture.naming import family_of, short_name, slug_of

    ROWS.append({"slug": slug_of(entry["model"]), "model": entry["model"], "name": short_name(entry["model"]),
                 "family": family_of(entry["model"]), "licence": "", "parameters": known.parameters,
                 "active_parameters": known.active_parameters})  # fmt: skip
ARCHITECTURES = {entry["model"]: from_plain(entry["architecture"]) for entry in shipped_models()}


@pytest.mark.parametrize(
    ("asked", "relative", "how"),
    [
        ("nvidia/Llama-3.3-70B-Instruct-FP8", "Llama-3.3-70B-Instruct", "the same architecture"),
        ("meta-llama--llama-3.3-70b", "Llama-3.3-70B-Instruct", "the same architecture"),
        ("Qwen/Qwen3-32B-AWQ", "Qwen3-32B", "the same architecture"),
        ("nousresearch/Hermes-llama-3-8B", "Meta-Llama-3-8B", "about the same size"),
        ("qwen 2.5 72b", "Qwen2.5-72B-Instruct", "same"),
        ("mistralai/Mistral-Small-24B-Instruct-2501", "Mistral-Nemo-Instruct-2407", "another size"),
    ],
)
def test_the_nearest_relative_is_named_and_how_near_it_is(asked: str, relative: str, how: str) -> None:
    found = nearest_relative(asked, ROWS)
    assert found is not None
    assert (found.row["name"], how in found.how) == (relative, True)


@pytest.mark.parametrize("asked", ["", "foo/bar", "70b", "x", "--", "((("])
def test_of_an_unknown_family_no_relative_is_made_up(asked: str) -> None:
    assert nearest_relative(asked, ROWS) is None


@pytest.mark.parametrize("words", ["llama 3.3 70b", "llama3.3-70b", "Llama-3.3", "LLAMA 3.3"])
def test_a_model_is_found_however_its_name_is_written(words: str) -> None:
    assert "Llama-3.3-70B-Instruct" in [row["name"] for row in select(ROWS, ModelQuery(q=words))]


# As the models' cards state them, in billions
CARDS = {"Qwen/Qwen2.5-1.5B-Instruct": 1.54, "Qwen/Qwen2.5-3B-Instruct": 3.09, "Qwen/Qwen2.5-14B-Instruct": 14.7,
         "Qwen/Qwen2.5-32B-Instruct": 32.5, "Qwen/Qwen2.5-72B-Instruct": 72.7, "Qwen/Qwen3-4B": 4.0,
         "Qwen/Qwen3-4B-Instruct-2507": 4.0, "Qwen/Qwen3-14B": 14.8, "mistralai/Mistral-7B-Instruct-v0.2": 7.24,
         "google/gemma-2-2b-it": 2.61, "google/gemma-3-1b-it": 1.0}  # fmt: skip


@pytest.mark.parametrize("model", CARDS)
def test_much_used_models_are_tracked_with_the_size_of_their_card(model: str) -> None:
    assert ARCHITECTURES[model].parameters / 1e9 == pytest.approx(CARDS[model], rel=0.015)
