"""What is known about model families where their configurations are silent: other names of fields, defaults, windows,
tied embeddings. Pure.

Taken from the families' own configuration classes as published in transformers (``configuration_*.py``): a class's
default applies wherever the file states nothing.
"""

from collections.abc import Mapping
from typing import Any

NAMES: dict[str, tuple[str, ...]] = {
    "hidden_size": ("n_embd", "d_model", "model_dim", "embed_dim"),
    "num_hidden_layers": ("n_layer", "n_layers", "num_layers", "num_decoder_layers"),
    "num_attention_heads": ("n_head", "n_heads", "num_heads"),
    "intermediate_size": ("n_inner", "ffn_dim", "ffn_hidden_size", "dim_feedforward"),
    "max_position_embeddings": (
        "n_positions",
        "max_sequence_length",
        "max_seq_len",
        "seq_length",
        "n_ctx",
        "max_seq_length",
    ),
    "num_key_value_heads": ("num_kv_heads", "n_head_kv", "num_query_groups", "multi_query_group_num"),
    "vocab_size": ("padded_vocab_size",),
}
"""Field → what older families call it."""
DEFAULTS: dict[str, dict[str, Any]] = {
    "gemma": {"head_dim": 256}, "gemma2": {"head_dim": 256, "sliding_window": 4096, "sliding_window_pattern": 2},
    "gemma3": {"head_dim": 256, "vocab_size": 262_208, "max_position_embeddings": 131_072, "sliding_window": 4096,
               "sliding_window_pattern": 6, "num_attention_heads": 8, "num_key_value_heads": 4},
    "cohere2": {"sliding_window": 4096, "sliding_window_pattern": 4},
    "qwen3_next": {"attn_output_gate": True, "full_attention_interval": 4},
    "gpt_oss": {"sliding_window": 128, "sliding_window_pattern": 2},
    "jamba": {"attn_layer_period": 8, "attn_layer_offset": 4, "expert_layer_period": 2, "expert_layer_offset": 1,
              "mamba_d_state": 16, "mamba_d_conv": 4, "mamba_expand": 2},
}  # fmt: skip
"""Family → what its class sets by default, for values that a file may leave out."""
TIED = ("gemma", "cohere", "gpt2", "gpt_bigcode", "falcon", "bloom", "opt", "mpt", "starcoder2", "ernie4_5", "smollm3",
        "lfm2", "codegen", "recurrent_gemma", "openelm", "xglm", "granitemoehybrid")  # fmt: skip
"""Families whose input and output embeddings are the same matrix unless the file says otherwise."""
TWO_MATRICES = ("gpt2", "gpt_neox", "gptj", "gpt_neo", "gpt_bigcode", "falcon", "starcoder2", "phi", "phi-msft", "opt",
                "bloom", "mpt", "codegen", "xglm", "biogpt",
                "persimmon", "nemotron", "arcee", "apertus")  # fmt: skip
"""Families whose feed-forward part is two matrices, without a gate."""
FOUR_TIMES = ("gpt2", "gptj", "gpt_neo", "gpt_bigcode", "falcon", "bloom", "mpt", "codegen")
"""Families whose feed-forward part is four times as wide as the model if no width is stated."""
ALL_WINDOWS = ("mistral", "mixtral", "starcoder2", "phi3", "phi3small")
"""Families in which every layer uses the stated window."""
ENCODERS = ("bert", "roberta", "xlm-roberta", "xlm_roberta", "distilbert", "albert", "electra", "deberta", "deberta-v2",
            "mpnet", "nomic_bert", "modernbert",
            "camembert", "clip", "siglip", "siglip2", "vit", "whisper", "wav2vec2", "t5", "mt5", "umt5", "bart",
            "mbart", "marian", "pegasus", "m2m_100", "layoutlm",
            "layoutlmv3", "new", "eurobert", "jina", "esm", "hubert", "blip", "dinov2", "detr", "ernie_m", "longformer",
            "xlnet", "convbert", "funnel", "gte",
            "colbert", "sam", "vits", "speecht5", "musicgen", "encodec", "swin", "convnext",
            "timm_wrapper")  # fmt: skip
"""Model types that encode, see or hear, and don't generate text by decoding alone."""
HYBRID_MARKS = ("ssm_cfg", "layer_group_size", "attn_layer_indices", "block_types", "_block_types", "layers_type",
                "mamba_d_state", "mamba_d_ssm", "full_attn_idxs",
                "attn_type_list", "attention_layers", "attn_layer_period", "hybrid_layer_ids", "linear_layers",
                "mamba_layers", "rwkv_version", "head_size_a")  # fmt: skip
"""Fields that show that not every layer is attention. A model with such a field that no rule here reads is refused,
never counted as attention."""
FAMILIES: tuple[tuple[str, str], ...] = (
    (
        "Llama, Mistral, Qwen and their like",
        (
            "hidden_size, heads, key-value heads, head_dim, intermediate_size; windows of Mistral, Mixtral, "
            "StarCoder2, Phi-3 in every layer"
        ),
    ),
    (
        "Gemma 1 to 4, Command R7B, GPT-OSS",
        "windows by sliding_window_pattern or layer_types, the head's size and vocabulary by the family's default",
    ),
    (
        "GPT-2, GPT-NeoX, GPT-J, Falcon, BLOOM, MPT, OPT, StarCoder, Phi, Nemotron",
        "their own names of the fields, feed-forward parts of two matrices",
    ),
    (
        "DeepSeek, Kimi, GLM, MiniMax",
        "multi-head latent attention, sparse indexers, compressed and linear attention, shared and routed experts",
    ),
    (
        "Qwen3-Next, Qwen3.5, Kimi Linear, MiniMax-01",
        "linear attention by full_attention_interval, layer_types, kda_layers or attn_type_list",
    ),
    (
        "Granite 4, Bamba, Jamba, Nemotron-H, Falcon-H1, LFM2",
        "Mamba, convolution and attention layers as the file lists them; the state is counted, not a cache",
    ),
    (
        "ERNIE 4.5, Mixtral, OLMoE, Arctic, DBRX, Hunyuan",
        "experts under each family's names, from the layer where they begin",
    ),
    ("Encoders and encoder-decoders (BERT, T5, CLIP, Whisper …)", "refused: they are no language models that decode"),
)
"""Name → what is read of it, for the documentation."""


def filled(values: Mapping[str, Any], family: str) -> dict[str, Any]:
    """The values under one set of names, with the family's defaults for those not stated."""
    found = dict(values)
    for name, others in NAMES.items():
        if found.get(name) is None:
            stated = next(
                (
                    values[other]
                    for other in others
                    if isinstance(values.get(other), int) and not isinstance(values.get(other), bool)
                ),
                None,
            )
            if stated is not None:
                found[name] = stated
    for name, value in DEFAULTS.get(family, {}).items():
        if found.get(name) is None:
            found[name] = value
    if family in FOUR_TIMES and found.get("intermediate_size") is None and isinstance(found.get("hidden_size"), int):
        found["intermediate_size"] = 4 * found["hidden_size"]
    if family == "falcon" and not found.get("new_decoder_architecture") and found.get("multi_query"):
        found["num_key_value_heads"] = 1
    if family == "gpt_bigcode" and found.get("multi_query", True):
        found["num_key_value_heads"] = 1
    if family == "dbrx":
        experts, attention = values.get("ffn_config"), values.get("attn_config")
        if isinstance(experts, Mapping):
            found |= {
                "num_experts": experts.get("moe_num_experts"),
                "num_experts_per_tok": experts.get("moe_top_k"),
                "intermediate_size": experts.get("ffn_hidden_size"),
            }
        if isinstance(attention, Mapping):
            found["num_key_value_heads"] = attention.get("kv_n_heads")
    return found


def is_encoder(config: Mapping[str, Any]) -> bool:
    """True for a model that encodes text, images or sound and does not decode."""
    if config.get("is_encoder_decoder") is True:
        return True
    kinds = (
        [name for name in config.get("architectures") or () if isinstance(name, str)]
        if isinstance(config.get("architectures"), list)
        else []
    )
    if any(
        name.endswith(("ForSequenceClassification", "ForTokenClassification", "ForMaskedLM", "ForQuestionAnswering"))
        for name in kinds
    ):
        return True
    family = str(config.get("model_type") or "").lower()
    return family in ENCODERS and not any(name.endswith(("ForCausalLM", "LMHeadModel")) for name in kinds)


def context_of(values: Mapping[str, Any], stated: int | None) -> int | None:
    """The longest context in tokens, including scaled positions.

    If the file says what was scaled, ``factor`` × ``original_max_position_embeddings`` (YaRN, arXiv:2309.00071, and
    similar), or the stated length if that is larger. Otherwise ``linear``, ``dynamic``, ``ntk`` and ``yarn`` scale
    ``max_position_embeddings`` itself, as engines read them (vLLM's ``_get_and_verify_max_len``); except for Gemma 3,
    whose stated length is already scaled.
    """
    scaling = values.get("rope_scaling") or values.get("rope_parameters")
    if not isinstance(scaling, Mapping):
        return stated
    factor = scaling.get("factor")
    if not isinstance(factor, int | float) or isinstance(factor, bool) or not 1 <= factor <= 1000:
        return stated
    original = scaling.get("original_max_position_embeddings") or values.get("original_max_position_embeddings")
    if isinstance(original, int) and not isinstance(original, bool) and 0 < original <= 10**8:
        return max(stated or 0, round(factor * original))
    kind = str(scaling.get("rope_type") or scaling.get("type") or "").lower()
    scaled_already = str(values.get("model_type") or "").lower().startswith("gemma3")
    return round(factor * stated) if stated and kind in SCALING and not scaled_already else stated


SCALING = ("linear", "dynamic", "ntk", "yarn")
