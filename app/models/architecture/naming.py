"""Names of models: slugs, families, and the precision that a repository's name states. Pure."""

import re
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from typing import Any

from app.models.architecture.architecture import Architecture
from app.models.architecture.config import UnreadableError
from app.models.architecture.read import read

_PRECISION = re.compile(r"(?<![A-Za-z])(NVFP4|MXFP4|FP8|INT4|INT8|AWQ|GPTQ)(?![A-Za-z])", re.IGNORECASE)
_SAME = {"awq": "int4", "gptq": "int4"}
FAMILIES = (
    ("DeepSeek", r"deepseek-(?!r1-distill)"), ("DeepSeek distils", r"r1-distill"), ("Llama", r"llama"),
    ("Qwen", r"qwen|qwq|acemath"),
    ("Gemma", r"gemma"), ("GPT-OSS", r"gpt-oss"), ("GLM", r"glm-"), ("Kimi", r"kimi"), ("MiniMax", r"minimax"),
    ("Mixtral", r"mixtral"), ("MiMo", r"mimo"), ("Nemotron", r"nemotron"), ("Step", r"step-"),
)  # fmt: skip
"""(family name, pattern of its repositories' names); the first match applies."""


_VARIANT = re.compile(
    r"[-_.](nvfp4|nvfp4a16|mxfp4|wmxfp4|amxfp4|kvfp8|kv|scale|uint8|sq|hqq|sym|inc|fp8|fp4|int4|int8|awq|gptq|w4a16|w4a8|w8a8|w8a16|int-4|int-8|4-?bits?|8-?bits?|nf4|bnb|unsloth|autoround|q4_k_[ms]|q5_k_[ms]|q4_0|q6_k|q8_0|g128|marlin|mlx|bf16|fp16|gguf|dynamic|static|pertensor|quantized|instruct|chat|it|base|"
    r"thinking|hf|\d{4})(?=$|[-_.])"
)
"""Words in a name that distinguish weights, not architectures: storage format, fine-tuning, date."""


def slug_of(model: str) -> str:
    """The slug of a repository: ``meta-llama/Llama-3.1-8B`` → ``meta-llama--llama-3.1-8b``."""
    return model.lower().replace("/", "--")


def family_of(model: str) -> str:
    """The family of a repository, or its owner if the family is unknown."""
    name = model.rsplit("/", maxsplit=1)[-1].lower()
    return next((family for family, pattern in FAMILIES if re.search(pattern, name)), model.split("/", maxsplit=1)[0])


def short_name(model: str) -> str:
    """The name without its owner."""
    return model.rsplit("/", maxsplit=1)[-1]


@lru_cache(maxsize=4096)
def base_name(model: str) -> str:
    """The name that a model shares with its tuned and quantised variants: ``nvidia/Kimi-K2.5-NVFP4`` →
    ``kimi-k2.5``."""
    name = short_name(model).lower().removeprefix("meta-")
    while (shorter := _VARIANT.sub("", name)) != name:
        name = shorter
    return name


def same_architecture(model: str, known: Iterable[str]) -> str:
    """The one of the ``known`` repositories that ``model`` is a variant of, ``""`` if there is none.

    A tuned, dated or quantised variant has the layers of its base; among equals, the shortest name is returned.
    """
    base = base_name(model)
    return min((name for name in known if base_name(name) == base), key=lambda name: (len(name), name), default="")


_STATED = (
    ("nvfp4", r"nvfp4|nvfp4a16"), ("mxfp4", r"w?mxfp4"), ("fp8", r"fp8"), ("int4", r"w4a16|w4a8|int-?4|4-?bits?|nf4"),
    ("int8", r"w8a8|w8a16|int-?8|8-?bits?"), ("nvfp4", r"fp4"), ("int4", r"awq|gptq|autoround"),
    ("q4_k_m", r"q4_k_[ms]|q4_k|q4_0"), ("q5_k_m", r"q5_k_[ms]|q5_k"), ("q6_k", r"q6_k"), ("q8_0", r"q8_0"), ("bf16",
        r"bf16"), ("fp16", r"fp16|f16"),
)  # fmt: skip
"""(weight format, pattern of how names state it); the first match applies, so that ``GPTQ-Int8`` is 8 bits."""


@lru_cache(maxsize=4096)
def stated_precision(model: str) -> str:
    """The weight format that a repository's name states, ``""`` if it states none: ``Qwen3-8B-AWQ`` → ``int4``."""
    name = short_name(model).lower()
    found = (precision for precision, words in _STATED if re.search(rf"(?<![a-z0-9])({words})(?![a-z0-9])", name))
    return next(found, "")


def understood(model: str, config: Any) -> Architecture:
    """The architecture of a repository; if its configuration states no precision, its name may.

    Raises :class:`UnreadableError`.
    """
    if not isinstance(config, dict):
        raise UnreadableError("the configuration is not an object")
    found = read(config)
    named = _PRECISION.search(short_name(model))
    word = named[1].lower() if named else ""
    if word and (
        found.precision == "bf16" or (found.precision, word) == ("mxfp4", "nvfp4")
    ):  # two 4-bit formats, which only the name distinguishes
        return replace(found, precision=_SAME.get(word, word), notes=("precision read from the repository's name",))
    return found
