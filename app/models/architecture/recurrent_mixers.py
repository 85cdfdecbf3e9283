"""Mixers that keep a state of fixed size instead of a cache: Mamba, short convolutions, lightning attention. Pure."""

from app.models.architecture.architecture import Mixer
from app.models.architecture.config import Config, UnreadableError


def mamba(text: Config) -> Mixer:
    """A Mamba-2 layer (arXiv:2405.21060)."""
    hidden = text.whole("hidden_size")
    heads = text.maybe("mamba_num_heads", "mamba_n_heads")
    size = text.maybe("mamba_head_dim", "mamba_d_head")
    expand = text.maybe("mamba_expand", "expand") or 2
    if heads and not size:
        size = hidden * expand // heads
    if not heads or not size:
        raise UnreadableError("the configuration does not state the heads of its Mamba layers")
    groups, state = text.whole("n_groups", "mamba_n_groups"), text.whole("ssm_state_size", "mamba_d_state")
    kernel = text.maybe("conv_kernel", "mamba_d_conv") or 4
    inner = heads * size
    channels = inner + 2 * groups * state
    parameters = hidden * (inner + channels + heads) + inner * hidden + channels * kernel
    return Mixer("mamba", 1, parameters, state_elements=inner * state, conv_elements=channels * (kernel - 1),
                 heads=heads, kv_heads=groups, head_dim=size)  # fmt: skip


def mamba1(text: Config) -> Mixer:
    """A Mamba layer of the first generation (arXiv:2312.00752), as in Jamba."""
    hidden = text.whole("hidden_size")
    inner, state = hidden * (text.maybe("mamba_expand") or 2), text.maybe("mamba_d_state") or 16
    kernel, rank = text.maybe("mamba_d_conv") or 4, text.maybe("mamba_dt_rank") or -(-hidden // 16)
    parameters = (
        hidden * 2 * inner + inner * kernel + inner * (rank + 2 * state) + rank * inner + inner * state + inner * hidden
    )
    return Mixer(
        "mamba",
        1,
        parameters,
        state_elements=inner * state,
        conv_elements=inner * (kernel - 1),
        heads=1,
        kv_heads=1,
        head_dim=inner,
    )


def short_convolution(text: Config) -> Mixer:
    """A gated short convolution as in LFM2: three projections in, a kernel per channel, and one projection out."""
    hidden, kernel = text.whole("hidden_size"), text.maybe("conv_L_cache") or 3
    width = text.maybe("conv_dim") or hidden
    return Mixer(
        "mamba",
        1,
        hidden * 3 * width + width * kernel + width * hidden,
        conv_elements=width * (kernel - 1),
        heads=1,
        kv_heads=1,
        head_dim=width,
    )


def lightning(text: Config) -> Mixer:
    """Lightning attention as in MiniMax-01 (arXiv:2501.08313): queries, keys, values and a gate of the full width, one
    state per head."""
    hidden, heads = text.whole("hidden_size"), text.whole("num_attention_heads")
    size = text.maybe("head_dim") or hidden // heads
    width = heads * size
    return Mixer(
        "linear",
        1,
        hidden * 4 * width + width * hidden,
        state_elements=heads * size * size,
        heads=heads,
        kv_heads=heads,
        head_dim=size,
    )
