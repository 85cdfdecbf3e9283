"""The parts of a model that read images or sound: their parameters, as far as the configuration states them. Pure."""

from collections.abc import Mapping
from typing import Any

from app.models.architecture.config import Config, UnreadableError

_PARTS = {"vision_config": "vision", "audio_config": "audio"}


def other_parts(config: Mapping[str, Any]) -> tuple[tuple[str, ...], int]:
    """(names of the other parts, their parameters); a part that is not fully described counts as 0 parameters."""
    names: list[str] = []
    total = 0
    for key, name in _PARTS.items():
        part = config.get(key)
        if isinstance(part, Mapping) and part:
            names.append(name)
            try:
                total += _encoder(Config(part))
            except UnreadableError:
                continue
    return tuple(names), total


def _encoder(part: Config) -> int:
    """A transformer encoder with its patches and its projection into the text model (arXiv:2010.11929)."""
    merged_into = part.maybe("hidden_size") if part.maybe("embed_dim") else None  # Qwen2-VL: the text model's width
    hidden = part.whole("embed_dim", "hidden_size", "vt_hidden_size", "width")
    layers = part.whole("depth", "num_hidden_layers", "vt_num_hidden_layers", "layers")
    inner = part.maybe("intermediate_size", "vt_intermediate_size") or (part.maybe("mlp_ratio") or 4) * hidden
    gated = 3 if str(part.values.get("hidden_act", "")).startswith("silu") else 2
    patch = part.maybe("patch_size") or 14
    total = layers * (4 * hidden * hidden + gated * hidden * inner) + 3 * patch * patch * hidden * (
        part.maybe("temporal_patch_size") or 1
    )
    out = part.maybe("out_hidden_size", "text_hidden_size") or merged_into
    if out:
        merged = hidden * (part.maybe("spatial_merge_size") or 2) ** 2
        mergers = 1 + len(part.values.get("deepstack_visual_indexes") or ())
        total += mergers * (merged * merged + merged * out)
    return total
