"""From a ``config.json`` to an architecture, or to a reason why not. Pure.

Rules for what a configuration does not state are few, and each leaves a note: embeddings are tied only if the file says
so or the family always ties them; a head's size is hidden size ÷ heads; drafting layers are not counted.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from app.models.architecture import families, recurrent_mixers, token_mixers
from app.models.architecture.architecture import Architecture, FeedForward, Mixer
from app.models.architecture.config import Config, UnreadableError
from app.models.architecture.quantisation import precision_of
from app.models.architecture.vision import other_parts

T = TypeVar("T", Mixer, FeedForward)
MAX_LAYERS = 1000


def read(config: Mapping[str, Any]) -> Architecture:
    """The architecture that a model's ``config.json`` describes. Raises :class:`UnreadableError` with the reason."""
    whole = Config(config)
    if families.is_encoder(config):
        raise UnreadableError("it encodes or classifies rather than generating text, so it is not served by decoding")
    stated = Config({**_common(config), **whole.text()})
    family = stated.family or whole.family
    if not family:
        raise UnreadableError("the configuration does not name its model_type")
    text = Config(families.filled({**stated.values, "model_type": family}, family))
    layers = _layer_count(text)
    mixers, feeds = _stacked(text) if _is_stack(text) else _uniform(text, layers)
    parts, parameters = other_parts(config)
    precision, quantised_attention = precision_of(config)
    return Architecture(
        family=family,
        hidden=text.whole("hidden_size"),
        layers=layers,
        vocabulary=text.whole("vocab_size"),
        context=families.context_of(text.values, text.maybe("max_position_embeddings")),
        tied=_tied(config, text),
        mixers=_merged(mixers),
        feed_forwards=_merged(feeds),
        other_parameters=parameters,
        other_parts=parts,
        draft_layers=text.maybe("num_nextn_predict_layers", "mtp_num_hidden_layers", "num_mtp_modules") or 0,
        precision=precision,
        quantised_attention=quantised_attention,
    )


def _common(config: Mapping[str, Any]) -> dict[str, Any]:
    return {"vocab_size": config["vocab_size"]} if "vocab_size" in config else {}


def _layer_count(text: Config) -> int:
    pattern = text.pattern()
    count = len(pattern) if pattern and _is_stack(text) else text.whole("num_hidden_layers")
    if not 0 < count <= MAX_LAYERS:
        raise UnreadableError(f"{count} layers is not a number from 1 to {MAX_LAYERS}")
    return count


def _is_stack(text: Config) -> bool:
    """True if each layer is only one thing: a mixer or a feed-forward part."""
    pattern = text.pattern()
    return bool(pattern) and (
        isinstance(text.values.get("hybrid_override_pattern"), str) or bool({"moe", "mlp"} & set(pattern))
    )


def _tied(config: Mapping[str, Any], text: Config) -> bool:
    for where in (config, text.values):
        if isinstance(where.get("tie_word_embeddings"), bool):
            return bool(where["tie_word_embeddings"])
    return text.family.startswith(families.TIED)


def _uniform(text: Config, layers: int) -> tuple[list[Mixer], list[FeedForward]]:
    """Every layer mixes tokens, then has a feed-forward part."""
    mixers = [token_mixers.mixer(text, index) for index in range(layers)]
    feeds = [_feed(text, index) for index in range(layers)]
    return mixers, feeds


def _stacked(text: Config) -> tuple[list[Mixer], list[FeedForward]]:
    """Every layer is only one thing: Mamba, attention, or a dense or expert layer (NVIDIA's Nemotron-H,
    arXiv:2504.03624)."""
    mixers: list[Mixer] = []
    feeds: list[FeedForward] = []
    for kind in text.pattern():
        if kind == "mamba":
            mixers.append(recurrent_mixers.mamba(text))
        elif kind == "attention":
            mixers.append(token_mixers.grouped(text))
        elif kind == "moe":
            feeds.append(_experts(text))
        elif kind == "mlp":
            feeds.append(_dense(text, text.whole("intermediate_size")))
        else:
            raise UnreadableError(f"a layer of the unknown kind {kind!r}")
    return mixers, feeds


def _matrices(text: Config) -> int:
    """A gated feed-forward part has three matrices, one without a gate has two."""
    if text.family in families.TWO_MATRICES and text.values.get("mlp_type", "default") != "gated":
        return 2
    act = str(text.values.get("mlp_hidden_act") or text.values.get("hidden_act") or "silu")
    return 2 if act == "relu2" else 3


def _dense(text: Config, intermediate: int) -> FeedForward:
    return FeedForward(1, _matrices(text) * text.whole("hidden_size") * intermediate)


def _feed(text: Config, index: int) -> FeedForward:
    experts = text.maybe(*text.EXPERTS)
    if not experts or experts == 1 or not _is_expert_layer(text, index):
        return _dense(text, _dense_size(text, mixture=bool(experts)))
    found = _experts(text)
    if text.family == "arctic" and text.values.get(
        "use_residual", True
    ):  # a dense part of the model's own width, next to the experts
        residual = _dense(text, text.whole("hidden_size"))
        return replace(found, shared_parameters=found.shared_parameters + residual.shared_parameters)
    if text.values.get("enable_moe_block"):  # Gemma 4: a dense part next to the experts, in every layer
        dense = _dense(text, text.whole("intermediate_size"))
        return FeedForward(
            1,
            found.shared_parameters + dense.shared_parameters,
            found.experts,
            found.active_experts,
            found.expert_parameters,
        )
    return found


def _dense_size(text: Config, *, mixture: bool) -> int:
    """The width of a dense layer; families use another name for it if most layers hold experts."""
    if text.family == "granitemoehybrid" and text.maybe(
        "shared_intermediate_size"
    ):  # without experts, the shared part is the whole layer
        return text.whole("shared_intermediate_size")
    names = (
        ("dense_intermediate_size", "intermediate_size_mlp", "intermediate_size") if mixture else ("intermediate_size",)
    )
    return text.whole(*names)


def _is_expert_layer(text: Config, index: int) -> bool:  # noqa: PLR0911 -- one return a rule
    values = text.values
    kinds = values.get("mlp_layer_types")
    if isinstance(kinds, list) and index < len(kinds):
        return str(kinds[index]) == "sparse"
    frequency = values.get("moe_layer_freq")
    if isinstance(frequency, list) and index < len(frequency):
        return bool(frequency[index])
    begin, end = text.maybe("moe_layer_start_index"), text.maybe("moe_layer_end_index")
    if begin is not None or end is not None:  # ERNIE
        if index < (begin or 0) or index > (end if end is not None else index):
            return False
        return (index + 1) % (text.maybe("moe_layer_interval") or 1) == 0
    if text.maybe("expert_layer_period"):  # Jamba
        return index % text.whole("expert_layer_period") == (text.maybe("expert_layer_offset") or 0)
    if index < (text.maybe("first_k_dense_replace") or 0) or index in (values.get("mlp_only_layers") or ()):
        return False
    step = text.maybe("interleave_moe_layer_step", "decoder_sparse_step", "moe_layer_frequency") or 1
    if isinstance(frequency, int) and frequency > 1:
        step = frequency
    return (index + 1) % step == 0


def _experts(text: Config) -> FeedForward:
    hidden, experts = text.whole("hidden_size"), text.whole(*text.EXPERTS)
    width = text.whole("moe_intermediate_size", "intermediate_size")
    inner = text.maybe("moe_latent_size", "routed_expert_hidden_size") or hidden
    matrices = _matrices(text)
    shared = hidden * experts  # the router
    if inner != hidden:
        shared += 2 * hidden * inner
    shared += matrices * hidden * _shared_width(text, width)
    bias = width * 2 + hidden if text.family == "gpt_oss" else 0
    return FeedForward(1, shared, experts, text.whole(*text.ACTIVE), matrices * inner * width + bias)


def _shared_width(text: Config, width: int) -> int:
    """The width of everything that each token passes through besides its experts."""
    if text.family.startswith("llama4"):
        return text.whole("intermediate_size")
    if text.family in ("granitemoehybrid", "granitemoeshared") and text.maybe("shared_intermediate_size"):
        return text.whole("shared_intermediate_size")
    stated = text.maybe("moe_shared_expert_intermediate_size", "shared_expert_intermediate_size", "share_expert_dim")
    count = text.maybe("n_shared_experts", "num_shared_experts", "moe_num_shared_experts", "num_shared_expert") or 0
    if stated:
        return stated * max(1, count)
    return count * width


def _merged(parts: list[T]) -> tuple[T, ...]:
    """Equal layers as one entry with their count, in the order of first appearance."""
    return tuple(replace(part, layers=count) for part, count in Counter(parts).items())
