"""Configurations that were misread: what each model is was written down from its card, paper or weight files first."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.models.architecture import families
from app.models.architecture.check import mismatch
from app.models.architecture.config import UnreadableError
from app.models.architecture.naming import understood
from app.models.architecture.quantisation import precision_of
from app.models.architecture.read import read
from app.models.architecture.vision import other_parts
from tests.conftest import DATA

FOLDER = DATA / "configs"
# name → (billions of parameters, layers of each kind with their window, context, precision, tied)
EXPECTED: dict[str, tuple[float, set[tuple[str, int, int | None]], int, str, bool]] = {
    "CohereForAI--c4ai-command-r-plus": (103.8, {("full", 64, None)}, 131_072, "bf16", True),
    "NousResearch--Yarn-Mistral-7b-128k": (7.24, {("full", 32, None)}, 131_072, "bf16", False),
    "Qwen--Qwen3-Next-80B-A3B-Instruct": (79.7, {("linear", 36, None), ("full", 12, None)}, 262_144, "bf16", False),
    "Snowflake--snowflake-arctic-instruct": (479.0, {("full", 35, None)}, 4_096, "bf16", False),
    "baidu--ERNIE-4.5-21B-A3B-PT": (21.83, {("full", 28, None)}, 131_072, "bf16", True),
    "bigcode--starcoder2-15b": (15.96, {("sliding", 40, 4_096)}, 16_384, "bf16", False),
    "google--gemma-3-12b-it": (12.19, {("sliding", 40, 1_024), ("full", 8, None)}, 131_072, "bf16", True),
    "google--gemma-3-1b-it": (1.0, {("sliding", 22, 512), ("full", 4, None)}, 32_768, "bf16", True),
    "ibm-granite--granite-4.0-h-small": (32.2, {("mamba", 36, None), ("full", 4, None)}, 131_072, "bf16", True),
    "mistralai--Mistral-7B-v0.1": (7.24, {("sliding", 32, 4_096)}, 32_768, "bf16", False),
    "x--Llama-8B-bnb": (8.03, {("full", 32, None)}, 131_072, "int4", False),
    "x--Llama-8B-hqq": (8.03, {("full", 32, None)}, 131_072, "int4", False),
}  # fmt: skip
REFUSED = {"BAAI--bge-m3": "encodes"}


def config(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return found


def test_every_configuration_has_its_expected_reading() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == {*EXPECTED, *REFUSED}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_configuration_is_read_for_what_the_model_is(name: str) -> None:
    billions, layers, context, precision, tied = EXPECTED[name]
    found = understood(name.replace("--", "/"), config(name))
    assert found.parameters / 1e9 == pytest.approx(billions, rel=0.02)
    assert {(mixer.kind, mixer.layers, mixer.window) for mixer in found.mixers} == layers
    assert (found.context, found.precision, found.tied) == (context, precision, tied)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_language_model_is_refused(name: str) -> None:
    with pytest.raises(UnreadableError, match=REFUSED[name]):
        understood(name, config(name))


LLAMA = config("x--Llama-8B-bnb") | {"quantization_config": None}
GRANITE = config("ibm-granite--granite-4.0-h-small")
# families whose size is known from their cards: configuration as their repositories state it → billions
SIBLINGS: dict[str, tuple[dict[str, Any], float]] = {
    "gpt2": ({"model_type": "gpt2", "n_embd": 768, "n_layer": 12, "n_head": 12, "n_positions": 1024,
              "vocab_size": 50_257}, 0.124),
    "gpt-neox-20b": ({"model_type": "gpt_neox", "hidden_size": 6144, "num_hidden_layers": 44, "num_attention_heads": 64,
                      "intermediate_size": 24_576, "vocab_size": 50_432,
                      "max_position_embeddings": 2048, "tie_word_embeddings": False}, 20.55),
    "falcon-7b": ({"model_type": "falcon", "hidden_size": 4544, "num_hidden_layers": 32, "num_attention_heads": 71,
                   "multi_query": True, "vocab_size": 65_024}, 6.92),
    "phi-2": ({"model_type": "phi", "hidden_size": 2560, "num_hidden_layers": 32, "num_attention_heads": 32,
               "intermediate_size": 10_240, "vocab_size": 51_200,
               "max_position_embeddings": 2048, "tie_word_embeddings": False}, 2.78),
    "gemma-2-9b": ({"model_type": "gemma2", "hidden_size": 3584, "num_hidden_layers": 42, "num_attention_heads": 16,
                    "num_key_value_heads": 8, "head_dim": 256,
                    "intermediate_size": 14_336, "vocab_size": 256_000, "max_position_embeddings": 8192,
                    "sliding_window": 4096}, 9.24),
    "olmoe-1b-7b": ({"model_type": "olmoe", "hidden_size": 2048, "num_hidden_layers": 16, "num_attention_heads": 16,
                     "num_key_value_heads": 16, "num_experts": 64,
                     "num_experts_per_tok": 8, "intermediate_size": 1024, "vocab_size": 50_304,
                     "max_position_embeddings": 4096, "tie_word_embeddings": False}, 6.92),
    "mixtral-8x7b": ({"model_type": "mixtral", "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32,
                      "num_key_value_heads": 8, "num_local_experts": 8,
                      "num_experts_per_tok": 2, "intermediate_size": 14_336, "vocab_size": 32_000,
                      "max_position_embeddings": 32_768, "tie_word_embeddings": False}, 46.7),
    "dbrx": ({"model_type": "dbrx", "d_model": 6144, "n_layers": 40, "n_heads": 48, "max_seq_len": 32_768,
              "vocab_size": 100_352, "tie_word_embeddings": False,
              "attn_config": {"kv_n_heads": 8}, "ffn_config": {"moe_num_experts": 16, "moe_top_k": 4,
                  "ffn_hidden_size": 10_752}}, 131.6),
    "jamba-v0.1": ({"model_type": "jamba", "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32,
                    "num_key_value_heads": 8, "num_experts": 16,
                    "num_experts_per_tok": 2, "intermediate_size": 14_336, "vocab_size": 65_536, "mamba_dt_rank": 256,
                    "tie_word_embeddings": False}, 51.6),
    "lfm2-1.2b": ({"model_type": "lfm2", "hidden_size": 2048, "num_hidden_layers": 16, "num_attention_heads": 32,
                   "num_key_value_heads": 8, "intermediate_size": 8192,
                   "vocab_size": 65_536, "full_attn_idxs": [2, 5, 8, 10, 12, 14], "conv_L_cache": 3}, 1.17),
    "starcoder": ({"model_type": "gpt_bigcode", "n_embd": 6144, "n_layer": 40, "n_head": 48, "n_inner": 24_576,
                   "n_positions": 8192, "vocab_size": 49_152}, 15.5),
}  # fmt: skip


@pytest.mark.parametrize("name", SIBLINGS)
def test_a_familys_own_names_and_defaults_are_known(name: str) -> None:
    stated, billions = SIBLINGS[name]
    assert read(stated).parameters / 1e9 == pytest.approx(billions, rel=0.08 if name == "lfm2-1.2b" else 0.03)


@pytest.mark.parametrize("mark", families.HYBRID_MARKS)
def test_layers_of_a_kind_that_is_not_known_are_never_counted_as_attention(mark: str) -> None:
    stated = {
        **LLAMA,
        "model_type": "unheard_of",
        mark: {"x": 1}
        if mark in ("ssm_cfg", "attn_layer_period")
        else [3, 7]
        if not mark.startswith("mamba_d")
        else 16,
    }
    if mark == "attn_layer_period":
        stated[mark] = 4
    try:
        found = read(stated)
    except UnreadableError:
        return
    assert any(mixer.kind != "full" for mixer in found.mixers), mark


@pytest.mark.parametrize("kind", ["rwkv", "hyena", "retention", "xlstm", "ssm", ""])
def test_an_unknown_kind_of_layer_is_refused_by_name(kind: str) -> None:
    with pytest.raises(UnreadableError, match="unknown kind"):
        read({**LLAMA, "layer_types": [kind] * 32})


@pytest.mark.parametrize(("stated", "precision"), [
    ({"quant_method": "gptq", "bits": 4}, "int4"), ({"quant_method": "gptq", "bits": 8}, "int8"),
    ({"quant_method": "awq", "bits": 4}, "int4"), ({"quant_method": "awq", "w_bit": 4}, "int4"),
    ({"quant_method": "fp8"}, "fp8"), ({"quant_method": "fbgemm_fp8"}, "fp8"),
    ({"quant_method": "bitsandbytes", "load_in_8bit": True}, "int8"),
    ({"quant_method": "compressed-tensors", "format": "float-quantized",
      "config_groups": {"group_0": {"weights": {"num_bits": 8, "type": "float"}}}}, "fp8"),
    ({"quant_method": "compressed-tensors", "format": "pack-quantized",
      "config_groups": {"group_0": {"weights": {"num_bits": 4, "type": "int"}}}}, "int4"),
    ({"quant_method": "compressed-tensors", "format": "int-quantized",
      "config_groups": {"group_0": {"weights": {"num_bits": 8, "type": "int"}}}}, "int8"),
    ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, "nvfp4"),
    ({"quant_method": "modelopt", "quant_algo": "FP8"}, "fp8"), ({"quant_method": "mxfp4"}, "mxfp4"),
    ({"quant_method": "torchao", "quant_type": {"default": {"_type": "Int4WeightOnlyConfig"}}}, "int4"),
    ({"quant_method": "torchao", "quant_type": "float8_weight_only"}, "fp8"),
    ({"quant_method": "eetq", "weights": "int8"}, "int8"), ({"quant_method": "quanto", "weights": "int8"}, "int8"),
    ({"quant_method": "auto-round", "bits": 4}, "int4"),
    ({"quant_method": "quark", "global_quant_config": {"weight": {"dtype": "fp8_e4m3"}}}, "fp8"),
    ({"quant_method": "hqq", "quant_config": {"weight_quant_params": {"nbits": 8}}}, "int8"),
])  # fmt: skip
def test_every_way_of_storing_weights_is_told(stated: dict[str, Any], precision: str) -> None:
    assert precision_of({"quantization_config": stated})[0] == precision


@pytest.mark.parametrize(
    "stated",
    [
        {"quant_method": "aqlm", "nbits_per_codebook": 16},
        {"quant_method": "vptq"},
        {"quant_method": "gptq", "bits": 3},
        {"quant_method": "bitnet"},
        {},
    ],
)
def test_a_way_of_storing_that_is_not_known_is_not_taken_for_16_bits(stated: dict[str, Any]) -> None:
    with pytest.raises(UnreadableError, match="stored in an unsupported way"):
        precision_of({"quantization_config": stated})


def test_a_count_that_is_not_the_files_is_said_and_not_estimated() -> None:
    found = read(LLAMA)
    assert mismatch(found, found.parameters) == ""
    assert mismatch(found, int(found.parameters * 1.015)) == ""
    assert "not estimated" in mismatch(found, int(found.parameters * 1.03))
    assert "not estimated" in mismatch(found, int(found.parameters * 0.95))
    assert mismatch(found, None) == ""


_VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-5, 10**12)
    | st.floats()
    | st.text(max_size=6)
    | st.lists(st.integers(-1, 10**6), max_size=4)
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted({*LLAMA, *GRANITE, *families.HYBRID_MARKS, "num_experts", "moe_k",
    "quantization_config", "kv_lora_rank", "layers_block_type",
                                               "sliding_window_pattern", "rope_scaling", "architectures", "text_config",
                                               "n_embd"})), _VALUES, max_size=5))  # fmt: skip
def test_any_configuration_is_read_or_refused(change: dict[str, Any]) -> None:
    for base in (LLAMA, GRANITE):
        try:
            found = read({**base, **change})
        except UnreadableError:
            continue
        assert found.parameters > 0
        assert sum(mixer.layers for mixer in found.mixers) <= 1000


@pytest.mark.parametrize(
    ("stated", "scaling", "more", "context"),
    [
        (4_096, {"type": "linear", "factor": 8.0}, {}, 32_768), (8_192, {"type": "dynamic", "factor": 2.0}, {}, 16_384),
        (32_768, {"rope_type": "yarn", "factor": 4.0}, {}, 131_072), (32_768, {"type": "ntk", "factor": 2}, {}, 65_536),
        (32_768, {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32_768}, {}, 131_072),
        (163_840, {"type": "yarn", "factor": 40, "original_max_position_embeddings": 4_096}, {}, 163_840),
        (131_072, {"rope_type": "llama3", "factor": 8.0, "original_max_position_embeddings": 8_192}, {}, 131_072),
        (131_072, {"rope_type": "llama3", "factor": 8.0}, {}, 131_072), (131_072, {"type": "longrope", "factor": 32},
        {}, 131_072),
        (131_072, {"rope_type": "linear", "factor": 8.0}, {"model_type": "gemma3_text"}, 131_072),
        (8_192, {"type": "default", "factor": 2.0}, {}, 8_192), (8_192, {"type": "linear", "factor": True}, {}, 8_192),
        (8_192, None, {}, 8_192),
    ],
)  # fmt: skip
def test_a_scaled_context_is_the_one_that_engines_serve(
    stated: int, scaling: dict[str, Any] | None, more: dict[str, Any], context: int
) -> None:
    assert families.context_of({"rope_scaling": scaling, **more}, stated) == context


def test_weights_of_mlx_are_read_and_mixtures_are_refused() -> None:
    assert precision_of({"quantization": {"group_size": 64, "bits": 4}}) == ("int4", True)
    assert precision_of({"quantization": {"group_size": 64, "bits": 8}}) == ("int8", True)
    groups = {"a": {"weights": {"num_bits": 4, "type": "int"}}, "b": {"weights": {"num_bits": 8, "type": "float"}}}
    with pytest.raises(UnreadableError, match="more than one format"):
        precision_of({"quantization_config": {"quant_method": "compressed-tensors", "config_groups": groups}})


def test_the_picture_reader_of_qwen2_vl_is_counted_by_its_own_width() -> None:
    # 32 layers of 1,280 with a 4x MLP, patches of 14 by 14 by 2, and a merger of 4 patches into 3,584: 0.675 billion
    # (its card).
    part = {"depth": 32, "embed_dim": 1280, "hidden_size": 3584, "mlp_ratio": 4, "num_heads": 16, "patch_size": 14,
            "spatial_merge_size": 2, "temporal_patch_size": 2}  # fmt: skip
    _, parameters = other_parts({"vision_config": part})
    assert parameters / 1e9 == pytest.approx(0.675, rel=0.02)
