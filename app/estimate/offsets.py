"""Offsets: factors by which measurements of the same kind correct a prediction. Pure except for reading
``fitted.json``.

The physical formulas leave out what is rarely stated, such as versions of kernels and tuning, which set-ups of one
model, engine and GPU generation share. So each such group of measured rows has a factor: the mean of its campaigns'
median residuals (logarithms of measured over predicted), shrunk by n/(n+1) with n campaigns (Efron and Morris, 1975).
What sets several groups apart, such as a model wherever it runs, is corrected before.
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
"""What a prediction is corrected by → in words: measurements of this model, engine, generation and format; of this
model and format elsewhere, or of other models of its kind, generation and format; of neither."""


SLOWER_COUNTS = 0.5
"""How much an offset counts by which steps were slower than physics says: later versions of an engine are seldom
slower, and often make up for what an early one lacked."""


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


def format_key(model: str, precision: str) -> str:
    """A model in a format, on whatever it runs."""
    return f"{model}|{precision}"


def engine_key(engine: str, made: str) -> str:
    """An engine on a generation, whatever it serves."""
    return f"{engine}|{made}"


def basis(known: Mapping[str, Any], family: str, group: str) -> Basis:
    """The basis of a prediction from ``known`` offsets, logarithms. A measured group has its own. Else a step's is the
    family's and that of the model in this format elsewhere, a first token's the engine's and the model's."""
    if (found := known["group"].get(group)) is not None:
        return Basis(MEASURED, _step_factor(found[0]), exp(found[1]))
    model, engine, made, precision = group.rsplit("|", 3)
    shared, elsewhere = known["family"].get(family), known["format"].get(format_key(model, precision))
    if shared is None and elsewhere is None:
        return Basis(PHYSICS)
    first = known["engine"].get(engine_key(engine, made), 0.0) + known["model"].get(model, 0.0)
    return Basis(FAMILY, _step_factor((shared or 0.0) + (elsewhere or 0.0)), exp(first))


def _step_factor(offset: float) -> float:
    """The factor on a step's time of an offset, a logarithm."""
    return exp(offset * (SLOWER_COUNTS if offset > 0 else 1.0))
