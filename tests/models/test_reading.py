"""All 78 configurations: each understood, with the parameters that its name or card states."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.models.architecture import describe, naming, serialise
from app.models.architecture.architecture import Architecture
from app.models.architecture.config import UnreadableError
from app.models.architecture.read import read
from app.models.hub.seed import shipped_models
from tests.conftest import DATA

CONFIGS: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "configs.json").read_text(encoding="utf-8"))
"""What of each configuration its reading depends on; ``tools/make_models.py`` writes it from the whole files."""
PUBLISHED = {  # billions of parameters as the model's card or report states them
    "Qwen--Qwen3-0.6B": 0.6, "Qwen--Qwen3-1.7B": 1.72, "Qwen--Qwen3-8B": 8.2, "Qwen--Qwen3-32B": 32.8,
    "Qwen--Qwen3-30B-A3B": 30.5,
    "Qwen--Qwen3-235B-A22B": 235, "Qwen--Qwen3-Coder-480B-A35B-Instruct": 480, "Qwen--Qwen3.5-27B": 27.4,
    "Qwen--Qwen3.5-35B-A3B": 35,
    "Qwen--Qwen3.5-122B-A10B": 122, "Qwen--Qwen3.5-397B-A17B": 397, "meta-llama--Meta-Llama-3.1-8B": 8.03,
    "meta-llama--Meta-Llama-3.1-70B": 70.6,
    "meta-llama--Meta-Llama-3.1-405B": 405, "meta-llama--Llama-4-Scout-17B-16E-Instruct": 109,
    "meta-llama--Llama-4-Maverick-17B-128E-Instruct": 400,
    "mistralai--Mixtral-8x7B-v0.1": 46.7, "mistralai--Mixtral-8x22B-v0.1": 141, "deepseek-ai--DeepSeek-V3": 671,
    "deepseek-ai--DeepSeek-R1": 671,
    "deepseek-ai--DeepSeek-V4-Flash": 284, "moonshotai--Kimi-K2-Instruct": 1026, "openai--gpt-oss-20b": 20.9,
    "openai--gpt-oss-120b": 116.8,
    "nvidia--NVIDIA-Nemotron-3-Nano-30B-A3B-BF16": 31.6, "nvidia--NVIDIA-Nemotron-3-Super-120B-A12B-FP8": 120.6,
    "nvidia--NVIDIA-Nemotron-3-Ultra-550B-A55B-BF16": 550,
    "nvidia--Nemotron-H-56B-Base-8K": 56, "XiaomiMiMo--MiMo-V2-Flash": 309, "zai-org--GLM-5": 744,
    "MiniMaxAI--MiniMax-M2.5": 229, "stepfun-ai--Step-3.7-Flash": 196,
}  # fmt: skip
ACTIVE = {"openai--gpt-oss-120b": 5.1, "openai--gpt-oss-20b": 3.6, "deepseek-ai--DeepSeek-V3": 37,
          "Qwen--Qwen3-235B-A22B": 22, "nvidia--NVIDIA-Nemotron-3-Nano-30B-A3B-BF16": 3.2,
          "meta-llama--Llama-4-Scout-17B-16E-Instruct": 17, "moonshotai--Kimi-K2-Instruct": 32,
          "XiaomiMiMo--MiMo-V2-Flash": 15}  # fmt: skip


def config(name: str) -> dict[str, Any]:
    return CONFIGS[name.replace("--", "/", 1)]


def of(name: str) -> Architecture:
    return naming.understood(name.replace("--", "/", 1), config(name))


@pytest.mark.parametrize("model", CONFIGS)
def test_every_configuration_is_understood_and_survives_storing(model: str) -> None:
    architecture = naming.understood(model, CONFIGS[model])
    assert sum(mixer.layers for mixer in architecture.mixers) > 0
    assert 1e8 < architecture.active_parameters <= architecture.parameters < 1e13
    assert serialise.from_plain(json.loads(json.dumps(serialise.to_plain(architecture)))) == architecture
    assert describe.sentences(architecture)
    assert architecture.kv_cache_bytes(2000) > architecture.kv_cache_bytes(1000)


def test_there_are_seventy_eight_of_them() -> None:
    assert len(CONFIGS) == 78


@pytest.mark.parametrize("name", PUBLISHED)
def test_total_parameters_are_within_two_per_cent_of_what_is_published(name: str) -> None:
    assert of(name).parameters / 1e9 == pytest.approx(PUBLISHED[name], rel=0.02)


@pytest.mark.parametrize("name", ACTIVE)
def test_active_parameters_are_within_six_per_cent_of_what_is_published(name: str) -> None:
    assert of(name).active_parameters / 1e9 == pytest.approx(ACTIVE[name], rel=0.06)


def test_caches_are_those_of_published_arithmetic() -> None:
    assert (
        of("meta-llama--Meta-Llama-3.1-70B").kv_cache_bytes(1) == 2 * 8 * 128 * 80 * 2
    )  # 320 kB a token, arXiv:2407.21783
    assert (
        of("deepseek-ai--DeepSeek-V3").kv_cache_bytes(1) == (512 + 64) * 61 * 2
    )  # 70 kB a token, arXiv:2505.09343 table 1
    window = of("openai--gpt-oss-20b")
    assert window.kv_cache_bytes(10_000) - window.kv_cache_bytes(9_999) == 12 * 2 * 8 * 64 * 2, (
        "only full layers grow past the window"
    )
    hybrid = of("Qwen--Qwen3.5-27B")
    assert hybrid.state_bytes == 48 * (48 * 128 * 128 * 4 + (2 * 16 * 128 + 48 * 128) * 3 * 2)


def test_precisions_are_read_from_the_file_or_the_name() -> None:
    found = {
        name: of(name).precision
        for name in (
            "openai--gpt-oss-120b",
            "deepseek-ai--DeepSeek-V3",
            "moonshotai--Kimi-K2.5",
            "nvidia--GLM-5.1-NVFP4",
            "nvidia--GLM-5-NVFP4",
            "Qwen--Qwen3-8B",
        )
    }
    assert found == {"openai--gpt-oss-120b": "mxfp4", "deepseek-ai--DeepSeek-V3": "fp8",
                     "moonshotai--Kimi-K2.5": "int4",
                     "nvidia--GLM-5.1-NVFP4": "nvfp4", "nvidia--GLM-5-NVFP4": "nvfp4",
                     "Qwen--Qwen3-8B": "bf16"}  # fmt: skip
    assert of("nvidia--GLM-5-NVFP4").notes == ("precision read from the repository's name",)
    assert of("Qwen--Qwen3-8B").weight_bytes("bf16") == of("Qwen--Qwen3-8B").parameters * 2


@pytest.mark.parametrize(
    ("change", "why"),
    [({"hidden_size": None}, "hidden_size"), ({"num_hidden_layers": 10**6}, "layers"),
     ({"vocab_size": -1}, "vocab_size"), ({"model_type": 7}, "model_type"),
     ({"num_hidden_layers": "36"}, "num_hidden_layers"), ({"hidden_size": 10**12}, "hidden_size"),
     ({"layers_block_type": ["spin"]}, "unknown kind")],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_the_reason(change: dict[str, Any], why: str) -> None:
    with pytest.raises(UnreadableError, match=why):
        read({**config("Qwen--Qwen3-8B"), **change})
    nonsenses: tuple[Any, ...] = ([], "text", None, {})
    for nonsense in nonsenses:
        with pytest.raises(UnreadableError):
            naming.understood("a/b", nonsense)


def test_the_shipped_facts_are_those_of_the_configurations_and_none_of_the_files() -> None:
    from tools.make_models import make

    assert shipped_models() == json.loads(json.dumps(make(CONFIGS)))
    assert len(shipped_models()) >= 60
    assert "torch_dtype" not in json.dumps(shipped_models())


def test_the_whole_files_read_as_what_is_kept_of_them() -> None:
    from tools.make_models import configs

    whole = configs(DATA / "hub_configs")
    assert whole.keys() == CONFIGS.keys()
    for model, found in whole.items():
        assert naming.understood(model, found) == naming.understood(model, CONFIGS[model])
