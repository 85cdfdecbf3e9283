"""A model as the few numbers that speed and memory depend on, the same in Python and in the browser. Pure."""

from dataclasses import astuple, dataclass
from math import gcd
from typing import Any

from app.models.architecture.architecture import CONV_BYTES, STATE_BYTES, Architecture, Mixer

EIGHT_BIT = 1.0
LATENT_ROPE = 64
"""Elements of the rotary part, which takes no part in the values of multi-head latent attention (DeepSeek-V2)."""


@dataclass(frozen=True, slots=True)
class Span:
    """``layers`` attention layers that look back in one way. Elements and FLOP are of one layer and one sequence.

    ``elements`` are cached for each token, ``window`` (0: none) limits how many tokens, ``stride`` (1: each) caches one
    entry for so many tokens beyond the window. ``kv_heads`` is over how many GPUs the cache can be split.
    ``decode_flop`` are for one new token and one cached token, ``prefill_flop`` for a pair of prompt tokens.
    """

    layers: int
    elements: int
    window: int
    stride: int
    kv_heads: int
    decode_flop: int
    prefill_flop: int


@dataclass(frozen=True, slots=True)
class Shape:
    """A model. Parameters are counts over all layers; ``expert_parameters`` are of one expert of one layer.

    ``state_bytes`` are of one sequence. ``quantised_attention`` is 0 where attention stays in 16 bits, ``latent`` is 1
    for latent attention, ``native_4bit`` where the model was published in MXFP4. ``heads`` is the number of attention
    heads
    that a split has to divide, 0 where none does. ``half_layers`` either mix tokens or feed forward, not both, and
    ``indexed_layers`` choose by an index what attention reads.
    """

    layers: int
    hidden: int
    context: int
    mixer_parameters: int
    shared_parameters: int
    head_parameters: int
    other_parameters: int
    expert_layers: int
    experts: int
    active_experts: int
    expert_parameters: int
    shared_expert: int
    linear_layers: int
    latent: int
    state_bytes: int
    quantised_attention: int
    native_4bit: int
    tied: int
    spans: tuple[Span, ...]
    heads: int = 0
    half_layers: int = 0
    indexed_layers: int = 0

    def as_list(self) -> list[Any]:
        """The numbers in the order of the fields, as the browser reads them."""
        return list(astuple(self))


def _span(mixer: Mixer) -> Span:
    elements = mixer.kv_elements + mixer.index_elements
    prefill = 4 * mixer.heads * mixer.head_dim
    latent = mixer.kind == "latent"
    decode = 2 * mixer.heads * (2 * mixer.kv_elements - LATENT_ROPE) if latent else prefill
    stride = mixer.stride if mixer.kind == "compressed" else 1
    return Span(mixer.layers, elements, mixer.window or 0, stride, max(1, mixer.kv_heads), decode, prefill)


def shape_of(model: Architecture) -> Shape:
    """The numbers of ``model``. Latent attention computes on the cache itself: arXiv:2405.04434, section 2.1.2."""
    mixing = [mixer for mixer in model.mixers if mixer.kind not in ("linear", "mamba")]
    experts = [part for part in model.feed_forwards if part.experts]
    first = experts[0] if experts else None
    return Shape(
        layers=model.layers,
        hidden=model.hidden,
        context=model.context or 0,
        mixer_parameters=model.mixer_parameters,
        shared_parameters=sum(part.layers * part.shared_parameters for part in model.feed_forwards),
        head_parameters=model.vocabulary * model.hidden,
        other_parameters=model.other_parameters,
        expert_layers=sum(part.layers for part in experts),
        experts=first.experts if first else 0,
        active_experts=first.active_experts if first else 0,
        expert_parameters=first.expert_parameters if first else 0,
        shared_expert=int(any(part.shared_parameters > model.hidden * part.experts * 4 for part in experts)),
        linear_layers=sum(mixer.layers for mixer in model.mixers) - sum(mixer.layers for mixer in mixing),
        latent=int(any(mixer.kind == "latent" for mixer in mixing)),
        state_bytes=sum(
            m.layers * (m.state_elements * STATE_BYTES + m.conv_elements * CONV_BYTES) for m in model.mixers
        ),
        quantised_attention=int(model.quantised_attention),
        native_4bit=int(model.precision == "mxfp4"),
        tied=int(model.tied),
        spans=tuple(_span(mixer) for mixer in mixing if mixer.kv_elements),
        heads=gcd(*(mixer.heads for mixer in mixing)),
        half_layers=2 * model.layers - sum(m.layers for m in model.mixers) - sum(f.layers for f in model.feed_forwards),
        indexed_layers=sum(mixer.layers for mixer in mixing if mixer.index_elements),
    )
