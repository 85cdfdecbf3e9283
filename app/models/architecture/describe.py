"""An architecture in words, for readers. Pure."""

from app.models.architecture.architecture import Architecture, Mixer

_KINDS = {
    "full": "full-attention", "sliding": "sliding-window attention", "latent": "multi-head latent attention (MLA)",
    "compressed": "compressed-attention", "linear": "linear-attention", "mamba": "Mamba-2",
}  # fmt: skip


def billions(count: int | None) -> str:
    """Parameters for a reader: ``8.03 billion``, ``596 million``, ``2.78 trillion``."""
    if count is None:
        return "not known"
    for size, word in ((10**12, "trillion"), (10**9, "billion"), (10**6, "million")):
        if count >= size:
            value = count / size
            return f"{value:.3g} {word}" if value < 100 else f"{value:.0f} {word}"
    return f"{count:,}"


def tokens(count: int | None) -> str:
    """A number of tokens: ``131,072 (128 Ki)``."""
    if not count:
        return "not known"
    return f"{count:,}"


def short_tokens(count: int) -> str:
    """A context length for a table cell, to three digits: ``131k`` for 131,072, ``8.2k``, ``1.05M``, ``950``."""
    for size, unit in ((10**6, "M"), (10**3, "k")):
        if count >= size:
            return f"{float(f'{count / size:.3g}'):g}{unit}"
    return str(count)


def gigabytes(count: float) -> str:
    """Bytes for a reader, in GB of 10^9 bytes: ``16.1 GB``, ``0.52 GB``."""
    value = count / 1e9
    return f"{value:,.0f} GB" if value >= 100 else f"{value:.1f} GB" if value >= 1 else f"{value * 1000:,.0f} MB"


def sentences(architecture: Architecture) -> list[str]:
    """What the model is made of, one sentence per item."""
    found = [
        f"{architecture.layers} layers, hidden size {architecture.hidden:,}, vocabulary {architecture.vocabulary:,}."
    ]
    found += [_mixer(mixer) for mixer in architecture.mixers]
    for part in architecture.feed_forwards:
        if part.experts:
            found.append(
                f"{_layers(part.layers, 'mixture-of-experts')} of {part.experts} experts, {part.active_experts} active "
                f"per token."
            )
        elif architecture.is_mixture:
            found.append(f"{_layers(part.layers, 'dense feed-forward')}.")
    if architecture.other_parts:
        words = " and ".join(architecture.other_parts)
        size = f" ({billions(architecture.other_parameters)} parameters)" if architecture.other_parameters else ""
        found.append(f"Also takes {words}{size}.")
    if architecture.draft_layers:
        found.append(
            f"Ships with {_layers(architecture.draft_layers, 'draft')} for speculative decoding; not counted here."
        )
    if architecture.tied:
        found.append("Input and output embeddings are tied.")
    return found


def _layers(count: int, kind: str) -> str:
    return f"{count} {kind} {'layer' if count == 1 else 'layers'}"


def _mixer(mixer: Mixer) -> str:
    words = _layers(mixer.layers, _KINDS[mixer.kind])
    if mixer.kind in ("full", "sliding"):
        words += f", {mixer.heads} query heads, {mixer.kv_heads} KV heads ({_sharing(mixer)}), head size "
        words += f"{mixer.head_dim}"
    elif mixer.kind in ("latent", "compressed"):
        words += f", {mixer.heads} query heads, {mixer.kv_elements} cached values per token"
    if mixer.window:
        words += f", window of {mixer.window:,} tokens"
    if mixer.kind == "compressed" and mixer.stride > 1:
        words += f", beyond it one cache entry per {mixer.stride} tokens"
    return f"{words}."


def _sharing(mixer: Mixer) -> str:
    """How query heads share keys and values: grouped-query, multi-query or multi-head attention."""
    if mixer.kv_heads == mixer.heads:
        return "MHA"
    return "MQA" if mixer.kv_heads == 1 else "GQA"
