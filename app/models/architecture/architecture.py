"""What a language model is made of, as far as memory and cost depend on it. Pure values and arithmetic.

A model is a stack of layers; equal layers are stored once with their count. Sizes are in elements, memory in bytes. The
KV cache of each kind of attention follows its paper: grouped queries (arXiv:2305.13245), multi-head latent attention
(arXiv:2405.04434, section 2.1), sliding windows (arXiv:2004.05150), gated delta rule (arXiv:2412.06464), Mamba-2
(arXiv:2405.21060).
"""

from dataclasses import dataclass, field

STATE_BYTES = 4
"""Bytes per element of a recurrent state: states are kept in 32 bits."""
CONV_BYTES = 2


@dataclass(frozen=True, slots=True)
class Mixer:
    """``layers`` layers that mix tokens in the same way.

    ``kind`` is ``full``, ``sliding``, ``latent``, ``compressed``, ``linear`` or ``mamba``. ``parameters`` counts those
    of one layer. ``kv_elements`` are kept per cached token; ``window`` limits how many tokens are cached; with a
    ``stride``, one entry is cached for that many tokens, and ``index_elements`` are kept per entry as well.
    ``state_elements`` and ``conv_elements`` are kept per sequence, whatever its length. ``heads`` and ``head_dim``
    determine the arithmetic of attention.
    """

    kind: str
    layers: int
    parameters: int
    kv_elements: int = 0
    window: int | None = None
    stride: int = 1
    index_elements: int = 0
    state_elements: int = 0
    conv_elements: int = 0
    heads: int = 0
    kv_heads: int = 0
    head_dim: int = 0

    def cached_elements(self, tokens: int) -> float:
        """Elements of one layer's cache for a sequence of ``tokens``."""
        if self.kind == "compressed":
            near = min(tokens, self.window or tokens) * self.kv_elements
            return (
                near + (tokens // self.stride) * (self.kv_elements + self.index_elements) if self.stride > 1 else near
            )
        return min(tokens, self.window or tokens) * (self.kv_elements + self.index_elements)


@dataclass(frozen=True, slots=True)
class FeedForward:
    """``layers`` feed-forward layers of the same kind; ``experts`` is 0 for a dense one.

    ``expert_parameters`` counts those of one expert; ``shared_parameters`` counts everything that every token passes
    through: a dense layer's own parameters, shared experts, router and projections.
    """

    layers: int
    shared_parameters: int
    experts: int = 0
    active_experts: int = 0
    expert_parameters: int = 0

    @property
    def parameters(self) -> int:
        """Parameters of one layer."""
        return self.shared_parameters + self.experts * self.expert_parameters

    @property
    def active_parameters(self) -> int:
        """Parameters of one layer that a token passes through."""
        return self.shared_parameters + self.active_experts * self.expert_parameters


@dataclass(frozen=True, slots=True)
class Architecture:
    """A language model: its layers, embeddings, and what its configuration says about weights and context.

    ``precision`` is that of the weights as published (``bf16``, ``fp8``, ``mxfp4``, ``nvfp4``, ``int4``);
    ``kept_parameters`` of them stay in 16 bits. ``other_parameters`` belong to vision and audio parts.
    """

    family: str
    hidden: int
    layers: int
    vocabulary: int
    context: int | None
    tied: bool
    mixers: tuple[Mixer, ...]
    feed_forwards: tuple[FeedForward, ...]
    other_parameters: int = 0
    other_parts: tuple[str, ...] = ()
    draft_layers: int = 0
    precision: str = "bf16"
    quantised_attention: bool = True
    notes: tuple[str, ...] = field(default=())

    @property
    def embedding_parameters(self) -> int:
        """The input embeddings and, unless it is the same matrix, the output head."""
        return self.vocabulary * self.hidden * (1 if self.tied else 2)

    @property
    def mixer_parameters(self) -> int:
        return sum(mixer.layers * mixer.parameters for mixer in self.mixers)

    @property
    def feed_forward_parameters(self) -> int:
        return sum(part.layers * part.parameters for part in self.feed_forwards)

    @property
    def parameters(self) -> int:
        """All parameters, without layers that only draft tokens (multi-token prediction)."""
        return self.embedding_parameters + self.mixer_parameters + self.feed_forward_parameters + self.other_parameters

    @property
    def active_parameters(self) -> int:
        """Parameters used for one token of text: all of a dense model's, otherwise those of all layers without the idle
        experts.

        For a mixture, the input embedding (a look-up of one row) is not counted, as in most model cards.
        """
        if not self.is_mixture:
            return self.parameters - self.other_parameters
        passed = sum(part.layers * part.active_parameters for part in self.feed_forwards)
        return self.vocabulary * self.hidden + self.mixer_parameters + passed

    @property
    def is_mixture(self) -> bool:
        return any(part.experts for part in self.feed_forwards)

    def kv_cache_bytes(self, tokens: int, bytes_per_element: float = 2) -> int:
        """Bytes kept for one sequence of ``tokens``: cached keys and values, and recurrent states."""
        cached = sum(mixer.layers * mixer.cached_elements(tokens) for mixer in self.mixers)
        return int(cached * bytes_per_element) + self.state_bytes

    @property
    def state_bytes(self) -> int:
        """Bytes of one sequence's recurrent states, whatever its length."""
        return sum(m.layers * (m.state_elements * STATE_BYTES + m.conv_elements * CONV_BYTES) for m in self.mixers)

    def weight_bytes(self, precision: str) -> int:
        """Bytes of the weights if the layers are in ``precision``; embeddings and other parts stay in 16 bits.

        If the published weights leave attention unquantised, so does this.
        """
        per = BYTES_PER_PARAMETER[precision]
        layers = self.feed_forward_parameters + (self.mixer_parameters if self.quantised_attention or per >= 2 else 0)
        rest = self.parameters - layers
        return int(layers * per + rest * 2)


BYTES_PER_PARAMETER = {"bf16": 2.0, "fp8": 1.0, "int8": 1.0, "nvfp4": 0.5625, "mxfp4": 0.53125, "int4": 0.53125}
"""Bytes of one parameter with its share of the scales: NVFP4 has one byte of scale per 16 parameters, MXFP4 one per 32,
INT4 two per 64."""
PRECISIONS = tuple(BYTES_PER_PARAMETER)
