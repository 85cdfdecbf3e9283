"""The precision in which a model's weights are published, read from its configuration. Pure."""

from collections.abc import Mapping
from typing import Any

from app.models.architecture.config import UnreadableError


def precision_of(config: Mapping[str, Any]) -> tuple[str, bool]:  # noqa: PLR0911 -- one return a rule
    """(the weights' precision, whether attention is in it too).

    A file that states no quantisation is in 16 bits, except for DeepSeek V4, which states its experts separately.
    """
    found = _quantisation(config)
    if found is None:
        return "bf16", True
    if config.get("expert_dtype") == "fp4":
        return "mxfp4", False
    _refuse_mixture(found)
    kept = [
        str(name) for key in ("ignore", "modules_to_not_convert", "exclude_modules") for name in found.get(key) or ()
    ]
    attention = not any("attn" in name for name in kept)
    method = str(found.get("quant_method") or "").lower()
    algorithm = str(found.get("quant_algo") or found.get("format") or "").lower()
    if method == "mxfp4" or "mxfp4" in algorithm:
        return "mxfp4", attention
    if "nvfp4" in algorithm or any(
        isinstance(group.get("weights"), Mapping)
        and (group["weights"].get("num_bits"), group["weights"].get("type")) == (4, "float")
        for group in _groups(found)
    ):
        return "nvfp4", attention
    if method == "fp8" or "fp8" in algorithm:
        return "fp8", attention
    if method == "bitsandbytes":
        return ("int4" if found.get("load_in_4bit") or found.get("_load_in_4bit") else "int8"), attention
    by_name = f"{method} {algorithm} {found.get('quant_type') or ''} {found.get('weights') or ''}".lower()
    bits = _bits(found)
    if bits is None:
        bits = next((count for count, words in _NAMED if any(word in by_name for word in words)), None)
    if bits == "fp8" or bits in _BY_BITS:
        return (str(bits) if bits == "fp8" else _BY_BITS[int(bits)]), attention
    raise UnreadableError(f"its weights are stored in an unsupported way ({(method or algorithm or 'quantised')[:40]})")


_BY_BITS = {4: "int4", 8: "int8", 16: "bf16"}
_NAMED: tuple[tuple[int | str, tuple[str, ...]], ...] = (
    ("fp8", ("float8", "fp8", "e4m3", "fbgemm")), (4, ("int4", "w4a16", "uint4", "nf4", "4bit")),
    (8, ("int8", "w8a8", "eetq", "8bit")),
)  # fmt: skip
"""(bits, words found in the name of a quantisation method)."""


def _refuse_mixture(found: Mapping[str, Any]) -> None:
    """Refuse groups of layers in different formats: they have no single precision, so any size would be wrong."""
    kinds = {
        (group["weights"].get("num_bits"), str(group["weights"].get("type")))
        for group in _groups(found)
        if isinstance(group.get("weights"), Mapping)
    }
    if len(kinds) > 1:
        kinds_text = ", ".join(sorted(f"{bits} bits {kind}" for bits, kind in kinds))
        raise UnreadableError(f"its weights are stored in more than one format ({kinds_text[:80]})")


def _bits(found: Mapping[str, Any]) -> int | str | None:
    """Bits per weight if the file states them: for all weights, by group, or among the parameters of HQQ and similar
    methods."""
    for group in _groups(found):
        weights = group.get("weights") or group.get("weight")
        if isinstance(weights, Mapping):
            bits, kind = weights.get("num_bits"), str(weights.get("type") or weights.get("dtype") or "")
            if "fp8" in kind or (bits == 8 and kind == "float"):
                return "fp8"
            if isinstance(bits, int) and not isinstance(bits, bool):
                return bits
            if "int4" in kind or "uint4" in kind:
                return 4
            if "int8" in kind:
                return 8
    inner = found.get("quant_config")
    weights = inner.get("weight_quant_params") if isinstance(inner, Mapping) else None
    for where, name in ((found, "bits"), (found, "nbits"), (found, "w_bit"), (weights, "nbits"), (found, "wbits")):
        value = where.get(name) if isinstance(where, Mapping) else None
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    return None


def _groups(found: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    groups = found.get("config_groups") or {}
    listed = list(groups.values()) if isinstance(groups, Mapping) else []
    if isinstance(found.get("global_quant_config"), Mapping):  # AMD Quark
        listed.append(found["global_quant_config"])
    return [group for group in listed if isinstance(group, Mapping)]


def _quantisation(config: Mapping[str, Any]) -> Mapping[str, Any] | None:
    for where in (config, config.get("text_config")):
        if isinstance(where, Mapping) and isinstance(where.get("quantization_config"), Mapping):
            found: Mapping[str, Any] = where["quantization_config"]
            return found
        if isinstance(where, Mapping) and isinstance(where.get("quantization"), Mapping):  # MLX
            own: Mapping[str, Any] = where["quantization"]
            return own if "bits" in own else None
    return None
