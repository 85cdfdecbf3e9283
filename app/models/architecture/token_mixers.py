"""The part of a layer that mixes tokens, read from a configuration: parameters, cache and state. Pure.

Matrix shapes follow the families' own reference code as published in transformers.
"""

from collections.abc import Callable
from typing import Any

from app.models.architecture import recurrent_mixers
from app.models.architecture.architecture import Mixer
from app.models.architecture.config import Config, UnreadableError
from app.models.architecture.families import ALL_WINDOWS, HYBRID_MARKS


def mixer(text: Config, index: int) -> Mixer:
    """The mixer of layer ``index``."""
    if "compress_ratios" in text.values:
        return _compressed(text, index)
    linear = text.values.get("linear_attn_config")
    if isinstance(linear, dict):  # Kimi Linear, arXiv:2510.26692: layers are counted from 1
        if index + 1 in (linear.get("kda_layers") or ()):
            return _delta(text, linear)
        return _latent(text)
    if text.maybe("kv_lora_rank"):
        return _latent(text)
    kind = _kind(text, index)
    if kind not in _READERS:
        raise UnreadableError(f"a layer of the unknown kind {kind[:40]!r}")
    return _READERS[kind](text)


def _kind(text: Config, index: int) -> str:
    values = text.values
    kinds = values.get("layer_types")
    if isinstance(kinds, list) and index < len(kinds):
        return str(kinds[index])
    kinds = text.pattern()
    if kinds and index < len(kinds):
        return kinds[index]
    if (hybrid := _hybrid_kind(text, index)) is not None:
        return hybrid
    pattern = values.get("hybrid_layer_pattern")
    if isinstance(pattern, list) and index < len(pattern):
        return "sliding_attention" if pattern[index] else "full_attention"
    chunk = text.maybe("attention_chunk_size")
    if text.family.startswith("llama4") and chunk:  # three layers of chunked attention, then one without
        return "full_attention" if (index + 1) % 4 == 0 else "sliding_attention"
    return "sliding_attention" if _has_window(text, index) else "full_attention"


def _hybrid_kind(text: Config, index: int) -> str | None:  # noqa: PLR0911 -- one return a rule
    """The kind of a layer in a family that has a rule for which layers are not attention; ``None`` if all are
    attention.

    Raises :class:`UnreadableError` if the file describes other layers in a way that no rule here reads.
    """
    values = text.values
    interval = text.maybe("full_attention_interval")
    if interval:
        return "full_attention" if (index + 1) % interval == 0 else "linear_attention"
    listed = values.get("attn_type_list")
    if isinstance(listed, list) and index < len(listed):  # MiniMax-01: 1 is softmax attention, 0 lightning attention
        return "full_attention" if listed[index] == 1 else "lightning_attention"
    indices = values.get("attn_layer_indices")
    if isinstance(indices, list):  # Bamba
        return "full_attention" if index in indices else "mamba"
    whole = values.get("full_attn_idxs")
    if isinstance(whole, list):  # LFM2
        return "full_attention" if index in whole else "conv"
    period = text.maybe("attn_layer_period")
    if period:  # Jamba
        return "full_attention" if index % period == (text.maybe("attn_layer_offset") or 0) else "mamba1"
    if text.family == "falcon_h1":
        return "parallel_hybrid"
    found = [name for name in HYBRID_MARKS if values.get(name) not in (None, [], {}, 0, False)]
    if found:
        raise UnreadableError(
            f"not every layer is attention ({', '.join(found)[:80]}), and which are is not understood"
        )
    return None


def _has_window(text: Config, index: int) -> bool:
    """True for a layer that attends to a sliding window, for files without a list of layer kinds."""
    window, context = text.maybe("sliding_window"), text.maybe("max_position_embeddings")
    if not window or (context and window >= context) or text.values.get("use_sliding_window") is False:
        return False
    pattern = text.values.get("sliding_window_pattern")
    if isinstance(pattern, str) and pattern:  # EXAONE: one letter a layer, L for a window
        return pattern[index % len(pattern)].upper() == "L"
    step = text.maybe("sliding_window_pattern", "_sliding_window_pattern")
    if step:
        return (index + 1) % step != 0
    if text.family in ALL_WINDOWS:
        return True
    if text.values.get("use_sliding_window") is True:  # Qwen: the layers from this one on
        return index >= (text.maybe("max_window_layers") or 0)
    return False


def grouped(text: Config, *, sliding: bool = False) -> Mixer:
    """Attention with grouped queries, over the whole context or a sliding window."""
    own: dict[str, Any] = dict(text.values)
    heads, kv = (
        text.whole("num_attention_heads"),
        text.maybe("num_key_value_heads") or text.whole("num_attention_heads"),
    )
    hidden = text.whole("hidden_size")
    size = text.maybe("head_dim", "attention_head_dim") or hidden // heads
    value = text.maybe("v_head_dim") or size
    if sliding:
        heads, kv = text.maybe("swa_num_attention_heads") or heads, text.maybe("swa_num_key_value_heads") or kv
        size, value = text.maybe("swa_head_dim") or size, text.maybe("swa_v_head_dim") or value
    elif text.maybe("global_head_dim"):
        size = value = text.whole("global_head_dim")
        kv = text.maybe("num_global_key_value_heads") or kv
    gates = 2 if own.get("attn_output_gate") else 1
    shared = bool(own.get("attention_k_eq_v")) and not sliding and bool(text.maybe("global_head_dim"))
    parameters = (
        hidden * heads * size * gates + heads * value * hidden + hidden * kv * (size if shared else size + value)
    )
    if own.get("attention_bias") and text.family in ("gpt_oss", "qwen2"):
        parameters += heads * size + kv * (size + value) + hidden
    window = (text.maybe("sliding_window", "sliding_window_size", "attention_chunk_size") if sliding else None) or None
    parameters += _index_parameters(text)
    return Mixer("sliding" if window else "full", 1, parameters, kv_elements=kv * (size + value), window=window,
                 heads=heads, kv_heads=kv, head_dim=size)  # fmt: skip


def _index_parameters(text: Config) -> int:
    """Parameters of the part that chooses the tokens to attend to, for block-sparse attention (MiniMax M3)."""
    sparse = text.values.get("sparse_attention_config")
    if not isinstance(sparse, dict):
        return 0
    inner = Config(sparse)
    size, heads = inner.maybe("sparse_index_dim") or 0, inner.maybe("sparse_num_index_heads") or 0
    return text.whole("hidden_size") * size * (heads + 1)


def _latent(text: Config) -> Mixer:
    """Multi-head latent attention (arXiv:2405.04434), with a lightning indexer if one is stated (arXiv:2512.02556)."""
    hidden, heads = text.whole("hidden_size"), text.whole("num_attention_heads")
    rank, rope = text.whole("kv_lora_rank"), text.maybe("qk_rope_head_dim") or 0
    nope, value = text.whole("qk_nope_head_dim"), text.whole("v_head_dim")
    query_rank = text.maybe("q_lora_rank")
    query = hidden * query_rank + query_rank * heads * (nope + rope) if query_rank else hidden * heads * (nope + rope)
    parameters = query + hidden * (rank + rope) + rank * heads * (nope + value) + heads * value * hidden
    if text.values.get("mla_use_output_gate"):
        parameters += hidden * heads * value
    index, index_heads = text.maybe("index_head_dim") or 0, text.maybe("index_n_heads") or 0
    if index and index_heads:
        parameters += (query_rank or hidden) * index_heads * index + hidden * index + hidden * index_heads
    return Mixer(
        "latent",
        1,
        parameters,
        kv_elements=rank + rope,
        index_elements=index,
        heads=heads,
        kv_heads=1,
        head_dim=nope + rope,
    )


def _compressed(text: Config, index: int) -> Mixer:
    """DeepSeek V4: one shared key-value head, a window of recent tokens, and entries that each stand for many
    tokens."""
    hidden, heads, size = text.whole("hidden_size"), text.whole("num_attention_heads"), text.whole("head_dim")
    query_rank, out_rank, groups = text.whole("q_lora_rank"), text.whole("o_lora_rank"), text.whole("o_groups")
    ratios = text.values["compress_ratios"]
    if not isinstance(ratios, list) or index >= len(ratios) or not isinstance(ratios[index], int):
        raise UnreadableError("compress_ratios does not state a whole number for every layer")
    ratio = ratios[index]
    parameters = hidden * query_rank + query_rank * heads * size + hidden * size
    parameters += heads * size * out_rank + groups * out_rank * hidden
    index_size = 0
    if ratio > 1:
        overlap = 2 if ratio == 4 else 1
        parameters += 2 * hidden * overlap * size
        if ratio == 4:
            index_size, index_heads = text.whole("index_head_dim"), text.whole("index_n_heads")
            parameters += (
                query_rank * index_heads * index_size + 2 * hidden * overlap * index_size + hidden * index_heads
            )
    copies = text.maybe("hc_mult") or 1
    if copies > 1:  # hyper-connections, arXiv:2409.19606: two mixes a layer
        parameters += 2 * copies * hidden * (2 + copies) * copies
    return Mixer("compressed", 1, parameters, kv_elements=size, window=text.whole("sliding_window"),
                 stride=max(1, ratio), index_elements=index_size, heads=heads, kv_heads=1, head_dim=size)  # fmt: skip


def _gated_delta(text: Config) -> Mixer:
    """Gated delta net as in Qwen3-Next and Qwen3.5 (arXiv:2412.06464)."""
    hidden = text.whole("hidden_size")
    key_heads, value_heads = text.whole("linear_num_key_heads"), text.whole("linear_num_value_heads")
    key, value = text.whole("linear_key_head_dim"), text.whole("linear_value_head_dim")
    channels = 2 * key_heads * key + value_heads * value
    kernel = text.maybe("linear_conv_kernel_dim") or 4
    parameters = (
        hidden * (channels + value_heads * value + 2 * value_heads) + value_heads * value * hidden + channels * kernel
    )
    return Mixer("linear", 1, parameters, state_elements=value_heads * key * value,
                 conv_elements=channels * (kernel - 1),
                 heads=value_heads, kv_heads=key_heads, head_dim=value)  # fmt: skip


def _delta(text: Config, linear: dict[str, Any]) -> Mixer:
    """Kimi delta attention (arXiv:2510.26692): a decay per channel."""
    hidden, inner = text.whole("hidden_size"), Config(linear)
    heads, size = inner.whole("num_heads"), inner.whole("head_dim")
    width, kernel = heads * size, inner.maybe("short_conv_kernel_size") or 4
    gate = hidden * width if linear.get("use_full_rank_gate") else hidden * size + size * width
    parameters = 4 * hidden * width + hidden * size + size * width + gate + hidden * heads + 3 * width * kernel
    return Mixer("linear", 1, parameters, state_elements=heads * size * size, conv_elements=3 * width * (kernel - 1),
                 heads=heads, kv_heads=heads, head_dim=size)  # fmt: skip


def _parallel_hybrid(text: Config) -> Mixer:
    """Attention and Mamba in parallel in one layer (Falcon-H1): the cache of one, the state of the other."""
    attention = grouped(text)
    heads, size = text.whole("mamba_n_heads"), text.whole("mamba_d_head")
    groups, state, kernel = (
        text.maybe("mamba_n_groups") or 1,
        text.whole("mamba_d_state"),
        text.maybe("mamba_d_conv") or 4,
    )
    inner = heads * size
    channels = inner + 2 * groups * state
    parameters = text.whole("hidden_size") * (2 * inner + 2 * groups * state + heads + inner) + channels * kernel
    return Mixer("full", 1, attention.parameters + parameters, kv_elements=attention.kv_elements,
                 state_elements=inner * state,
                 conv_elements=channels * (kernel - 1), heads=attention.heads, kv_heads=attention.kv_heads,
                 head_dim=attention.head_dim)  # fmt: skip


def _sliding(text: Config) -> Mixer:
    return grouped(text, sliding=True)


_READERS: dict[str, Callable[[Config], Mixer]] = {
    "full_attention": grouped, "attention": grouped, "full": grouped, "global": grouped, "global_attention": grouped,
    "sliding_attention": _sliding,
    "chunked_attention": _sliding, "sliding": _sliding, "local": _sliding, "local_attention": _sliding,
    "linear_attention": _gated_delta, "mamba": recurrent_mixers.mamba,
    "mamba2": recurrent_mixers.mamba, "mamba1": recurrent_mixers.mamba1, "conv": recurrent_mixers.short_convolution,
    "lightning_attention": recurrent_mixers.lightning, "parallel_hybrid": _parallel_hybrid,
}  # fmt: skip
"""Kind of layer → its reader; any other kind is refused."""
