"""What of a model fits on how many GPUs: the grid and the list of a model's page, and that predictions agree."""

from itertools import pairwise

import pytest

from app.calculator.sheet import known_cards
from app.catalog.facts import gpus
from app.core.units import GIB
from app.estimate import gpu_fit
from app.estimate.constants import fitted
from app.estimate.inputs import EstimateError, Layout, check_card, kv_bytes
from app.estimate.shape import shape_of
from app.estimate.terms import terms
from app.models.architecture.serialise import from_plain
from app.models.hub.seed import shipped_models

ARCHITECTURES = {entry["model"]: from_plain(entry["architecture"]) for entry in shipped_models()}
MODELS = ["openai/gpt-oss-20b", "meta-llama/Llama-3.1-8B-Instruct", "deepseek-ai/DeepSeek-R1",
          "openai-community/gpt2", "google/gemma-3-1b-it", "deepseek-ai/DeepSeek-V4-Flash"]  # fmt: skip


def test_a_grid_says_what_fits_on_two_cards() -> None:
    grid = {gpu.slug: cells for gpu, cells in gpu_fit.grid(ARCHITECTURES["meta-llama/Llama-3.3-70B-Instruct"],
                                                           gpus().values())}  # fmt: skip
    one, two, four, eight = grid["rtx-4090-24gb"]
    assert one is None
    # 35 GB of 4-bit layers and embeddings in 16 bits; of 42 GB less than 8,192 tokens of 328 kB are left, of 48 GB more
    assert two is not None
    assert (two.precision, 20_000 < two.tokens < 32_000, two.tight) == ("int4", True, True)
    assert four is not None
    assert (four.precision, four.tight) == ("fp8", False)
    assert eight is not None
    assert (eight.precision, eight.tight) == ("bf16", False)


def test_gpus_on_which_the_same_fits_share_a_row_and_none_is_left_out() -> None:
    grid = gpu_fit.grid(ARCHITECTURES["meta-llama/Llama-3.3-70B-Instruct"], gpus().values())
    rows = gpu_fit.alike(grid)
    assert sorted(gpu.slug for row in rows for gpu in row.gpus) == sorted(gpu.slug for gpu, _ in grid)
    alone = {gpu.slug: tuple(cells) for gpu, cells in grid}
    assert all(alone[gpu.slug] == row.cells for row in rows for gpu in row.gpus)
    assert len({row.cells for row in rows}) == len(rows) < len(grid) / 3
    assert [row.most_gb for row in rows] == sorted((row.most_gb for row in rows), reverse=True)
    assert all(row.least_gb <= (gpu.memory_gb or 0) <= row.most_gb for row in rows for gpu in row.gpus)


@pytest.mark.parametrize("model", MODELS)
def test_what_a_cell_of_the_grid_says_is_in_the_memory_and_one_token_more_is_not(model: str) -> None:
    architecture = ARCHITECTURES[model]
    for gpu, cells in gpu_fit.grid(architecture, gpus().values()):
        for held in cells:
            if held is None:
                continue
            memory = (gpu.memory_gb or 0) * GIB
            room = held.count * (
                memory * 0.97 - 1e9 if held.tight else memory * fitted()["constants"]["memory_use"] - 2e9
            )
            weights = architecture.weight_bytes(held.precision.replace("fp16", "bf16"))
            assert weights + architecture.kv_cache_bytes(held.tokens) <= room
            more = weights + architecture.kv_cache_bytes(held.tokens + 1)
            assert held.tokens == architecture.context or more > room
        for one, next_one in pairwise(held for held in cells if held):
            alike = (one.precision, one.tight) == (next_one.precision, next_one.tight)
            assert not alike or one.tokens <= next_one.tokens


@pytest.mark.parametrize("model", MODELS)
def test_where_a_speed_is_predicted_the_grid_says_that_it_fits(model: str) -> None:
    """One page says what runs on two of a GPU, another what fits on two: they may not disagree."""
    architecture, k, seen = ARCHITECTURES[model], fitted()["constants"], 0
    shape = shape_of(architecture)
    for gpu, cells in gpu_fit.grid(architecture, gpus().values()):
        if gpu.slug not in known_cards():
            continue
        _, card = known_cards()[gpu.slug]
        for count, held in zip(gpu_fit.GRID, cells, strict=True):
            if shape.heads % count:
                continue
            try:
                check_card(card, architecture.precision, gpu.name)
            except EstimateError:
                continue
            layout = Layout(
                architecture.precision, kv_bytes(architecture.precision, "vllm", card), "vllm", tensor=count
            )
            prompt = min(2 * gpu_fit.ROOM_TOKENS, (architecture.context or gpu_fit.ROOM_TOKENS) - 1)
            if terms(shape, card, layout, prompt, 1, k).most >= 1:
                seen += 1
                assert held is not None, (gpu.name, count)
    assert seen > 20


def test_a_card_is_listed_in_a_format_that_its_software_runs() -> None:
    known = list(gpus().values())
    named = {gpu.slug: gpu_fit.formats(gpu, "bf16", known) for gpu in known}
    assert named["t4-16gb"] == ("fp16", "int4")
    assert named["a100-sxm-80gb"][0] == "bf16"
    assert named["h100-sxm-80gb"] == ("bf16", "fp8", "int4")
    assert gpu_fit.formats(gpus()["v100-sxm2-32gb"], "mxfp4", known) == ("int4",)
    assert gpu_fit.formats(gpus()["h100-sxm-80gb"], "nvfp4", known) == ("fp8", "int4")


def test_no_list_of_gpus_is_headed_by_sixteen_old_cards() -> None:
    """A model is listed on machines that are sold: up to eight cards, and two machines only of cards with HBM."""
    offer = {"usd_per_gpu_hour_micro": 10_000}
    best = {(slug, "on-demand"): offer for slug in gpus()}
    for model in ("deepseek-ai/DeepSeek-V4-Flash", "deepseek-ai/DeepSeek-R1"):
        found = gpu_fit.fits(ARCHITECTURES[model], gpus().values(), best)
        assert found
        for fit in found:
            assert fit.count <= (16 if fit.gpu.memory_type.startswith("HBM") else 8)
            assert not fit.gpu.name.startswith(("Titan X", "GeForce GTX"))
