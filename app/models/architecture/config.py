"""Typed access to a ``config.json``, with a reason where a value is missing or absurd. Pure."""

from collections.abc import Mapping
from typing import Any, ClassVar

from app.core.errors import InferenceBenchError

LARGEST = 10**9
_STACK = {"M": "mamba", "*": "attention", "E": "moe", "-": "mlp"}
"""NVIDIA's letters for the layers of a hybrid model."""


class UnreadableError(InferenceBenchError):
    """A configuration lacks something that is needed; the text says what."""


class Config:
    """The values of one configuration."""

    EXPERTS: ClassVar[tuple[str, ...]] = (
        "n_routed_experts",
        "num_local_experts",
        "num_experts",
        "moe_num_experts",
        "num_moe_experts",
        "n_experts",
    )
    ACTIVE: ClassVar[tuple[str, ...]] = (
        "num_experts_per_tok",
        "num_experts_per_token",
        "experts_per_token",
        "top_k_experts",
        "moe_k",
        "moe_top_k",
        "moe_topk",
        "num_experts_top_k",
    )

    def __init__(self, values: Mapping[str, Any]) -> None:
        if not isinstance(values, Mapping):
            raise UnreadableError("the configuration is not an object")
        self.values = values

    @property
    def family(self) -> str:
        """The model type, without the suffix that marks its text part."""
        found = self.values.get("model_type")
        return found.removesuffix("_text") if isinstance(found, str) else ""

    def text(self) -> Mapping[str, Any]:
        """The part that describes the language model, if it is separate from vision and audio."""
        for name in ("text_config", "llm_config", "language_config"):
            if isinstance(self.values.get(name), Mapping):
                found: Mapping[str, Any] = self.values[name]
                return found
        return self.values

    def maybe(self, *names: str) -> int | None:
        """The first of ``names`` that is stated, as a whole number."""
        for name in names:
            value = self.values.get(name)
            if isinstance(value, list) and value and all(part == value[0] for part in value):
                value = value[0]  # one number per layer or part, all equal
            if value is None or isinstance(value, bool | list | dict):
                continue
            if not isinstance(value, int) and not (isinstance(value, float) and value.is_integer()):
                raise UnreadableError(f"{name} is {str(value)[:40]!r}, not a whole number")
            if not 0 <= value <= LARGEST:
                raise UnreadableError(f"{name} is {value}, which no model has")
            return int(value)
        return None

    def whole(self, *names: str) -> int:
        """Like :meth:`maybe`, for a value that must be stated and positive."""
        found = self.maybe(*names)
        if not found:
            raise UnreadableError(f"the configuration does not state {' or '.join(names)}")
        return found

    def pattern(self) -> list[str]:
        """The kind of each layer if every layer is of one kind only; otherwise empty."""
        letters = self.values.get("hybrid_override_pattern")
        if isinstance(letters, str):
            return [_STACK.get(letter, letter) for letter in letters]
        kinds = self.values.get("layers_block_type")
        return [str(kind) for kind in kinds] if isinstance(kinds, list) else []
