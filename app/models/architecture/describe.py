"""An architecture in words, for a reader. Pure."""

from app.models.architecture.architecture import Architecture, Mixer

_KINDS = {
    "full": "attention over everything", "sliding": "attention over a sliding window",
    "latent": "multi-head latent attention",
    "compressed": "attention over compressed entries", "linear": "linear attention", "mamba": "Mamba-2",
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


def gigabytes(count: float) -> str:
    """Bytes for a reader, in GB of 10^9: ``16.1 GB``, ``0.52 GB``."""
    value = count / 1e9
    return f"{value:,.0f} GB" if value >= 100 else f"{value:.1f} GB" if value >= 1 else f"{value * 1000:,.0f} MB"


def sentences(architecture: Architecture) -> list[str]:
    """What the model is made of, a sentence each."""
    found = [
        f"{architecture.layers} layers of width {architecture.hidden:,}, a vocabulary of {architecture.vocabulary:,}."
    ]
    found += [_mixer(mixer) for mixer in architecture.mixers]
    for part in architecture.feed_forwards:
        layers = "1 layer" if part.layers == 1 else f"{part.layers} layers"
        if part.experts:
            found.append(f"{layers} of {part.experts} experts, of which each token passes {part.active_experts}.")
        elif architecture.is_mixture:
            found.append(f"{layers} without experts.")
    if architecture.other_parts:
        words = " and ".join(architecture.other_parts)
        size = f" ({billions(architecture.other_parameters)} parameters)" if architecture.other_parameters else ""
        found.append(f"Reads {words} too{size}.")
    if architecture.draft_layers:
        found.append(
            f"Ships with {architecture.draft_layers} further "
            f"{'layer' if architecture.draft_layers == 1 else 'layers'} that draft tokens; not counted here."
        )
    if architecture.tied:
        found.append("Input and output embeddings are one matrix.")
    return found


def _mixer(mixer: Mixer) -> str:
    layers = "1 layer" if mixer.layers == 1 else f"{mixer.layers} layers"
    words = f"{layers} of {_KINDS[mixer.kind]}"
    if mixer.kind in ("full", "sliding"):
        words += f": {mixer.heads} heads, {mixer.kv_heads} for keys and values, {mixer.head_dim} wide"
    elif mixer.kind in ("latent", "compressed"):
        words += f": {mixer.heads} heads on {mixer.kv_elements} cached values a token"
    if mixer.window:
        words += f", window {mixer.window:,} tokens"
    if mixer.kind == "compressed" and mixer.stride > 1:
        words += f", then one entry for {mixer.stride} tokens"
    return f"{words}."
