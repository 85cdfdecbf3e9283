"""Offsets: factors by which measurements of the same kind correct a prediction. Pure except for reading
``fitted.json``.

The physical formulas leave out what is rarely stated, such as versions of kernels and tuning, which set-ups of one
model, engine and GPU generation share. So each such group of measured rows has a factor: the mean of its campaigns'
median residuals (logarithms of measured over predicted), shrunk by n/(n+1) with n campaigns (Efron and Morris, 1975).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp
from typing import Any

from app.catalog.facts import Gpu
from app.estimate.shape import Shape

GENERATIONS = {"Blackwell Ultra": "Blackwell"}
"""Architectures that run the same kernels."""
MEASURED, FAMILY, PHYSICS = "measured", "family", "physics"
RESTS_ON = {MEASURED: "measured here", FAMILY: "same family", PHYSICS: "physics alone"}
"""What a prediction is corrected by → in words: measurements of this model, engine, generation and format; of other
models of its kind, generation and format; of neither."""


@dataclass(frozen=True, slots=True)
class Basis:
    """What a prediction is corrected by, a key of :data:`RESTS_ON`, and the factors on the times of a step and of the
    first token."""

    rests_on: str
    tpot: float = 1.0
    ttft: float = 1.0

    @property
    def factors(self) -> tuple[float, float]:
        """The ``offsets`` of :func:`app.estimate.terms.terms`."""
        return self.tpot, self.ttft


def generation(gpu: Gpu) -> str:
    """The generation of a GPU. Cards with stacked memory and those without run different kernels under one name
    (NVIDIA's compute capabilities 8.0 and 8.6, 10.0 and 12.0)."""
    name = GENERATIONS.get(gpu.architecture, gpu.architecture)
    return name if gpu.memory_type.startswith("HBM") else f"{name} without HBM"


def kind_of(shape: Shape) -> str:
    """``mixture`` or ``dense``."""
    return "mixture" if shape.experts else "dense"


def family_key(kind: str, made: str, precision: str) -> str:
    """The family of a set-up: kind of model, generation, format."""
    return f"{kind}|{made}|{precision}"


def group_key(model: str, engine: str, made: str, precision: str) -> str:
    """The group of a set-up; ``model`` is the name its variants share, ``made`` the generation."""
    return f"{model}|{engine}|{made}|{precision}"


def basis(known: Mapping[str, Any], family: str, group: str) -> Basis:
    """The basis of a prediction from ``known`` offsets: logarithms by family and by group."""
    if (found := known["group"].get(group)) is not None:
        return Basis(MEASURED, exp(found[0]), exp(found[1]))
    if (shared := known["family"].get(family)) is not None:
        return Basis(FAMILY, exp(shared))
    return Basis(PHYSICS)
