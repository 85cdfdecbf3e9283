"""In which precision a model's weights are published, read from its configuration. Pure."""

from collections.abc import Mapping
from typing import Any


def precision_of(config: Mapping[str, Any]) -> tuple[str, bool]:
    """The weights' precision, and whether attention is in it too.

    A file that states no quantisation is in 16 bits, but for DeepSeek V4 whose experts are stated apart.
    """
    found = _quantisation(config)
    if found is None:
        return "bf16", True
    if config.get("expert_dtype") == "fp4":
        return "mxfp4", False
    kept = [
        str(name) for key in ("ignore", "modules_to_not_convert", "exclude_modules") for name in found.get(key) or ()
    ]
    attention = not any("attn" in name for name in kept)
    method = str(found.get("quant_method") or "").lower()
    algorithm = str(found.get("quant_algo") or found.get("format") or "").lower()
    if method == "mxfp4" or "mxfp4" in algorithm:
        return "mxfp4", attention
    if "nvfp4" in algorithm:
        return "nvfp4", attention
    if method == "fp8" or "fp8" in algorithm:
        return "fp8", attention
    return _by_bits(found), attention


def _by_bits(found: Mapping[str, Any]) -> str:
    for group in (found.get("config_groups") or {}).values():
        weights = group.get("weights") if isinstance(group, Mapping) else None
        if isinstance(weights, Mapping):
            bits, kind = weights.get("num_bits"), weights.get("type")
            if bits == 4:
                return "nvfp4" if kind == "float" else "int4"
            if bits == 8:
                return "fp8" if kind == "float" else "int8"
    bits = found.get("bits")
    return {4: "int4", 8: "int8"}.get(bits, "bf16") if isinstance(bits, int) else "bf16"


def _quantisation(config: Mapping[str, Any]) -> Mapping[str, Any] | None:
    for where in (config, config.get("text_config")):
        if isinstance(where, Mapping) and isinstance(where.get("quantization_config"), Mapping):
            found: Mapping[str, Any] = where["quantization_config"]
            return found
    return None
